/**
 * What security groups cost: those who send, and those who change one.
 *
 *     traffic   TCP between workloads on two nodes, with the default group and with port security off, in turns in one run
 *     changes   a rule more and less, a member more and less: from the API's answer until both nodes' rules are in their kernels, and the
 *               request itself, in a group of ten ports and in one of ten thousand, whose addresses are all in both kernels
 *
 * A node's rules have changed when its kernel tells of the end of a transaction. Between two changes the cluster comes to rest.
 */
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { WeftClient } from '@weft/api/client';
import type { Lab } from '@weft/lab/cluster';
import { weave } from '@weft/lab/scenario';
import { waitFor } from '@weft/lab/wait';
import type { Benchmark, BenchmarkContext } from './benchmark.ts';
import { clusterUp } from './cluster.ts';
import { formatMs, median, percentile, table } from './figures.ts';
import { NftWatch } from './nft-watch.ts';
import { Listener, outputOf, start, tcpTool } from './tcp-throughput.ts';
import type { TcpPath } from './tcp-throughput.ts';
import { workloadPath } from './workload-path.ts';

const ROUNDS = 9;
const ECHOES = 3000;
const ECHO_PORT = 5202;
const ECHO = fileURLToPath(new URL('tcp-echo.ts', import.meta.url));

const SAMPLES = 30;
const SIZES = [10, 10_000] as const;
/** Ports in one request. */
const BULK = 1000;
/** Workloads of the group on each of two nodes. */
const WORKLOADS = 4;
const UP_MS = 60_000;
const CHANGED_MS = 10_000;
/** No transaction for so long: at rest. */
const REST_MS = 60;
const LOOK_MS = 1;

async function run(context: BenchmarkContext): Promise<void> {
  await using lab = await clusterUp(context);
  await traffic(lab, context);
  const rows: string[][] = [];
  for (const size of SIZES) rows.push(...(await changes(lab, size, context)));
  context.print(`\n${table([['a change of a group', 'request p50', 'p99', 'then both kernels p50', 'p99'], ...rows])}`);
  context.print(`  ${SAMPLES} of each, one after the other; ${WORKLOADS} workloads of the group on each of two nodes`);
}

async function traffic(lab: Lab, { print, signal }: BenchmarkContext): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const scenario = await weave(lab, { progress: () => {} });
  const on = workloadPath(lab, scenario, 'alpha', 'charlie', stack);
  const off = workloadPath(lab, scenario, 'open1', 'open2', stack);
  const tool = tcpTool();
  const gbits: { on: number; off: number }[] = [];
  const echoes = { on: [] as number[], off: [] as number[] };
  for (let round = 0; round < ROUNDS; round += 1) {
    const result = { on: 0, off: 0 };
    for (const side of round % 2 === 0 ? (['on', 'off'] as const) : (['off', 'on'] as const)) {
      const path = side === 'on' ? on : off;
      result[side] = await tool.measure(path, signal);
      echoes[side].push(...(await roundTrips(path, signal)));
    }
    gbits.push(result);
  }
  const ratio = (of: (share: number) => [number, number], share: number): string => {
    const [with_, without] = of(share);
    return (with_ / without).toFixed(3);
  };
  const latency = (share: number): string[] => [
    formatMs(percentile(echoes.on, share)),
    formatMs(percentile(echoes.off, share)),
    ratio((at) => [percentile(echoes.on, at), percentile(echoes.off, at)], share),
  ];
  const [on_, off_] = [gbits.map((each) => each.on), gbits.map((each) => each.off)];
  print(
    table([
      [`between two nodes, ${ROUNDS} rounds`, 'groups on', 'off', 'ratio'],
      [
        `TCP, Gbit/s (${tool.name})`,
        median(on_).toFixed(2),
        median(off_).toFixed(2),
        median(gbits.map((each) => each.on / each.off)).toFixed(3),
      ],
      ['a byte there and back, p50', ...latency(0.5)],
      ['a byte there and back, p99', ...latency(0.99)],
    ]),
  );
}

async function roundTrips({ from, to, address }: TcpPath, signal: AbortSignal): Promise<readonly number[]> {
  const node = [process.execPath, ECHO] as const;
  await using server = await Listener.start(to, [...node, 'serve', address, String(ECHO_PORT)], signal);
  const answer = await outputOf(start(from, [...node, 'ask', address, String(ECHO_PORT), String(ECHOES)], signal));
  await server.ended;
  return (JSON.parse(answer) as Readonly<{ roundTripsMs: readonly number[] }>).roundTripsMs;
}

type Group = Readonly<{ client: WeftClient; networkId: string; groupId: string }>;

