import type { Cidr } from '../cidr.ts';
import type { ClusterState } from '../cluster-state.ts';
import { plannedDhcpOptions } from '../dhcp-option.ts';
import { nameOfAddress, ownDomain } from '../dns-name.ts';
import { ipCidrPrefixLength, isCidr4, isIpv4, parseIp } from '../ip.ts';
import type { Ipv4 } from '../ipv4.ts';
import type { Mac } from '../mac.ts';
import type { NatRule } from '../nat-rule.ts';
import { isDhcpPort } from '../dhcp-service.ts';
import { answererOf, gatewayOfAddress } from '../public-gateway.ts';
import { isRoute4, isRoute6, isRouterInterface } from '../router.ts';
import { routedAddresses } from '../routed-addresses.ts';
import { compareRules } from '../rule-order.ts';
import { isSubnet4, isSubnet6, leases } from '../subnet.ts';
import type { Network, Node, Port } from '../resource.ts';
import type { ConcentratorId, InstanceId, NodeId, PortId } from '../uuid.ts';
import type { Vni } from '../vni.ts';
import { dhcpHostName } from './dhcphost.ts';
import type { DhcpHostBody } from './dhcphost.ts';
import { PUBLIC } from './dnsname.ts';
import type { DnsNameBody } from './dnsname.ts';
import type { CompiledFirewallRule, FirewallBody } from './firewall.ts';
import type { ForwardBody } from './forward.ts';
import type { GatewayBody, GatewaySegment } from './gateway.ts';
import { workloadRoutes } from './host-routes.ts';
import type { InstanceBody } from './instance.ts';
import type { CompiledNatRule, NatBody } from './nat.ts';
import type { PeerBody } from './peer.ts';
import type { PlanBody, PlanKind } from './plan.ts';
import type { PortBody } from './port.ts';
import type { PublicIpBody } from './publicip.ts';
import { renderPublicName } from './public-name.ts';
import { renderLegs } from './render-legs.ts';
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

/** The node of a network's first gateway, once it is placed: the hub of topology `concentrator`. */
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
  const [gateway] = state.gatewaysOf(network);
  const concentrator = gateway?.concentrator;
  const home = gatewayNodeOf(state, network);
  if (concentrator === undefined || home?.vtep === undefined || home.id === nodeId) return undefined;
  // What a hint says of it, which knows no IPv6.
  const [subnet] =
    gateway?.legs
      .map(({ subnet: { cidr } }) => cidr)
      .filter(isCidr4)
      .toSorted() ?? [];
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
  const hub = gatewayNodeOf(state, network);
  const gateway = state.gatewaysOf(network).find((each) => each.mac === mac);
  const own = gateway === undefined ? state.portByMac(network.id, mac) : undefined;
  const port = gateway === undefined ? (own ?? state.portByPairMac(network.id, mac)) : undefined;
  const home = gateway === undefined ? (port === undefined ? undefined : state.nodeOfPort(port.id)) : gateway.concentrator.nodeId;
  if (home === undefined || home === nodeId) return undefined;
  // In a concentrator segment everything between nodes passes the hub; the hub itself knows where each one lives.
  const via = network.topology === 'mesh' || hub?.id === nodeId ? home : hub?.id;
  const vtep = via === undefined ? undefined : state.nodes.get(via)?.vtep;
  if (vtep === undefined) return undefined;
  const ips =
    gateway === undefined ? (own?.fixedIps ?? []).map((fixed) => fixed.address) : gateway.legs.map((leg) => leg.address).toSorted();
  return { vni: network.vni, mac, ips, vtep };
}

/** Broadcasts go to the gateways only; in a concentrator segment the hub passes them on. */
function renderVtep(state: ClusterState, nodeId: NodeId, key: string): VtepBody | undefined {
  const [vni, address] = splitKey(key) as [string, Ipv4];
  const network = segmentOn(state, nodeId, Number(vni));
  const target = state.nodeByVtep(address);
  if (network === undefined || target === undefined || target.id === nodeId || !state.carries(target.id, network.id)) return undefined;
  if (network.topology === 'mesh' && state.hasPairs(network.id)) return { vni: network.vni, address };
  const gateways = network.topology === 'mesh' ? state.gatewaysOf(network) : state.gatewaysOf(network).slice(0, 1);
  const atGateway = gateways.some(({ concentrator }) => concentrator.nodeId === nodeId || concentrator.nodeId === target.id);
  return atGateway ? { vni: network.vni, address } : undefined;
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
  const { gateway, routes } = workloadRoutes(subnets.filter(isSubnet4), port.fixedIps.map(({ address }) => address).filter(isIpv4));
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
      const alone = isIpv4(fixed.address) ? 32 : 128;
      return { address: fixed.address, prefixLength: subnet === undefined ? alone : ipCidrPrefixLength(subnet.cidr) };
    }),
    gateway,
    routes: routes.length === 0 ? undefined : routes,
    gateway6: subnets.filter(isSubnet6).find(({ gatewayIp }) => gatewayIp !== undefined)?.gatewayIp,
    tenantId: instance.tenantId,
    networkId: network.id,
    publicIps: publicIpsOf(state, port.id),
    userData: instance.userData,
  };
}

