import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { test } from 'node:test';
import { FakeClock } from '@weft/ssntp/fake-clock';
import { eventually } from '../test-support.ts';
import { ProcessTable, RUN_VARIABLE } from './process-table.ts';

test('a mark that no process bears finds nobody, and the empty mark is nobody’s', () => {
  const table = new ProcessTable({ clock: new FakeClock() });
  for (const run of ['', randomUUID()]) assert.deepEqual(table.find({ run, netnsInode: undefined }), [], `mark "${run}"`);
});

test('a look serves for a while; who ended meanwhile is not found, and who came is found by the next look', async () => {
  const run = randomUUID();
  const start = (): ReturnType<typeof spawn> => spawn('sleep', ['1000'], { stdio: 'ignore', env: { ...process.env, [RUN_VARIABLE]: run } });
  const clock = new FakeClock();
  const table = new ProcessTable({ clock });
  const pids = (): number[] => table.find({ run, netnsInode: undefined }).map(({ pid }) => pid);
  const first = start();
  const second = start();
  try {
    await eventually('both bear their mark', () => {
      table.expire();
      return pids().length === 2;
    });
    const looked = table.lookedMs;
    const gone = once(first, 'exit');
    first.kill('SIGKILL');
    await gone;
    assert.deepEqual(pids(), [second.pid]);
    assert.equal(table.lookedMs, looked, 'for that nobody looked at all processes');
    clock.advance(1000);
    assert.deepEqual(pids(), [second.pid]);
    assert.ok(table.lookedMs > looked);
  } finally {
    first.kill('SIGKILL');
    second.kill('SIGKILL');
  }
});
