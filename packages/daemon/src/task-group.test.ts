import assert from 'node:assert/strict';
import { it } from 'node:test';
import { TaskGroup } from './task-group.ts';
import type { TaskFailure } from './task-group.ts';

it('join waits for all tasks, also those that tasks start', async () => {
  const { group, failures } = makeGroup();
  const ended: string[] = [];
  group.run('outer', async () => {
    await Promise.resolve();
    group.run('inner', async () => {
      await new Promise((resolve) => setImmediate(resolve));
      ended.push('inner');
    });
    ended.push('outer');
  });
  assert.equal(group.size, 1);
  await group.join();
  assert.deepEqual([ended, failures, group.size], [['outer', 'inner'], [], 0]);
});

it('the first failure aborts the others and is what join throws; each failure is reported once', async () => {
  const { group, failures } = makeGroup();
  const first = new Error('first');
  const second = new Error('second');
  group.run('obedient', untilAborted);
  group.run('stubborn', async (signal) => {
    await untilAborted(signal).catch(() => undefined);
    throw second;
  });
  group.run('failing', async () => {
    throw first;
  });
  await assert.rejects(group.join(), first);
  assert.deepEqual(failures, [
    { task: 'failing', error: first, first: true },
    { task: 'stubborn', error: second, first: false },
  ]);
  assert.equal(group.signal.reason, first);
});

it('abortion from outside is no failure', async () => {
  const outside = new AbortController();
  const { group, failures } = makeGroup(outside.signal);
  group.run('a', untilAborted);
  outside.abort(new Error('enough'));
  await group.join();
  group.run('too late', () => assert.fail('started'));
  await group.join();
  assert.deepEqual(failures, []);
});

it('disposing aborts and waits; it does not throw and may be repeated', async () => {
  const { group, failures } = makeGroup();
  let ended = false;
  group.run('a', async (signal) => {
    await untilAborted(signal).finally(() => (ended = true));
  });
  await group[Symbol.asyncDispose]();
  assert.equal(ended, true);
  await group[Symbol.asyncDispose]();
  assert.deepEqual(failures, []);
});

it('a task that throws before its first await fails like any other', async () => {
  const { group, failures } = makeGroup();
  const error = new Error('at once');
  group.run('a', () => {
    throw error;
  });
  assert.deepEqual(failures, [], 'not while starting');
  await assert.rejects(group.join(), error);
});

function makeGroup(signal?: AbortSignal): Readonly<{ group: TaskGroup; failures: TaskFailure[] }> {
  const failures: TaskFailure[] = [];
  const group = new TaskGroup(signal === undefined ? {} : { signal }, { onFailure: (failure) => failures.push(failure) });
  return { group, failures };
}

function untilAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)));
}
