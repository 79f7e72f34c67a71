/**
 * The way of a port: from a request to what is durable, and from the answer to what two kernels do.
 *
 *     POST /v2.0/ports   ─▶ decided ─▶ committed ─▶ answer                       creates a second
 *     POST /v1/instances ─▶ decided ─▶ committed ─▶ answer ─▶ placed ─▶ plans ─▶ the port's node and a peer's node programmed
 *
 * The clients' connections end on the control node itself. The limit beside the creates is the disk: how often a second it makes one small
 * write durable, one after the other; commits that are asked for together share one.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, fdatasyncSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { WeftClient } from '@weft/api/client';
import { parseIpv4 } from '@weft/core/ipv4';
import { parseMac } from '@weft/core/mac';
import { parseUuid } from '@weft/core/uuid';
import type { InstanceId, PortId } from '@weft/core/uuid';
import { portName } from '@weft/dataplane/names';
import type { Lab } from '@weft/lab/cluster';
import { workloadPin } from '@weft/lab/scenario';
import { waitFor } from '@weft/lab/wait';
import { netnsIsPinned } from '@weft/sys/netns';
import type { ApiClientsReport } from './api-clients.ts';
import type { Benchmark, BenchmarkContext } from './benchmark.ts';
import { clusterUp } from './cluster.ts';
import { FabricWatch, RESOLUTION_MS, untilFabrics } from './fabric-watch.ts';
import { formatCount, formatMs, percentile, table } from './figures.ts';

const CREATE_MS = 5000;
const SAMPLES = 100;
/** Present on one node while the second half is measured, as in the figures of others. */
const CROWD = 500;
/** Between two samples, for reports on their way. */
const REST_MS = 20;
const CROWD_MS = 120_000;
const PROGRAMMED_MS = 10_000;

type Tenant = Readonly<{ client: WeftClient; token: string; networkId: string }>;

async function run(context: BenchmarkContext): Promise<void> {
  const { print, scratch, signal } = context;
  await using lab = await clusterUp(context);
  print(`  the store is on a disk that makes ${formatCount(durableWritesPerSecond(scratch))} small writes durable a second, one by one\n`);

  const rows: string[][] = [];
  for (const clients of [1, 8]) {
    const report = await createPorts(lab, await makeTenant(lab, `creates${clients}`), clients, signal);
    const [p50, p99] = [0.5, 0.99].map((share) => formatMs(percentile(report.latenciesMs, share)));
    rows.push([`${clients} client${clients === 1 ? '' : 's'}`, formatCount(report.creates / report.seconds), p50!, p99!]);
  }
  print(table([['durable port creates', 'a second', 'p50', 'p99'], ...rows]));

  const tenant = await makeTenant(lab, 'programmed');
  await bothNodesActive(lab, tenant, 1);
  const alone = await measureProgrammed(lab, tenant, signal);
  const crowdedMs = await bothNodesActive(lab, tenant, CROWD);
  const crowded = await measureProgrammed(lab, tenant, signal);
  print(`\n  ${CROWD} instances with their ports on each of two nodes: active ${formatMs(crowdedMs)} after the first request\n`);
  print(table([['', 'p50', 'p99', 'goal'], ...rowsOf(alone, 2), ...rowsOf(crowded, 2 * CROWD + 2)]));
  print(`\n  ${SAMPLES} instances each, one after the other; the kernels’ events were looked at every ${RESOLUTION_MS} ms`);
}

async function makeTenant(lab: Lab, name: string): Promise<Tenant> {
  const admin = lab.client();
  const { id, token } = await admin.tenants.create({ name });
  const client = lab.client(token);
  const network = await admin.networks.create({ name, tenant_id: id });
  await client.subnets.create({ network_id: network.id, cidr: '10.0.0.0/16', ip_version: 4 });
  return { client, token, networkId: network.id };
}

async function createPorts(lab: Lab, tenant: Tenant, clients: number, signal: AbortSignal): Promise<ApiClientsReport> {
  signal.throwIfAborted();
  const url = `https://${lab.topology.controlHost}:${lab.topology.httpsPort}`;
  const program = fileURLToPath(new URL('api-clients.ts', import.meta.url));
  const args = [program, url, lab.paths.ca, tenant.networkId, String(clients), String(CREATE_MS)];
  const env = { ...process.env, WEFT_TOKEN: tenant.token };
  // A child that is started while this thread is inside a namespace lives there.
  const child = lab.network.netns('control').run(() => spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'inherit'] }));
  const [output, [code]] = await Promise.all([text(child.stdout), once(child, 'exit') as Promise<[number | null]>]);
  if (code !== 0) throw new Error(`the clients ended with ${code}`);
  return JSON.parse(output) as ApiClientsReport;
}

