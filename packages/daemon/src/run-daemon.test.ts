import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { it } from 'node:test';

const DAEMON = new URL('./testdata/daemon-process.ts', import.meta.url).pathname;

it('SIGTERM stops in order and exits 0; SIGHUP reloads before', async () => {
  const ended = await runWith('runs', { running: 'SIGHUP', 'config read': 'SIGTERM' });
  assert.deepEqual(ended, { code: 0, messages: ['running', 'config read', 'reloaded', 'stopping', 'store closed', 'stopped'] });
});

it('SIGINT during a slow start unwinds it without a failure', async () => {
  const ended = await runWith('starts slowly', { running: 'SIGINT' });
  assert.deepEqual(ended, { code: 0, messages: ['running', 'stopping', 'store closed', 'stopped'] });
});

it('a second signal exits at once with 128 and its number', async () => {
  const ended = await runWith('hangs', { running: 'SIGTERM', stopping: 'SIGINT' });
  assert.deepEqual(ended, { code: 130, messages: ['running', 'stopping', 'exiting at once'] });
});

it('a failed start or part is logged, the rest is stopped, and the exit code is 1', async () => {
  assert.deepEqual(await runWith('fails at start', {}), { code: 1, messages: ['part failed', 'stopping', 'store closed', 'stopped'] });
  assert.deepEqual(await runWith('part fails', {}), {
    code: 1,
    messages: ['running', 'part failed', 'stopping', 'store closed', 'stopped'],
  });
});

it('an uncaught exception or unhandled rejection is logged and exits 1 at once', async () => {
  assert.deepEqual(await runWith('throws', {}), { code: 1, messages: ['running', 'uncaught exception'] });
  assert.deepEqual(await runWith('rejects', {}), { code: 1, messages: ['running', 'unhandled rejection'] });
});

/** Starts the daemon, sends it the signal that `signals` has for a message when that message is logged, and waits for its end. */
async function runWith(
  behaviour: string,
  signals: Readonly<Record<string, NodeJS.Signals>>,
): Promise<Readonly<{ code: number | null; messages: readonly string[] }>> {
  const child = spawn(process.execPath, [DAEMON, behaviour], { stdio: ['ignore', 'pipe', 'inherit'], timeout: 20_000 });
  const messages: string[] = [];
  createInterface(child.stdout).on('line', (line) => {
    const message = String((JSON.parse(line) as Record<string, unknown>)['msg']);
    messages.push(message);
    const signal = signals[message];
    if (signal !== undefined) child.kill(signal);
  });
  const code = await new Promise<number | null>((resolve, reject) => child.on('error', reject).on('close', resolve));
  return { code, messages };
}
