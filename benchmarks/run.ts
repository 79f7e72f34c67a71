/**
 * `node benchmarks/run.ts [name…]` runs benchmarks, all without a name; `--list` says which there are. Each one runs in a process of its
 * own, one after the other, so that none measures what another left behind. See README.md.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { apiBenchmark } from './api.bench.ts';
import { describeMachine } from './benchmark.ts';
import type { Benchmark } from './benchmark.ts';
import { groupsBenchmark } from './groups.bench.ts';
import { limitBenchmark } from './limit.bench.ts';
import { listsBenchmark } from './lists.bench.ts';
import { nodeBenchmark } from './node.bench.ts';
import { planBenchmark } from './plan.bench.ts';
import { publicIpBenchmark } from './public-ip.bench.ts';
import { routerBenchmark } from './router.bench.ts';
import { scaleBenchmark } from './scale.bench.ts';
import { ssntpBenchmark } from './ssntp.bench.ts';
import { throughputBenchmark } from './throughput.bench.ts';

const ALL: readonly Benchmark[] = [
  planBenchmark,
  ssntpBenchmark,
  throughputBenchmark,
  groupsBenchmark,
  limitBenchmark,
  routerBenchmark,
  apiBenchmark,
  listsBenchmark,
  publicIpBenchmark,
  nodeBenchmark,
  scaleBenchmark,
];

/** For the process that does the work: name and scratch directory. */
const WORKER = '--worker';

/** As a shell tells of a program that Ctrl-C ended. */
const EXIT_STOPPED = 130;

const repository = fileURLToPath(new URL('..', import.meta.url)).replace(/\/$/, '');

async function main(args: readonly string[]): Promise<number> {
  if (args[0] === WORKER) return runHere(args[1], args[2]);
  if (args.includes('--list')) {
    for (const { name, about, needsKernel } of ALL) console.log(`${name.padEnd(12)} ${about}${needsKernel ? ' (root)' : ''}`);
    return 0;
  }
  const unknown = args.find((name) => !ALL.some((benchmark) => benchmark.name === name));
  if (unknown !== undefined) {
    console.error(`no benchmark ${unknown}; there are: ${ALL.map(({ name }) => name).join(', ')}`);
    return 2;
  }
  const chosen = args.length === 0 ? ALL : ALL.filter(({ name }) => args.includes(name));
  console.log(describeMachine(repository));
  let failed = 0;
  for (const benchmark of chosen) {
    console.log(`\n${benchmark.name}: ${benchmark.about}\n`);
    if (benchmark.needsKernel && process.getuid?.() !== 0) {
      console.log('  skipped: it makes network namespaces and needs root');
      continue;
    }
    const code = await runApart(benchmark);
    if (code === EXIT_STOPPED) return code;
    if (code !== 0) failed += 1;
  }
  return failed === 0 ? 0 : 1;
}

/**
 * A process of its own. One that needs the kernel gets namespaces of its own as well, of processes too: when it ends, however it does,
 * the kernel ends all that it started and takes away all that it built.
 */
async function runApart({ name, needsKernel }: Benchmark): Promise<number> {
  const scratch = mkdtempSync(join(tmpdir(), 'weft-benchmark-'));
  try {
    const node = [process.execPath, '--expose-gc', fileURLToPath(import.meta.url), WORKER, name, scratch];
    const apart = ['unshare', '--net', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc', '--propagation', 'private'];
    // Pinned namespaces and locks live under /run: this one is nobody else's.
    const inside = ['sh', '-c', 'mount -t tmpfs tmpfs /run && ip link set lo up && exec "$@"', 'sh'];
    const [program, ...args] = needsKernel ? [...apart, ...inside, ...node] : node;
    const child = spawn(program!, args, { stdio: 'inherit' });
    // Ctrl-C reaches the child by itself; this process waits for it, to clean up. To be ended otherwise is handed on.
    let stopped = false;
    const onInterrupt = (): void => void (stopped = true);
    const onTerminate = (): void => {
      stopped = true;
      // unshare waits on whatever it is told, but when it is gone, so is its child, and all that was started in there.
      child.kill(needsKernel ? 'SIGKILL' : 'SIGTERM');
    };
    process.on('SIGINT', onInterrupt).on('SIGTERM', onTerminate);
    const [code] = (await once(child, 'exit')) as [number | null];
    process.off('SIGINT', onInterrupt).off('SIGTERM', onTerminate);
    return stopped ? EXIT_STOPPED : (code ?? 1);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

async function runHere(name: string | undefined, scratch: string | undefined): Promise<number> {
  const benchmark = ALL.find((candidate) => candidate.name === name);
  if (benchmark === undefined || scratch === undefined) throw new Error(`${WORKER} is for this program's own use`);
  const controller = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => controller.abort(new Error(`stopped by ${signal}`)));
  try {
    await benchmark.run({ repository, scratch, signal: controller.signal, print: (text) => console.log(text) });
    return 0;
  } catch (error) {
    console.error(controller.signal.aborted ? 'stopped' : error);
    return controller.signal.aborted ? EXIT_STOPPED : 1;
  }
}

process.exitCode = await main(process.argv.slice(2));
