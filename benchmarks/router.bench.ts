/**
 * A tenant's gateway as a router: TCP throughput and connections a second to another subnet, and to the outside with source NAT, beside a
 * namespace that routes by hand with the same rules (see router-paths.ts). In turns, in one run: a ratio is of one round, the median of all.
 *
 * What is beside Weft's gateway has no fabric: the ratio is the price of bridges and of stateful security groups on both ports, too.
 */
import { fileURLToPath } from 'node:url';
import { warmThreadPool } from '@weft/sys/netns';
import type { Benchmark, BenchmarkContext } from './benchmark.ts';
import { formatCount, median, percentile, table } from './figures.ts';
import { buildRouterPaths } from './router-paths.ts';
import type { RouterPaths } from './router-paths.ts';
import { Listener, outputOf, start, tcpTool } from './tcp-throughput.ts';
import type { TcpPath } from './tcp-throughput.ts';

const ROUNDS = 9;
const CONNECT_MS = 1000;
const CLIENTS = 32;
/** One destination port has too few source ports for so many connections that connection tracking still remembers. */
const PORTS = 16;
const FIRST_PORT = 6000;
const PROGRAM = fileURLToPath(new URL('tcp-connections.ts', import.meta.url));

type Measure = (path: TcpPath, signal: AbortSignal) => Promise<number>;

async function run({ print, signal }: BenchmarkContext): Promise<void> {
  await warmThreadPool();
  using stack = new DisposableStack();
  const { weft, hand } = buildRouterPaths(stack);
  const tool = tcpTool();
  print(`  ${tool.name}; ${CLIENTS} clients that connect; ${ROUNDS} rounds\n`);
  const rows: string[][] = [];
  for (const [unit, measure] of [
    ['Gbit/s', tool.measure],
    ['connections/s', connectionsPerSecond],
  ] as const) {
    for (const way of ['routed', 'translated'] as const)
      rows.push(await measureInTurns(`${way}, ${unit}`, { weft, hand }, way, measure, signal));
  }
  print(table([['medians', 'Weft', 'by hand', 'ratio', 'half of them'], ...rows]));
}

async function measureInTurns(
  name: string,
  sides: Readonly<Record<'weft' | 'hand', RouterPaths>>,
  way: keyof RouterPaths,
  measure: Measure,
  signal: AbortSignal,
): Promise<string[]> {
  const results: { weft: number; hand: number }[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const result = { weft: 0, hand: 0 };
    // Whoever goes second finds a warmer machine: the order changes with the round.
    for (const side of round % 2 === 0 ? (['weft', 'hand'] as const) : (['hand', 'weft'] as const)) {
      result[side] = await measure(sides[side][way], signal);
    }
    results.push(result);
  }
  const ratios = results.map(({ weft, hand }) => weft / hand);
  const figures = (['weft', 'hand'] as const).map((side) => median(results.map((result) => result[side])));
  const middle = [0.25, 0.75].map((share) => percentile(ratios, share).toFixed(2)).join('…');
  return [name, ...figures.map(formatCount), median(ratios).toFixed(2), middle];
}

async function connectionsPerSecond({ from, to, address }: TcpPath, signal: AbortSignal): Promise<number> {
  const program = [process.execPath, PROGRAM] as const;
  const common = [address, String(FIRST_PORT), String(PORTS)];
  await using _ = await Listener.start(to, [...program, 'serve', ...common], signal);
  const output = await outputOf(start(from, [...program, 'connect', ...common, String(CONNECT_MS), String(CLIENTS)], signal));
  const { connections, seconds } = JSON.parse(output) as Readonly<{ connections: number; seconds: number }>;
  return connections / seconds;
}

export const routerBenchmark: Benchmark = {
  name: 'router',
  about: 'throughput and connections a second through a gateway, routed and with source NAT, beside a router by hand with the same rules',
  needsKernel: true,
  run,
};
