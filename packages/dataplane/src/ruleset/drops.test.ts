import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DROP_KINDS } from '@weft/core/drop-reason';
import * as fc from 'fast-check';
import { BY_QUEUE } from '../port-drops.ts';
import { BY_ADDRESS, BY_LINK, BY_MAC, BY_NUMBER, numberKey } from './drops.ts';
import { LARGEST_NUMBER } from './fabric.ts';

test('every kind of drop that is explained is counted, by one set', () => {
  const counted = [
    ...BY_LINK,
    ...BY_ADDRESS,
    ...Object.keys(BY_NUMBER),
    ...Object.values(BY_MAC),
    ...Object.values(BY_QUEUE).flatMap((kinds) => Object.values(kinds)),
  ];
  assert.deepEqual(counted.toSorted(), DROP_KINDS.toSorted());
});

test('no two ports and reasons share a key by number, and none uses the mark’s last bit', () => {
  const kinds = Object.keys(BY_NUMBER) as (keyof typeof BY_NUMBER)[];
  const one = fc.tuple(fc.constantFrom(...kinds), fc.integer({ min: 1, max: LARGEST_NUMBER }));
  fc.assert(
    fc.property(one, one, ([kind, number], [other, another]) => {
      const same = kind === other && number === another;
      assert.equal(numberKey(kind, number) === numberKey(other, another), same);
      assert.ok(numberKey(kind, number) < 0x80000000);
    }),
  );
});
