import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseUuid } from '@weft/core/uuid';
import { assert as assertProperty, property, string } from 'fast-check';
import { internalId } from './external-id.ts';

test('Keystone’s ids are the same UUIDs without dashes', () => {
  assert.equal(internalId('0123456789abcdef0123456789abcdef'), '01234567-89ab-cdef-0123-456789abcdef');
  assert.equal(internalId('01234567-89ab-cdef-0123-456789abcdef'), '01234567-89ab-cdef-0123-456789abcdef');
});

test('any other text has one id, always the same, that is a UUID', () => {
  assertProperty(
    property(string(), string(), (a, b) => {
      assert.equal(parseUuid(internalId(a)), internalId(a));
      assert.equal(internalId(a) === internalId(b), a === b);
    }),
  );
});
