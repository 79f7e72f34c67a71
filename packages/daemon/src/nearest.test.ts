import assert from 'node:assert/strict';
import { it } from 'node:test';
import * as fc from 'fast-check';
import { editDistance, nearest } from './nearest.ts';

it('the nearest word is found through typing errors, case and separators', () => {
  const keys = ['servers', 'roles', 'stateDir', 'runDir', 'uplink'];
  for (const [typed, meant] of [
    ['sevrers', 'servers'],
    ['server', 'servers'],
    ['state_dir', 'stateDir'],
    ['STATE-DIR', 'stateDir'],
    ['role', 'roles'],
    ['uplnik', 'uplink'],
    ['banana', undefined],
    ['', undefined],
  ] as const) {
    assert.equal(nearest(typed, keys), meant, typed);
  }
});

it('known distances', () => {
  for (const [a, b, distance] of [
    ['kitten', 'sitting', 3],
    ['ab', 'ba', 1],
    ['', 'abc', 3],
    ['same', 'same', 0],
  ] as const) {
    assert.equal(editDistance(a, b), distance, `${a} ${b}`);
  }
});

it('distance is symmetric, zero only for equals, and bounded by the lengths', () => {
  const word = fc.string({ maxLength: 12, unit: fc.constantFrom('a', 'b', 'c') });
  fc.assert(
    fc.property(word, word, (a, b) => {
      const distance = editDistance(a, b);
      assert.equal(distance, editDistance(b, a));
      assert.equal(distance === 0, a === b);
      assert.ok(distance <= Math.max(a.length, b.length) && distance >= Math.abs(a.length - b.length));
    }),
  );
});

it('one edit in a word of three letters or more is always found', () => {
  fc.assert(
    fc.property(fc.stringMatching(/^[a-z]{3,12}$/), fc.nat(12), fc.stringMatching(/^[a-z]$/), (word, at, letter) => {
      const index = at % word.length;
      for (const typed of [word.slice(0, index) + word.slice(index + 1), word.slice(0, index) + letter + word.slice(index)]) {
        assert.equal(nearest(typed, [word]), word, typed);
      }
    }),
  );
});
