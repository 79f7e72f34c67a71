#!/usr/bin/env node
// The entry of every Weft process. Plain JavaScript, so that an older Node can start the right one, or say what is wrong.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

if (Number(process.versions.node.split('.')[0]) >= 24) {
  const { main } = await import('../src/main.ts');
  await main(process);
} else {
  const pinned = fileURLToPath(new URL('../../../node_modules/node/bin/node', import.meta.url));
  if (existsSync(pinned)) becomePinned(pinned);
  else {
    process.stderr.write(
      `weft needs Node 24 or newer, but this is ${process.version}. In a clone of the repository run \`npm ci\` first.\n`,
    );
    process.exitCode = 3;
  }
}

/**
 * Runs the same command with the repository's own Node, and ends as it ends.
 * @param {string} node
 */
function becomePinned(node) {
  const child = spawn(node, process.argv.slice(1), { stdio: 'inherit' });
  for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])) process.on(signal, () => child.kill(signal));
  child.on('error', (error) => {
    process.stderr.write(`weft: starting ${node}: ${error.message}\n`);
    process.exitCode = 3;
  });
  child.on('exit', (code, signal) => {
    if (signal === null) process.exitCode = code ?? 1;
    else {
      process.removeAllListeners(signal);
      process.kill(process.pid, signal);
    }
  });
}
