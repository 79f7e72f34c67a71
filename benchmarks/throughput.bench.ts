/**
 * TCP between workloads on two nodes: through what Weft makes, and through the same made by hand, in turns in one run. On one machine
 * everything is the same cores, so the ratio of a round means more than its Gbit/s.
 *
 *     with security groups      Weft's default group      ÷  by hand, all its rules, stateful
 *     port security off         two open ports of Weft    ÷  by hand, two ports without guards
 *     bridge and tunnel alone   two open ports of Weft    ÷  by hand, without any rule (where Weft's neighbours keep theirs)
 */
import { parseIpv4 } from '@weft/core/ipv4';
import { weave } from '@weft/lab/scenario';
import type { Benchmark, BenchmarkContext } from './benchmark.ts';
import { clusterUp } from './cluster.ts';
import { median, percentile, table } from './figures.ts';
import { HandDatapath } from './hand-datapath.ts';
import { tcpTool } from './tcp-throughput.ts';
import type { TcpPath } from './tcp-throughput.ts';
import { workloadPath } from './workload-path.ts';

/** Many short ones: what else the machine does then falls on both sides alike. */
const ROUNDS = 15;

/** Two paths, measured one after the other in each round. */
type Pair = Readonly<{ name: string; weft: TcpPath; hand: TcpPath; goal?: number }>;

async function run(context: BenchmarkContext): Promise<void> {
  const { print } = context;
  await using stack = new AsyncDisposableStack();
  const tool = tcpTool();
  const lab = stack.use(await clusterUp(context));
  const scenario = await weave(lab, { progress: () => {} });
  const hand = stack.use(await HandDatapath.up(context.repository));
  await hand.unguard('cn1', 'p-a2');
  await hand.unguard('cn2', 'p-a4');
  print(`  ${tool.name}; ${ROUNDS} rounds, as received\n`);

  const weftPath = (from: string, to: string): TcpPath => workloadPath(lab, scenario, from, to, stack);
  const handPath = (from: number, to: number): TcpPath => ({
    from: hand.netns(`a${from}`),
    to: hand.netns(`a${to}`),
    address: parseIpv4(`10.0.0.1${to}`),
  });
  const open = { weft: weftPath('open1', 'open2'), hand: handPath(2, 4) };
  const groups: Pair = { name: 'with security groups', weft: weftPath('alpha', 'charlie'), hand: handPath(1, 3), goal: 0.95 };
  await measurePairs([groups, { name: 'port security off', ...open }], tool.measure, context);
  for (const node of ['cn1', 'cn2']) await hand.makePlain(node);
  await measurePairs([{ name: 'bridge and tunnel alone', ...open, goal: 0.97 }], tool.measure, context);
}

async function measurePairs(
  pairs: readonly Pair[],
  measure: (path: TcpPath, signal: AbortSignal) => Promise<number>,
  { print, signal }: BenchmarkContext,
): Promise<void> {
  const rounds = new Map(pairs.map((pair) => [pair, [] as { weft: number; hand: number }[]]));
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const [pair, results] of rounds) {
      // Whoever goes second finds a warmer machine: the order changes with the round.
      const result = { weft: 0, hand: 0 };
      for (const side of round % 2 === 0 ? (['weft', 'hand'] as const) : (['hand', 'weft'] as const)) {
        result[side] = await measure(pair[side], signal);
      }
      results.push(result);
    }
  }
  const gbits = (values: readonly number[]): string => median(values).toFixed(2);
  const rows = Array.from(rounds, ([{ name, goal }, results]) => {
    const ratios = results.map(({ weft, hand }) => weft / hand);
    const middle = `${percentile(ratios, 0.25).toFixed(2)}…${percentile(ratios, 0.75).toFixed(2)}`;
    const columns = [gbits(results.map(({ weft }) => weft)), gbits(results.map(({ hand }) => hand))];
    return [name, ...columns, median(ratios).toFixed(3), middle, goal === undefined ? '' : `≥ ${goal}`];
  });
  print(table([['Gbit/s, medians', 'Weft', 'by hand', 'ratio', 'half of them', 'goal'], ...rows]));
  for (const [{ name }, results] of rounds) {
    print(`  ratios of ${name}: ${results.map(({ weft, hand }) => (weft / hand).toFixed(2)).join(' ')}`);
  }
  print('');
}

export const throughputBenchmark: Benchmark = {
  name: 'throughput',
  about: 'TCP between two nodes, beside the same data path made by hand',
  needsKernel: true,
  run,
};
