import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import assert from 'node:assert/strict';
import type { Cidr } from '@weft/core/cidr';
import type { Cidr6 } from '@weft/core/cidr6';
import type { Ipv4 } from '@weft/core/ipv4';
import type { Ipv6 } from '@weft/core/ipv6';
import type { Mac } from '@weft/core/mac';
import { Plan } from '@weft/core/plan/plan';
import type { ConcentratorId, InstanceId, PortId, SecurityGroupId, TenantId } from '@weft/core/uuid';
import type { Vni } from '@weft/core/vni';
import type { Place } from '@weft/lab/probe/place';
import { addrReplace } from '@weft/netlink/addr';
import { linkAdd, linkGet, linkSet } from '@weft/netlink/link';
import { Rtnl } from '@weft/netlink/rtnl';
import { netnsCreateUnpinned, netnsOpen } from '@weft/sys/netns';
import type { Netns } from '@weft/sys/netns';
import { Dataplane } from './dataplane.ts';
import { LinuxKernel } from './linux-kernel.ts';
import { WORKLOAD_LINK } from './names.ts';

/**
 * Two nodes and an outside host, all namespaces of this machine. Tenant 1 has segments 10001 (10.0.0.0/24) and 10002 (10.1.0.0/24), tenant 2
 * has 10003 (10.0.0.0/24 too); their gateways are on node 0. With `ipv6` each segment also has a prefix: fd00:1::/64, fd00:2::/64, and for
 * tenant 2 fd00:1::/64 too; addresses end as those of IPv4 do.
 *
 *     outside 203.0.113.254 ── uplink, node 0 ── 172.30.0.0/24 ── node 1
 *                              w1, w4            underlay         w2, w3
 */

export const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
const SILENT = { info: () => {}, warn: () => {} };
const id = <T extends string>(n: number): T => `0000000${n}-0000-4000-8000-000000000000` as T;
export const ip = (text: string): Ipv4 => text as Ipv4;
export const ip6 = (text: string): Ipv6 => text as Ipv6;
export const vni = (n: number): Vni => (10_000 + n) as Vni;
export const gatewayId = (tenant: number): ConcentratorId => id<ConcentratorId>(tenant);
export const OUTSIDE = ip('203.0.113.254');
/** Another address of the same host. */
export const OUTSIDE_TOO = ip('203.0.113.253');
export const INFRASTRUCTURE = '172.30.0.0/24' as Cidr;
const vtep = (node: number): Ipv4 => ip(`172.30.0.1${node + 1}`);
const mac = (n: number): Mac => `02:00:0a:00:00:1${n}` as Mac;
const gatewayMac = (segment: number): Mac => `02:00:0a:00:01:0${segment}` as Mac;
const prefixOf = (segment: number): Cidr6 => (segment === 2 ? 'fd00:2::/64' : 'fd00:1::/64') as Cidr6;
export const gatewayIp6 = (segment: number): Ipv6 => ip6(segment === 2 ? 'fd00:2::1' : 'fd00:1::1');
const gatewayIp = (segment: number): Ipv4 => ip(segment === 2 ? '10.1.0.1' : '10.0.0.1');
const GROUP = id<SecurityGroupId>(9);

export const WORKLOADS = [
  { n: 1, node: 0, segment: 1, address: ip('10.0.0.11'), address6: 'fd00:1::11' as Ipv6 },
  { n: 2, node: 1, segment: 1, address: ip('10.0.0.12'), address6: 'fd00:1::12' as Ipv6 },
  { n: 3, node: 1, segment: 2, address: ip('10.1.0.13'), address6: 'fd00:2::13' as Ipv6 },
  { n: 4, node: 0, segment: 3, address: ip('10.0.0.11'), address6: 'fd00:1::11' as Ipv6 },
] as const;

