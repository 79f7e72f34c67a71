import { pairAddress } from '../address-pair.ts';
import type { ClusterState } from '../cluster-state.ts';
import type { NatRule } from '../nat-rule.ts';
import { isDhcpPort } from '../dhcp-service.ts';
import { isRouterInterface } from '../router.ts';
import type { Changes, Concentrator, FloatingIp, Network, Port, Resource } from '../resource.ts';
import type { NetworkId, NodeId, SecurityGroupId, TenantId } from '../uuid.ts';
import { refsOfConcentrator, refsOfForwarding, refsOfMembers, refsOfSegment, refsOfSsh } from './compile.ts';
import { dhcpHostKey } from './dhcphost.ts';
import { dnsNameKey } from './dnsname.ts';
import { firewallKey } from './firewall.ts';
import { gatewayKey } from './gateway.ts';
import { groupKey } from './group.ts';
import { instanceKey } from './instance.ts';
import { memberKey } from './member.ts';
import { natKey } from './nat.ts';
import { peerKey } from './peer.ts';
import { planRefText } from './plan.ts';
import type { PlanRef } from './plan.ts';
import { portKey } from './port.ts';
import { publicIpKey } from './publicip.ts';
import { segmentKey } from './segment.ts';
import { vtepKey } from './vtep.ts';
import { vtepFilterKey } from './vtepfilter.ts';

/** Plan resources to render again, by node. It may name more than changed, never less. */
export class Affected {
  readonly #refs = new Map<NodeId, Map<string, PlanRef>>();

  add(nodeId: NodeId, ref: PlanRef): void {
    const refs = this.#refs.get(nodeId);
    if (refs === undefined) this.#refs.set(nodeId, new Map([[planRefText(ref), ref]]));
    else refs.set(planRefText(ref), ref);
  }

  nodes(): Iterable<NodeId> {
    return this.#refs.keys();
  }

  of(nodeId: NodeId): Iterable<PlanRef> {
    return this.#refs.get(nodeId)?.values() ?? [];
  }
}

/**
 * Applies changes to the state and names what they may alter in which node's plan.
 *
 * A record alters plans in two ways. Directly: a port is a `port` on its node, a `peer` on every other node of its segment, a `dhcphost`
 * at the gateway, a `member` wherever its groups are named. And through *presence*: the first endpoint of a segment on a node brings
 * the whole segment there, the last one takes it away; likewise for groups and their members. Direct effects are collected under the
 * state before and under the state after; presence is compared between the two, and whatever a leaving node had is either still in the
 * segment or among the direct effects. So the cost of one port follows the number of nodes that carry its segment, plus the segment's
 * size only where a node joins or leaves it.
 */
export function applyAffected(state: ClusterState, changes: Changes): Affected {
  const affected = new Affected();
  const resources = [...changes.remove, ...changes.put];
  const before = presence(state, resources);
  for (const resource of [...changes.remove, ...changes.put]) {
    const old = state.get(resource.kind, resource.id);
    if (old !== undefined) collect(state, old, affected);
  }
  state.apply(changes);

  const after = presence(state, resources, before);
  for (const resource of changes.put) collect(state, resource, affected);
  for (const now of after.networks) {
    const was = before.networks.find((candidate) => candidate.networkId === now.networkId);
    comparePresence(state, now, was, affected);
  }
  for (const now of after.groups) {
    const was = before.groups.find((candidate) => candidate.nodeId === now.nodeId);
    for (const groupId of symmetricDifference(now.groups, was?.groups)) affected.add(now.nodeId, { kind: 'group', key: groupKey(groupId) });
    for (const remote of symmetricDifference(now.remotes, was?.remotes)) {
      for (const ref of refsOfMembers(state, remote)) affected.add(now.nodeId, ref);
    }
  }
  return affected;
}

