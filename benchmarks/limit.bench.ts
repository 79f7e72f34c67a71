/**
 * How close TCP comes to a rate limit: one connection between two nodes or to the outside, limited in one direction, as the receiver saw it.
 * The peer is the limit itself. It counts bytes of frames, of which a good 4 % are headers, so the ratio cannot be 1.
 */
import type { LabTenant, Workload } from '@weft/lab/scenario';
import { weave, workloadActive, workloadPin } from '@weft/lab/scenario';
import type { Lab } from '@weft/lab/cluster';
import { nodesInSync } from '@weft/lab/nodes';
import { netnsOpen } from '@weft/sys/netns';
import type { Benchmark, BenchmarkContext } from './benchmark.ts';
import { clusterUp } from './cluster.ts';
import { median, table } from './figures.ts';
import { tcpTool } from './tcp-throughput.ts';
import type { TcpPath } from './tcp-throughput.ts';

const ROUNDS = 3;
/** At 1 Mbit/s what waits in the queue when a measurement ends is a fifth of a second. */
const MEASURE_MS = 4000;
const MBPS = [1, 10, 100, 1000];

type Case = Readonly<{ name: string; path: TcpPath; limit: (kbps: number | null) => Promise<void> }>;

async function run(context: BenchmarkContext): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const tool = tcpTool(MEASURE_MS);
  const lab = stack.use(await clusterUp(context));
  const { red } = await weave(lab, { progress: () => {} });
  const cases = casesOf(lab, red, stack);
  context.print(`  ${tool.name}; medians of ${ROUNDS} times ${MEASURE_MS / 1000} s, as received\n`);
  const rows: string[][] = [];
  for (const { name, path, limit } of cases) {
    for (const mbps of MBPS) {
      await limit(1000 * mbps);
      const ratios: number[] = [];
      for (let round = 0; round < ROUNDS; round += 1) ratios.push((1000 * (await tool.measure(path, context.signal))) / mbps);
      const spread = `${Math.min(...ratios).toFixed(3)}…${Math.max(...ratios).toFixed(3)}`;
      rows.push([name, String(mbps), (mbps * median(ratios)).toFixed(2), median(ratios).toFixed(3), spread, '0.9…1.1']);
    }
    await limit(null);
  }
  context.print(table([['Mbit/s', 'limit', 'TCP payload', 'ratio', 'all of them', 'goal'], ...rows]));
}

function casesOf(lab: Lab, red: LabTenant, stack: AsyncDisposableStack): readonly Case[] {
  const admin = lab.client();
  const workload = (name: string): Workload => {
    const found = red.workloads.get(name);
    if (found === undefined) throw new Error(`the scenario has no workload ${name}`);
    return found;
  };
  const [limited, other] = [workload('alpha'), workload('charlie')];
  const [inside, there] = [limited, other].map((each) => stack.use(netnsOpen(workloadPin(lab, each))));
  const outside = { to: lab.network.netns('outside'), address: lab.topology.outsideHost };
  const ofPort = (key: string) => async (kbps: number | null) => {
    await admin.ports.update(limited.portId, { [key]: kbps });
    await workloadActive(lab, admin, limited);
  };
  return [
    { name: 'to a workload', path: { from: there!, to: inside!, address: limited.ip }, limit: ofPort('weft:ingress_kbps') },
    { name: 'from a workload', path: { from: inside!, to: there!, address: other.ip }, limit: ofPort('weft:egress_kbps') },
    {
      name: 'from a tenant outside',
      path: { from: inside!, ...outside },
      limit: async (kbps) => {
        await admin.tenants.update(red.id, { egress_kbps: kbps });
        await nodesInSync(lab);
      },
    },
  ];
}

export const limitBenchmark: Benchmark = {
  name: 'limit',
  about: 'how close TCP comes to the rate limits of workloads and tenants',
  needsKernel: true,
  run,
};