export function planOfNode(node: number, topology: 'mesh' | 'concentrator', ipv6 = false): Plan {
  const plan = new Plan();
  const other = vtep(1 - node);
  for (const segment of [1, 2, 3]) {
    const key = String(vni(segment));
    plan.set('segment', key, {
      vni: vni(segment),
      tunnel: 'vxlan',
      topology,
      hub: topology === 'concentrator' && node === 0,
      mtu: 1450,
    });
    plan.set('vtep', `${key}/${other}`, { vni: vni(segment), address: other });
    if (node === 1) {
      plan.set('peer', `${key}/${gatewayMac(segment)}`, {
        vni: vni(segment),
        mac: gatewayMac(segment),
        ips: [gatewayIp(segment), ...(ipv6 ? [gatewayIp6(segment)] : [])],
        vtep: other,
      });
    }
  }
  plan.set('vtepfilter', other, { address: other });
  const any = { protocol: undefined, portMin: undefined, portMax: undefined, remoteCidr: undefined, remoteGroup: undefined } as const;
  plan.set('group', GROUP, {
    groupId: GROUP,
    rules: [
      { ...any, direction: 'egress' },
      { ...any, direction: 'ingress' },
      ...(ipv6 ? (['egress', 'ingress'] as const).map((direction) => ({ ...any, direction, family: 'ipv6' as const })) : []),
    ],
  });
  for (const workload of WORKLOADS) {
    if (workload.node === node) setWorkload(plan, workload, ipv6);
    else
      plan.set('peer', `${vni(workload.segment)}/${mac(workload.n)}`, {
        vni: vni(workload.segment),
        mac: mac(workload.n),
        ips: [workload.address, ...(ipv6 ? [workload.address6] : [])],
        vtep: other,
      });
  }
  if (node === 0) for (const tenant of [1, 2]) setGateway(plan, tenant, tenant === 1 ? [1, 2] : [3], ipv6);
  return plan;
}

function setWorkload(plan: Plan, { n, segment, address, address6 }: (typeof WORKLOADS)[number], ipv6: boolean): void {
  plan.set('port', id(n), {
    portId: id<PortId>(n),
    vni: vni(segment),
    mac: mac(n),
    ips: [address, ...(ipv6 ? [address6] : [])],
    instanceId: id<InstanceId>(n),
    adminStateUp: true,
    portSecurity: true,
    groups: [GROUP],
  });
  plan.set('instance', id(n), {
    instanceId: id<InstanceId>(n),
    name: `w${n}`,
    generation: 1,
    runner: 'namespace',
    command: ['true'],
    portId: id<PortId>(n),
    mac: mac(n),
    mtu: 1450,
    addressing: 'static',
    addresses: [{ address, prefixLength: 24 }, ...(ipv6 ? [{ address: address6, prefixLength: 64 }] : [])],
    gateway: gatewayIp(segment),
    ...(ipv6 ? { gateway6: gatewayIp6(segment) } : {}),
  });
}

/** A tenant's gateway, 203.0.113.1<tenant>, with legs in these segments. */
export function setGateway(plan: Plan, tenant: number, segments: readonly number[], ipv6 = false): void {
  plan.set('gateway', gatewayId(tenant), {
    concentratorId: gatewayId(tenant),
    tenantId: id<TenantId>(tenant),
    generation: 1,
    uplink: { address: ip(`203.0.113.1${tenant}`), prefixLength: 24, gateway: OUTSIDE },
    infrastructure: [INFRASTRUCTURE],
    segments: segments.map((segment) => ({
      vni: vni(segment),
      mac: gatewayMac(segment),
      mtu: 1450,
      subnets: [
        { cidr: (segment === 2 ? '10.1.0.0/24' : '10.0.0.0/24') as Cidr, gatewayIp: gatewayIp(segment), dhcp: true, dnsNameservers: [] },
      ],
      ...(ipv6 ? { subnets6: [{ cidr: prefixOf(segment), gatewayIp: gatewayIp6(segment), dhcp: false, dnsNameservers: [] }] } : {}),
    })),
  });
}

/** A public address of tenant 1; `undefined` leads nowhere. */
export function setPublicIp(plan: Plan, address: Ipv4, internal: Ipv4 | undefined): void {
  plan.set('publicip', address, { concentratorId: gatewayId(1), address, internal });
}