/** `gateway`: which ones, and on which nodes. */
type NetworkPresence = Readonly<{ networkId: NetworkId; nodes: ReadonlySet<NodeId>; gateway: string; floods: boolean }>;
type GroupPresence = Readonly<{ nodeId: NodeId; groups: ReadonlySet<SecurityGroupId>; remotes: ReadonlySet<SecurityGroupId> }>;

type Presence = Readonly<{ networks: readonly NetworkPresence[]; groups: readonly GroupPresence[] }>;

/** Who carries which segment and who enforces which group, for all that the changes may touch and all that was looked at before. */
function presence(state: ClusterState, resources: readonly Resource[], before?: Presence): Presence {
  const networkIds = new Set<NetworkId>(before?.networks.map(({ networkId }) => networkId));
  const nodeIds = new Set<NodeId>(before?.groups.map(({ nodeId }) => nodeId));
  const tenants = new Set<TenantId>();
  const port = (id: string): Port | undefined =>
    state.get('port', id) ?? resources.find((candidate): candidate is Port => candidate.kind === 'port' && candidate.id === id);
  const group = (id: SecurityGroupId): void => {
    for (const nodeId of state.nodesUsing(id)) nodeIds.add(nodeId);
  };
  for (const resource of resources) {
    switch (resource.kind) {
      case 'tenant':
        tenants.add(resource.id);
        break;
      case 'concentrator':
        tenants.add(resource.tenantId);
        break;
      case 'network':
        networkIds.add(resource.id);
        break;
      case 'subnet':
        networkIds.add(resource.networkId);
        break;
      case 'port':
        networkIds.add(resource.networkId);
        addIfKnown(nodeIds, state.nodeOfPort(resource.id));
        break;
      case 'instance': {
        const old = state.instances.get(resource.id);
        for (const portId of [resource.portId, old?.portId]) {
          const networkId = portId === undefined ? undefined : port(portId)?.networkId;
          if (networkId !== undefined) networkIds.add(networkId);
        }
        addIfKnown(nodeIds, old?.nodeId);
        addIfKnown(nodeIds, resource.nodeId);
        break;
      }
      case 'securityGroup':
        group(resource.id);
        break;
      case 'securityGroupRule':
        group(resource.groupId);
        break;
      case 'node':
        for (const networkId of state.segmentsOn(resource.id)) networkIds.add(networkId);
        break;
      // It is where its interfaces and its concentrator are.
      case 'router':
      case 'floatingIp':
      case 'portForwarding':
      case 'firewallRule':
      case 'natRule':
      case 'user':
      case 'roleAssignment':
      case 'applicationCredential':
      case 'tokenKey':
      case 'tokenRevocation':
      case 'addressHold':
      case 'quota':
      case 'subnetPool':
      case 'rbacPolicy':
        break;
    }
  }
  for (const tenantId of tenants) for (const network of state.networksOf(tenantId)) networkIds.add(network.id);
  const networks = [...networkIds].flatMap((networkId) => {
    const network = state.networks.get(networkId);
    if (network === undefined) return [];
    const gateway = state.gatewaysOf(network).map(({ concentrator, mac }) => `${concentrator.id} ${concentrator.nodeId} ${mac}`);
    return [{ networkId, nodes: new Set(state.nodesOf(networkId)), gateway: gateway.join(), floods: state.hasPairs(networkId) }];
  });
  const groups = [...nodeIds].map((nodeId) => {
    const used = new Set(state.groupsOn(nodeId));
    return { nodeId, groups: used, remotes: new Set([...used].flatMap((groupId) => [...state.remotesOf(groupId)])) };
  });
  return { networks, groups };
}

function addIfKnown<T>(set: Set<T>, value: T | undefined): void {
  if (value !== undefined) set.add(value);
}

function symmetricDifference<T>(a: ReadonlySet<T>, b: ReadonlySet<T> = new Set()): ReadonlySet<T> {
  return a.symmetricDifference(b);
}