function publicIpsOf(state: ClusterState, portId: PortId): readonly Ipv4[] | undefined {
  const addresses = Array.from(state.floatingIpsOfPort(portId), ({ address }) => address).toSorted();
  return addresses.length === 0 ? undefined : addresses;
}

function renderGateway(state: ClusterState, facts: ClusterFacts, nodeId: NodeId, key: string): GatewayBody | undefined {
  const concentrator = state.concentrators.get(key as ConcentratorId);
  if (concentrator?.nodeId !== nodeId) return undefined;
  const isServer = concentrator.networkId !== undefined;
  const segments: GatewaySegment[] = [];
  for (const network of state.networksOf(concentrator.tenantId)) {
    const all = segmentOn(state, nodeId, network.vni) === undefined ? [] : state.gatewaysOf(network);
    const own = all.find((gateway) => gateway.concentrator.id === concentrator.id);
    if (own === undefined) continue;
    segments.push({ vni: network.vni, mac: own.mac, mtu: network.mtu, dnsDomain: network.dnsDomain, ...renderLegs(own, all, isServer) });
  }
  const router = concentrator.routerId === undefined ? undefined : state.routers.get(concentrator.routerId);
  const routes6 = router?.routes.filter(isRoute6).toSorted((a, b) => (a.destination < b.destination ? -1 : 1));
  return {
    concentratorId: concentrator.id,
    tenantId: concentrator.tenantId,
    generation: concentrator.generation,
    uplink: concentrator.uplink,
    infrastructure: facts.infrastructure,
    segments: segments.toSorted((a, b) => a.vni - b.vni),
    rateLimit: state.tenants.get(concentrator.tenantId)?.rateLimit,
    forwarding: isServer ? false : router?.adminStateUp,
    sourceNat: router?.externalGateway?.enableSnat,
    routes: router?.routes.filter(isRoute4).toSorted((a, b) => (a.destination < b.destination ? -1 : 1)),
    routes6: routes6 === undefined || routes6.length === 0 ? undefined : routes6,
  };
}

function renderDhcpHost(state: ClusterState, nodeId: NodeId, key: string): DhcpHostBody | undefined {
  const [vni, text] = splitKey(key);
  const network = segmentOn(state, nodeId, Number(vni));
  if (network === undefined) return undefined;
  const address = parseIp(text, 'dhcphost key');
  for (const subnet of state.subnetsOf(network.id)) {
    const port = state.portByAddress(subnet.id, address);
    if (port === undefined || !leases(subnet) || isRouterInterface(port) || isDhcpPort(port)) continue;
    const concentrator = state.gatewayOfSubnet(subnet.id);
    if (concentrator?.nodeId !== nodeId) continue;
    const options = port.dhcpOptions === undefined ? undefined : plannedDhcpOptions(port.dhcpOptions);
    return { concentratorId: concentrator.id, vni: network.vni, address, mac: port.mac, hostname: dhcpHostName(address), options };
  }
  return undefined;
}

function renderDnsName(state: ClusterState, nodeId: NodeId, key: string): DnsNameBody | undefined {
  const [vni, text] = splitKey(key);
  if (vni === PUBLIC) return renderPublicName(state, nodeId, text as Ipv4);
  const network = segmentOn(state, nodeId, Number(vni));
  if (network === undefined) return undefined;
  const address = parseIp(text, 'dnsname key');
  for (const subnet of state.subnetsOf(network.id)) {
    const port = state.portByAddress(subnet.id, address);
    if (port === undefined || isRouterInterface(port) || isDhcpPort(port)) continue;
    const concentrator = state.gatewayOfSubnet(subnet.id);
    if (concentrator?.nodeId !== nodeId) continue;
    const name = nameOfAddress(state, port, address);
    return { concentratorId: concentrator.id, vni: network.vni, address, name, domain: ownDomain(state, port) };
  }
  return undefined;
}

