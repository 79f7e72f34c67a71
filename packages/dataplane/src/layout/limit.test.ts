import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { MAX_KBPS, MIN_KBPS } from '@weft/core/rate-limit';
import type { QdiscObject } from '../kernel-object.ts';
import { BURST_UNIT_BYTES, objectKey, objectRank } from '../kernel-object.ts';
import { limitObjects } from './limit.ts';

const AT = { place: 'fabric', link: 'wp1', ifb: 'wi1', alias: 'weft:limit:1' } as const;
const limits = (leavingKbps: number | undefined, arrivingKbps: number | undefined, frameBytes = 1476) =>
  limitObjects({ ...AT, leavingKbps, arrivingKbps, frameBytes });

test('only what is limited has a queue, and only what arrives is sent through another interface', () => {
  const keys = (leaving: number | undefined, arriving: number | undefined): string[] => limits(leaving, arriving).map(objectKey);
  assert.deepEqual(keys(undefined, undefined), []);
  assert.deepEqual(keys(64, undefined), ['qdisc fabric wp1']);
  assert.deepEqual(keys(undefined, 64), ['link fabric wi1', 'qdisc fabric wi1', 'redirect fabric wp1']);
});

test('what is redirected finds its queue: interface, queue and redirection are made in this order', () => {
  const ranks = limits(undefined, 64).map(objectRank);
  assert.deepEqual(
    ranks,
    ranks.toSorted((a, b) => a - b),
  );
  assert.equal(new Set(ranks).size, 3);
});

test('at every rate the largest frame passes, the kernel can hold the figures, and what waits is bounded', () => {
  fc.assert(
    fc.property(fc.integer({ min: MIN_KBPS, max: MAX_KBPS }), fc.integer({ min: 68, max: 9022 }), (kbps, frameBytes) => {
      const [{ bytesPerSecond, burstBytes, limitBytes }] = limits(kbps, undefined, frameBytes) as [QdiscObject];
      assert.equal(bytesPerSecond * 8, kbps * 1000);
      assert.ok(burstBytes >= frameBytes && burstBytes % BURST_UNIT_BYTES === 0, `burst ${burstBytes}`);
      assert.ok(burstBytes <= Math.max(bytesPerSecond / 100, 3028, frameBytes) + BURST_UNIT_BYTES, `burst ${burstBytes}`);
      assert.ok(Number.isInteger(limitBytes) && limitBytes < 2 ** 32 && burstBytes < 2 ** 32);
      assert.ok(limitBytes <= Math.max(bytesPerSecond / 20 + 1, 16 * 1514, 2 * frameBytes), `limit ${limitBytes}`);
    }),
  );
});
