import * as fc from 'fast-check';
import type { Cidr } from '@weft/core/cidr';
import type { Cidr6 } from '@weft/core/cidr6';
import { isIpv6 } from '@weft/core/ip';
import type { IpAddress, IpCidr } from '@weft/core/ip';
import type { Ipv4 } from '@weft/core/ipv4';
import type { Ipv6 } from '@weft/core/ipv6';
import type { Mac } from '@weft/core/mac';
import { canonicalJson } from '@weft/core/canonical-json';
import type { GroupRule } from '@weft/core/plan/group';
import type { CompiledNatRule } from '@weft/core/plan/nat';
import { Plan, planRefText } from '@weft/core/plan/plan';
import type { PlanRef } from '@weft/core/plan/plan';
import type { RateLimit } from '@weft/core/rate-limit';
import type { ConcentratorId, InstanceId, PortId, SecurityGroupId, TenantId } from '@weft/core/uuid';
import type { Vni } from '@weft/core/vni';

/**
 * Plans of a small node, as the controller would compile them: a segment is there if anything is on it, a member if a rule names its group.
 * Four segments, six workloads, three groups, two gateways, three other nodes.
 */

type Workload = Readonly<{
  segment: number;
  /** The last bytes of its MAC and addresses: change one and it is another's. */
  host: number;
  second: boolean;
  /** Of IPv6 too. */
  six: boolean;
  up: boolean;
  guarded: boolean;
  groups: readonly number[];
  dhcp: boolean;
  limit: RateLimit | undefined;
  /** Elsewhere: a peer instead of a port. */
  /** With its own MAC, or the one that several have. */
  pairs: readonly Readonly<{ isOwn: boolean; cidr: string }>[] | undefined;
  node: number;
}>;

type Group = Readonly<{ openOut: boolean; stateless: boolean; ports: readonly number[]; remote: number | undefined }>;
/** `public` and `forwards`: where each public address, and each port of the gateway's own, leads: the last byte of an inside address. */
type Gateway = Readonly<{
  segments: readonly number[];
  uplink: boolean;
  second: boolean;
  six: boolean;
  public: readonly (number | undefined)[];
  forwards: readonly number[];
  /** Denied ports; undefined: no firewall. */
  firewall: readonly number[] | undefined;
  /** Ports that NAT rules lead inside, and ports whose connections they give another source; undefined: no rules. */
  nat: Readonly<{ inbound: readonly number[]; outbound: readonly number[] }> | undefined;
  limit: RateLimit | undefined;
}>;
export type World = Readonly<{
  workloads: readonly (Workload | undefined)[];
  groups: readonly Group[];
  gateways: readonly (Gateway | undefined)[];
}>;

const rate = fc.option(fc.constantFrom(64, 20_000), { nil: undefined });
const limit = fc.option(fc.record({ ingressKbps: rate, egressKbps: rate }), { nil: undefined });
const workload = fc.record({
  segment: fc.nat(3),
  host: fc.nat(3),
  second: fc.boolean(),
  six: fc.boolean(),
  up: fc.integer({ min: 0, max: 3 }).map((n) => n > 0),
  guarded: fc.integer({ min: 0, max: 3 }).map((n) => n > 0),
  groups: fc.subarray([0, 1, 2]),
  dhcp: fc.boolean(),
  pairs: fc.option(
    fc.array(
      fc.record({
        isOwn: fc.boolean(),
        cidr: fc.constantFrom('10.0.0.200/32', '10.9.0.0/16', '0.0.0.0/0', 'fd00:1::c8/128', 'fd00:9::/48', '::/0'),
      }),
      {
        minLength: 1,
        maxLength: 2,
      },
    ),
    { nil: undefined },
  ),
  limit,
  node: fc.constantFrom(0, 0, 0, 1, 2, 3),
});
const group = fc.record({
  openOut: fc.boolean(),
  stateless: fc.boolean(),
  ports: fc.subarray([22, 80, 443]),
  remote: fc.option(fc.nat(2), { nil: undefined }),
});
const gateway = fc.record({
  segments: fc.subarray([0, 1, 2, 3]),
  uplink: fc.boolean(),
  second: fc.boolean(),
  six: fc.boolean(),
  public: fc.uniqueArray(fc.option(fc.nat(3), { nil: undefined }), { maxLength: 2 }),
  forwards: fc.array(fc.nat(3), { maxLength: 2 }),
  firewall: fc.option(fc.subarray([22, 80, 443]), { nil: undefined }),
  nat: fc.option(fc.record({ inbound: fc.subarray([8022, 8080]), outbound: fc.subarray([25, 80]) }), { nil: undefined }),
  limit,
});

