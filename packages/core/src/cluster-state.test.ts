import { pairAddress } from './address-pair.ts';
import type { IpAddress, IpCidr } from './ip.ts';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { AddressPair } from './address-pair.ts';
import { parseCidr } from './cidr.ts';
import { ClusterState } from './cluster-state.ts';
import type { AddressHold } from './address-hold.ts';
import type { FirewallRule } from './firewall-rule.ts';
import { parseIpv4 } from './ipv4.ts';
import type { Ipv4 } from './ipv4.ts';
import { parseMac } from './mac.ts';
import type { Mac } from './mac.ts';
import type { NatRule } from './nat-rule.ts';
import type {
  Changes,
  Concentrator,
  FloatingIp,
  Instance,
  Network,
  Node,
  Port,
  PortForwarding,
  Resource,
  ResourceOf,
  Tenant,
} from './resource.ts';
import { isSubnet4 } from './subnet.ts';
import type { Subnet, Subnet4 } from './subnet.ts';
import { resourceKey } from './resource.ts';
import type { SecurityGroup, SecurityGroupRule } from './security-group.ts';
import type { NetworkId, NodeId, Uuid } from './uuid.ts';
import { QUOTA_RESOURCES, quotaResourceOf } from './quota.ts';
import type { QuotaResource } from './quota.ts';
import type { RbacPolicy } from './rbac-policy.ts';
import { NETWORK_DHCP } from './dhcp-service.ts';
import { ROUTER_INTERFACE } from './router.ts';
import type { Router } from './router.ts';
import { segmentGateways, servingGateway } from './segment-gateway.ts';
import type { SegmentGateway } from './segment-gateway.ts';
import { parseVni } from './vni.ts';
import type { Vni } from './vni.ts';

/**
 * A small world: a few ids of each kind, and records whose `variant` decides what they say. Whatever a state may assume – one port for a
 * MAC of a network, one instance for a port, a subnet in its network's tenant – holds for every combination; all else, also records that
 * name what is not there, comes up.
 */
const COUNT = {
  tenant: 2,
  network: 3,
  subnet: 4,
  port: 6,
  router: 2,
  securityGroup: 3,
  securityGroupRule: 4,
  node: 3,
  concentrator: 4,
  instance: 5,
  floatingIp: 4,
  portForwarding: 4,
  firewallRule: 4,
  natRule: 4,
  addressHold: 3,
  quota: 2,
  subnetPool: 2,
  rbacPolicy: 4,
};
const LAST_CONCENTRATOR = COUNT.concentrator - 1;
type Kind = keyof typeof COUNT;
const KINDS = Object.keys(COUNT) as readonly Kind[];

function id<T extends Uuid>(kind: Kind, n: number): T {
  return `${String(KINDS.indexOf(kind)).padStart(8, '0')}-0000-4000-8000-${String(n % COUNT[kind]).padStart(12, '0')}` as T;
}

const stamps = { revision: 1, createdAt: '', updatedAt: '' };

