import assert from 'node:assert/strict';
import { test } from 'node:test';
import { errorInfo, InvalidValue, WeftError } from './weft-error.ts';

class PoolExhausted extends WeftError {
  constructor(pool: string, cause: unknown) {
    super('pool_exhausted', `allocating from ${pool}`, { details: { pool }, remedy: 'Widen the pool.', retryable: true, cause });
  }
}

test('an error carries what its handler, its reader and its log need', () => {
  const cause = new Error('below');
  const error = new PoolExhausted('p', cause);
  assert.deepEqual(
    [error.name, error.code, error.message, error.remedy],
    ['PoolExhausted', 'pool_exhausted', 'allocating from p', 'Widen the pool.'],
  );
  assert.equal(error.cause, cause);
  assert.deepEqual(errorInfo(error), { code: 'pool_exhausted', message: 'allocating from p', details: { pool: 'p' }, retryable: true });
  assert.ok(!('cause' in new WeftError('x', 'y')));
});

test('what nobody foresaw is internal, with its message', () => {
  assert.deepEqual(errorInfo(new TypeError('x is not a function')), { code: 'internal', message: 'x is not a function', retryable: false });
  assert.deepEqual(errorInfo('text'), { code: 'internal', message: 'text', retryable: false });
});

test('a wrong value is shown if it is short and simple, otherwise only what it is', () => {
  const message = (value: unknown): string => new InvalidValue('field', value, 'is wrong').message;
  assert.equal(message('a"b'), 'field "a\\"b": is wrong');
  assert.equal(message(7), 'field 7: is wrong');
  assert.equal(message(null), 'field null: is wrong');
  assert.equal(message(undefined), 'field undefined: is wrong');
  assert.equal(message(Number.NaN), 'field NaN: is wrong');
  assert.equal(message(7n), 'field bigint: is wrong');
  assert.equal(message([1, 2]), 'field list: is wrong');
  const cyclic: Record<string, unknown> = { token: 'secret' };
  cyclic['self'] = cyclic;
  assert.equal(message(cyclic), 'field object: is wrong');
  assert.ok(message('x'.repeat(100_000)).length < 300);
});

test('details are JSON, whatever the value was', () => {
  for (const value of ['x'.repeat(100_000), 7n, Number.NaN, { token: 'secret' }, undefined, null, true]) {
    const text = JSON.stringify(new InvalidValue('field', value, 'is wrong').details);
    assert.ok(text.length < 400 && !text.includes('secret'), text);
  }
});