/** A node that joins or leaves a segment gets all of it looked at; so does everybody when the gateway moves, or ARP is to go everywhere. */
function comparePresence(state: ClusterState, now: NetworkPresence, was: NetworkPresence | undefined, affected: Affected): void {
  const network = state.networks.get(now.networkId);
  if (network === undefined) return;
  const all = new Set([...now.nodes, ...(was?.nodes ?? [])]);
  const moved = now.gateway !== was?.gateway || now.floods !== was.floods ? all : symmetricDifference(now.nodes, was?.nodes);
  for (const nodeId of moved) {
    for (const ref of refsOfSegment(state, network)) affected.add(nodeId, ref);
    // The others see its VTEP come or go.
    const vtep = state.nodes.get(nodeId)?.vtep;
    if (vtep === undefined) continue;
    for (const other of all) {
      affected.add(other, { kind: 'vtep', key: vtepKey(network.vni, vtep) });
      affected.add(other, { kind: 'vtepfilter', key: vtepFilterKey(vtep) });
    }
  }
}

function collectTenant(state: ClusterState, tenantId: TenantId, affected: Affected): void {
  for (const network of state.networksOf(tenantId)) collectNetwork(state, network, affected);
  for (const { id, nodeId } of placedOf(state, tenantId)) affected.add(nodeId, { kind: 'gateway', key: gatewayKey(id) });
}

/** The direct effects of one record under the given state. */
function collect(state: ClusterState, resource: Resource, affected: Affected): void {
  switch (resource.kind) {
    case 'tenant':
      collectTenant(state, resource.id, affected);
      break;
    case 'network':
      collectNetwork(state, resource, affected);
      break;
    case 'subnet':
      collectSubnet(state, resource.networkId, affected);
      break;
    case 'port':
      collectPort(state, resource, affected);
      if (isRouterInterface(resource) || isDhcpPort(resource)) collectRouting(state, resource, affected);
      break;
    case 'router': {
      const concentrator = state.concentratorOfRouter(resource.id);
      if (concentrator?.nodeId !== undefined)
        for (const ref of refsOfConcentrator(state, concentrator)) affected.add(concentrator.nodeId, ref);
      break;
    }
    case 'securityGroup':
      for (const nodeId of state.nodesUsing(resource.id)) affected.add(nodeId, { kind: 'group', key: groupKey(resource.id) });
      break;
    case 'securityGroupRule':
      for (const nodeId of state.nodesUsing(resource.groupId)) affected.add(nodeId, { kind: 'group', key: groupKey(resource.groupId) });
      break;
    case 'node':
      for (const networkId of state.segmentsOn(resource.id)) {
        const network = state.networks.get(networkId);
        if (network !== undefined) collectNetwork(state, network, affected);
      }
      break;
    case 'concentrator':
      if (resource.nodeId !== undefined) for (const ref of refsOfConcentrator(state, resource)) affected.add(resource.nodeId, ref);
      break;
    case 'floatingIp':
      collectFloatingIp(state, resource, affected);
      break;
    case 'portForwarding': {
      const floating = state.floatingIps.get(resource.floatingIpId);
      if (floating === undefined) break;
      collectFloatingIp(state, floating, affected);
      // While the forwarding itself is not in the state, its own ports are not among the address's.
      for (const { nodeId } of placedOf(state, floating.tenantId))
        for (const ref of refsOfForwarding(floating, resource)) affected.add(nodeId, ref);
      break;
    }
    case 'firewallRule':
      collectFirewall(state, resource.tenantId, affected);
      break;
    case 'natRule':
      collectNat(state, resource, affected);
      break;
    // Who may ask says nothing of what nodes do.
    case 'user':
    case 'roleAssignment':
    case 'applicationCredential':
    case 'tokenKey':
    case 'tokenRevocation':
    case 'quota':
    case 'subnetPool':
    case 'rbacPolicy':
      break;
    case 'addressHold': {
      // Whoever waits for it.
      const floating = state.floatingIpByAddress(resource.address);
      if (floating !== undefined) collectFloatingIp(state, floating, affected);
      break;
    }
    case 'instance': {
      if (resource.nodeId !== undefined) {
        affected.add(resource.nodeId, { kind: 'instance', key: instanceKey(resource.id) });
        affected.add(resource.nodeId, { kind: 'port', key: portKey(resource.portId) });
      }
      const port = state.ports.get(resource.portId);
      if (port !== undefined) collectPort(state, port, affected);
      break;
    }
  }
}

