/** The whole system, as `npm start -- --once --json` runs it: real processes, real packets. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { text } from 'node:stream/consumers';
import { ALL_CHECKS } from './checks/all.ts';
import { LAB_DIR } from './lab-paths.ts';
import { isOrphanedLab, markedProcesses } from './marked-processes.ts';
import { waitFor } from './wait.ts';

const WEFT = fileURLToPath(new URL('../../apps/weft/bin/weft.mjs', import.meta.url));
/** The run takes half a minute on two idle cores. */
const LIMIT_MS = 300_000;

function weft(t: TestContext, ...args: string[]) {
  const child = spawn(process.execPath, [WEFT, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  // Only if the test failed is it still there.
  t.after(() => child.kill('SIGINT'));
  return child;
}

async function ended(child: ReturnType<typeof weft>): Promise<number | NodeJS.Signals | null> {
  return new Promise((resolve) => child.once('exit', (code, signal) => resolve(code ?? signal)));
}

void test('the lab proves everything that it promises, and leaves nothing behind', { timeout: LIMIT_MS }, async (t) => {
  const lab = weft(t, 'lab', 'up', '--once', '--json');
  const [code, out, progress] = await Promise.all([ended(lab), text(lab.stdout), text(lab.stderr)]);
  const lines = out
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  const results = lines.slice(0, -1);
  assert.deepEqual(
    results.filter((result) => result['ok'] !== true),
    [],
    progress,
  );
  assert.deepEqual(
    results.map((result) => result['check']),
    ALL_CHECKS.map((check) => check.id),
  );
  for (const result of results) {
    assert.deepEqual(Object.keys(result), ['check', 'ok', 'ms', 'detail']);
    assert.equal(typeof result['ms'], 'number', JSON.stringify(result));
    assert.notEqual(result['detail'], '', JSON.stringify(result));
  }
  const { seconds, ...sums } = lines.at(-1)!;
  assert.deepEqual(sums, { checks: ALL_CHECKS.length, passed: ALL_CHECKS.length, failed: 0 });
  assert.equal(typeof seconds, 'number');
  assert.equal(code, 0, progress);
  assert.equal(existsSync(LAB_DIR), false);
});

void test('a second lab is told whose the first is; what a killed lab leaves is removed by the next', { timeout: LIMIT_MS }, async (t) => {
  const killed = weft(t, 'lab', 'up');
  const killedProgress = text(killed.stderr);
  const killedOut = text(killed.stdout);
  await waitFor({ expected: 'the lab to have workloads', withinMs: 60_000 }, () => {
    const workloads = markedProcesses().filter(
      ({ labId, command }) => labId.startsWith(`lab-${killed.pid}-`) && command.startsWith('sleep'),
    );
    return workloads.length > 3 ? { done: undefined } : { seen: `${workloads.length} workloads` };
  });
  const second = weft(t, 'lab', 'up', '--once');
  const [secondCode, secondWords] = await Promise.all([ended(second), text(second.stderr), text(second.stdout)]);
  assert.equal(secondCode, 1);
  assert.match(secondWords, new RegExp(`another lab is running.*pid ${killed.pid}`));

  const death = ended(killed);
  killed.kill('SIGKILL');
  assert.equal(await death, 'SIGKILL');
  assert.equal(
    markedProcesses().some(({ labId }) => isOrphanedLab(labId)),
    true,
    'its daemons and workloads live on',
  );

  const down = weft(t, 'lab', 'down');
  const [downCode, downWords] = await Promise.all([ended(down), text(down.stderr), text(down.stdout)]);
  assert.equal(downCode, 0, downWords);
  assert.deepEqual(
    markedProcesses().filter(({ labId }) => isOrphanedLab(labId)),
    [],
  );
  assert.equal(existsSync(LAB_DIR), false);
  await Promise.all([killedProgress, killedOut]);
});

void test('Ctrl-C while the lab comes up takes down what there is', { timeout: LIMIT_MS }, async (t) => {
  const lab = weft(t, 'lab', 'up');
  const progress = text(lab.stderr);
  await waitFor({ expected: 'the first daemon to run', withinMs: 60_000 }, () => {
    const daemons = markedProcesses().filter(({ labId }) => labId.startsWith(`lab-${lab.pid}-`));
    return daemons.length > 0 ? { done: undefined } : { seen: 'none' };
  });
  const end = ended(lab);
  lab.kill('SIGINT');
  assert.equal(await end, 130, await progress);
  assert.deepEqual(
    markedProcesses().filter(({ labId }) => labId.startsWith(`lab-${lab.pid}-`)),
    [],
  );
  assert.equal(existsSync(LAB_DIR), false);
});
