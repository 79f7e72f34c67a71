import { cidrContains } from '../cidr.ts';
import type { ClusterState } from '../cluster-state.ts';
import type { FirewallRule } from '../firewall-rule.ts';
import { ipCidrContains, ipCidrPrefixLength } from '../ip.ts';
import type { IpAddress, IpCidr } from '../ip.ts';
import type { Ipv4 } from '../ipv4.ts';
import type { NatRule } from '../nat-rule.ts';
import { routedAddresses } from '../routed-addresses.ts';
import type { AnyRoute } from '../router.ts';
import type { Concentrator, Network } from '../resource.ts';
import { compareRules } from '../rule-order.ts';
import type { FirewallRuleId, NodeId, SubnetId } from '../uuid.ts';
import type { Packet } from './flow.ts';

/** A subnet that a gateway has a leg in. */
export type Leg = Readonly<{ network: Network; subnetId: SubnetId; cidr: IpCidr; gatewayIp: IpAddress }>;

/** `local`: the addresses behind the gateway of the port that a rule is about; undefined: it is about no port in particular. */
export type Located<T> = T & Readonly<{ local: readonly Ipv4[] | undefined }>;

/** A placed gateway as its node has it: where it routes to, and what the tenant's rules say, in the order in which they are asked. */
export type GatewayView = Readonly<{
  concentrator: Concentrator;
  nodeId: NodeId;
  legs: readonly Leg[];
  firewall: readonly Located<FirewallRule>[];
  /** `address`: outside; where an inbound one arrives, the source that an outbound one gives. None without an uplink. */
  nat: readonly (Located<NatRule> & Readonly<{ address: Ipv4 }>)[];
  /** A router that is down forwards nothing. */
  isForwarding: boolean;
  /** Otherwise only what has a public address gets out. */
  hasSourceNat: boolean;
  routes: readonly AnyRoute[];
}>;

/** Undefined until the concentrator is placed. A node that cannot end tunnels gives it no legs. */
export function viewGateway(state: ClusterState, concentrator: Concentrator): GatewayView | undefined {
  const node = concentrator.nodeId === undefined ? undefined : state.nodes.get(concentrator.nodeId);
  if (node === undefined) return undefined;
  const legs: Leg[] = [];
  for (const network of node.vtep === undefined ? [] : state.networksOf(concentrator.tenantId)) {
    const own = state.gatewaysOf(network).find((gateway) => gateway.concentrator.id === concentrator.id);
    for (const { subnet, address } of own?.legs ?? []) legs.push({ network, subnetId: subnet.id, cidr: subnet.cidr, gatewayIp: address });
  }
  const firewall = inOrder(state, concentrator, state.firewallRulesOf(concentrator.tenantId));
  // They are the automatic gateway's.
  const natRules = (concentrator.routerId ?? concentrator.networkId) === undefined ? state.natRulesOf(concentrator.tenantId) : [];
  const nat = inOrder(state, concentrator, natRules).flatMap((rule) => {
    const given = rule.floatingIpId === undefined ? concentrator.uplink : state.floatingIps.get(rule.floatingIpId);
    return concentrator.uplink === undefined || given === undefined ? [] : [{ ...rule, address: given.address }];
  });
  const router = concentrator.routerId === undefined ? undefined : state.routers.get(concentrator.routerId);
  const { adminStateUp: isForwarding = concentrator.networkId === undefined, externalGateway, routes = [] } = router ?? {};
  return { concentrator, nodeId: node.id, legs, firewall, nat, isForwarding, hasSourceNat: externalGateway?.enableSnat ?? true, routes };
}

function inOrder<T extends FirewallRule | NatRule>(state: ClusterState, { id }: Concentrator, rules: Iterable<T>): Located<T>[] {
  return [...rules]
    .toSorted(compareRules)
    .map((rule) => ({ ...rule, local: rule.portId === undefined ? undefined : routedAddresses(state, rule.portId, id) }));
}

export function legTo(view: GatewayView, address: IpAddress): Leg | undefined {
  return view.legs.find((leg) => ipCidrContains(leg.cidr, address));
}

/** Where the most exact static route leads to. */
export function legByRoute(view: GatewayView, address: IpAddress): Leg | undefined {
  const [route] = view.routes
    .filter(({ destination }) => ipCidrContains(destination, address))
    .toSorted((a, b) => ipCidrPrefixLength(b.destination) - ipCidrPrefixLength(a.destination));
  return route === undefined ? undefined : legTo(view, route.nexthop);
}

/**
 * The first rule that fits, with the addresses and port inside: an outbound packet before its source is translated, an inbound one after its
 * destination was.
 */
export function askFirewall(
  view: GatewayView,
  direction: 'inbound' | 'outbound',
  packet: Packet<Ipv4>,
): Readonly<{ action: 'allow' | 'deny'; ruleId: FirewallRuleId }> | undefined {
  const [here, there] = direction === 'inbound' ? [packet.destination, packet.source] : [packet.source, packet.destination];
  for (const rule of view.firewall) {
    if (rule.direction !== direction || rule.local?.includes(here) === false) continue;
    if (fits(rule, packet, there)) return { action: rule.action, ruleId: rule.id };
  }
  return undefined;
}

/** The NAT rule that a packet fits as it comes in at the gateway, from outside or from within. */
export function askNatIn(view: GatewayView, packet: Packet<Ipv4>): GatewayView['nat'][number] | undefined {
  return view.nat.find((rule) => {
    if (rule.direction !== 'inbound' || rule.local?.[0] === undefined) return false;
    return rule.address === packet.destination && fits(rule, packet, packet.source);
  });
}

/** The NAT rule that a packet of the tenant fits as it leaves by the uplink. */
export function askNatOut(view: GatewayView, packet: Packet<Ipv4>): GatewayView['nat'][number] | undefined {
  if (legTo(view, packet.source) === undefined) return undefined;
  return view.nat.find((rule) => {
    if (rule.direction !== 'outbound' || rule.local?.includes(packet.source) === false) return false;
    return fits(rule, packet, packet.destination);
  });
}

type Match = Pick<NatRule, 'protocol' | 'remoteCidr' | 'portMin' | 'portMax'>;

/** `there`: the address outside. */
function fits({ protocol, remoteCidr, portMin, portMax }: Match, packet: Packet<Ipv4>, there: Ipv4): boolean {
  if (remoteCidr !== undefined && !cidrContains(remoteCidr, there)) return false;
  if (protocol !== undefined && protocol !== packet.protocol) return false;
  return portMin === undefined || (packet.port >= portMin && packet.port <= (portMax ?? portMin));
}
