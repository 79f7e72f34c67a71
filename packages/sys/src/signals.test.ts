import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { libc } from './libc.ts';
import { withoutSignals } from './signals.ts';
import { errnoName } from './sys-error.ts';

/** Waits for nothing, in the kernel. */
function wait(timeoutMs: number): string {
  return libc().poll(new Uint8Array(8), 0, timeoutMs) < 0 ? errnoName(libc().errno()) : 'in peace';
}

test('signals that interrupt a wait of this thread do not during withoutSignals, and are taken afterwards', async () => {
  const ignore = (): void => {};
  process.on('SIGWINCH', ignore);
  const taken = once(process, 'SIGWINCH');
  // Not faster: libuv's pipe of signals would fill, and it would never hear that this child has ended.
  const sender = spawn('sh', ['-c', `while kill -WINCH ${process.pid}; do sleep 0.01; done`], { stdio: 'ignore' });
  try {
    // The signals have begun once a wait is interrupted.
    assert.equal(wait(10_000), 'EINTR');
    assert.equal(
      withoutSignals(() => wait(200)),
      'in peace',
    );
    assert.equal(wait(10_000), 'EINTR', 'as before');
  } finally {
    sender.kill('SIGKILL');
  }
  await taken;
  process.off('SIGWINCH', ignore);
});

test('what the action throws comes out, and signals come in again', () => {
  assert.throws(
    () =>
      withoutSignals(() => {
        throw new TypeError('mine');
      }),
    TypeError,
  );
  let inner = '';
  withoutSignals(() => (inner = withoutSignals(() => 'nested')));
  assert.equal(inner, 'nested');
});
