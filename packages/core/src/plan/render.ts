import { cidrPrefixLength } from '../cidr.ts';
import type { Cidr } from '../cidr.ts';
import type { ClusterState } from '../cluster-state.ts';
import type { Ipv4 } from '../ipv4.ts';
import { parseIpv4 } from '../ipv4.ts';
import type { Mac } from '../mac.ts';
import type { NatRule } from '../nat-rule.ts';
import { routedAddresses } from '../routed-addresses.ts';
import { compareRules } from '../rule-order.ts';
import type { Concentrator, Network, Node, Port, PortForwarding } from '../resource.ts';
import type { ConcentratorId, InstanceId, NodeId, PortId } from '../uuid.ts';
import type { Vni } from '../vni.ts';
import { dhcpHostName } from './dhcphost.ts';
import type { DhcpHostBody } from './dhcphost.ts';
import type { DnsNameBody } from './dnsname.ts';
import type { CompiledFirewallRule, FirewallBody } from './firewall.ts';
import type { ForwardBody } from './forward.ts';
import type { GatewayBody, GatewaySegment } from './gateway.ts';
import type { InstanceBody } from './instance.ts';
import type { CompiledNatRule, NatBody } from './nat.ts';
import type { PeerBody } from './peer.ts';
import type { PlanBody, PlanKind } from './plan.ts';
import type { PortBody } from './port.ts';
import type { PublicIpBody } from './publicip.ts';
import { renderGroup, renderMember } from './render-group.ts';
import type { RemoteGateway, SegmentBody } from './segment.ts';
import type { VtepBody } from './vtep.ts';
import type { VtepFilterBody } from './vtepfilter.ts';

/** Facts of the whole cluster that plans hold, from the server's configuration. */
export type ClusterFacts = Readonly<{
  /** Prefixes that no tenant may reach through its gateway: underlay, management, VTEPs. */
  infrastructure: readonly Cidr[];
}>;

/**
 * One resource of a node's plan, or undefined where the state gives the node none under that key. This is the only place where bodies
 * are made; `compile` and `affected` merely name keys.
 */
export function render(state: ClusterState, facts: ClusterFacts, nodeId: NodeId, kind: PlanKind, key: string): PlanBody | undefined {
  switch (kind) {
    case 'segment':
      return renderSegment(state, nodeId, key);
    case 'port':
      return renderPort(state, nodeId, key);
    case 'peer':
      return renderPeer(state, nodeId, key);
    case 'vtep':
      return renderVtep(state, nodeId, key);
    case 'vtepfilter':
      return renderVtepFilter(state, nodeId, key);
    case 'group':
      return renderGroup(state, nodeId, key);
    case 'member':
      return renderMember(state, nodeId, key);
    case 'instance':
      return renderInstance(state, nodeId, key);
    case 'gateway':
      return renderGateway(state, facts, nodeId, key);
    case 'dhcphost':
      return renderDhcpHost(state, nodeId, key);
    case 'dnsname':
      return renderDnsName(state, nodeId, key);
    case 'publicip':
      return renderPublicIp(state, nodeId, key);
    case 'forward':
      return renderForward(state, nodeId, key);
    case 'firewall':
      return renderFirewall(state, nodeId, key);
    case 'nat':
      return renderNat(state, nodeId, key);
  }
}

/** The node of a network's gateway, once it is placed. */
export function gatewayNodeOf(state: ClusterState, network: Network): Node | undefined {
  const nodeId = state.gatewayOf(network)?.nodeId;
  return nodeId === undefined ? undefined : state.nodes.get(nodeId);
}

/** Whether two nodes that both carry the segment exchange its packets directly. */
export function areNeighbours(state: ClusterState, network: Network, a: NodeId, b: NodeId): boolean {
  if (a === b) return false;
  if (network.topology === 'mesh') return true;
  const hub = gatewayNodeOf(state, network)?.id;
  return hub === a || hub === b;
}

/** A segment exists on a node only once the node can end a tunnel. */
function segmentOn(state: ClusterState, nodeId: NodeId, vni: number): Network | undefined {
  const network = state.networkByVni.get(vni as Vni);
  return network !== undefined && state.carries(nodeId, network.id) && state.nodes.get(nodeId)?.vtep !== undefined ? network : undefined;
}

