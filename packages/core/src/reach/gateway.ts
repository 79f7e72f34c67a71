import { cidrContains, cidrPrefixLength } from '../cidr.ts';
import type { Cidr } from '../cidr.ts';
import type { ClusterState } from '../cluster-state.ts';
import { compareRules } from '../rule-order.ts';
import type { FirewallRule } from '../firewall-rule.ts';
import type { Ipv4 } from '../ipv4.ts';
import { routedAddresses } from '../routed-addresses.ts';
import type { StaticRoute } from '../router.ts';
import type { Concentrator, Network } from '../resource.ts';
import type { FirewallRuleId, NodeId, SubnetId } from '../uuid.ts';
import type { Packet } from './flow.ts';

/** A subnet that a gateway has a leg in. */
export type Leg = Readonly<{ network: Network; subnetId: SubnetId; cidr: Cidr; gatewayIp: Ipv4 }>;

/** A placed gateway as its node has it: where it routes to, and what its firewall says. */
export type GatewayView = Readonly<{
  concentrator: Concentrator;
  nodeId: NodeId;
  legs: readonly Leg[];
  firewall: readonly (FirewallRule & Readonly<{ local: readonly Ipv4[] | undefined }>)[];
  /** A router that is down forwards nothing. */
  isForwarding: boolean;
  /** Otherwise only what has a public address gets out. */
  hasSourceNat: boolean;
  routes: readonly StaticRoute[];
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
  const firewall = [...state.firewallRulesOf(concentrator.tenantId)]
    .toSorted(compareRules)
    .map((rule) => ({ ...rule, local: rule.portId === undefined ? undefined : routedAddresses(state, rule.portId, concentrator.id) }));
  const router = concentrator.routerId === undefined ? undefined : state.routers.get(concentrator.routerId);
  const { adminStateUp: isForwarding = true, externalGateway, routes = [] } = router ?? {};
  return { concentrator, nodeId: node.id, legs, firewall, isForwarding, hasSourceNat: externalGateway?.enableSnat ?? true, routes };
}

export function legTo(view: GatewayView, address: Ipv4): Leg | undefined {
  return view.legs.find((leg) => cidrContains(leg.cidr, address));
}

/** Where the most exact static route leads to. */
export function legByRoute(view: GatewayView, address: Ipv4): Leg | undefined {
  const [route] = view.routes
    .filter(({ destination }) => cidrContains(destination, address))
    .toSorted((a, b) => cidrPrefixLength(b.destination) - cidrPrefixLength(a.destination));
  return route === undefined ? undefined : legTo(view, route.nexthop);
}

/**
 * The first rule that fits, with the addresses and port inside: an outbound packet before its source is translated, an inbound one after its
 * destination was.
 */
export function askFirewall(
  view: GatewayView,
  direction: 'inbound' | 'outbound',
  packet: Packet,
): Readonly<{ action: 'allow' | 'deny'; ruleId: FirewallRuleId }> | undefined {
  const [here, there] = direction === 'inbound' ? [packet.destination, packet.source] : [packet.source, packet.destination];
  for (const rule of view.firewall) {
    if (rule.direction !== direction || rule.local?.includes(here) === false) continue;
    if (rule.remoteCidr !== undefined && !cidrContains(rule.remoteCidr, there)) continue;
    if (rule.protocol !== undefined && rule.protocol !== packet.protocol) continue;
    if (rule.portMin !== undefined && (packet.port < rule.portMin || packet.port > (rule.portMax ?? rule.portMin))) continue;
    return { action: rule.action, ruleId: rule.id };
  }
  return undefined;
}
