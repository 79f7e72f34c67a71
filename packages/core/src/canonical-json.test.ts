import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { canonicalJson } from './canonical-json.ts';

/** The same value with the keys of every object in another order. */
function reversed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reversed);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .toReversed()
      .map(([key, member]) => [key, reversed(member)]),
  );
}

/** What plans hold: no fractions, no minus zero. */
const value = fc.jsonValue({ noUnicodeString: false }).map((json) => JSON.parse(JSON.stringify(json)) as unknown);

test('equal values have equal texts, whatever the order of their keys', () => {
  fc.assert(fc.property(value, (json) => assert.equal(canonicalJson(reversed(json)), canonicalJson(json))));
});

test('a text means its value, so different values have different texts', () => {
  fc.assert(fc.property(value, (json) => assert.deepEqual(JSON.parse(canonicalJson(json)), json)));
});

test('keys are in code-unit order, without white space', () => {
  assert.equal(canonicalJson({ b: [1, { d: 'x y', c: null }], a: true, B: '"' }), '{"B":"\\"","a":true,"b":[1,{"c":null,"d":"x y"}]}');
  assert.equal(canonicalJson({ '\u{1f600}': 1, '\uff01': 2 }), '{"\u{1f600}":1,"\uff01":2}', 'surrogates come before U+FF01');
});

test('an undefined member is absent, and in a list null, as in JSON', () => {
  assert.equal(canonicalJson({ a: undefined, b: 1 }), canonicalJson({ b: 1 }));
  assert.equal(canonicalJson([undefined, 1]), '[null,1]');
});
