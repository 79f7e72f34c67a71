/**
 * What one node carries, all the way: REST API, server, launcher, kernel and processes, in a cluster with one network and one compute node.
 *
 *     ports      500 ports with workloads on the compute node: from the first request until all are up
 *     gateways   1,000 tenants, each with a network, a port and a public address: 1,000 concentrators on the network node, then none
 *     segments   200 segments × 31 ports with workloads by 128 callers on the compute node, then none
 *
 * "Up" is what the API says: the instance active, its port ACTIVE, the concentrator active. "Gone" is what the node says: no namespace, link
 * or server of it is left. A node that was not connected at one of the looks meanwhile is told of. `WEFT_SCALE=0.1` makes a tenth of all;
 * `WEFT_PARTS=ports,gateways` leaves out the others.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { WeftClient } from '@weft/api/client';
import { parseCidr } from '@weft/core/cidr';
import { parseIpv4 } from '@weft/core/ipv4';
import type { Lab } from '@weft/lab/cluster';
import { labTopology } from '@weft/lab/topology';
import type { LabNodeName, Topology } from '@weft/lab/topology';
import { linkList } from '@weft/netlink/link';
import { Rtnl } from '@weft/netlink/rtnl';
import { netnsOpen } from '@weft/sys/netns';
import type { Benchmark, BenchmarkContext } from './benchmark.ts';
import { byCallers } from './callers.ts';
import { clusterUp } from './cluster.ts';
import { formatMs, percentile } from './figures.ts';
import { footprint, processesOf } from './footprint.ts';
import type { Footprint } from './footprint.ts';

const CALLERS = 128;
const PORTS = 500;
const GATEWAYS = 1000;
const SEGMENTS = 200;
const PORTS_PER_SEGMENT = 31;
/** A small number of times the figure that is hoped for, at full scale: what takes longer is broken. */
const UP_MS = 600_000;
const LOOK_MS = 100;
const SERVER = 'dnsmasq';
const MIB = 1024 ** 2;

type Scaled = Readonly<{ lab: Lab; count: (all: number) => number; context: BenchmarkContext }>;

async function run(context: BenchmarkContext): Promise<void> {
  const scale = Number(process.env['WEFT_SCALE'] ?? 1);
  if (!(scale > 0 && scale <= 4)) throw new Error(`WEFT_SCALE is a number above 0 and up to 4, not ${process.env['WEFT_SCALE']}`);
  const parts = { ports, gateways, segments };
  const wanted = (process.env['WEFT_PARTS'] ?? Object.keys(parts).join()).split(',');
  await using lab = await clusterUp(context, smallTopology());
  const scaled: Scaled = { lab, context, count: (all) => Math.max(1, Math.round(all * scale)) };
  for (const [name, measure] of Object.entries(parts)) if (wanted.includes(name)) await measure(scaled);
}

async function ports({ lab, count, context }: Scaled): Promise<void> {
  const { client, networkId } = await tenant(lab, 'ports', '10.0.0.0/16');
  const nodeId = lab.nodeId('compute1');
  // The segment, its concentrator and all code paths are there before the clock starts.
  await makePort(client, networkId, nodeId);
  await until(lab, 'the first port to be up', () => notUp(client));
  const wanted = count(PORTS);
  const started = performance.now();
  const made = await client.ports.createMany(Array.from({ length: wanted }, () => ({ network_id: networkId })));
  const portsMs = performance.now() - started;
  await byCallers(CALLERS, made, async ({ id }) => void (await client.instances.create(workload(id, nodeId))));
  const answeredMs = performance.now() - started;
  await until(lab, `${wanted} ports to be up`, () => notUp(client));
  const upMs = performance.now() - started;
  context.print(`\n  ${wanted} ports with workloads on one node, ${CALLERS} callers: all up after ${formatMs(upMs)} (goal at 500: < 1 s)`);
  context.print(
    `  of that: ports answered after ${formatMs(portsMs)} (one request), the last instance's request after ${formatMs(answeredMs)}`,
  );
  const goneMs = await timedRemoval(lab, client, 'compute1');
  context.print(`  all removed, nothing of them left after ${formatMs(goneMs)}`);
}

