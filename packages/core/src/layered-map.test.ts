import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { LayeredMap } from './layered-map.ts';

type Write = Readonly<{ key: number; value: number | undefined }>;
const writes = fc.array(fc.record({ key: fc.nat(6), value: fc.option(fc.nat(99), { nil: undefined }) }));

function write(map: Map<number, number>, { key, value }: Write): unknown {
  return value === undefined ? map.delete(key) : map.set(key, value).size;
}

test('a map on another one is as a copy of that one, also in order, and leaves it as it was', () => {
  fc.assert(
    fc.property(writes, writes, writes, (first, second, third) => {
      const base = new LayeredMap<number, number>();
      for (const each of first) write(base, each);
      const below = [...base];
      const middle = new LayeredMap<number, number>();
      middle.layOn(base);
      const top = new LayeredMap<number, number>();
      for (const [map, changes, copy] of [
        [middle, second, new Map(base)],
        [top, third, undefined],
      ] as const) {
        if (map === top) top.layOn(middle);
        const model = copy ?? new Map(middle);
        for (const each of changes) {
          assert.equal(write(map, each), write(model, each), JSON.stringify(each));
          assert.deepEqual(
            [[...map], map.size, [...map.keys()], [...map.values()]],
            [[...model], model.size, [...model.keys()], [...model.values()]],
          );
          for (let key = 0; key < 7; key += 1) assert.deepEqual([map.get(key), map.has(key)], [model.get(key), model.has(key)]);
        }
      }
      assert.deepEqual([...base], below);
    }),
  );
});

test('a value of the map below is copied before it is changed', () => {
  const base = new LayeredMap<string, number[]>();
  base.set('a', [1]);
  const map = new LayeredMap<string, number[]>();
  map.layOn(base);
  map.own('a', (list) => [...list])?.push(2);
  assert.deepEqual([base.get('a'), map.get('a'), map.own('b', (list) => list), map.size], [[1], [1, 2], undefined, 1]);
  assert.throws(() => map.layOn(base), /only an empty map/);
});

test('the rest of a Map holds too: getOrInsert, forEach, clear', () => {
  const base = new LayeredMap<string, number>();
  base.set('a', 1);
  const map = new LayeredMap<string, number>();
  map.layOn(base);
  assert.deepEqual([map.getOrInsert('a', 9), map.getOrInsert('b', 2), map.getOrInsertComputed('b', () => 3)], [1, 2, 2]);
  const seen: [string, number][] = [];
  for (const entry of map) seen.push(entry);
  map.forEach((value, key) => seen.push([key, value]));
  assert.deepEqual(seen, [
    ['a', 1],
    ['b', 2],
    ['a', 1],
    ['b', 2],
  ]);
  map.clear();
  assert.deepEqual([[...map], map.size, base.size], [[], 0, 1]);
});