function record(kind: Kind, n: number, variant: number): Resource {
  const v = (divisor: number): number => Math.floor(variant / divisor);
  const networkTenant = (network: number): Tenant['id'] => id('tenant', network % COUNT.network);
  const common = { name: String(variant), description: '', ...stamps };
  switch (kind) {
    case 'tenant':
      return {
        kind,
        id: id(kind, n),
        name: '',
        description: '',
        enabled: true,
        tokenHash: `${n} ${variant % 2}`,
        automaticGateway: variant % 3 > 0,
        sshReach: false,
        ...stamps,
      };
    case 'network':
      return {
        kind,
        id: id(kind, n),
        tenantId: networkTenant(n),
        adminStateUp: true,
        portSecurityEnabled: true,
        external: v(3) % 3 === 1,
        topology: 'mesh',
        vni: parseVni(10_000 + 10 * n + (variant % 3)),
        mtu: 1450,
        gatewayMac: parseMac('02:00:00:00:ff:01'),
        ...common,
      };
    case 'subnet':
      return {
        kind,
        id: id(kind, n),
        tenantId: networkTenant(variant),
        networkId: id('network', variant),
        ipVersion: 4,
        cidr: parseCidr('10.0.0.0/24'),
        gatewayIp: v(3) % 2 === 0 ? undefined : parseIpv4('10.0.0.1'),
        enableDhcp: true,
        dnsNameservers: [],
        allocationPools: [],
        subnetPoolId: v(5) % 2 === 0 ? undefined : id('subnetPool', v(7)),
        ...common,
      };
    case 'port':
      return {
        kind,
        id: id(kind, n),
        tenantId: networkTenant(variant),
        networkId: id('network', variant),
        adminStateUp: true,
        mac: parseMac(`02:00:00:00:0${n}:0${v(3) % 2}`),
        fixedIps: Array.from({ length: v(2) % 3 }, (_, index) => ({
          subnetId: id('subnet', variant + index),
          // Two ports may share an address, on different subnets.
          address: parseIpv4(`10.0.0.${10 + n - ((variant + index) % COUNT.subnet)}`),
        })),
        addressPairs: [undefined, [examplePair('10.0.0.9/32', v(4))], [examplePair('10.1.0.0/16', v(4)), examplePair('10.0.0.9/32', n)]][
          v(6) % 3
        ],
        securityGroups: [id<SecurityGroup['id']>('securityGroup', variant), id<SecurityGroup['id']>('securityGroup', variant + 1)].slice(
          v(5) % 3,
        ),
        portSecurityEnabled: v(7) % 3 > 0,
        deviceId: variant % 4 === 1 ? id('router', v(4)) : '',
        // A network has one DHCP port at most.
        deviceOwner: variant % 4 === 1 ? ROUTER_INTERFACE : n === 0 && variant % 4 === 2 ? NETWORK_DHCP : '',
        ...common,
      };
    case 'router':
      return { kind, id: id(kind, n), tenantId: id('tenant', n), adminStateUp: true, externalGateway: undefined, routes: [], ...common };
    case 'securityGroup':
      return { kind, id: id(kind, n), tenantId: id('tenant', variant), isDefault: true, ...common };
    case 'securityGroupRule':
      return {
        kind,
        id: id(kind, n),
        tenantId: id('tenant', variant),
        groupId: id('securityGroup', variant),
        description: '',
        direction: 'ingress',
        ethertype: v(4) === 3 ? 'IPv6' : 'IPv4',
        protocol: undefined,
        portMin: undefined,
        portMax: undefined,
        remoteCidr: undefined,
        remoteText: undefined,
        remoteGroupId: v(3) % 3 === 0 ? undefined : id('securityGroup', v(5)),
        ...stamps,
      };
    case 'node': {
      const vtep = variant % 3 === 0 ? undefined : parseIpv4(`10.88.${n}.${variant % 3}`);
      return { kind, id: id(kind, n), hostname: '', roles: ['compute'], vtep, ...stamps };
    }
    case 'concentrator': {
      const nodeId = variant % 4 === 3 ? undefined : id<NodeId>('node', variant);
      const [prefixLength, gateway] = [24, parseIpv4('10.0.0.1')];
      const uplink = v(4) % 3 === 0 ? undefined : { address: parseIpv4(`10.0.0.${95 + 2 * n + (variant % 2)}`), prefixLength, gateway };
      const networkId = n === LAST_CONCENTRATOR ? id<Network['id']>('network', n) : undefined;
      const routerId = n < 2 || networkId !== undefined ? undefined : id<Router['id']>('router', n);
      const tenantId = networkId === undefined ? id<Tenant['id']>('tenant', n) : networkTenant(n);
      return { kind, id: id(kind, n), tenantId, routerId, networkId, nodeId, generation: 1, uplink, ...stamps };
    }
    case 'instance': {
      const nodeId = variant % 4 === 3 ? undefined : id<NodeId>('node', variant);
      // Five instances share six ports without ever meeting: each has one of its own, or, the last of them, a sixth.
      const portId = id<Port['id']>('port', n === 4 && v(4) % 2 === 1 ? 5 : n);
      return {
        kind,
        id: id(kind, n),
        tenantId: id('tenant', n),
        name: '',
        command: ['true'],
        portId,
        addressing: 'static',
        requestedNodeId: undefined,
        nodeId,
        generation: 1,
        // Unique in the tenant: instances 0, 2 and 4 are one tenant's.
        sshPort: v(4) % 3 === 0 ? undefined : 100 + 10 * n + (variant % 2),
        ...stamps,
      };
    }
    case 'floatingIp': {
      const isAssociated = v(3) % 2 === 0;
      return {
        kind,
        id: id(kind, n),
        tenantId: id('tenant', variant),
        description: '',
        floatingNetworkId: id('network', variant),
        subnetId: id('subnet', variant),
        address: parseIpv4(`10.0.0.${100 + 2 * n + (variant % 2)}`),
        portId: isAssociated ? id('port', variant) : undefined,
        fixedIp: isAssociated ? parseIpv4('10.0.0.5') : undefined,
        ...stamps,
      };
    }
    case 'portForwarding':
      return {
        kind,
        id: id(kind, n),
        tenantId: id('tenant', variant),
        description: '',
        floatingIpId: id('floatingIp', variant),
        protocol: 'tcp',
        externalFirst: 80,
        externalLast: 80,
        internalPortId: id('port', v(2)),
        internalAddress: parseIpv4('10.0.0.5'),
        internalFirst: 80,
        ...stamps,
      };
    case 'firewallRule':
      return {
        kind,
        id: id(kind, n),
        tenantId: id('tenant', variant),
        portId: v(3) % 2 === 0 ? undefined : id('port', v(2)),
        direction: 'inbound',
        action: 'deny',
        protocol: undefined,
        remoteCidr: undefined,
        portMin: undefined,
        portMax: undefined,
        priority: variant,
        description: '',
        ...stamps,
      };
    case 'natRule':
      return {
        kind,
        id: id(kind, n),
        tenantId: id('tenant', variant),
        portId: v(3) % 2 === 0 ? undefined : id('port', v(2)),
        direction: 'outbound',
        protocol: undefined,
        remoteCidr: undefined,
        portMin: undefined,
        portMax: undefined,
        floatingIpId: v(3) % 3 === 0 ? undefined : id('floatingIp', v(2)),
        toPort: undefined,
        priority: variant,
        description: '',
        ...stamps,
      };
    case 'subnetPool': {
      const lengths = { minPrefixLength: 8, maxPrefixLength: 32, defaultPrefixLength: 24 };
      const prefixes = [parseCidr('10.0.0.0/8')];
      return { kind, id: id(kind, n), tenantId: id('tenant', variant), prefixes, ...lengths, isDefault: false, shared: false, ...common };
    }
    case 'rbacPolicy': {
      const [networkId, target] = [id<Network['id']>('network', variant), variant % 2 === 0 ? '*' : id<Tenant['id']>('tenant', v(2))];
      const action = v(3) % 2 === 0 ? 'access_as_shared' : 'access_as_external';
      return {
        kind,
        id: id(kind, n),
        tenantId: networkTenant(variant),
        objectType: 'network',
        objectId: networkId,
        action,
        target,
        ...stamps,
      };
    }
    case 'quota':
      return { kind, id: id(kind, n), tenantId: id('tenant', variant), limits: { port: variant }, ...stamps };
    case 'addressHold':
      return {
        kind,
        id: id(kind, n),
        address: parseIpv4(`10.0.0.${100 + (variant % 6)}`),
        nodeId: id('node', variant),
        concentratorId: id('concentrator', v(2)),
        formerTenantId: id('tenant', variant),
        internal: undefined,
        ...stamps,
      };
  }
}

