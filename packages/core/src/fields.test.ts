import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Fields, integerIn, listOf, oneOf, parseBoolean, parseCount, parseString } from './fields.ts';
import { parseIpv4 } from './ipv4.ts';
import { InvalidValue } from './weft-error.ts';

test('fields are read by their parsers', () => {
  const f = new Fields({ name: 'a', count: 3, on: false, ips: ['10.0.0.1'], nothing: null }, 'thing');
  assert.equal(f.required('name', parseString), 'a');
  assert.equal(f.required('count', parseCount), 3);
  assert.equal(f.required('on', parseBoolean), false);
  assert.deepEqual(f.list('ips', parseIpv4), ['10.0.0.1']);
  assert.equal(f.optional('name', parseString), 'a');
  assert.equal(f.optional('nothing', parseString), undefined, 'null is as good as absent');
  assert.equal(f.optional('missing', parseString), undefined);
});

test('only an object has fields', () => {
  for (const value of [null, undefined, 'text', 7, ['a']]) assert.throws(() => new Fields(value, 'thing'), /thing .*: is not an object/);
});

test('an error names the field by its path', () => {
  const f = new Fields({ name: 7, items: [{ ip: '10.0.0.1' }, { ip: 'x' }], list: {} }, 'thing');
  const item = (value: unknown, what: string): string => new Fields(value, what).required('ip', parseIpv4);
  assert.throws(() => f.required('name', parseString), /^InvalidValue: thing\.name 7: is not a string$/);
  assert.throws(() => f.required('missing', parseString), /^InvalidValue: thing\.missing undefined: is missing$/);
  assert.throws(() => f.list('items', item), /^InvalidValue: thing\.items\[1\]\.ip "x": is not a dotted IPv4 address$/);
  assert.throws(() => f.list('list', item), /thing\.list object: is not a list/);
  assert.throws(() => f.optional('name', parseString), /thing\.name 7/);
});

test('a name of every object is no field of a record', () => {
  const f = new Fields({}, 'thing');
  for (const key of ['constructor', 'toString', '__proto__']) {
    assert.throws(() => f.required(key, (value) => value), /is missing/, key);
    assert.equal(
      f.optional(key, (value) => value),
      undefined,
      key,
    );
  }
});

test('words, numbers and truth values are exact', () => {
  assert.equal(oneOf('mesh', 'concentrator')('mesh', 'topology'), 'mesh');
  assert.throws(() => oneOf('mesh', 'concentrator')('ring', 'topology'), /topology "ring": is not one of mesh, concentrator/);
  for (const value of [0, 5, 1.5, '3', Number.NaN, null]) assert.throws(() => integerIn(1, 4)(value, 'n'), /is not an integer from 1 to 4/);
  assert.equal(integerIn(1, 4)(4, 'n'), 4);
  for (const value of ['true', 1, null]) assert.throws(() => parseBoolean(value, 'on'), InvalidValue);
  assert.deepEqual(listOf(parseCount)([], 'list'), []);
});
