import { readFileSync } from 'node:fs';
import { parseIpv4 } from '@weft/core/ipv4';
import type { Ipv4 } from '@weft/core/ipv4';
import { parseMac } from '@weft/core/mac';
import { parseUuid } from '@weft/core/uuid';
import type { NetworkId, SubnetId } from '@weft/core/uuid';
import { expect } from '../check.ts';
import type { CheckContext } from '../check-context.ts';
import { nodesInSync } from '../nodes.ts';
import { dhcpClient } from '../probe/dhcp-client.ts';
import { ping } from '../probe/ping.ts';
import { BACK_CIDR, BACK_NAMES, createWorkload, deleteWorkload, workloadActive, workloadSpec } from '../scenario.ts';
import type { LabTenant, Workload } from '../scenario.ts';
import { SeparateControl } from '../separate-control.ts';
import { waitFor } from '../wait.ts';
import { leaseText } from './dhcp-lease.ts';
import type { LabCheck } from './lab-check.ts';
import { undisturbed } from './traffic.ts';

const BACK_GATEWAY = parseIpv4('10.1.0.1');
/** Three heartbeats, and what a busy machine adds. */
const MISSED_MS = 15_000;
const ACTIVE_MS = 15_000;
/** A launcher tries again after 5 s at the most. */
const JOINED_MS = 15_000;
const LEASE_MS = 5000;
/** Nothing may be answered for so long before the hint: it is sent a tenth of a second after the port. */
const SILENT_MS = 500;
const COUNT = 5;

type Way = Readonly<{ tenant: LabTenant; newcomer: Workload; to: string; address: Ipv4 }>;

/**
 * The gateways' hosts are cut off while each tenant's second network comes to compute1, and when they are back there is no controller any
 * more. What compute1's launcher said to them through the scheduler is enough: the newcomers reach their gateway, their neighbour on
 * compute2 and the world outside, and get their lease. Then the hosts' launchers are killed, and hear it again; and when the controller is back, its plan takes
 * over: all that without a packet lost.
 */
export const TENANT_ADDED: LabCheck = {
  id: 'tenant-added',
  needs: ['ping-mesh', 'ping-concentrator', 'outbound-nat', 'routing'],
  disturbs: true,
  run: async (context) => {
    const { lab, scenario } = context;
    const tenants = [scenario.red, scenario.blue];
    await using control = await SeparateControl.start(lab);
    const newcomers: (readonly [LabTenant, Workload])[] = [];
    try {
      await cut(context);
      for (const tenant of tenants) newcomers.push([tenant, await createNewcomer(context, tenant)]);
      for (const [tenant, newcomer] of newcomers) await running(context, tenant, newcomer);
      const ways = newcomers.flatMap(([tenant, newcomer]) => waysOf(context, tenant, newcomer));
      await unknownToGateways(context, ways);
      await control.controller.kill();
      plug(context, true);
      const startMs = performance.now();
      await waitFor(
        { expected: 'the newcomers to be joined by hints alone', withinMs: JOINED_MS, where: hostLogs(context), signal: context.signal },
        async () => {
          const silent = await unanswered(context, ways, 1);
          return silent.length === 0 ? { done: undefined } : { seen: `no answer from ${silent.join(', ')}` };
        },
      );
      const joinedMs = performance.now() - startMs;
      const lost = await unanswered(context, ways, COUNT);
      expect(lost.length === 0, `every echo of the newcomers to be answered`, `not by ${lost.join(', ')}`, hostLogs(context));
      for (const [tenant, newcomer] of newcomers) await leases(context, tenant, newcomer);
      expect(!control.controller.running, 'no controller to have had a part in it', `pid ${control.controller.pid}`);
      const detail = await undisturbed(context, newcomers.flatMap(flowsOf), async () => {
        await hostsStartAnew(context, tenants);
        control.controller.start();
        await nodesInSync(lab);
        // Up at its gateway, by the plan.
        for (const [tenant, newcomer] of newcomers) await workloadActive(lab, tenant.client, newcomer);
      });
      return `joined ${(joinedMs / 1000).toFixed(1)} s after the link was back, without a controller; while the hosts’ launchers were killed and its plan took over ${detail}`;
    } finally {
      plug(context, true);
      if (!control.controller.running) control.controller.start();
      await nodesInSync(lab);
      for (const [tenant, newcomer] of newcomers) await deleteWorkload(lab, tenant.client, newcomer);
    }
  },
};

function plug(context: CheckContext, plugged: boolean): void {
  for (const node of context.networkNodes()) context.lab.network.setCable(node, 'management', plugged);
}

/** Takes the network nodes' management cables out, and waits until nobody counts on them any more: what is sent later is never delivered. */
async function cut(context: CheckContext): Promise<void> {
  plug(context, false);
  const hosts = new Set<string>(context.networkNodes().map((node) => context.lab.nodeId(node)));
  const where = context.logOf('control');
  await waitFor({ expected: 'the network nodes to be missed', withinMs: MISSED_MS, where, signal: context.signal }, async () => {
    const nodes = await context.lab.client().nodes.list();
    const left = nodes.filter(({ id, status }) => hosts.has(id) && status === 'connected');
    return left.length === 0 ? { done: undefined } : { seen: `${left.map(({ hostname }) => hostname).join(', ')} still connected` };
  });
}