export const randomWorld: fc.Arbitrary<World> = fc.record({
  workloads: fc.array(fc.option(workload, { nil: undefined }), { minLength: 6, maxLength: 6 }),
  groups: fc.tuple(group, group, group),
  gateways: fc.tuple(fc.option(gateway, { nil: undefined }), fc.option(gateway, { nil: undefined })),
});

/** A world and what it becomes: each later one differs in a part of it. */
export const randomWorlds = (maxLength: number): fc.Arbitrary<readonly World[]> =>
  fc.tuple(randomWorld, fc.array(fc.tuple(randomWorld, fc.nat(5), fc.nat(2)), { minLength: 1, maxLength })).map(([first, others]) => {
    const worlds = [first];
    for (const [other, slot, kind] of others) {
      const last = worlds.at(-1) ?? first;
      const swap = <T>(from: readonly T[], to: readonly T[]): T[] =>
        from.map((item, at) => (at === slot % from.length ? (to[at] as T) : item));
      if (kind === 0) worlds.push({ ...last, workloads: swap(last.workloads, other.workloads) });
      else if (kind === 1)
        worlds.push({ ...last, groups: swap(last.groups, other.groups), workloads: swap(last.workloads, other.workloads) });
      else worlds.push({ ...other, groups: last.groups });
    }
    return worlds;
  });

const id = <T extends string>(kind: number, n: number): T => `${kind}000000${n}-${n}000-4000-8000-000000000000` as T;
export const portId = (n: number): PortId => id(1, n);
export const instanceId = (n: number): InstanceId => id(2, n);
export const groupId = (n: number): SecurityGroupId => id(3, n);
export const concentratorId = (n: number): ConcentratorId => id(4, n);
const tenantId = id<TenantId>(5, 1);
/** Of address pairs of several ports. */
const SHARED_MAC = '02:00:5e:00:01:01' as Mac;
export const vniOf = (segment: number): Vni => (10_000 + segment) as Vni;
const macOf = (host: number): Mac => `02:00:0a:00:00:1${host}` as Mac;
const gatewayMac = (segment: number): Mac => `02:00:0a:00:01:0${segment}` as Mac;
const addressOf = (host: number, second = false): Ipv4 => `10.0.${second ? 1 : 0}.${10 + host}` as Ipv4;
const address6Of = (host: number): Ipv6 => `fd00:1::1${host}` as Ipv6;
export const vtepOf = (node: number): Ipv4 => `172.30.0.${10 + node}` as Ipv4;

