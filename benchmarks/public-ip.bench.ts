/**
 * A public address, from the request that assigns it to the first packet that gets through from outside: decided, durable, answered, sent to
 * the gateway's node, its rules and its address there, and a provider's router that learns where it is.
 *
 *     POST /v2.0/floatingips ─▶ answer ─▶ gateway's kernel ─▶ an echo request of the outside host is answered by the workload
 *
 * The outside host asks every millisecond from before the request on. Beside it: what an echo takes once all of that is there.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { parseIpv4 } from '@weft/core/ipv4';
import type { Ipv4 } from '@weft/core/ipv4';
import type { Lab } from '@weft/lab/cluster';
import { EchoSocket } from '@weft/lab/probe/echo-socket';
import { weave } from '@weft/lab/scenario';
import type { Benchmark, BenchmarkContext } from './benchmark.ts';
import { clusterUp } from './cluster.ts';
import { formatMs, percentile, table } from './figures.ts';

const SAMPLES = 40;
const EVERY_MS = 1;
const FIRST_MS = 10_000;
/** Between two samples, for reports on their way. */
const REST_MS = 50;

type Sample = Readonly<{ answered: number; first: number; afterwards: number }>;

async function run(context: BenchmarkContext): Promise<void> {
  await using lab = await clusterUp(context);
  const { red, outsideNetworkId } = await weave(lab, { progress: () => {} });
  const portId = red.workloads.get('open2')!.portId;
  const samples: Sample[] = [];
  for (const address of addressesOf(lab)) {
    samples.push(await assign(lab, { floating_network_id: outsideNetworkId, port_id: portId, tenant_id: red.id }, address, context.signal));
  }
  const row = (name: string, ms: (sample: Sample) => number): string[] => {
    const values = samples.map((sample) => Math.max(0, ms(sample)));
    return [name, ...[0.5, 0.99].map((share) => formatMs(percentile(values, share)))];
  };
  context.print(
    table([
      ['', 'p50', 'p99'],
      row('request → first packet from outside', ({ first }) => first),
      row('request → answer', ({ answered }) => answered),
      row('answer → first packet from outside', ({ answered, first }) => first - answered),
      row('an echo once it is there', ({ afterwards }) => afterwards),
    ]),
  );
  context.print(
    `\n  ${SAMPLES} addresses, one after the other, to a workload on another node than its gateway; asked every ${EVERY_MS} ms`,
  );
}

/** Addresses that are asked for by name: whoever asks from outside must know them before. */
function addressesOf({ topology }: Lab): Ipv4[] {
  const prefix = topology.publicAddresses.first.replace(/\d+$/, '');
  const first = Number(topology.publicAddresses.first.split('.')[3]);
  return Array.from({ length: SAMPLES }, (_, n) => parseIpv4(`${prefix}${first + n}`));
}

type FloatingIpBody = Parameters<ReturnType<Lab['client']>['floatingIps']['create']>[0];

async function assign(lab: Lab, body: FloatingIpBody, address: Ipv4, signal: AbortSignal): Promise<Sample> {
  // To ask for an address by name is the administrator's.
  const client = lab.client();
  using echo = new EchoSocket({ netns: lab.network.netns('outside'), target: address });
  const started = performance.now();
  const answer = client.floatingIps
    .create({ ...body, floating_ip_address: address })
    .then(({ id }) => ({ id, answered: performance.now() - started }));
  const sentAt: number[] = [];
  const firstReply = async (): Promise<Readonly<{ at: number; tookMs: number }>> => {
    for (;;) {
      let found: number | undefined;
      echo.read((number) => (found ??= number));
      const at = performance.now();
      if (found !== undefined) return { at, tookMs: at - (sentAt[found] ?? at) };
      if (at - started > FIRST_MS) throw new Error(`nothing came back from ${address} within ${FIRST_MS} ms`);
      sentAt.push(at);
      echo.send(sentAt.length - 1);
      await delay(EVERY_MS, undefined, { signal });
    }
  };
  const [{ id, answered }, { at }] = await Promise.all([answer, firstReply()]);
  // What is on its way answers itself; then one alone.
  await delay(REST_MS, undefined, { signal });
  echo.read(() => undefined);
  const { tookMs } = await firstReply();
  await client.floatingIps.delete(id);
  await delay(REST_MS, undefined, { signal });
  return { answered, first: at - started, afterwards: tookMs };
}

export const publicIpBenchmark: Benchmark = {
  name: 'public-ip',
  about: 'from the request that assigns a public address to the first packet from outside',
  needsKernel: true,
  run,
};