type Node = Readonly<{ netns: Netns; kernel: LinuxKernel; plan: Plan; dataplane: Dataplane; runDir: string }>;

export class TwoNodes implements Disposable {
  readonly nodes: readonly Node[];
  readonly outside: Place;
  readonly #stack = new DisposableStack();

  constructor(topology: 'mesh' | 'concentrator', as: Readonly<{ ipv6?: boolean; connectionsPerPort?: number }> = {}) {
    const spaces = [0, 1, 2].map(() => this.#stack.use(netnsCreateUnpinned()));
    const [first, second, outer] = spaces as [Netns, Netns, Netns];
    wire(first, 'under', second, 'under');
    wire(first, 'up', outer, 'outer');
    setAddress(first, 'under', vtep(0));
    setAddress(second, 'under', vtep(1));
    for (const address of [OUTSIDE, OUTSIDE_TOO]) setAddress(outer, 'outer', address);
    this.outside = { netns: outer, ifname: 'outer', mac: '02:00:00:00:00:fe' as Mac, ip: OUTSIDE };
    this.nodes = [first, second].map((netns, node) => this.#node(netns, node, topology, as));
  }

  #node(
    netns: Netns,
    node: number,
    topology: 'mesh' | 'concentrator',
    { ipv6 = false, connectionsPerPort = 1000 }: Readonly<{ ipv6?: boolean; connectionsPerPort?: number }>,
  ): Node {
    const runDir = mkdtempSync(join(tmpdir(), 'weft-nodes-'));
    const kernel = netns.run(() => new LinuxKernel({ runDir }, { sha256 }));
    const facts = {
      vtep: vtep(node),
      underlayInterface: 'under',
      vxlanPort: 14_789,
      mtu: 1450,
      uplinkInterface: node === 0 ? 'up' : undefined,
      connectionsPerPort,
    };
    const again = (): Dataplane => new Dataplane({ facts, runDir }, { kernel, log: SILENT, sha256 });
    this.#stack.defer(() => {
      again().apply(new Plan(), 'all');
      kernel.remove({ kind: 'netns', place: 'fabric', loopback: false, sysctls: {} });
      kernel[Symbol.dispose]();
      rmSync(runDir, { recursive: true });
    });
    return { netns, kernel, plan: planOfNode(node, topology, ipv6), dataplane: again(), runDir };
  }

  get hub(): Node {
    return this.nodes[0]!;
  }

  /** Both nodes as their plans say. */
  apply(): void {
    for (const { dataplane, plan } of this.nodes) assert.deepEqual(dataplane.apply(plan, 'all'), new Map());
  }

  gatewayNetns(tenant: number): Netns {
    return this.#stack.use(netnsOpen(this.hub.dataplane.gatewayNetns(gatewayId(tenant))));
  }

  fabricNetns(): Netns {
    return this.#stack.use(netnsOpen(`${this.hub.runDir}/netns/fabric`));
  }

  workload(n: number): Place {
    const { node, address } = WORKLOADS[n - 1]!;
    const netns = this.#stack.use(netnsOpen(this.nodes[node]!.dataplane.workloadNetns(id<InstanceId>(n))));
    return { netns, ifname: WORKLOAD_LINK, mac: mac(n), ip: address };
  }

  [Symbol.dispose](): void {
    this.#stack.dispose();
  }
}

function wire(a: Netns, name: string, b: Netns, other: string): void {
  using rtnl = Rtnl.open(a);
  using there = Rtnl.open(b);
  linkAdd(rtnl, { kind: 'veth', name, peer: { name: other, netns: b } });
  linkSet(rtnl, linkGet(rtnl, name)!.index, { up: true });
  linkSet(there, linkGet(there, other)!.index, { up: true });
}

function setAddress(netns: Netns, name: string, address: Ipv4): void {
  using rtnl = Rtnl.open(netns);
  addrReplace(rtnl, { index: linkGet(rtnl, name)!.index, address, prefix: 24 });
}