async function changes(lab: Lab, size: number, { signal, print }: BenchmarkContext): Promise<string[][]> {
  const started = performance.now();
  const group = await makeGroup(lab, size);
  print(`  a group of ${size.toLocaleString('en-GB')} ports is there after ${formatMs(performance.now() - started)}`);
  using first = new NftWatch(join(lab.paths.node('compute1').run, 'netns', 'fabric'));
  using second = new NftWatch(join(lab.paths.node('compute2').run, 'netns', 'fabric'));
  const watches = [first, second];
  const { client, groupId, networkId } = group;
  const samples = new Map<string, Sample[]>();
  const change = async <T>(name: string, request: () => Promise<T>): Promise<T> => {
    await atRest(watches, signal);
    const { sample, answer } = await timed(watches, request, signal);
    samples.set(name, [...(samples.get(name) ?? []), sample]);
    return answer;
  };
  for (let n = 0; n < SAMPLES; n += 1) {
    const ports = { port_range_min: 1000 + n, port_range_max: 1000 + n };
    const rule = { security_group_id: groupId, direction: 'ingress', protocol: 'tcp', ...ports } as const;
    const { id: ruleId } = await change('a rule more', () => client.securityGroupRules.create(rule));
    await change('a rule less', () => client.securityGroupRules.delete(ruleId));
    const { id: portId } = await change('a member more', () => client.ports.create({ network_id: networkId }));
    await change('a member less', () => client.ports.delete(portId));
  }
  return Array.from(samples, ([name, of]) => {
    const at = (share: number, ms: (sample: Sample) => number): string => formatMs(percentile(of.map(ms), share));
    const [requestMs, thenMs] = [({ requestMs }: Sample): number => requestMs, ({ thenMs }: Sample): number => thenMs];
    return [`${size.toLocaleString('en-GB')} ports: ${name}`, at(0.5, requestMs), at(0.99, requestMs), at(0.5, thenMs), at(0.99, thenMs)];
  });
}

/** A tenant whose default group has so many ports, some of them with a workload. */
async function makeGroup(lab: Lab, size: number): Promise<Group> {
  const admin = lab.client();
  const { id, token } = await admin.tenants.create({ name: `group of ${size}` });
  const client = lab.client(token);
  const network = await admin.networks.create({ name: 'n', tenant_id: id });
  await client.subnets.create({ network_id: network.id, cidr: '10.0.0.0/16', ip_version: 4, gateway_ip: null, enable_dhcp: false });
  const nodes = [lab.nodeId('compute1'), lab.nodeId('compute2')];
  for (let left = size; left > 0; left -= BULK) {
    const ports = await client.ports.createMany(Array.from({ length: Math.min(BULK, left) }, () => ({ network_id: network.id })));
    if (left !== size) continue;
    for (const [at, port] of ports.slice(0, 2 * WORKLOADS).entries()) {
      const command = ['sleep', 'infinity'];
      await client.instances.create({ name: '', command, port_id: port.id, addressing: 'static', node_id: nodes[at % 2]! });
    }
  }
  await waitFor({ expected: 'the workloads to be active', withinMs: UP_MS, signal: lab.signal, everyMs: 100 }, async () => {
    const waiting = (await client.instances.list()).filter(({ status }) => status !== 'active');
    return waiting.length === 0 ? { done: undefined } : { seen: `${waiting.length} are not` };
  });
  const [group] = await client.securityGroups.list({ name: 'default' });
  if (group === undefined) throw new Error('the tenant has no default group');
  return { client, networkId: network.id, groupId: group.id };
}

/** `thenMs`: from the answer to the later of the two kernels; not less than none. */
type Sample = Readonly<{ requestMs: number; thenMs: number }>;

async function timed<T>(
  watches: readonly NftWatch[],
  request: () => Promise<T>,
  signal: AbortSignal,
): Promise<Readonly<{ sample: Sample; answer: T }>> {
  const before = watches.map((watch) => watch.read());
  const started = performance.now();
  const asked = request().then((answer) => ({ answer, answered: performance.now() }));
  let changed = Number.NaN;
  for (;;) {
    const all = watches.map((watch, at) => watch.read() > before[at]!);
    changed = performance.now();
    if (all.every(Boolean)) break;
    if (changed - started > CHANGED_MS) throw new Error(`the rules of ${all.filter((is) => !is).length} nodes did not change`);
    await delay(LOOK_MS, undefined, { signal });
  }
  const { answer, answered } = await asked;
  return { answer, sample: { requestMs: answered - started, thenMs: Math.max(0, changed - answered) } };
}

async function atRest(watches: readonly NftWatch[], signal: AbortSignal): Promise<void> {
  for (let seen = -1; ;) {
    const now = watches.reduce((sum, watch) => sum + watch.read(), 0);
    if (now === seen) return;
    seen = now;
    await delay(REST_MS, undefined, { signal });
  }
}

export const groupsBenchmark: Benchmark = {
  name: 'groups',
  about: 'security groups: traffic with them and without; a change of a group of ten thousand ports',
  needsKernel: true,
  run,
};