function renderSegment(state: ClusterState, nodeId: NodeId, key: string): SegmentBody | undefined {
  const network = segmentOn(state, nodeId, Number(key));
  if (network === undefined) return undefined;
  const hub = network.topology === 'concentrator' && gatewayNodeOf(state, network)?.id === nodeId;
  const gateway = renderRemoteGateway(state, nodeId, network);
  const floods = state.hasPairs(network.id) ? { floods: true as const } : {};
  const body: SegmentBody = { vni: network.vni, tunnel: 'vxlan', topology: network.topology, hub, mtu: network.mtu, ...floods };
  return gateway === undefined ? body : { ...body, gateway };
}

function renderRemoteGateway(state: ClusterState, nodeId: NodeId, network: Network): RemoteGateway | undefined {
  const concentrator = state.gatewayOf(network);
  const home = gatewayNodeOf(state, network);
  if (concentrator === undefined || home?.vtep === undefined || home.id === nodeId) return undefined;
  const [subnet] = [...state.subnetsOf(network.id)].flatMap(({ cidr, gatewayIp }) => (gatewayIp === undefined ? [] : cidr)).toSorted();
  if (subnet === undefined) return undefined;
  return { concentratorId: concentrator.id, tenantId: concentrator.tenantId, vtep: home.vtep, subnet };
}

function renderPort(state: ClusterState, nodeId: NodeId, key: string): PortBody | undefined {
  const port = state.ports.get(key as PortId);
  const instance = port === undefined ? undefined : state.instanceOfPort(port.id);
  if (port === undefined || instance?.nodeId !== nodeId) return undefined;
  const network = state.networks.get(port.networkId);
  if (network === undefined || segmentOn(state, nodeId, network.vni) === undefined) return undefined;
  return {
    portId: port.id,
    vni: network.vni,
    mac: port.mac,
    ips: port.fixedIps.map((fixed) => fixed.address),
    instanceId: instance.id,
    adminStateUp: port.adminStateUp && network.adminStateUp,
    portSecurity: port.portSecurityEnabled,
    groups: port.securityGroups.toSorted(),
    ...renderPairs(state, port),
    rateLimit: port.rateLimit,
  };
}

function renderPairs(state: ClusterState, port: Port): Pick<PortBody, 'pairs' | 'macs'> {
  if (port.addressPairs === undefined) return { pairs: undefined, macs: undefined };
  const macs = [...new Set(port.addressPairs.map(({ mac }) => mac))].filter(
    (mac) => state.portByPairMac(port.networkId, mac)?.id === port.id,
  );
  return { pairs: port.addressPairs.map(({ mac, cidr }) => ({ mac, cidr })), macs: macs.length === 0 ? undefined : macs.toSorted() };
}

function renderPeer(state: ClusterState, nodeId: NodeId, key: string): PeerBody | undefined {
  const [vni, mac] = splitKey(key) as [string, Mac];
  const network = segmentOn(state, nodeId, Number(vni));
  if (network === undefined) return undefined;
  const gateway = gatewayNodeOf(state, network);
  const isGateway = mac === network.gatewayMac;
  const own = isGateway ? undefined : state.portByMac(network.id, mac);
  const port = isGateway ? undefined : (own ?? state.portByPairMac(network.id, mac));
  const home = isGateway ? gateway?.id : port === undefined ? undefined : state.nodeOfPort(port.id);
  if (home === undefined || home === nodeId) return undefined;
  // In a concentrator segment everything between nodes passes the hub; the hub itself knows where each one lives.
  const via = network.topology === 'mesh' || gateway?.id === nodeId ? home : gateway?.id;
  const vtep = via === undefined ? undefined : state.nodes.get(via)?.vtep;
  if (vtep === undefined) return undefined;
  const ips = isGateway ? gatewayAddresses(state, network) : (own?.fixedIps.map((fixed) => fixed.address) ?? []);
  return { vni: network.vni, mac, ips, vtep };
}

