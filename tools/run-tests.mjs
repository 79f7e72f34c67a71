// Runs test files with the pinned Node and adds up what came out.
//
// unit     one `node --test` for all, in the namespace that we are in
// netns    one `node --test` a file, each in network and mount namespaces of its own: two files cannot meet, and what a test leaves
//          behind vanishes with its namespaces. Node cannot leave its namespaces itself, so `unshare` starts it
// system   one after the other, as root, in the machine's own namespace, with nothing of ours beside them
//
// A runner that ends without having reported, however it ended, is a failure. node:test limits the time of a test but not that of a
// file, whose loop or forgotten timer would keep us here for ever: a runner that is silent for too long is stopped.
import { spawn, spawnSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { delimiter, join } from 'node:path';
import { noCounts, reportMark } from './reporter.mjs';
import { repository, systemPath } from './prepare.mjs';
import { exitCodeOf } from './run-node.mjs';

/** A runner that reports nothing for this long hangs; fuzzing (FUZZ_RUNS) may take as long as it likes. */
const silenceMs = { unit: 180_000, netns: 180_000, system: 900_000 };

/** What a stopped runner gets for reporting, before it is killed. */
const reportingMs = 5000;

/** @param {boolean} isRoot */
export function unshareCommand(isRoot) {
  return ['unshare', isRoot ? '-nm' : '-Urnm', '--propagation', 'private'];
}

/** What Node has made of our TypeScript, by its content: each of some two hundred processes would make it again. */
const compileCache = join(repository, 'node_modules/.cache/node');

/** Environment of tests: the pinned Node and the system's programs are found, and no outer test runner is taken for ours. */
export function testEnvironment(env = process.env) {
  const { NODE_TEST_CONTEXT: _outer, ...rest } = env;
  return { ...rest, NODE_COMPILE_CACHE: compileCache, PATH: [join(repository, 'node_modules/.bin'), systemPath(env.PATH)].join(delimiter) };
}

/** Why test files of a kind cannot run here, undefined if they can. @param {import('./test-files.mjs').TestKind} kind */
export function obstacle(kind, isRoot = process.getuid?.() === 0) {
  if (kind === 'unit') return undefined;
  if (kind === 'system' && !isRoot) return 'needs root: it builds the whole cluster in network namespaces';
  const [command = '', ...args] = unshareCommand(isRoot);
  const probe = spawnSync(command, [...args, 'true'], { encoding: 'utf8', env: testEnvironment() });
  if (probe.status === 0) return undefined;
  const text = probe.error?.message ?? probe.stderr.trim();
  return `this machine does not let us make namespaces (${[command, ...args].join(' ')}: ${text})`;
}

/** Runs test files one group at a time. `stop` ends what is running; nothing more is started then. */
export class TestRun {
  counts = noCounts();
  #options;
  #print;
  #stopped = false;
  /** @type {Set<import('node:child_process').ChildProcess>} */
  #children = new Set();

  /**
   * `nodeArgs`: further arguments for `node --test`, for example --test-name-pattern. `silenceMs`: instead of the usual limits.
   * @param {{ node: string, nodeArgs: string[], silenceMs?: number }} options @param {{ print: (text: string) => void }} deps
   */
  constructor(options, deps) {
    this.#options = options;
    this.#print = deps.print;
  }

  /** @param {string[]} files @param {string} reason */
  skip(files, reason) {
    this.counts.skipped += files.length;
    for (const file of files) this.#print(`skip  ${file}  – ${reason}\n`);
  }

  /** @param {import('./test-files.mjs').TestKind} kind @param {string[]} files */
  async run(kind, files) {
    if (files.length === 0) return;
    if (kind === 'unit') await this.#runner(kind, [`--test-concurrency=${availableParallelism()}`], files, 'now');
    if (kind === 'system') await this.#runner(kind, ['--test-concurrency=1'], files, 'now');
    if (kind === 'netns') {
      const left = [...files];
      const worker = async () => {
        for (let file = left.shift(); file !== undefined; file = left.shift()) await this.#runner(kind, [], [file], 'whole');
      };
      await Promise.all(Array.from({ length: availableParallelism() }, worker));
    }
  }

  /** @param {string} signal */
  stop(signal) {
    this.#stopped = true;
    for (const child of this.#children) child.kill(signal);
  }

  /**
   * `printing`: lines `now`, as they come, or the `whole` output at the end, so that parallel runs do not mix.
   * @param {import('./test-files.mjs').TestKind} kind @param {string[]} args @param {string[]} files @param {'now' | 'whole'} printing
   */
  #runner(kind, args, files, printing) {
    if (this.#stopped) return Promise.resolve();
    const prefix = kind === 'netns' ? unshareCommand(process.getuid?.() === 0) : [];
    const reporter = [`--test-reporter=${new URL('reporter.mjs', import.meta.url).href}`, '--test-reporter-destination=stdout'];
    const [command = '', ...rest] = [...prefix, this.#options.node, '--test', ...reporter, ...args, ...this.#options.nodeArgs];
    const child = spawn(command, [...rest, ...files], { cwd: repository, env: testEnvironment(), stdio: ['ignore', 'pipe', 'pipe'] });
    this.#children.add(child);

    let held = '';
    let partial = '';
    let errors = '';
    /** @type {ReturnType<typeof noCounts> | undefined} */
    let counts;
    const takeLine = (/** @type {string} */ line) => {
      if (line.startsWith(reportMark)) counts = JSON.parse(line.slice(reportMark.length));
      else if (printing === 'now') this.#print(line);
      else held += line;
    };
    const limitMs = this.#options.silenceMs ?? silenceMs[kind];
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let killing;
    const watchdog = setTimeout(() => {
      if (process.env.FUZZ_RUNS) return;
      errors += `nothing was reported for ${limitMs / 1000} s, so it was stopped; files that had not run by then are not counted\n`;
      child.kill('SIGTERM');
      killing = setTimeout(() => child.kill('SIGKILL'), reportingMs);
    }, limitMs);
    child.stdout.setEncoding('utf8').on('data', (chunk) => {
      watchdog.refresh();
      const lines = (partial + chunk).split(/(?<=\n)/);
      partial = lines.at(-1)?.endsWith('\n') ? '' : (lines.pop() ?? '');
      lines.forEach(takeLine);
    });
    child.stderr.setEncoding('utf8').on('data', (chunk) => {
      errors += chunk;
    });
    return new Promise((resolve) => {
      child.on('error', (error) => {
        errors += `${error.message}\n`;
      });
      child.on('close', (code, signal) => {
        this.#children.delete(child);
        clearTimeout(watchdog);
        clearTimeout(killing);
        if (partial !== '') takeLine(partial);
        this.#print(held);
        this.#add(counts, exitCodeOf(code, signal), files, errors);
        resolve(undefined);
      });
    });
  }

  /** @param {ReturnType<typeof noCounts> | undefined} counts @param {number} exitCode @param {string[]} files @param {string} errors */
  #add(counts, exitCode, files, errors) {
    this.counts.passed += counts?.passed ?? 0;
    this.counts.failed += counts?.failed ?? 0;
    this.counts.skipped += counts?.skipped ?? 0;
    if (counts !== undefined && (exitCode === 0 || counts.failed > 0)) {
      this.#print(errors);
      return;
    }
    this.counts.failed += 1;
    const reported = counts === undefined ? 'did not report its results' : 'reported no failure';
    this.#print(`FAIL  the test runner ended with exit code ${exitCode} and ${reported}\n      files: ${files.join(' ')}\n${errors}`);
  }
}