function collectPort(state: ClusterState, port: Port, affected: Affected): void {
  const network = state.networks.get(port.networkId);
  if (network === undefined) return;
  const instance = state.instanceOfPort(port.id);
  if (instance?.nodeId !== undefined) {
    affected.add(instance.nodeId, { kind: 'port', key: portKey(port.id) });
    affected.add(instance.nodeId, { kind: 'instance', key: instanceKey(instance.id) });
  }
  for (const nodeId of state.nodesOf(network.id)) affected.add(nodeId, { kind: 'peer', key: peerKey(network.vni, port.mac) });
  collectPairs(state, network, port, affected);
  collectPublicSide(state, port, affected);
  for (const fixed of port.fixedIps) {
    const gateway = state.gatewayOfSubnet(fixed.subnetId)?.nodeId;
    if (gateway !== undefined) {
      affected.add(gateway, { kind: 'dhcphost', key: dhcpHostKey(network.vni, fixed.address) });
      affected.add(gateway, { kind: 'dnsname', key: dnsNameKey(network.vni, fixed.address) });
    }
    for (const groupId of port.securityGroups) {
      for (const namer of state.namedBy(groupId)) {
        for (const nodeId of state.nodesUsing(namer)) affected.add(nodeId, { kind: 'member', key: memberKey(groupId, fixed.address) });
      }
    }
  }
}

/** Where MACs of its pairs lead, which may be to another port with the same, and who admits its pairs as members. */
function collectPairs(state: ClusterState, network: Network, port: Port, affected: Affected): void {
  // A port whose own MAC is one of another's pairs takes it from that one.
  for (const mac of new Set([port.mac, ...(port.addressPairs ?? []).map((pair) => pair.mac)])) {
    const sharers = [...state.portsByPairMac(network.id, mac)];
    if (sharers.length === 0) continue;
    for (const nodeId of state.nodesOf(network.id)) affected.add(nodeId, { kind: 'peer', key: peerKey(network.vni, mac) });
    for (const sharer of sharers) {
      const nodeId = state.nodeOfPort(sharer.id);
      if (nodeId !== undefined) affected.add(nodeId, { kind: 'port', key: portKey(sharer.id) });
    }
  }
  for (const pair of port.addressPairs ?? []) {
    const address = pairAddress(pair);
    for (const groupId of port.securityGroups) {
      for (const namer of state.namedBy(groupId)) {
        const ref: PlanRef =
          address === undefined ? { kind: 'group', key: groupKey(namer) } : { kind: 'member', key: memberKey(groupId, address) };
        for (const nodeId of state.nodesUsing(namer)) affected.add(nodeId, ref);
      }
    }
  }
}

/** What leads from outside to a port, and what of it is let through. */
function collectPublicSide(state: ClusterState, port: Port, affected: Affected): void {
  for (const floating of state.floatingIpsOfPort(port.id)) collectFloatingIp(state, floating, affected);
  for (const forwarding of state.forwardingsTo(port.id)) {
    const floating = state.floatingIps.get(forwarding.floatingIpId);
    if (floating !== undefined) collectFloatingIp(state, floating, affected);
  }
  for (const _ of state.firewallRulesOfPort(port.id)) collectFirewall(state, port.tenantId, affected);
  for (const rule of state.natRulesOfPort(port.id)) collectNat(state, rule, affected);
  const instance = state.instanceOfPort(port.id);
  if (instance === undefined) return;
  for (const concentrator of placedOf(state, port.tenantId))
    for (const ref of refsOfSsh(concentrator, instance)) affected.add(concentrator.nodeId, ref);
}