function gatewayAddresses(state: ClusterState, network: Network): Ipv4[] {
  return [...state.subnetsOf(network.id)].flatMap((subnet) => subnet.gatewayIp ?? []).toSorted();
}

function renderVtep(state: ClusterState, nodeId: NodeId, key: string): VtepBody | undefined {
  const [vni, address] = splitKey(key) as [string, Ipv4];
  const network = segmentOn(state, nodeId, Number(vni));
  if (network === undefined) return undefined;
  const gateway = gatewayNodeOf(state, network);
  const target = state.nodeByVtep(address);
  if (target === undefined || target.id === nodeId || !state.carries(target.id, network.id)) return undefined;
  const floods = network.topology === 'mesh' && state.hasPairs(network.id);
  return floods || (gateway !== undefined && (gateway.id === nodeId || gateway.id === target.id))
    ? { vni: network.vni, address }
    : undefined;
}

function renderVtepFilter(state: ClusterState, nodeId: NodeId, key: string): VtepFilterBody | undefined {
  const other = state.nodeByVtep(key as Ipv4);
  if (other === undefined || other.id === nodeId) return undefined;
  for (const networkId of state.segmentsOn(nodeId)) {
    const network = state.networks.get(networkId);
    if (network === undefined || !state.carries(other.id, networkId)) continue;
    if (segmentOn(state, nodeId, network.vni) !== undefined && areNeighbours(state, network, nodeId, other.id))
      return { address: key as Ipv4 };
  }
  return undefined;
}

function renderInstance(state: ClusterState, nodeId: NodeId, key: string): InstanceBody | undefined {
  const instance = state.instances.get(key as InstanceId);
  const port = instance === undefined ? undefined : state.ports.get(instance.portId);
  const network = port === undefined ? undefined : state.networks.get(port.networkId);
  if (instance?.nodeId !== nodeId || port === undefined || network === undefined) return undefined;
  const subnets = port.fixedIps.flatMap((fixed) => state.subnets.get(fixed.subnetId) ?? []);
  return {
    instanceId: instance.id,
    name: instance.name,
    generation: instance.generation,
    runner: 'namespace',
    command: instance.command,
    portId: port.id,
    mac: port.mac,
    mtu: network.mtu,
    addressing: instance.addressing,
    addresses: port.fixedIps.map((fixed) => {
      const subnet = state.subnets.get(fixed.subnetId);
      return { address: fixed.address, prefixLength: subnet === undefined ? 32 : cidrPrefixLength(subnet.cidr) };
    }),
    gateway: subnets.find((subnet) => subnet.gatewayIp !== undefined)?.gatewayIp,
  };
}

function renderGateway(state: ClusterState, facts: ClusterFacts, nodeId: NodeId, key: string): GatewayBody | undefined {
  const concentrator = state.concentrators.get(key as ConcentratorId);
  if (concentrator?.nodeId !== nodeId) return undefined;
  const segments: GatewaySegment[] = [];
  for (const network of state.networksOf(concentrator.tenantId)) {
    if (state.gatewayOf(network)?.id !== concentrator.id || segmentOn(state, nodeId, network.vni) === undefined) continue;
    const subnets = [...state.subnetsOf(network.id)]
      .flatMap((subnet) =>
        subnet.gatewayIp === undefined
          ? []
          : [{ cidr: subnet.cidr, gatewayIp: subnet.gatewayIp, dhcp: subnet.enableDhcp, dnsNameservers: subnet.dnsNameservers }],
      )
      .toSorted((a, b) => (a.cidr < b.cidr ? -1 : 1));
    segments.push({ vni: network.vni, mac: network.gatewayMac, mtu: network.mtu, subnets });
  }
  return {
    concentratorId: concentrator.id,
    tenantId: concentrator.tenantId,
    generation: concentrator.generation,
    uplink: concentrator.uplink,
    infrastructure: facts.infrastructure,
    segments: segments.toSorted((a, b) => a.vni - b.vni),
    rateLimit: state.tenants.get(concentrator.tenantId)?.rateLimit,
  };
}

