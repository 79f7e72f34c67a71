import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MAX_KBPS, MIN_KBPS, changedRateLimit, parseRateLimit } from './rate-limit.ts';
import { InvalidValue } from './weft-error.ts';

test('a limit of either direction is one; rates out of range, and a limit of nothing, are refused', () => {
  assert.deepEqual(parseRateLimit({ egressKbps: MIN_KBPS }, 'limit'), { ingressKbps: undefined, egressKbps: MIN_KBPS });
  assert.deepEqual(parseRateLimit({ ingressKbps: MAX_KBPS, egressKbps: null }, 'limit'), { ingressKbps: MAX_KBPS, egressKbps: undefined });
  for (const rate of [MIN_KBPS - 1, MAX_KBPS + 1, 1.5, '64', Number.NaN])
    assert.throws(
      () => parseRateLimit({ ingressKbps: rate }, 'limit'),
      /limit\.ingressKbps .*: is not an integer from 64 to 100000000/,
      String(rate),
    );
  for (const nothing of [{}, { ingressKbps: null }, 64, null, []]) assert.throws(() => parseRateLimit(nothing, 'limit'), InvalidValue);
});

test('a change keeps what it does not name, and what is no limit in any direction is none', () => {
  assert.equal(changedRateLimit(undefined, {}), undefined);
  const old = { ingressKbps: 100, egressKbps: 200 };
  assert.deepEqual(changedRateLimit(old, {}), old);
  assert.deepEqual(changedRateLimit(old, { ingressKbps: 300 }), { ingressKbps: 300, egressKbps: 200 });
  assert.deepEqual(changedRateLimit(undefined, { egressKbps: 300 }), { ingressKbps: undefined, egressKbps: 300 });
  assert.equal(changedRateLimit({ ingressKbps: 100, egressKbps: undefined }, { ingressKbps: null }), undefined);
});