/** Puts so many instances on each compute node, and waits until all are active. Returns what that took. */
async function bothNodesActive(lab: Lab, tenant: Tenant, count: number): Promise<number> {
  const started = performance.now();
  const nodes = [lab.nodeId('compute1'), lab.nodeId('compute2')];
  const ports = await tenant.client.ports.createMany(
    nodes.flatMap(() => Array.from({ length: count }, () => ({ network_id: tenant.networkId }))),
  );
  const waiting = [...ports.entries()];
  const create = async (): Promise<void> => {
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      await createInstance(tenant, next[1].id, nodes[next[0] % 2]!);
    }
  };
  await Promise.all(Array.from({ length: 8 }, create));
  await waitFor({ expected: `${2 * count} more instances to be active`, withinMs: CROWD_MS, signal: lab.signal, everyMs: 50 }, async () => {
    // What ended will not come back: told below.
    if ([...lab.daemons()].some(([, daemon]) => !daemon.running)) return { done: undefined };
    const left = (await tenant.client.instances.list()).filter(({ status }) => status !== 'active');
    return left.length === 0 ? { done: undefined } : { seen: `${left.length} are not: ${left[0]?.error?.message ?? left[0]?.status}` };
  });
  lab.checkDaemons();
  return performance.now() - started;
}

async function createInstance(tenant: Tenant, portId: string, nodeId: string): Promise<string> {
  const { id } = await tenant.client.instances.create({
    name: '',
    command: ['sleep', 'infinity'],
    port_id: portId,
    addressing: 'static',
    node_id: nodeId,
  });
  return id;
}

/** Moments of one sample, by the monotonic clock. */
type Sample = Readonly<{ requested: number; answered: number; home: number; peer: number }>;

function rowsOf(samples: readonly Sample[], present: number): string[][] {
  const row = (name: string, ms: (sample: Sample) => number, goal = ''): string[] => {
    const values = samples.map((sample) => Math.max(0, ms(sample)));
    return [`${present} ports present: ${name}`, ...[0.5, 0.99].map((share) => formatMs(percentile(values, share))), goal];
  };
  return [
    row('answer → both kernels programmed', ({ answered, home, peer }) => Math.max(home, peer) - answered, 'p50 ≤ 10 ms'),
    row('answer → the port’s own', ({ answered, home }) => home - answered),
    row('answer → the peer’s', ({ answered, peer }) => peer - answered),
    row('request → answer', ({ requested, answered }) => answered - requested),
  ];
}

/** Instances on compute1, one after the other: until it has the port, and compute2 knows the way to it. */
async function measureProgrammed(lab: Lab, tenant: Tenant, signal: AbortSignal): Promise<readonly Sample[]> {
  const fabric = (node: 'compute1' | 'compute2'): string => join(lab.paths.node(node).run, 'netns', 'fabric');
  using home = new FabricWatch(fabric('compute1'));
  using peer = new FabricWatch(fabric('compute2'));
  const watches = [home, peer];
  const samples: Sample[] = [];
  for (let sample = 0; sample < SAMPLES; sample += 1) {
    const port = await tenant.client.ports.create({ network_id: tenant.networkId });
    const link = portName(parseUuid<PortId>(port.id));
    const mac = parseMac(port.mac_address);
    const address = parseIpv4(port.fixed_ips[0]?.ip_address);
    const requested = performance.now();
    const answer = createInstance(tenant, port.id, lab.nodeId('compute1')).then((id) => ({ id, answered: performance.now() }));
    const moments: { home?: number; peer?: number } = {};
    const programmed = untilFabrics(watches, { expected: `port ${port.id} in both kernels`, withinMs: PROGRAMMED_MS, signal }, (now) => {
      if (home.hasPort(link, mac, address)) moments.home ??= now;
      if (peer.hasPeer(mac, address)) moments.peer ??= now;
      return moments.home !== undefined && moments.peer !== undefined;
    });
    const [{ id, answered }, last] = await Promise.all([answer, programmed]);
    samples.push({ requested, answered, home: moments.home ?? last, peer: moments.peer ?? last });
    await tenant.client.instances.delete(id);
    await tenant.client.ports.delete(port.id);
    // All of it, so that the next one meets a cluster at rest: its namespace goes last.
    const pin = workloadPin(lab, { node: 'compute1', instanceId: parseUuid<InstanceId>(id) });
    await untilFabrics(
      watches,
      { expected: `instance ${id} gone`, withinMs: PROGRAMMED_MS, signal },
      () => watches.every((watch) => watch.hasForgotten(link, mac, address)) && !netnsIsPinned(pin),
    );
    await delay(REST_MS, undefined, { signal });
  }
  return samples;
}

function durableWritesPerSecond(directory: string): number {
  const fd = openSync(join(directory, 'durable'), 'w');
  try {
    const block = Buffer.alloc(4096, 1);
    const started = performance.now();
    let writes = 0;
    for (; performance.now() - started < 1000; writes += 1) {
      writeSync(fd, block);
      fdatasyncSync(fd);
    }
    return (writes * 1000) / (performance.now() - started);
  } finally {
    closeSync(fd);
  }
}

export const apiBenchmark: Benchmark = {
  name: 'api',
  about: 'durable port creates a second over REST, and from the API’s answer to both kernels',
  needsKernel: true,
  run,
};