/** Nothing as long as another gateway may still answer for the address: it waits until that one's node has confirmed. */
export function renderPublicIp(state: ClusterState, nodeId: NodeId, key: string): PublicIpBody | undefined {
  const floating = state.floatingIpByAddress(key as Ipv4);
  const answerer = floating === undefined ? undefined : answererOf(state, floating);
  if (floating === undefined || answerer?.nodeId !== nodeId || state.isHeldByAnother(floating.address, answerer.id)) return undefined;
  const direct = gatewayOfAddress(state, floating.portId, floating.fixedIp, floating.floatingNetworkId);
  if (direct === undefined) return { concentratorId: answerer.id, address: floating.address, internal: undefined, instanceId: undefined };
  const instanceId = floating.portId === undefined ? undefined : state.instanceOfPort(floating.portId)?.id;
  return { concentratorId: direct.id, address: floating.address, internal: floating.fixedIp, instanceId };
}

function renderForward(state: ClusterState, nodeId: NodeId, key: string): ForwardBody | undefined {
  const [text = '', protocol, number] = key.split('/');
  const [address, port] = [text as Ipv4, Number(number)];
  const floating = state.floatingIpByAddress(address);
  if (floating === undefined) return protocol === 'tcp' ? renderSshForward(state, nodeId, address, port) : undefined;
  const concentrator = answererOf(state, floating);
  if (concentrator?.nodeId !== nodeId) return undefined;
  for (const forwarding of state.forwardingsOf(floating.id)) {
    const { internalPortId, internalAddress } = forwarding;
    if (forwarding.protocol !== protocol || port < forwarding.externalFirst || port > forwarding.externalLast) continue;
    // To an address that its port has no more it leads nowhere until it is changed; nor behind another gateway than the address is at.
    if (gatewayOfAddress(state, internalPortId, internalAddress, floating.floatingNetworkId)?.id !== concentrator.id) continue;
    const internalPort = forwarding.internalFirst + port - forwarding.externalFirst;
    return { concentratorId: concentrator.id, address, protocol: forwarding.protocol, port, internal: internalAddress, internalPort };
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
    const internal = instance === undefined ? undefined : routedAddresses(state, instance.portId, concentrator.id)[0];
    if (internal === undefined) return undefined;
    return { concentratorId: concentrator.id, address, protocol: 'tcp', port, internal, internalPort: SSH_PORT };
  }
  return undefined;
}

/** Absent where the tenant has no rule. */
function renderFirewall(state: ClusterState, nodeId: NodeId, key: string): FirewallBody | undefined {
  const concentrator = state.concentrators.get(key as ConcentratorId);
  if (concentrator?.nodeId !== nodeId || concentrator.networkId !== undefined) return undefined;
  const rules = [...state.firewallRulesOf(concentrator.tenantId)]
    .toSorted(compareRules)
    .flatMap(({ portId, direction, action, protocol, remoteCidr, portMin, portMax }): CompiledFirewallRule[] => {
      const local = portId === undefined ? undefined : routedAddresses(state, portId, concentrator.id).toSorted();
      if (local?.length === 0) return [];
      return [{ direction, action, protocol, remoteCidr, portMin, portMax, local }];
    });
  return rules.length === 0 ? undefined : { concentratorId: concentrator.id, rules };
}

/** Absent where the tenant has no rule. */
function renderNat(state: ClusterState, nodeId: NodeId, key: string): NatBody | undefined {
  const concentrator = state.concentrators.get(key as ConcentratorId);
  // NAT rules are the automatic gateway's.
  if (concentrator?.nodeId !== nodeId || (concentrator.routerId ?? concentrator.networkId) !== undefined) return undefined;
  const rules = [...state.natRulesOf(concentrator.tenantId)]
    .toSorted(compareRules)
    .flatMap((rule) => compileNatRule(state, rule, concentrator.id));
  return rules.length === 0 ? undefined : { concentratorId: concentrator.id, rules };
}

/** None for a rule about a port that has no address behind the gateway any more. */
function compileNatRule(state: ClusterState, rule: NatRule, concentratorId: ConcentratorId): CompiledNatRule[] {
  const { direction, protocol, remoteCidr, portMin, portMax, portId, floatingIpId, toPort } = rule;
  const address = floatingIpId === undefined ? undefined : state.floatingIps.get(floatingIpId)?.address;
  const match = { direction, protocol, remoteCidr, portMin, portMax, address };
  const local = portId === undefined ? undefined : routedAddresses(state, portId, concentratorId);
  if (direction === 'outbound') return local?.length === 0 ? [] : [{ ...match, local: local?.toSorted(), to: undefined }];
  const [target] = local ?? [];
  const port = toPort ?? portMin;
  return target === undefined || port === undefined ? [] : [{ ...match, local: undefined, to: { address: target, port } }];
}

function splitKey(key: string): [string, string] {
  const slash = key.indexOf('/');
  return [key.slice(0, slash), key.slice(slash + 1)];
}