async function gateways({ lab, count, context }: Scaled): Promise<void> {
  const wanted = count(GATEWAYS);
  const admin = patientClient(lab);
  const outside = await outsideNetwork(lab);
  const launcher = lab.daemon('network').pid!;
  const before = footprint(launcher, SERVER);
  const started = performance.now();
  const addresses: { client: WeftClient; id: string }[] = [];
  await byCallers(CALLERS, Array.from({ length: wanted }), async (_, n) => {
    const { client, networkId } = await tenant(lab, `small${n}`, '10.0.0.0/24');
    const port = await client.ports.create({ network_id: networkId });
    const { id } = await client.floatingIps.create({ floating_network_id: outside, port_id: port.id });
    addresses.push({ client, id });
  });
  const answeredMs = performance.now() - started;
  await until(lab, `${wanted} concentrators to be active`, async () => {
    const all = await admin.concentrators.list();
    const left = all.filter(({ status }) => status !== 'active');
    return all.length < wanted || left.length > 0
      ? `${all.length} there, ${left.length} are not: ${left[0]?.error?.message ?? ''}`
      : undefined;
  });
  const activeMs = performance.now() - started;
  await until(lab, `${wanted} address servers to run`, () => {
    const running = processesOf(SERVER).length;
    return running < wanted ? `${running}` : undefined;
  });
  const servedMs = performance.now() - started;
  const full = footprint(launcher, SERVER);
  context.print(`\n  ${wanted} tenants’ concentrators on one network node, ${CALLERS} callers of 5 requests a tenant`);
  context.print(
    `  made: requests answered after ${formatMs(answeredMs)}, all active ${formatMs(activeMs)}, DHCP and DNS ${formatMs(servedMs)}`,
  );
  context.print(`  memory each (goal ≤ 8 MB): ${perEach(before, full, wanted)}`);
  const idle = await cpuShare(launcher, context);
  context.print(`  the launcher at rest with all of them: ${(100 * idle).toFixed(1)} % of a core`);

  const retiring = performance.now();
  await byCallers(CALLERS, addresses, ({ client, id }) => client.floatingIps.delete(id));
  const deletedMs = performance.now() - retiring;
  await until(lab, 'no concentrator', async () => {
    const left = (await admin.concentrators.list()).length;
    return left > 0 ? `${left}` : undefined;
  });
  const forgottenMs = performance.now() - retiring;
  await until(lab, 'nothing of them left on the node', () => leftOn(lab, 'network'));
  const goneMs = performance.now() - retiring;
  const after = footprint(launcher, SERVER);
  context.print(
    `  retired: requests answered after ${formatMs(deletedMs)}, none known after ${formatMs(forgottenMs)} (with 5 s of idleness), zero left after ${formatMs(goneMs)}`,
  );
  context.print(`  not given back, each: ${perEach(before, after, wanted)}`);
}

async function segments({ lab, count, context }: Scaled): Promise<void> {
  const admin = patientClient(lab);
  const { id, token } = await admin.tenants.create({ name: 'segments' });
  const client = patientClient(lab, token);
  const nodeId = lab.nodeId('compute1');
  const launcher = lab.daemon('compute1').pid!;
  const networks: string[] = [];
  await byCallers(CALLERS, Array.from({ length: count(SEGMENTS) }), async (_, n) => {
    const network = await admin.networks.create({ name: `segment${n}`, tenant_id: id });
    const cidr = `10.${n >> 8}.${n & 255}.0/24`;
    await client.subnets.create({ network_id: network.id, cidr, ip_version: 4, gateway_ip: null, enable_dhcp: false });
    networks.push(network.id);
  });
  const before = footprint(launcher, SERVER);
  const jobs = Array.from({ length: networks.length * PORTS_PER_SEGMENT }, (_, at) => networks[at % networks.length]!);
  const latencies: number[] = [];
  const started = performance.now();
  await byCallers(CALLERS, jobs, async (networkId) => {
    const asked = performance.now();
    await makePort(client, networkId, nodeId);
    latencies.push(performance.now() - asked);
  });
  const answeredMs = performance.now() - started;
  await until(lab, `${jobs.length} ports to be up`, () => notUp(client));
  const upMs = performance.now() - started;
  const full = footprint(launcher, SERVER);
  const [p50, p99] = [0.5, 0.99].map((share) => formatMs(percentile(latencies, share)));
  context.print(
    `\n  ${networks.length} segments × ${PORTS_PER_SEGMENT} ports with workloads on one node, ${CALLERS} callers of 2 requests a port`,
  );
  context.print(`  answered after ${formatMs(answeredMs)} (a pair p50 ${p50}, p99 ${p99}), all up after ${formatMs(upMs)}`);
  context.print(`  ${formatMs(upMs / jobs.length)} a port; memory a port, workload included: ${perEach(before, full, jobs.length)}`);
  const goneMs = await timedRemoval(lab, client, 'compute1');
  context.print(`  all removed: zero left after ${formatMs(goneMs)}`);
}

/** Removes all workloads and ports of a tenant; until the node has nothing of them any more. */
async function timedRemoval(lab: Lab, client: WeftClient, node: LabNodeName): Promise<number> {
  const started = performance.now();
  await byCallers(CALLERS, await client.instances.list(), async ({ id, port_id: portId }) => {
    await client.instances.delete(id);
    await client.ports.delete(portId);
  });
  await until(lab, `nothing left on ${node}`, () => leftOn(lab, node));
  return performance.now() - started;
}

/** So many callers wait for one another: how long is what is measured. */
function patientClient({ api }: Lab, token = api.adminToken): WeftClient {
  return new WeftClient({ url: api.url, ca: api.ca, token, timeoutMs: UP_MS });
}

async function tenant(lab: Lab, name: string, cidr: string): Promise<Readonly<{ client: WeftClient; networkId: string }>> {
  const { token } = await patientClient(lab).tenants.create({ name });
  const client = patientClient(lab, token);
  const network = await client.networks.create({ name });
  await client.subnets.create({ network_id: network.id, cidr, ip_version: 4 });
  return { client, networkId: network.id };
}

