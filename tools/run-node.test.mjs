import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { newSignals, runInPlace } from './run-node.mjs';

/** Starts a process that runs `script` in place, as start.mjs does; its lines of output come one by one. @param {string} script */
function startInPlace(script) {
  const module = new URL('run-node.mjs', import.meta.url).href;
  const outer = `import { runInPlace } from '${module}';
    process.exitCode = await runInPlace(process.execPath, ['--input-type=module', '-e', ${JSON.stringify(script)}]);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', outer], { stdio: ['ignore', 'pipe', 'inherit'] });
  return { child, lines: createInterface({ input: child.stdout })[Symbol.asyncIterator]() };
}

const waiting = `
  process.on('SIGINT', () => console.log('SIGINT'));
  process.on('SIGTERM', () => process.exit(7));
  setInterval(() => undefined, 1000);
  console.log('ready');`;

test('signals reach the program and its exit code comes back', async () => {
  const { child, lines } = startInPlace(waiting);
  assert.equal((await lines.next()).value, 'ready');
  child.kill('SIGINT');
  assert.equal((await lines.next()).value, 'SIGINT');
  child.kill('SIGTERM');
  assert.deepEqual(await once(child, 'exit'), [7, null]);
});

test('a program that dies by a signal ends us with a shell’s exit code', async () => {
  const { child } = startInPlace(`process.kill(process.pid, 'SIGKILL');`);
  assert.deepEqual(await once(child, 'exit'), [137, null]);
});

test('a program that cannot be started is an error', async () => {
  await assert.rejects(runInPlace('/nonexistent/program', []), { code: 'ENOENT' });
});

test('a signal that is repeated within a second counts once', () => {
  let now = 5000;
  const isNew = newSignals(() => now);
  assert.deepEqual([isNew('SIGINT'), isNew('SIGINT'), isNew('SIGTERM')], [true, false, true]);
  now += 1000;
  assert.deepEqual([isNew('SIGINT'), isNew('SIGINT')], [true, false]);
});