function renderDhcpHost(state: ClusterState, nodeId: NodeId, key: string): DhcpHostBody | undefined {
  const [vni, text] = splitKey(key);
  const network = segmentOn(state, nodeId, Number(vni));
  const concentrator = network === undefined ? undefined : state.gatewayOf(network);
  if (network === undefined || concentrator?.nodeId !== nodeId) return undefined;
  const address = parseIpv4(text, 'dhcphost key');
  for (const subnet of state.subnetsOf(network.id)) {
    const port = state.portByAddress(subnet.id, address);
    if (port === undefined || !subnet.enableDhcp || subnet.gatewayIp === undefined) continue;
    return { concentratorId: concentrator.id, vni: network.vni, address, mac: port.mac, hostname: dhcpHostName(address) };
  }
  return undefined;
}

function renderDnsName(state: ClusterState, nodeId: NodeId, key: string): DnsNameBody | undefined {
  const [vni, text] = splitKey(key);
  const network = segmentOn(state, nodeId, Number(vni));
  const concentrator = network === undefined ? undefined : state.gatewayOf(network);
  if (network === undefined || concentrator?.nodeId !== nodeId) return undefined;
  const address = parseIpv4(text, 'dnsname key');
  for (const subnet of state.subnetsOf(network.id)) {
    const port = state.portByAddress(subnet.id, address);
    if (port === undefined || subnet.gatewayIp === undefined) continue;
    return { concentratorId: concentrator.id, vni: network.vni, address, name: hostName(state.instanceOfPort(port.id)?.name, address) };
  }
  return undefined;
}

/** A workload's name where it can be a host's (RFC 1123 §2.1), otherwise one made of its address. */
function hostName(name: string | undefined, address: Ipv4): string {
  const lower = name?.toLowerCase() ?? '';
  return /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(lower) ? lower : dhcpHostName(address);
}

/** The concentrator of this node that answers for one of a tenant's ports; undefined where the port is behind none. */
function gatewayOfPort(state: ClusterState, nodeId: NodeId, portId: PortId): Concentrator | undefined {
  const network = state.networks.get(state.ports.get(portId)?.networkId ?? ('' as never));
  const concentrator = network === undefined ? undefined : state.gatewayOf(network);
  return concentrator?.nodeId === nodeId && concentrator.uplink !== undefined ? concentrator : undefined;
}

/** As {@link gatewayOfPort}; a forwarding to an address that its port has no more leads nowhere until it is changed. */
function gatewayOfForwarding(state: ClusterState, nodeId: NodeId, forwarding: PortForwarding): Concentrator | undefined {
  const port = state.ports.get(forwarding.internalPortId);
  if (port?.fixedIps.some((fixed) => fixed.address === forwarding.internalAddress) !== true) return undefined;
  return gatewayOfPort(state, nodeId, port.id);
}

/** Nothing as long as another gateway may still answer for the address: it waits until that one's node has confirmed. */
export function renderPublicIp(state: ClusterState, nodeId: NodeId, key: string): PublicIpBody | undefined {
  const floating = state.floatingIpByAddress(key as Ipv4);
  if (floating === undefined || state.isHeldByAnother(floating.address, state.concentratorOf(floating.tenantId)?.id)) return undefined;
  const direct = floating.portId === undefined ? undefined : gatewayOfPort(state, nodeId, floating.portId);
  if (direct !== undefined) {
    const instanceId = floating.portId === undefined ? undefined : state.instanceOfPort(floating.portId)?.id;
    return { concentratorId: direct.id, address: floating.address, internal: floating.fixedIp, instanceId };
  }
  for (const forwarding of state.forwardingsOf(floating.id)) {
    const concentrator = gatewayOfForwarding(state, nodeId, forwarding);
    if (concentrator !== undefined) {
      return { concentratorId: concentrator.id, address: floating.address, internal: undefined, instanceId: undefined };
    }
  }
  const concentrator = state.concentratorOf(floating.tenantId);
  if (concentrator?.nodeId !== nodeId || concentrator.uplink === undefined) return undefined;
  for (const _ of state.natRulesUsing(floating.id)) {
    return { concentratorId: concentrator.id, address: floating.address, internal: undefined, instanceId: undefined };
  }
  return undefined;
}

