import { arch, cpus, loadavg, release, totalmem } from 'node:os';
import { execFileSync } from 'node:child_process';

/** What every benchmark file exports. */
export type Benchmark = Readonly<{
  name: string;
  /** One line for `--list`. */
  about: string;
  /** It builds clusters in the kernel: it runs as root, in namespaces of its own. */
  needsKernel: boolean;
  run: (context: BenchmarkContext) => Promise<void>;
}>;

export type BenchmarkContext = Readonly<{
  /** The checkout's root directory. */
  repository: string;
  /** On a disk, empty, and removed afterwards. */
  scratch: string;
  signal: AbortSignal;
  print: (text: string) => void;
}>;

/** What the figures were measured on, for the head of every result: they mean nothing without it. */
export function describeMachine(repository: string): string {
  const cores = cpus();
  const memory = `${Math.round(totalmem() / 1024 ** 3)} GiB`;
  const load = loadavg().map((value) => value.toFixed(1));
  return [
    `machine  ${cores.length} × ${cores[0]?.model.trim() ?? 'unknown'}, ${arch()}, ${memory}; load before: ${load.join(' ')}`,
    `kernel   Linux ${release()}`,
    `node     ${process.version}`,
    `commit   ${commitOf(repository)}`,
  ].join('\n');
}

function commitOf(repository: string): string {
  const git = (...args: string[]): string =>
    execFileSync('git', ['-c', `safe.directory=${repository}`, '-C', repository, ...args], { encoding: 'utf8' }).trim();
  try {
    const changed = git('status', '--porcelain').split('\n').filter(Boolean).length;
    return `${git('rev-parse', '--short=12', 'HEAD')}${changed === 0 ? '' : ` and ${changed} files with changes of your own`}`;
  } catch {
    return 'unknown: not a git checkout';
  }
}
