import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { NodeProgress } from './node-progress.ts';

const report = (revision: number, failed: readonly string[] = []): Parameters<NodeProgress['synced']>[0] => ({
  epoch: 'e',
  revision,
  failed: Object.fromEntries(failed.map((key) => [key, { code: 'x', message: '', retryable: true }])),
});

test('nothing counts as applied before the node has reported', () => {
  const progress = new NodeProgress();
  assert.deepEqual([progress.isApplied('port a'), progress.applied, progress.isComplete], [false, undefined, false]);
  progress.synced({ epoch: 'e', revision: 5, digests: {} });
  assert.equal(progress.applied, undefined, 'an answer to ask says what it has, not what it applied');
});

test('a resource counts as applied from a report on that is not older than its last change', () => {
  const progress = new NodeProgress();
  progress.synced(report(5));
  progress.changed(6, ['port a']);
  progress.changed(7, ['port b']);
  assert.deepEqual([progress.isApplied('port a'), progress.isApplied('port c'), progress.isComplete], [false, true, false]);
  progress.synced(report(6));
  assert.deepEqual([progress.isApplied('port a'), progress.isApplied('port b')], [true, false]);
  progress.changed(8, ['port a']);
  progress.synced(report(7));
  assert.deepEqual([progress.isApplied('port a'), progress.isApplied('port b')], [false, true]);
  progress.synced(report(8, ['port b']));
  assert.deepEqual([progress.isApplied('port a'), progress.isApplied('port b'), progress.isComplete], [true, false, false]);
});

test('a node that holds its plan back has applied nothing of it', () => {
  const progress = new NodeProgress();
  progress.changed(3, ['port a']);
  const held = { reason: 'too_many_removals' as const, epoch: 'e', revision: 3, ports: 20 };
  progress.synced({ ...report(3), held });
  assert.deepEqual([progress.held, progress.isApplied('port a')], [held, false]);
  progress.synced(report(3));
  assert.deepEqual([progress.held, progress.isApplied('port a')], [undefined, true]);
});

test('very many unconfirmed changes count as one: all of the plan', () => {
  const progress = new NodeProgress();
  progress.synced(report(1));
  for (let key = 0; key <= 20_000; key += 1) progress.changed(2, [`peer ${key}`]);
  assert.deepEqual([progress.isApplied('port a'), progress.isApplied('peer 1')], [false, false]);
  progress.synced(report(2));
  assert.deepEqual([progress.isApplied('port a'), progress.isApplied('peer 1'), progress.isComplete], [true, true, true]);
});

test('it agrees with looking at every change ever made', () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant('changed' as const), keys: fc.uniqueArray(fc.constantFrom('a', 'b', 'c'), { minLength: 1 }) }),
    fc.record({ kind: fc.constant('report' as const), back: fc.nat(3), failed: fc.subarray(['a', 'b']) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const progress = new NodeProgress();
      const changes: { key: string; revision: number }[] = [];
      let [revision, applied] = [0, -1];
      let failed: readonly string[] = [];
      for (const one of steps) {
        if (one.kind === 'changed') {
          revision += 1;
          progress.changed(revision, one.keys);
          for (const key of one.keys) changes.push({ key, revision });
        } else {
          // A node's revision never goes back.
          applied = Math.max(applied, revision - one.back, 0);
          failed = one.failed;
          progress.synced(report(applied, failed));
        }
        for (const key of ['a', 'b', 'c']) {
          const expected =
            applied >= 0 && !failed.includes(key) && changes.every((change) => change.key !== key || change.revision <= applied);
          assert.equal(progress.isApplied(key), expected);
        }
      }
    }),
  );
});
