import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { parseVni, VNI_MAX, VNI_MIN } from './vni.ts';
import { InvalidValue } from './weft-error.ts';

test('every 24-bit number but zero is a VNI', () => {
  fc.assert(fc.property(fc.integer({ min: 1, max: VNI_MAX }), (n) => assert.equal(parseVni(n), n)));
  assert.ok(parseVni(VNI_MIN) < parseVni(VNI_MAX));
});

test('anything else is refused, naming the value and the range', () => {
  for (const value of [0, -1, VNI_MAX + 1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, '10001', null, undefined, 10_001n]) {
    assert.throws(() => parseVni(value), InvalidValue, String(value));
  }
  assert.throws(() => parseVni(0, 'segment.vni'), /^InvalidValue: segment\.vni 0: is not an integer from 1 to 16777215$/);
});
