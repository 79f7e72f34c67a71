import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { NIL_UUID, parseUuid, uuidFromBytes, uuidToBytes } from './uuid.ts';
import { InvalidValue } from './weft-error.ts';

test('an id survives bytes and text, and upper case becomes lower', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (bytes) => {
      const uuid = uuidFromBytes(bytes);
      assert.deepEqual(uuidToBytes(uuid), bytes);
      assert.equal(parseUuid(uuid), uuid);
      assert.equal(parseUuid(uuid.toUpperCase()), uuid);
    }),
  );
  assert.equal(uuidFromBytes(new Uint8Array(16)), NIL_UUID);
});

test('bytes are read at an offset, and too few are refused', () => {
  const bytes = Uint8Array.from({ length: 18 }, (_, index) => index);
  assert.equal(uuidFromBytes(bytes, 2), '02030405-0607-0809-0a0b-0c0d0e0f1011');
  assert.throws(() => uuidFromBytes(bytes, 3), /UUID bytes 18: are fewer than sixteen/);
});

test('what is not a UUID is refused, naming what was expected', () => {
  const uuid = '00000000-0000-4000-8000-000000000001';
  for (const value of [uuid.slice(1), `${uuid}0`, `{${uuid}}`, uuid.replaceAll('-', ''), `${uuid}\n`, `g${uuid.slice(1)}`, '', 1, null]) {
    assert.throws(() => parseUuid(value), InvalidValue, String(value));
  }
  assert.throws(() => parseUuid('x', 'port id'), /^InvalidValue: port id "x": is not a UUID$/);
});
