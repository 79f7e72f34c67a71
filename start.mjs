// `npm start`: the self-contained cluster on this machine. Installs what is missing, then becomes `weft lab up` with the arguments given.
//
// Everything said here goes to stderr: with --json, stdout carries the lab's JSON lines and nothing else.
import { join } from 'node:path';
import {
  EXIT_MACHINE,
  ensureModules,
  ensurePackages,
  exitWith,
  explainMissing,
  lookAtPackages,
  pinnedNode,
  PrepareError,
  repository,
  requirePlatform,
  systemPath,
} from './tools/prepare.mjs';
import { runInPlace } from './tools/run-node.mjs';

const args = process.argv.slice(2);
const onlyHelp = args.some((arg) => arg === '--help' || arg === '-h');

try {
  requirePlatform();
  if (!onlyHelp) {
    // Refusals come before the first change to the machine.
    if (process.getuid?.() !== 0) {
      throw new PrepareError(
        'For now `npm start` needs root, because it makes network namespaces and programs tunnels, bridges and packet filters in the kernel: run it as root, for example with `sudo npm start`.',
        EXIT_MACHINE,
      );
    }
    const packages = lookAtPackages();
    if (packages.kind === 'ask') throw new PrepareError(explainMissing(packages), EXIT_MACHINE);
  }
  await ensureModules();
  if (!onlyHelp) await ensurePackages();

  const env = { ...process.env, PATH: systemPath(process.env.PATH) };
  process.exitCode = await runInPlace(pinnedNode(), [join(repository, 'apps/weft/bin/weft.mjs'), 'lab', 'up', ...args], env);
} catch (error) {
  exitWith(error);
}
