// `npm run check`: what has to pass before a commit. A line a step; a step's output only if it failed. Meant to stay under a minute.
import { spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { ensureModules, exitWith, pinnedNode, repository, requirePlatform } from './prepare.mjs';
import { exitCodeOf } from './run-node.mjs';
import { testEnvironment } from './run-tests.mjs';
import { chooseTestFiles, testKind } from './test-files.mjs';

const layerTest = 'tools/layers.test.ts';

/** @returns {string[]} */
function unitTests() {
  return chooseTestFiles([], repository, repository).filter((file) => testKind(file) === 'unit' && file !== layerTest);
}

/** The longest first, so that nothing long is left to run alone at the end. */
function steps() {
  return [
    { name: 'unit tests', command: ['node', 'test.mjs', ...unitTests()] },
    { name: 'format (prettier)', command: ['prettier', '--check', '--log-level', 'warn', '.'] },
    { name: 'types (tsc)', command: ['tsc', '-p', '.'] },
    { name: 'lint (oxlint)', command: ['oxlint', '--deny-warnings'] },
    { name: 'layers', command: ['node', 'test.mjs', layerTest] },
    { name: 'dependencies (knip)', command: ['knip', '--no-progress', '--no-config-hints'] },
  ];
}

/**
 * Runs one step with the programs of node_modules/.bin, which include the pinned Node.
 * @param {readonly string[]} step @param {NodeJS.ProcessEnv} env
 * @returns {Promise<{ ok: boolean, output: string, seconds: number }>}
 */
function runStep([program = '', ...args], env) {
  const startMs = performance.now();
  const child = spawn(join(repository, 'node_modules/.bin', program), args, { cwd: repository, env, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => {
      output += text;
    });
  }
  return new Promise((resolve) => {
    child.on('error', (error) => {
      output += `${error.message}\n`;
    });
    child.on('close', (code, signal) => {
      resolve({ ok: exitCodeOf(code, signal) === 0, output, seconds: (performance.now() - startMs) / 1000 });
    });
  });
}

/** @returns {Promise<number>} how many steps failed */
async function check() {
  const env = { ...testEnvironment(), INIT_CWD: repository };
  const left = steps();
  // The reader has gone (`npm run check | head`): nobody wants the rest.
  process.stdout.on('error', () => process.exit(1));
  let failed = 0;
  const worker = async () => {
    for (let step = left.shift(); step !== undefined; step = left.shift()) {
      const { ok, output, seconds } = await runStep(step.command, env);
      process.stdout.write(`${ok ? 'ok  ' : 'FAIL'}  ${step.name.padEnd(20)} ${seconds.toFixed(1).padStart(5)} s\n`);
      if (ok) continue;
      failed += 1;
      // What passed within a failed step (test files, our reporter) is left out.
      process.stdout.write(`${output.replaceAll(/^ok {4}.*\n/gm, '').trimEnd()}\n\n`);
    }
  };
  await Promise.all(Array.from({ length: Math.max(2, availableParallelism()) }, worker));
  return failed;
}

try {
  requirePlatform();
  await ensureModules();
  pinnedNode();
  process.exitCode = (await check()) === 0 ? 0 : 1;
} catch (error) {
  exitWith(error);
}
