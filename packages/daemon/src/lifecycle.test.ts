import assert from 'node:assert/strict';
import { it } from 'node:test';
import { Lifecycle, Stopping } from './lifecycle.ts';
import { createLogger } from './log.ts';
import type { Logger } from './log.ts';

const SOON = { deadlineMs: 60_000 };

it('parts stop in reverse order, one after the other, with the signal aborted before', async () => {
  const { lifecycle } = makeLifecycle();
  const events: string[] = [];
  for (const name of ['store', 'api', 'door']) {
    const stop = async (): Promise<void> => {
      events.push(`${name} stops ${lifecycle.signal.aborted}`);
      await new Promise((resolve) => setImmediate(resolve));
      events.push(`${name} stopped`);
    };
    lifecycle.add(name, stop, SOON);
  }
  const report = await lifecycle.stop('SIGTERM');
  assert.deepEqual(events, ['door stops true', 'door stopped', 'api stops true', 'api stopped', 'store stops true', 'store stopped']);
  assert.deepEqual(report, { failed: [], late: [] });
  assert.ok(lifecycle.signal.reason instanceof Stopping);
  assert.equal(lifecycle.signal.reason.message, 'stopping: SIGTERM');
});

it('stopping twice stops once', async () => {
  const { lifecycle } = makeLifecycle();
  let stops = 0;
  lifecycle.add('a', () => void stops++, SOON);
  await Promise.all([lifecycle.stop('one'), lifecycle.stop('two')]);
  await lifecycle.stop('three');
  assert.equal(stops, 1);
  assert.equal((lifecycle.signal.reason as Error).message, 'stopping: one');
});

it('a part that fails or is late is logged and does not keep the others', async () => {
  const { lifecycle, lines } = makeLifecycle();
  const events: string[] = [];
  lifecycle.add('last', () => void events.push('last'), SOON);
  lifecycle.add('hanging', () => new Promise(() => undefined), { deadlineMs: 1 });
  lifecycle.add('throwing', () => assert.fail('broken'), SOON);
  assert.deepEqual(await lifecycle.stop('x'), { failed: ['throwing'], late: ['hanging'] });
  assert.deepEqual(events, ['last']);
  assert.deepEqual(
    lines().map(({ part, msg }) => [part, msg]),
    [
      [undefined, 'stopping'],
      ['throwing', 'stop failed'],
      ['hanging', 'stop deadline passed'],
    ],
  );
});

it('a part added while stopping or after is stopped too, and start-up unwinds', async () => {
  const { lifecycle } = makeLifecycle();
  const events: string[] = [];
  const { promise: hold, resolve: release } = Promise.withResolvers<void>();
  lifecycle.add('first', () => hold, SOON);
  const stopped = lifecycle.stop('x');
  assert.throws(() => lifecycle.add('during', () => void events.push('during'), SOON), Stopping);
  release();
  await stopped;
  assert.deepEqual(events, ['during']);
  assert.throws(() => lifecycle.add('after', () => void events.push('after'), SOON), Stopping);
  await lifecycle.finished;
  assert.deepEqual(events, ['during', 'after']);
});

it('a failed part stops everything; the first failure is kept, and abortion is none', async () => {
  const { lifecycle, lines } = makeLifecycle();
  const first = new Error('first');
  lifecycle.fail('watcher', first);
  lifecycle.fail('other', new Error('second'));
  lifecycle.fail('third', lifecycle.signal.reason);
  await lifecycle.finished;
  assert.equal(lifecycle.failure, first);
  assert.deepEqual(
    lines().map(({ part, msg }) => [part, msg]),
    [
      ['watcher', 'part failed'],
      [undefined, 'stopping'],
      ['other', 'part failed'],
    ],
  );
});

it('reload runs every handler in order, also after one that failed', async () => {
  const { lifecycle, lines } = makeLifecycle();
  await lifecycle.reload();
  const events: string[] = [];
  lifecycle.onReload('a', () => void events.push('a'));
  lifecycle.onReload('b', () => assert.fail('broken'));
  lifecycle.onReload('c', async () => void events.push('c'));
  await lifecycle.reload();
  assert.deepEqual(events, ['a', 'c']);
  assert.deepEqual(
    lines().map(({ msg }) => msg),
    ['nothing can be reloaded', 'reloaded', 'reload failed', 'reloaded'],
  );
});

function makeLifecycle(): Readonly<{ lifecycle: Lifecycle; log: Logger; lines: () => Record<string, unknown>[] }> {
  const written: string[] = [];
  const log = createLogger({ level: 'debug', name: 'test', destination: { write: (line) => written.push(line) } });
  return { lifecycle: new Lifecycle({ log }), log, lines: () => written.map((line) => JSON.parse(line) as Record<string, unknown>) };
}