async function makePort(client: WeftClient, networkId: string, nodeId: string): Promise<void> {
  const port = await client.ports.create({ network_id: networkId });
  await client.instances.create(workload(port.id, nodeId));
}

function workload(portId: string, nodeId: string): Parameters<WeftClient['instances']['create']>[0] {
  return { name: '', command: ['sleep', 'infinity'], port_id: portId, addressing: 'static', node_id: nodeId };
}

async function outsideNetwork(lab: Lab): Promise<string> {
  const { uplink, publicAddresses } = lab.topology;
  const network = await patientClient(lab).networks.create({ name: 'outside', 'router:external': true });
  const pool = { start: publicAddresses.first, end: publicAddresses.last };
  await patientClient(lab).subnets.create({
    network_id: network.id,
    cidr: uplink.cidr,
    ip_version: 4,
    gateway_ip: uplink.gateway,
    enable_dhcp: false,
    allocation_pools: [pool],
  });
  return network.id;
}

/** What is not up yet of a tenant's; undefined when all is. */
async function notUp(client: WeftClient): Promise<string | undefined> {
  const instances = await client.instances.list();
  const left = instances.filter(({ status }) => status !== 'active');
  if (left.length > 0) return `${left.length} instances are not: ${left[0]?.error?.message ?? left[0]?.status}`;
  const down = (await client.ports.list({ fields: ['id', 'status', 'device_owner'] })).filter(({ status }) => status !== 'ACTIVE');
  return down.length > 0 ? `${down.length} ports are not` : undefined;
}

/** What a node still has of tenants; undefined for nothing. */
function leftOn(lab: Lab, node: LabNodeName): string | undefined {
  const { run } = lab.paths.node(node);
  const places = readdirSync(join(run, 'netns')).filter((name) => name !== 'fabric');
  if (places.length > 0) return `${places.length} namespaces`;
  using netns = netnsOpen(join(run, 'netns', 'fabric'));
  using rtnl = Rtnl.open(netns);
  const links = linkList(rtnl).filter(({ name }) => name !== 'lo');
  if (links.length > 0) return `${links.length} links`;
  const servers = node === 'network' ? processesOf(SERVER).length : 0;
  return servers > 0 ? `${servers} servers` : undefined;
}

/** Looks until there is nothing to say any more. Tells of nodes that were lost meanwhile, once. */
async function until(lab: Lab, expected: string, look: () => Promise<string | undefined> | string | undefined): Promise<void> {
  const deadline = performance.now() + UP_MS;
  const lost = new Set<string>();
  let seen: string | undefined = '';
  let looks = 0;
  while ((seen = await look()) !== undefined) {
    lab.signal.throwIfAborted();
    lab.checkDaemons();
    if (performance.now() > deadline) throw new Error(`expected ${expected} within ${UP_MS / 1000} s; seen: ${seen}`);
    looks += 1;
    if (looks % 20 === 0) {
      for (const { hostname, status } of await patientClient(lab).nodes.list()) if (status !== 'connected') lost.add(hostname);
    }
    await delay(LOOK_MS, undefined, { signal: lab.signal });
  }
  if (lost.size > 0) console.log(`  LOST while waiting for ${expected}: ${[...lost].join(', ')}`);
}

/** The share of a core that a process uses, over a minute: in it the launcher compares everything once. */
async function cpuShare(pid: number, { signal }: BenchmarkContext): Promise<number> {
  const ticks = (): number => {
    const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]!.split(' ');
    return Number(fields[11]) + Number(fields[12]);
  };
  const [before, started] = [ticks(), performance.now()];
  await delay(60_000, undefined, { signal });
  return ((ticks() - before) * 10) / (performance.now() - started);
}

function perEach(before: Footprint, now: Footprint, count: number): string {
  const kb = (bytes: number): string => `${(bytes / count / 1024).toFixed(0)} kB`;
  const server = now.processes === 0 ? '' : `, ${SERVER} ${kb(now.pss - before.pss)} PSS`;
  const launcher = `launcher ${kb(now.rss - before.rss)} (${(now.rss / MIB).toFixed(0)} MB RSS in all)`;
  return `${kb(now.inUse - before.inUse)} altogether: ${launcher}, kernel slab ${kb(now.slab - before.slab)}${server}`;
}

/** The lab with one network node and one compute node, and room for a thousand gateways and public addresses on the uplink. */
function smallTopology(): Topology {
  const lab = labTopology();
  const nodes = lab.nodes.filter(({ name }) => name !== 'network2' && name !== 'compute2');
  const uplink = parseCidr('203.0.96.0/19');
  return {
    ...lab,
    wires: { ...lab.wires, uplink },
    nodes,
    uplink: { ...lab.uplink, cidr: uplink, first: parseIpv4('203.0.96.1'), last: parseIpv4('203.0.111.254') },
    publicAddresses: { first: parseIpv4('203.0.114.0'), last: parseIpv4('203.0.127.254') },
  };
}

export const nodeBenchmark: Benchmark = {
  name: 'node',
  about: '500 ports until all are up, 1,000 concentrators, 200 segments × 31 ports: through the API, on one node',
  needsKernel: true,
  run,
};