function collectFloatingIp(state: ClusterState, floating: FloatingIp, affected: Affected): void {
  const instance = floating.portId === undefined ? undefined : state.instanceOfPort(floating.portId);
  if (instance?.nodeId !== undefined) affected.add(instance.nodeId, { kind: 'instance', key: instanceKey(instance.id) });
  for (const { nodeId } of placedOf(state, floating.tenantId)) {
    affected.add(nodeId, { kind: 'publicip', key: publicIpKey(floating.address) });
    affected.add(nodeId, { kind: 'dnsname', key: dnsNameKey(undefined, floating.address) });
    for (const forwarding of state.forwardingsOf(floating.id))
      for (const ref of refsOfForwarding(floating, forwarding)) affected.add(nodeId, ref);
  }
}

function collectFirewall(state: ClusterState, tenantId: TenantId, affected: Affected): void {
  for (const { id, nodeId } of placedOf(state, tenantId)) affected.add(nodeId, { kind: 'firewall', key: firewallKey(id) });
}

/** The tenant's rules, and the public address that one of them uses. */
function collectNat(state: ClusterState, { tenantId, floatingIpId }: NatRule, affected: Affected): void {
  for (const { id, nodeId } of placedOf(state, tenantId)) affected.add(nodeId, { kind: 'nat', key: natKey(id) });
  const floating = floatingIpId === undefined ? undefined : state.floatingIps.get(floatingIpId);
  if (floating !== undefined) collectFloatingIp(state, floating, affected);
}

type Placed = Concentrator & Readonly<{ nodeId: NodeId }>;

/** The tenant's gateways that are on some node. */
function* placedOf(state: ClusterState, tenantId: TenantId): Generator<Placed> {
  for (const concentrator of state.concentratorsOf(tenantId)) {
    if (concentrator.nodeId !== undefined) yield concentrator as Placed;
  }
}

/** A router's interface comes or goes: who answers for its subnets, and what any gateway of the tenant leads to there. */
function collectRouting(state: ClusterState, port: Port, affected: Affected): void {
  collectSubnet(state, port.networkId, affected);
  for (const concentrator of placedOf(state, port.tenantId))
    for (const ref of refsOfConcentrator(state, concentrator)) affected.add(concentrator.nodeId, ref);
}

/** A subnet decides where the segment's gateways are said to be, gateway addresses, prefix lengths and leases of its network. */
function collectSubnet(state: ClusterState, networkId: NetworkId, affected: Affected): void {
  const network = state.networks.get(networkId);
  if (network === undefined) return;
  const gateways = state.gatewaysOf(network);
  for (const nodeId of state.nodesOf(networkId)) {
    affected.add(nodeId, { kind: 'segment', key: segmentKey(network.vni) });
    affected.add(nodeId, { kind: 'peer', key: peerKey(network.vni, network.gatewayMac) });
    for (const { mac } of gateways) affected.add(nodeId, { kind: 'peer', key: peerKey(network.vni, mac) });
  }
  for (const { concentrator } of gateways)
    if (concentrator.nodeId !== undefined) affected.add(concentrator.nodeId, { kind: 'gateway', key: gatewayKey(concentrator.id) });
  for (const port of state.portsOf(networkId)) collectPort(state, port, affected);
}

/** Everything that a network brings to anybody: for rare changes of the network itself, of a node's VTEP or of the gateway's place. */
function collectNetwork(state: ClusterState, network: Network, affected: Affected): void {
  for (const nodeId of state.nodesOf(network.id)) for (const ref of refsOfSegment(state, network)) affected.add(nodeId, ref);
  collectSubnet(state, network.id, affected);
}