const wish = fc.record({ kind: fc.constantFrom(...KINDS), n: fc.nat(5), variant: fc.nat(60), remove: fc.boolean() });
type Wish = Readonly<{ kind: Kind; n: number; variant: number; remove: boolean }>;

/** Wishes as one change; each record at most once, removals only of what is there. */
function toChanges(state: ClusterState, wishes: readonly Wish[]): Changes {
  const chosen = new Map<string, Wish>();
  for (const given of wishes) {
    const n = given.n % COUNT[given.kind];
    chosen.set(`${given.kind} ${n}`, { ...given, n });
  }
  const put: Resource[] = [];
  const remove: Resource[] = [];
  for (const { kind, n, variant, remove: gone } of chosen.values()) {
    if (!gone) put.push(record(kind, n, variant));
    else if (state.get(kind, id(kind, n)) !== undefined) remove.push(record(kind, n, variant));
  }
  return { put, remove };
}

/** Its MAC may be a port's own. */
function examplePair(cidr: string, n: number): AddressPair {
  return { mac: parseMac(`02:00:00:00:0${n % 6}:00`), cidr: parseCidr(cidr), text: cidr };
}

/** What commands and plans ask of a state. */
type Questions = Omit<ClusterState, 'fork' | 'apply' | 'get' | 'all' | 'identity' | Exclude<TableName, 'networks'>>;
type TableName = { [K in keyof ClusterState]: ClusterState[K] extends Map<Uuid, Resource> ? K : never }[keyof ClusterState];