export function planOf(world: World): Plan {
  const plan = new Plan();
  const addressesOf = ({ host, second, six }: Workload): IpAddress[] => [
    addressOf(host),
    ...(second ? [addressOf(host, true)] : []),
    ...(six ? [address6Of(host)] : []),
  ];
  const taken = new Set<string>();
  const workloads = world.workloads.flatMap((workload, n) => {
    if (workload === undefined || taken.has(`${workload.segment} ${workload.host}`)) return [];
    taken.add(`${workload.segment} ${workload.host}`);
    return [{ n, ...workload, addresses: addressesOf(workload) }];
  });
  const here = workloads.filter(({ node }) => node === 0);
  const takenSegments = new Set<number>();
  const gateways = world.gateways.flatMap((gateway, n) => {
    if (gateway === undefined) return [];
    const segments = gateway.segments.filter((segment) => !takenSegments.has(segment));
    for (const segment of segments) takenSegments.add(segment);
    return [{ n, ...gateway, segments }];
  });
  const segments = new Set(
    [...here, ...gateways.flatMap(({ segments }) => segments.map((segment) => ({ segment })))].map(({ segment }) => segment),
  );
  for (const segment of segments) {
    const vni = vniOf(segment);
    const topology = segment % 2 === 0 ? 'mesh' : 'concentrator';
    const hasGateway = takenSegments.has(segment);
    const floods = here.some((each) => each.segment === segment && each.pairs !== undefined) ? { floods: true as const } : {};
    plan.set('segment', String(vni), {
      vni,
      tunnel: 'vxlan',
      topology,
      hub: topology === 'concentrator' && hasGateway,
      mtu: 1450,
      ...floods,
    });
    const others = workloads.filter((other) => other.node !== 0 && other.segment === segment);
    for (const other of others) {
      const vtep = vtepOf(other.node);
      plan.set('peer', `${vni}/${macOf(other.host)}`, { vni, mac: macOf(other.host), ips: other.addresses, vtep });
      plan.set('vtep', `${vni}/${vtep}`, { vni, address: vtep });
      plan.set('vtepfilter', vtep, { address: vtep });
    }
  }
  for (const { n, ...workload } of here) setWorkload(plan, n, workload);
  const used = new Set(here.flatMap(({ groups }) => groups));
  for (const n of used) setGroup(plan, n, world.groups[n]!);
  const named = new Set([...used].flatMap((n) => world.groups[n]?.remote ?? []));
  for (const member of workloads) {
    for (const n of member.groups.filter((candidate) => named.has(candidate))) {
      for (const address of member.addresses) plan.set('member', `${groupId(n)}/${address}`, { groupId: groupId(n), address });
    }
  }
  for (const { n, segments, ...wish } of gateways) setGateway(plan, n, segments, wish);
  return plan;
}

function setWorkload(plan: Plan, n: number, workload: Workload & Readonly<{ addresses: readonly IpAddress[] }>): void {
  const { segment, host, up, guarded, groups, dhcp, pairs, limit: rateLimit, addresses } = workload;
  plan.set('port', portId(n), {
    portId: portId(n),
    vni: vniOf(segment),
    mac: macOf(host),
    ips: addresses,
    instanceId: instanceId(n),
    adminStateUp: up,
    portSecurity: guarded,
    groups: groups.map(groupId),
    pairs: pairs?.map((pair) => ({ mac: pair.isOwn ? macOf(host) : SHARED_MAC, cidr: pair.cidr as IpCidr })),
    macs: pairs?.some(({ isOwn }) => !isOwn) === true && n === 0 ? [SHARED_MAC] : undefined,
    rateLimit,
  });
  plan.set('instance', instanceId(n), {
    instanceId: instanceId(n),
    name: `w${n}`,
    generation: 1,
    runner: 'namespace',
    command: ['true'],
    portId: portId(n),
    mac: macOf(host),
    mtu: 1450,
    addressing: dhcp ? 'dhcp' : 'static',
    addresses: addresses.map((address) => ({ address, prefixLength: isIpv6(address) ? 64 : 24 })),
    gateway: '10.0.0.1' as Ipv4,
    gateway6: addresses.some(isIpv6) ? ('fd00:1::1' as Ipv6) : undefined,
  });
}

function setGroup(plan: Plan, n: number, { openOut, stateless, ports, remote }: Group): void {
  const any = { protocol: undefined, portMin: undefined, portMax: undefined, remoteCidr: undefined, remoteGroup: undefined };
  const rules: GroupRule[] = ports.map((port) => ({ ...any, direction: 'ingress', protocol: 'tcp', portMin: port, portMax: port }));
  if (openOut)
    rules.push({ ...any, direction: 'egress' }, ...(ports.includes(443) ? [{ ...any, direction: 'egress', family: 'ipv6' } as const] : []));
  if (remote !== undefined) rules.push({ ...any, direction: openOut ? 'ingress' : 'egress', remoteGroup: groupId(remote) });
  if (remote !== undefined && ports.includes(80))
    rules.push({ ...any, direction: 'ingress', family: 'ipv6', remoteGroup: groupId(remote) });
  plan.set('group', groupId(n), { groupId: groupId(n), rules, ...(stateless ? { stateless } : {}) });
}

