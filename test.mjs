// `npm test`: every test there is. `npm test -- path…` runs those files or directories, `--unit` only what needs no namespaces;
// arguments that begin with --test- go to `node --test`. The last line is always `N passed, N failed, N skipped`.
import {
  EXIT_MACHINE,
  ensureModules,
  ensurePackages,
  exitWith,
  pinnedNode,
  PrepareError,
  repository,
  requirePlatform,
  toStderr,
} from './tools/prepare.mjs';
import { obstacle, TestRun } from './tools/run-tests.mjs';
import { chooseTestFiles, testKind } from './tools/test-files.mjs';

/** @returns {Promise<string | undefined>} why tests that need distribution packages cannot run; undefined if they can */
async function preparePackages() {
  try {
    await ensurePackages();
    return undefined;
  } catch (error) {
    if (!(error instanceof PrepareError) || error.exitCode !== EXIT_MACHINE) throw error;
    toStderr(error.message);
    return 'distribution packages are missing (see above)';
  }
}

/** @param {string[]} args @returns {Promise<number>} the exit code */
async function main(args) {
  const nodeArgs = args.filter((arg) => arg.startsWith('--test-'));
  const [unknown] = args.filter((arg) => arg.startsWith('-') && arg !== '--unit' && !nodeArgs.includes(arg));
  if (unknown !== undefined) throw new PrepareError(`npm test: unknown option ${unknown} (known: --unit, --test-…, paths)`, 2);
  /** @type {string[]} */
  let files;
  try {
    const paths = args.filter((arg) => !arg.startsWith('-'));
    files = chooseTestFiles(paths, repository, process.env.INIT_CWD ?? process.cwd());
  } catch (error) {
    throw new PrepareError(`npm test: ${error instanceof Error ? error.message : String(error)}`, 2);
  }

  await ensureModules();
  const kinds = /** @type {const} */ (args.includes('--unit') ? ['unit'] : ['unit', 'netns', 'system']);
  const needsPackages = files.some((file) => kinds.some((kind) => kind !== 'unit' && kind === testKind(file)));
  const lacking = needsPackages ? await preparePackages() : undefined;

  const run = new TestRun({ node: pinnedNode(), nodeArgs }, { print: (text) => process.stdout.write(text) });
  let stopped = 0;
  // The reader has gone (`npm test | head`): nobody wants the rest.
  process.stdout.on('error', () => {
    run.stop('SIGTERM');
    process.exit(1);
  });
  for (const [signal, code] of /** @type {const} */ ([
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ])) {
    process.on(signal, () => {
      stopped = code;
      run.stop(signal);
    });
  }
  for (const kind of kinds) {
    if (stopped !== 0) break;
    const ofKind = files.filter((file) => testKind(file) === kind);
    if (ofKind.length === 0) continue;
    const reason = (kind === 'unit' ? undefined : lacking) ?? obstacle(kind);
    if (reason === undefined) await run.run(kind, ofKind);
    else run.skip(ofKind, reason);
  }
  const { passed, failed, skipped } = run.counts;
  process.stdout.write(`${passed} passed, ${failed} failed, ${skipped} skipped\n`);
  if (stopped !== 0) return stopped;
  return failed > 0 || passed === 0 ? 1 : 0;
}

try {
  requirePlatform();
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  exitWith(error);
}