/** Everything that the state answers, as sorted text; asked for every id of the world, there or not. */
function answers(state: Questions): string[] {
  const lines: string[] = [];
  const say = (question: string, answer: unknown): void => void lines.push(`${question}: ${JSON.stringify(answer) ?? 'none'}`);
  const ids = <T extends { readonly id: string }>(items: Iterable<T>): string[] => Array.from(items, (item) => item.id).toSorted();
  const texts = (items: Iterable<string>): string[] => [...items].toSorted();
  for (const n of Array.from({ length: 6 }, (_, index) => index)) {
    const tenantId = id<Tenant['id']>('tenant', n);
    const networkId = id<Network['id']>('network', n);
    const subnetId = id<Subnet['id']>('subnet', n);
    const portId = id<Port['id']>('port', n);
    const groupId = id<SecurityGroup['id']>('securityGroup', n);
    const nodeId = id<NodeId>('node', n);
    say(`networks of ${n}`, ids(state.networksOf(tenantId)));
    say(
      `counts of ${n}`,
      QUOTA_RESOURCES.map((resource) => state.ownedCount(tenantId, resource)),
    );
    say(`groups of ${n}`, ids(state.groupsOf(tenantId)));
    const routerId = id<Router['id']>('router', n);
    say(`concentrator of ${n}`, [
      state.concentratorOf(tenantId)?.id,
      state.concentratorOfRouter(routerId)?.id,
      state.concentratorOfNetwork(networkId)?.id,
    ]);
    say(`DHCP port of ${n}`, state.dhcpPortOn(networkId)?.id);
    say(`concentrators of ${n}`, ids(state.concentratorsOf(tenantId)));
    say(`routers of ${n}`, ids(state.routersOf(tenantId)));
    say(`interfaces of ${n}`, [ids(state.interfacesOf(routerId)), ids(state.interfacesOn(networkId))]);
    say(`gateway of subnet ${n}`, state.gatewayOfSubnet(subnetId)?.id);
    say(`subnets of ${n}`, ids(state.subnetsOf(networkId)));
    say(`subnets from ${n}`, ids(state.subnetsFrom(id('subnetPool', n))));
    say(`policies of ${n}`, ids(state.policiesOf(networkId)));
    say(`networks used by ${n}`, texts(state.networksUsedBy(tenantId)));
    say(`ports of ${n}`, [state.portCount(networkId), ...ids(state.portsOf(networkId))]);
    say(`nodes of ${n}`, texts(state.nodesOf(networkId)));
    say(`addresses of ${n}`, state.addressCount(subnetId));
    say(`rules of ${n}`, ids(state.rulesOf(groupId)));
    say(`ports in ${n}`, ids(state.portsIn(groupId)));
    say(`nodes using ${n}`, texts(state.nodesUsing(groupId)));
    say(`remotes of ${n}`, texts(state.remotesOf(groupId)));
    say(`named by ${n}`, texts(state.namedBy(groupId)));
    say(`members of ${n}`, texts(state.membersOf(groupId)));
    say(`member prefixes of ${n}`, texts(state.memberPrefixesOf(groupId)));
    say(`pairs in ${n}`, state.hasPairs(networkId));
    say(`instances on ${n}`, ids(state.instancesOn(nodeId)));
    say(`concentrators on ${n}`, ids(state.concentratorsOn(nodeId)));
    say(`segments on ${n}`, texts(state.segmentsOn(nodeId)));
    say(`groups on ${n}`, texts(state.groupsOn(nodeId)));
    say(`floating IPs of ${n}`, ids(state.floatingIpsOf(tenantId)));
    say(`floating IPs in ${n}`, ids(state.floatingIpsIn(subnetId)));
    say(`floating IPs of port ${n}`, ids(state.floatingIpsOfPort(portId)));
    say(`forwardings of ${n}`, ids(state.forwardingsOf(id<FloatingIp['id']>('floatingIp', n))));
    say(`forwardings to ${n}`, ids(state.forwardingsTo(portId)));
    say(`firewall rules of ${n}`, ids(state.firewallRulesOf(tenantId)));
    say(`firewall rules of port ${n}`, ids(state.firewallRulesOfPort(portId)));
    say(`NAT rules of ${n}`, ids(state.natRulesOf(tenantId)));
    say(`NAT rules of port ${n}`, ids(state.natRulesOfPort(portId)));
    say(`NAT rules using ${n}`, ids(state.natRulesUsing(id<FloatingIp['id']>('floatingIp', n))));
    say(`holds on ${n}`, ids(state.holdsOn(nodeId)));
    say(`instance of port ${n}`, [state.instanceOfPort(portId)?.id, state.nodeOfPort(portId)]);
    const network = state.networks.get(networkId);
    say(`gateway of ${n}`, network === undefined ? undefined : state.gatewayOf(network)?.id);
    const legs = (network === undefined ? [] : state.gatewaysOf(network)).map((gateway) => [
      gateway.concentrator.id,
      gateway.mac,
      gateway.legs.map(({ subnet, address }) => `${subnet.id} ${address}`).toSorted(),
    ]);
    say(`gateways of ${n}`, legs);
    for (const m of [0, 1, 2]) {
      say(`carries ${n} ${m}`, state.carries(id('node', m), networkId));
      say(`uses ${n} ${m}`, state.usesGroup(id('node', m), groupId));
      say(`vni ${n} ${m}`, state.networkByVni.get(parseVni(10_000 + 10 * n + m)));
      say(`token ${n} ${m}`, state.tenantByTokenHash.get(`${n} ${m}`));
      say(`vtep ${n} ${m}`, state.nodeByVtep(parseIpv4(`10.88.${n}.${m}`))?.id);
      for (const p of [0, 1, 2, 3, 4, 5])
        say(`mac ${m} ${p} ${n}`, state.portByMac(id('network', m), parseMac(`02:00:00:00:0${p}:0${n % 2}`))?.id);
      const pairMac = parseMac(`02:00:00:00:0${n}:00`);
      say(`pair mac ${m} ${n}`, [
        state.portByPairMac(id('network', m), pairMac)?.id,
        ...ids(state.portsByPairMac(id('network', m), pairMac)),
      ]);
    }
    for (let host = 5; host < 20; host += 1) {
      const address = parseIpv4(`10.0.0.${host}`);
      say(`address ${n} ${host}`, state.portByAddress(subnetId, address)?.id);
      say(`member ${n} ${host}`, state.isMember(groupId, address));
    }
  }
  for (let n = 0; n < 60; n += 1) {
    say(
      `SSH port ${n}`,
      [0, 1].map((tenant) => state.instanceBySshPort(id<Tenant['id']>('tenant', tenant), 100 + n)?.id ?? null),
    );
    const address = parseIpv4(`10.0.0.${95 + n}`);
    say(`public address ${n}`, [state.floatingIpByAddress(address)?.id, state.concentratorByUplink(address)?.id]);
    const asking = [undefined, id<Concentrator['id']>('concentrator', n)];
    say(`holds at ${n}`, [ids(state.holdsAt(address)), asking.map((gateway) => state.isHeldByAnother(address, gateway))]);
  }
  return lines.toSorted();
}