function setGateway(plan: Plan, n: number, segments: readonly number[], wish: Omit<Gateway, 'segments'>): void {
  const subnet = (second: boolean) => ({
    cidr: `10.0.${second ? 1 : 0}.0/24` as Cidr,
    gatewayIp: `10.0.${second ? 1 : 0}.1` as Ipv4,
    dhcp: true,
    dnsNameservers: [],
  });
  const subnet6 = (segment: number) => ({
    cidr: `fd00:${segment}::/64` as Cidr6,
    gatewayIp: `fd00:${segment}::1` as Ipv6,
    advertise: 'slaac' as const,
    dhcp: false,
    dnsNameservers: [],
  });
  plan.set('gateway', concentratorId(n), {
    concentratorId: concentratorId(n),
    tenantId,
    generation: 1,
    uplink: wish.uplink ? { address: `203.0.113.1${n}` as Ipv4, prefixLength: 24, gateway: '203.0.113.254' as Ipv4 } : undefined,
    infrastructure: ['172.30.0.0/24' as Cidr],
    segments: segments.map((segment) => ({
      vni: vniOf(segment),
      mac: gatewayMac(segment),
      mtu: 1450,
      subnets: wish.second ? [subnet(false), subnet(true)] : [subnet(false)],
      subnets6: wish.six ? [subnet6(segment)] : undefined,
    })),
    rateLimit: wish.limit,
  });
  if (wish.firewall !== undefined) {
    const rule = { direction: 'inbound', action: 'deny', protocol: 'tcp', remoteCidr: undefined } as const;
    const rules = wish.firewall.map((port) => ({ ...rule, portMin: port, portMax: port, local: port === 80 ? [addressOf(n)] : undefined }));
    plan.set('firewall', concentratorId(n), { concentratorId: concentratorId(n), rules });
  }
  if (wish.nat !== undefined) plan.set('nat', concentratorId(n), { concentratorId: concentratorId(n), rules: natRules(n, wish.nat) });
  if (!wish.uplink) return;
  for (const [at, host] of wish.public.entries()) {
    // The first one wanders between the gateways.
    const address = `203.0.113.${at === 0 ? 100 : 110 + n}` as Ipv4;
    if (plan.get('publicip', address) !== undefined) continue;
    plan.set('publicip', address, {
      concentratorId: concentratorId(n),
      address,
      internal: host === undefined ? undefined : addressOf(host),
    });
  }
  for (const [at, host] of wish.forwards.entries()) {
    const body = {
      concentratorId: concentratorId(n),
      address: `203.0.113.1${n}` as Ipv4,
      protocol: at === 0 ? 'tcp' : 'udp',
      port: 2222 + at,
    } as const;
    plan.set('forward', `${body.address}/${body.protocol}/${body.port}`, { ...body, internal: addressOf(host), internalPort: 22 });
  }
}

function natRules(n: number, { inbound, outbound }: NonNullable<Gateway['nat']>): CompiledNatRule[] {
  const match = (port: number) => ({ protocol: 'tcp', remoteCidr: undefined, portMin: port, portMax: port }) as const;
  return [
    ...inbound.map((port) => ({
      ...match(port),
      direction: 'inbound' as const,
      address: port === 8080 ? ('203.0.113.100' as Ipv4) : undefined,
      local: undefined,
      to: { address: addressOf(n), port: port - 8000 },
    })),
    ...outbound.map((port) => ({
      ...match(port),
      direction: 'outbound' as const,
      address: '203.0.113.100' as Ipv4,
      local: port === 25 ? [addressOf(n), addressOf(n + 1)] : undefined,
      to: undefined,
    })),
  ];
}

/** What differs between two plans, as the controller would name it. */
export function differenceOf(before: Plan, after: Plan): PlanRef[] {
  const refs = new Map([...before.refs(), ...after.refs()].map((ref) => [planRefText(ref), ref]));
  const text = (plan: Plan, { kind, key }: PlanRef): string => canonicalJson(plan.get(kind, key) ?? null);
  return [...refs.values()].filter((ref) => text(before, ref) !== text(after, ref));
}
