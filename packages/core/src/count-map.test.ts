import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { CountMap } from './count-map.ts';

const key = fc.constantFrom('a', 'b', 'c');
const steps = fc.array(fc.record({ outer: key, inner: key, add: fc.boolean() }), { maxLength: 60 });

test('it counts like a list of pairs, and forgets a pair with its last holder', () => {
  fc.assert(
    fc.property(steps, (list) => {
      const counts = new CountMap<string, string>();
      const pairs: string[] = [];
      for (const { outer, inner, add } of list) {
        const pair = `${outer}${inner}`;
        if (add) {
          counts.add(outer, inner);
          pairs.push(pair);
        } else if (pairs.includes(pair)) {
          counts.remove(outer, inner);
          pairs.splice(pairs.indexOf(pair), 1);
        } else {
          assert.throws(() => counts.remove(outer, inner), /would fall below zero/);
        }
        for (const o of ['a', 'b', 'c']) {
          const inners = new Set(pairs.filter((held) => held[0] === o).map((held) => held[1]));
          assert.deepEqual(new Set(counts.of(o)), inners);
          assert.equal(counts.size(o), inners.size);
          for (const i of ['a', 'b', 'c']) {
            assert.equal(counts.count(o, i), pairs.filter((held) => held === o + i).length);
            assert.equal(counts.has(o, i), pairs.includes(o + i));
          }
        }
      }
    }),
  );
});