/** The first port of the tenant's second network on compute1. */
async function createNewcomer({ lab }: CheckContext, { name, client }: LabTenant): Promise<Workload> {
  const [network] = await client.networks.list({ name: 'back' });
  const [subnet] = await client.subnets.list({ cidr: BACK_CIDR });
  if (network === undefined || subnet === undefined) throw new Error(`tenant ${name} has no second network`);
  const fabric = { networkId: parseUuid<NetworkId>(network.id), subnetId: parseUuid<SubnetId>(subnet.id) };
  const place = { segment: 'back', ip: parseIpv4('10.1.0.12'), mac: parseMac('02:00:0a:01:00:12') } as const;
  return createWorkload(lab, client, name, fabric, { ...workloadSpec('newcomer', 'compute1', 12), ...place });
}

/** Its port cannot be up yet: its gateway's node does not know it. */
async function running(context: CheckContext, { name, client }: LabTenant, { instanceId }: Workload): Promise<void> {
  const where = context.logOf('compute1');
  await waitFor({ expected: `${name}’s newcomer to run`, withinMs: ACTIVE_MS, where, signal: context.signal }, async () => {
    const { status, error } = await client.instances.show(instanceId);
    return status === 'active' ? { done: undefined } : { seen: `${status}: ${error?.message ?? 'no error'}` };
  });
}

function waysOf(context: CheckContext, tenant: LabTenant, newcomer: Workload): Way[] {
  const neighbour = context.workload(tenant, BACK_NAMES[tenant.name]);
  return [
    { tenant, newcomer, to: 'its gateway', address: BACK_GATEWAY },
    { tenant, newcomer, to: neighbour.name, address: neighbour.ip },
    { tenant, newcomer, to: 'the outside', address: context.lab.topology.outsideHost },
  ];
}

function flowsOf([tenant, newcomer]: readonly [LabTenant, Workload]) {
  const known = { ...tenant, workloads: new Map([...tenant.workloads, [newcomer.name, newcomer]]) };
  return [BACK_NAMES[tenant.name], 'outside'].map((to) => ({ tenant: known, from: newcomer.name, to }));
}

/** Before the hint is delivered no gateway answers: what is seen afterwards is the hint's work. */
async function unknownToGateways(context: CheckContext, ways: readonly Way[]): Promise<void> {
  for (const { tenant, newcomer, address } of ways.filter((way) => way.address === BACK_GATEWAY)) {
    const { received } = await ping(context.place(newcomer), address, { timeoutMs: SILENT_MS, signal: context.signal });
    expect(received === 0, `${tenant.name}’s gateway, which cannot know of the newcomer, to be silent`, 'it answered');
  }
}

/** Where not all of `count` echoes came back from. */
async function unanswered(context: CheckContext, ways: readonly Way[], count: number): Promise<string[]> {
  const options = { count, intervalMs: 20, timeoutMs: count === 1 ? 300 : 2000, signal: context.signal };
  const results = await Promise.all(ways.map(({ newcomer, address }) => ping(context.place(newcomer), address, options)));
  return ways.filter((_, index) => results[index]!.received < count).map(({ tenant, to }) => `${to} to ${tenant.name}’s newcomer`);
}

/** A machine that asks for its address gets it. */
async function leases(context: CheckContext, tenant: LabTenant, newcomer: Workload): Promise<void> {
  const { ip, ...place } = context.place(newcomer);
  const outcome = await dhcpClient(place, { broadcastFlag: true, timeoutMs: LEASE_MS, signal: context.signal });
  const right = outcome.kind === 'bound' && outcome.address === ip && outcome.router === BACK_GATEWAY;
  expect(right, `a lease of ${ip} for ${tenant.name}’s newcomer, answered by broadcast`, leaseText(outcome), hostLogs(context));
}

/** Kills the launchers of the tenants' gateways, and waits until each one that takes its place was told the hints again. */
async function hostsStartAnew(context: CheckContext, tenants: readonly LabTenant[]): Promise<void> {
  const hosts = new Set(tenants.map((tenant) => context.gatewayNode(tenant)));
  for (const host of hosts) {
    const launcher = context.lab.daemon(host);
    const before = joins(launcher.logPath);
    await launcher.kill();
    launcher.start();
    const watch = { where: launcher.logPath, withinMs: JOINED_MS, signal: context.signal };
    await waitFor({ ...watch, expected: `a new launcher on ${host} to be told the hints` }, () =>
      joins(launcher.logPath) > before ? { done: undefined } : { seen: 'it has heard none' },
    );
  }
}

function joins(logPath: string): number {
  return readFileSync(logPath, 'utf8').split('a node joined a segment by its hint').length;
}

function hostLogs(context: CheckContext): string {
  return context
    .networkNodes()
    .map((node) => context.logOf(node))
    .join(', ');
}
