import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Uuid } from '@weft/core/uuid';
import * as fc from 'fast-check';
import { decodeToken, encodeToken, TOKEN_METHODS } from './token.ts';
import type { Token } from './token.ts';

const KEY = 'ab'.repeat(32);
const OTHER = 'cd'.repeat(32);
const id = <T extends Uuid>(): fc.Arbitrary<T> => fc.uuid().map((text) => text as T);
const time = fc.nat(2 ** 47);
const token: fc.Arbitrary<Token> = fc.record({
  methods: fc.subarray([...TOKEN_METHODS]),
  scope: fc.constantFrom('unscoped', 'project', 'system', 'domain'),
  userId: id<Token['userId']>(),
  tenantId: fc.option(id<NonNullable<Token['tenantId']>>(), { nil: undefined }),
  auditId: id<Token['auditId']>(),
  parentAuditId: fc.option(id<Token['auditId']>(), { nil: undefined }),
  credentialId: fc.option(id<NonNullable<Token['credentialId']>>(), { nil: undefined }),
  issuedAt: time,
  expiresAt: time,
});

test('a token says what it was made to say, to whoever has its key', () => {
  fc.assert(
    fc.property(token, (record) => {
      const given = { ...record };
      const text = encodeToken(given, KEY);
      assert.match(text, /^[\w-]{1,255}$/);
      assert.deepEqual(decodeToken(text, [OTHER, KEY]), given);
      assert.equal(decodeToken(text, [OTHER]), undefined);
      assert.equal(decodeToken(text, []), undefined);
    }),
  );
});

test('a token with any character changed, added or taken away is none', () => {
  const text = encodeToken(fc.sample(token, 1)[0] as Token, KEY);
  fc.assert(
    fc.property(fc.nat(text.length - 1), fc.constantFrom('A', 'b', '0', '-', '_', '=', '.', ' '), (at, character) => {
      const changed = text.slice(0, at) + character + text.slice(at + 1);
      if (changed !== text) assert.equal(decodeToken(changed, [KEY]), undefined);
      assert.equal(decodeToken(text.slice(0, at) + text.slice(at + 1), [KEY]), undefined);
      assert.equal(decodeToken(text + character, [KEY]), undefined);
    }),
  );
});

test('any text is a token or none, never an error', () => {
  fc.assert(fc.property(fc.string(), (text) => assert.equal(decodeToken(text, [KEY]), undefined)));
});