/** The same questions, answered by looking at every record each time: the definition of the indexes. */
class Scan implements Questions {
  readonly #records: readonly Resource[];

  constructor(records: Iterable<Resource>) {
    this.#records = [...records];
  }

  get networks(): Map<Network['id'], Network> {
    return new Map(this.#all('network').map((network) => [network.id, network]));
  }
  get networkByVni(): Map<Vni, Network> {
    return new Map(this.#all('network').map((network) => [network.vni, network]));
  }
  get tenantByTokenHash(): Map<string, Tenant> {
    return new Map(this.#all('tenant').map((tenant) => [tenant.tokenHash, tenant]));
  }
  *networksOf(tenantId: Uuid): Generator<Network> {
    yield* this.#all('network').filter((network) => network.tenantId === tenantId);
  }
  *subnetsOf(networkId: Uuid): Generator<Subnet> {
    yield* this.#all('subnet').filter((subnet) => subnet.networkId === networkId);
  }
  *portsOf(networkId: Uuid): Generator<Port> {
    yield* this.#all('port').filter((port) => port.networkId === networkId);
  }
  portCount(networkId: Uuid): number {
    return [...this.portsOf(networkId)].length;
  }
  *groupsOf(tenantId: Uuid): Generator<SecurityGroup> {
    yield* this.#all('securityGroup').filter((group) => group.tenantId === tenantId);
  }
  *rulesOf(groupId: Uuid): Generator<SecurityGroupRule> {
    yield* this.#all('securityGroupRule').filter((rule) => rule.groupId === groupId);
  }
  *portsIn(groupId: SecurityGroup['id']): Generator<Port> {
    yield* this.#all('port').filter((port) => port.securityGroups.includes(groupId));
  }
  *instancesOn(nodeId: NodeId): Generator<Instance> {
    yield* this.#all('instance').filter((instance) => instance.nodeId === nodeId);
  }
  *concentratorsOn(nodeId: NodeId): Generator<Concentrator> {
    yield* this.#all('concentrator').filter((concentrator) => concentrator.nodeId === nodeId);
  }
  portByMac(networkId: Uuid, mac: Mac): Port | undefined {
    return this.#all('port').find((port) => port.networkId === networkId && port.mac === mac);
  }
  portByAddress(subnetId: Uuid, address: Ipv4): Port | undefined {
    return this.#all('port').find((port) => port.fixedIps.some((fixed) => fixed.subnetId === subnetId && fixed.address === address));
  }
  addressCount(subnetId: Uuid): number {
    return this.#all('port').flatMap((port) => port.fixedIps.filter((fixed) => fixed.subnetId === subnetId)).length;
  }
  instanceBySshPort(tenantId: Uuid, sshPort: number): Instance | undefined {
    return this.#all('instance').find((instance) => instance.tenantId === tenantId && instance.sshPort === sshPort);
  }
  *floatingIpsOf(tenantId: Uuid): Generator<FloatingIp> {
    yield* this.#all('floatingIp').filter((floating) => floating.tenantId === tenantId);
  }
  *floatingIpsOfPort(portId: Uuid): Generator<FloatingIp> {
    yield* this.#all('floatingIp').filter((floating) => floating.portId === portId);
  }
  *floatingIpsIn(subnetId: Uuid): Generator<FloatingIp> {
    yield* this.#all('floatingIp').filter((floating) => floating.subnetId === subnetId);
  }
  floatingIpByAddress(address: Ipv4): FloatingIp | undefined {
    return this.#all('floatingIp').find((floating) => floating.address === address);
  }
  *forwardingsOf(floatingIpId: Uuid): Generator<PortForwarding> {
    yield* this.#all('portForwarding').filter((forwarding) => forwarding.floatingIpId === floatingIpId);
  }
  *forwardingsTo(portId: Uuid): Generator<PortForwarding> {
    yield* this.#all('portForwarding').filter((forwarding) => forwarding.internalPortId === portId);
  }
  *firewallRulesOf(tenantId: Uuid): Generator<FirewallRule> {
    yield* this.#all('firewallRule').filter((rule) => rule.tenantId === tenantId);
  }
  *firewallRulesOfPort(portId: Uuid): Generator<FirewallRule> {
    yield* this.#all('firewallRule').filter((rule) => rule.portId === portId);
  }
  *rulesNaming(groupId: Uuid): Generator<SecurityGroupRule> {
    yield* this.#all('securityGroupRule').filter((rule) => rule.remoteGroupId === groupId);
  }
  *natRulesOf(tenantId: Uuid): Generator<NatRule> {
    yield* this.#all('natRule').filter((rule) => rule.tenantId === tenantId);
  }
  *natRulesOfPort(portId: Uuid): Generator<NatRule> {
    yield* this.#all('natRule').filter((rule) => rule.portId === portId);
  }
  *natRulesUsing(floatingIpId: Uuid): Generator<NatRule> {
    yield* this.#all('natRule').filter((rule) => rule.floatingIpId === floatingIpId);
  }
  concentratorByUplink(address: Ipv4): Concentrator | undefined {
    return this.#all('concentrator').find((concentrator) => concentrator.uplink?.address === address);
  }
  *holdsAt(address: Ipv4): Generator<AddressHold> {
    yield* this.#all('addressHold').filter((hold) => hold.address === address);
  }
  *holdsOn(nodeId: NodeId): Generator<AddressHold> {
    yield* this.#all('addressHold').filter((hold) => hold.nodeId === nodeId);
  }
  isHeldByAnother(address: Ipv4, concentratorId: Uuid | undefined): boolean {
    return [...this.holdsAt(address)].some((hold) => hold.concentratorId !== concentratorId);
  }
  ownedCount(tenantId: Uuid, resource: QuotaResource): number {
    return this.#records.filter((item) => 'tenantId' in item && item.tenantId === tenantId && quotaResourceOf(item) === resource).length;
  }
  *policiesOf(networkId: Uuid): Generator<RbacPolicy> {
    yield* this.#all('rbacPolicy').filter(({ objectId }) => objectId === networkId);
  }
  networksUsedBy(tenantId: Uuid): Iterable<NetworkId> {
    const ports = this.#all('port').filter((port) => port.tenantId === tenantId);
    return new Set(ports.map(({ networkId }) => networkId));
  }
  instanceOfPort(portId: Uuid): Instance | undefined {
    return this.#all('instance').find((instance) => instance.portId === portId);
  }
  *routersOf(tenantId: Uuid): Generator<Router> {
    yield* this.#all('router').filter((router) => router.tenantId === tenantId);
  }
  *interfacesOn(networkId: Uuid): Generator<Port> {
    yield* this.#all('port').filter((port) => port.networkId === networkId && port.deviceOwner === ROUTER_INTERFACE);
  }
  *interfacesOf(routerId: Uuid): Generator<Port> {
    yield* this.#all('port').filter((port) => port.deviceId === routerId && port.deviceOwner === ROUTER_INTERFACE);
  }
  concentratorOf(tenantId: Uuid): Concentrator | undefined {
    return this.#all('concentrator').find(
      (concentrator) => concentrator.tenantId === tenantId && (concentrator.routerId ?? concentrator.networkId) === undefined,
    );
  }
  *subnetsFrom(poolId: Uuid): Generator<Subnet4> {
    yield* this.#all('subnet')
      .filter((subnet) => isSubnet4(subnet))
      .filter((subnet) => subnet.subnetPoolId === poolId);
  }
  concentratorOfNetwork(networkId: Uuid): Concentrator | undefined {
    return this.#all('concentrator').find((concentrator) => concentrator.networkId === networkId);
  }
  dhcpPortOn(networkId: Uuid): Port | undefined {
    return this.#all('port').find((port) => port.networkId === networkId && port.deviceOwner === NETWORK_DHCP);
  }
  concentratorOfRouter(routerId: Uuid): Concentrator | undefined {
    return this.#all('concentrator').find((concentrator) => concentrator.routerId === routerId);
  }
  *concentratorsOf(tenantId: Uuid): Generator<Concentrator> {
    yield* this.#all('concentrator').filter((concentrator) => concentrator.tenantId === tenantId);
  }
  nodeByVtep(vtep: Ipv4): Node | undefined {
    return this.#all('node').find((node) => node.vtep === vtep);
  }
  nodeOfPort(portId: Uuid): NodeId | undefined {
    return this.instanceOfPort(portId)?.nodeId;
  }
  gatewaysOf(network: Network): readonly SegmentGateway[] {
    const tenants = new Map(this.#all('tenant').map((tenant) => [tenant.id, tenant]));
    const subnets = new Map(this.#all('subnet').map((subnet) => [subnet.id, subnet]));
    const known = {
      tenants,
      subnets,
      subnetsOf: (networkId: Uuid) => this.subnetsOf(networkId),
      interfacesOn: (networkId: Uuid) => this.interfacesOn(networkId),
      concentratorOf: (tenantId: Uuid) => this.concentratorOf(tenantId),
      concentratorOfRouter: (routerId: Uuid) => this.concentratorOfRouter(routerId),
      concentratorOfNetwork: (networkId: Uuid) => this.concentratorOfNetwork(networkId),
      dhcpPortOn: (networkId: Uuid) => this.dhcpPortOn(networkId),
    };
    return segmentGateways(known, network);
  }
  gatewayOf(network: Network): Concentrator | undefined {
    return this.gatewaysOf(network)[0]?.concentrator;
  }
  gatewayOfSubnet(subnetId: Uuid): Concentrator | undefined {
    const subnet = this.#all('subnet').find((each) => each.id === subnetId);
    const network = this.#all('network').find((each) => each.id === subnet?.networkId);
    return network === undefined ? undefined : servingGateway(this.gatewaysOf(network), subnetId as Subnet['id'])?.concentrator;
  }
  nodesOf(networkId: Uuid): Set<NodeId> {
    const network = this.networks.get(networkId as Network['id']);
    const gateways = (network === undefined ? [] : this.gatewaysOf(network)).flatMap(({ concentrator }) => concentrator.nodeId ?? []);
    return new Set([...this.portsOf(networkId)].flatMap((port) => this.nodeOfPort(port.id) ?? []).concat(gateways));
  }
  carries(nodeId: NodeId, networkId: Uuid): boolean {
    return this.nodesOf(networkId).has(nodeId);
  }
  segmentsOn(nodeId: NodeId): Set<Network['id']> {
    const named = [...this.#all('network').map((network) => network.id), ...this.#all('port').map((port) => port.networkId)];
    return new Set(named.filter((networkId) => this.carries(nodeId, networkId)));
  }
  nodesUsing(groupId: SecurityGroup['id']): Set<NodeId> {
    const filtered = [...this.portsIn(groupId)].filter((port) => port.portSecurityEnabled);
    return new Set(filtered.flatMap((port) => this.nodeOfPort(port.id) ?? []));
  }
  usesGroup(nodeId: NodeId, groupId: SecurityGroup['id']): boolean {
    return this.nodesUsing(groupId).has(nodeId);
  }
  groupsOn(nodeId: NodeId): Set<SecurityGroup['id']> {
    return new Set(this.#all('port').flatMap((port) => port.securityGroups.filter((groupId) => this.usesGroup(nodeId, groupId))));
  }
  remotesOf(groupId: Uuid): Set<SecurityGroup['id']> {
    return new Set([...this.rulesOf(groupId)].flatMap((rule) => rule.remoteGroupId ?? []));
  }
  namedBy(groupId: Uuid): Set<SecurityGroup['id']> {
    const naming = this.#all('securityGroupRule').filter((rule) => rule.remoteGroupId === groupId);
    return new Set(naming.map((rule) => rule.groupId));
  }
  membersOf(groupId: SecurityGroup['id']): Set<IpAddress> {
    const own = [...this.portsIn(groupId)].flatMap((port) => port.fixedIps.map((fixed) => fixed.address));
    return new Set([...own, ...this.#pairsOf(groupId).flatMap((pair) => pairAddress(pair) ?? [])]);
  }
  memberPrefixesOf(groupId: SecurityGroup['id']): Set<IpCidr> {
    return new Set(this.#pairsOf(groupId).flatMap((pair) => (pairAddress(pair) === undefined ? pair.cidr : [])));
  }
  #pairsOf(groupId: SecurityGroup['id']): AddressPair[] {
    return [...this.portsIn(groupId)].flatMap((port) => port.addressPairs ?? []);
  }
  hasPairs(networkId: Network['id']): boolean {
    return this.#all('port').some((port) => port.networkId === networkId && port.addressPairs !== undefined);
  }
  portsByPairMac(networkId: Network['id'], mac: Mac): Port[] {
    const sharing = this.#all('port').filter((port) => port.networkId === networkId && port.addressPairs?.some((pair) => pair.mac === mac));
    return sharing.toSorted((a, b) => (a.id < b.id ? -1 : 1));
  }
  portByPairMac(networkId: Network['id'], mac: Mac): Port | undefined {
    return this.portByMac(networkId, mac) === undefined ? this.portsByPairMac(networkId, mac)[0] : undefined;
  }
  isMember(groupId: SecurityGroup['id'], address: Ipv4): boolean {
    return this.membersOf(groupId).has(address);
  }

  #all<K extends Kind>(kind: K): readonly ResourceOf<K>[] {
    return this.#records.filter((item): item is ResourceOf<K> => item.kind === kind);
  }
}

test('after any changes the indexes say what a scan of the records says', () => {
  fc.assert(
    fc.property(fc.array(fc.array(wish, { maxLength: 6 }), { maxLength: 12, size: 'max' }), (steps) => {
      const state = new ClusterState();
      const expected = new Map<string, Resource>();
      for (const [index, wishes] of steps.entries()) {
        const changes = toChanges(state, wishes);
        state.apply(changes);
        for (const gone of changes.remove) expected.delete(resourceKey(gone));
        for (const written of changes.put) expected.set(resourceKey(written), written);
        assert.deepEqual(new Set(state.all()), new Set(expected.values()));
        assert.deepEqual(answers(state), answers(new Scan(state.all())), `step ${index} ${JSON.stringify(wishes)}`);
      }
      state.apply({ put: [], remove: [...state.all()] });
      assert.deepEqual(answers(state), answers(new ClusterState()), 'nothing is left when everything is removed');
    }),
    { numRuns: Number(process.env['FUZZ_RUNS'] ?? 40) },
  );
});

test('a fork changes as the state itself would, and the state stays as it was, down to the order of its listings', () => {
  fc.assert(
    fc.property(
      fc.array(fc.array(wish, { maxLength: 6 }), { maxLength: 8, size: 'max' }),
      fc.array(wish, { maxLength: 8 }),
      (steps, last) => {
        const state = new ClusterState();
        for (const wishes of steps) state.apply(toChanges(state, wishes));
        const [before, order] = [answers(state), JSON.stringify([...state.all()])];
        const fork = state.fork();
        assert.deepEqual([answers(fork), JSON.stringify([...fork.all()])], [before, order], 'a fork begins as its origin');
        const changes = toChanges(state, last);
        fork.apply(changes);
        assert.deepEqual([answers(state), JSON.stringify([...state.all()])], [before, order], 'its changes are its own');
        state.apply(changes);
        assert.deepEqual([...fork.all()], [...state.all()]);
        assert.deepEqual(answers(fork), answers(state));
        assert.deepEqual(answers(fork), answers(new Scan(fork.all())));
      },
    ),
    { numRuns: Number(process.env['FUZZ_RUNS'] ?? 40) },
  );
});

test('two ports may swap their MACs, addresses and instances in one change', () => {
  const state = new ClusterState();
  const [a, b] = [record('port', 0, 4), record('port', 1, 4)] as [Port, Port];
  const [x, y] = [record('instance', 0, 0), record('instance', 1, 1)] as [Instance, Instance];
  state.apply({ put: [a, b, x, y], remove: [] });
  const swapped: Resource[] = [
    { ...a, mac: b.mac, fixedIps: b.fixedIps },
    { ...b, mac: a.mac, fixedIps: a.fixedIps },
    { ...x, portId: y.portId },
    { ...y, portId: x.portId },
  ];
  state.apply({ put: swapped, remove: [] });
  assert.deepEqual(answers(state), answers(new Scan(state.all())));
  assert.equal(state.portByMac(a.networkId, a.mac)?.id, b.id);
  assert.equal(state.instanceOfPort(a.id)?.id, y.id);
});

test('a record that is removed and written in one change is replaced', () => {
  const state = new ClusterState();
  const port = record('port', 0, 4);
  state.apply({ put: [port, record('instance', 0, 0)], remove: [] });
  state.apply({ put: [record('port', 0, 5)], remove: [port] });
  assert.deepEqual(answers(state), answers(new Scan(state.all())));
  state.apply({ put: [], remove: [...state.all()] });
  assert.deepEqual(answers(state), answers(new ClusterState()));
});

test('a tenant keeps its place in an index that another one with the same key has left', () => {
  const state = new ClusterState();
  const [a, b] = [record('tenant', 0, 1), { ...record('tenant', 1, 1), tokenHash: '0 1' } as Tenant];
  state.apply({ put: [a], remove: [] });
  state.apply({ put: [b], remove: [] });
  state.apply({ put: [], remove: [a] });
  assert.equal(state.tenantByTokenHash.get('0 1'), b);
});

test('removing what is not there is a bug, and changes nothing', () => {
  const state = new ClusterState();
  state.apply({ put: [record('port', 0, 4), record('instance', 0, 0)], remove: [] });
  const before = answers(state);
  const changes = { put: [record('port', 0, 5)], remove: [record('instance', 0, 0), record('network', 1, 0)] };
  assert.throws(() => state.apply(changes), /network .* is not in the state/);
  assert.deepEqual(answers(state), before);
});