function renderForward(state: ClusterState, nodeId: NodeId, key: string): ForwardBody | undefined {
  const [text = '', protocol, number] = key.split('/');
  const [address, port] = [text as Ipv4, Number(number)];
  const floating = state.floatingIpByAddress(address);
  if (floating === undefined) return protocol === 'tcp' ? renderSshForward(state, nodeId, address, port) : undefined;
  for (const forwarding of state.forwardingsOf(floating.id)) {
    if (forwarding.protocol !== protocol || port < forwarding.externalFirst || port > forwarding.externalLast) continue;
    const concentrator = gatewayOfForwarding(state, nodeId, forwarding);
    if (concentrator === undefined) continue;
    const internalPort = forwarding.internalFirst + port - forwarding.externalFirst;
    return {
      concentratorId: concentrator.id,
      address,
      protocol: forwarding.protocol,
      port,
      internal: forwarding.internalAddress,
      internalPort,
    };
  }
  return undefined;
}

/** Where a workload's SSH server listens. */
export const SSH_PORT = 22;

/** A workload's SSH server behind its gateway's own address. */
function renderSshForward(state: ClusterState, nodeId: NodeId, address: Ipv4, port: number): ForwardBody | undefined {
  for (const concentrator of state.concentratorsOn(nodeId)) {
    if (concentrator.uplink?.address !== address || state.tenants.get(concentrator.tenantId)?.sshReach !== true) continue;
    const instance = state.instanceBySshPort(concentrator.tenantId, port);
    const internal = instance === undefined ? undefined : routedAddresses(state, instance.portId)[0];
    if (instance === undefined || internal === undefined || gatewayOfPort(state, nodeId, instance.portId) === undefined) return undefined;
    return { concentratorId: concentrator.id, address, protocol: 'tcp', port, internal, internalPort: SSH_PORT };
  }
  return undefined;
}

/** Absent where the tenant has no rule. */
function renderFirewall(state: ClusterState, nodeId: NodeId, key: string): FirewallBody | undefined {
  const concentrator = state.concentrators.get(key as ConcentratorId);
  if (concentrator?.nodeId !== nodeId) return undefined;
  const rules = [...state.firewallRulesOf(concentrator.tenantId)]
    .toSorted(compareRules)
    .flatMap(({ portId, direction, action, protocol, remoteCidr, portMin, portMax }): CompiledFirewallRule[] => {
      const local = portId === undefined ? undefined : routedAddresses(state, portId).toSorted();
      if (local?.length === 0) return [];
      return [{ direction, action, protocol, remoteCidr, portMin, portMax, local }];
    });
  return rules.length === 0 ? undefined : { concentratorId: concentrator.id, rules };
}

/** Absent where the tenant has no rule. */
function renderNat(state: ClusterState, nodeId: NodeId, key: string): NatBody | undefined {
  const concentrator = state.concentrators.get(key as ConcentratorId);
  if (concentrator?.nodeId !== nodeId) return undefined;
  const rules = [...state.natRulesOf(concentrator.tenantId)].toSorted(compareRules).flatMap((rule) => compileNatRule(state, rule));
  return rules.length === 0 ? undefined : { concentratorId: concentrator.id, rules };
}

/** None for a rule about a port that has no address behind the gateway any more. */
function compileNatRule(state: ClusterState, rule: NatRule): CompiledNatRule[] {
  const { direction, protocol, remoteCidr, portMin, portMax, portId, floatingIpId, toPort } = rule;
  const address = floatingIpId === undefined ? undefined : state.floatingIps.get(floatingIpId)?.address;
  const match = { direction, protocol, remoteCidr, portMin, portMax, address };
  const local = portId === undefined ? undefined : routedAddresses(state, portId);
  if (direction === 'outbound') return local?.length === 0 ? [] : [{ ...match, local: local?.toSorted(), to: undefined }];
  const [target] = local ?? [];
  const port = toPort ?? portMin;
  return target === undefined || port === undefined ? [] : [{ ...match, local: undefined, to: { address: target, port } }];
}

function splitKey(key: string): [string, string] {
  const slash = key.indexOf('/');
  return [key.slice(0, slash), key.slice(slash + 1)];
}
