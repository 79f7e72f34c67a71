import { pairsInclude } from '../address-pair.ts';
import type { ClusterState } from '../cluster-state.ts';
import { ipCidrContains, isIpv4, isIpv6 } from '../ip.ts';
import type { IpAddress } from '../ip.ts';
import type { Ipv4 } from '../ipv4.ts';
import { METADATA_ADDRESS, METADATA_PORT } from '../metadata-address.ts';
import { nextHop } from '../plan/host-routes.ts';
import type { ClusterFacts } from '../plan/render.ts';
import type { Concentrator, Network, Port } from '../resource.ts';
import type { ConcentratorId } from '../uuid.ts';
import { isSubnet4, isSubnet6 } from '../subnet.ts';
import type { Subnet } from '../subnet.ts';
import { dropped, icmpOf, isPacket4 } from './flow.ts';
import type { Flow, Packet, ReachAnswer, ReachPlace, ReachStep, Verdict } from './flow.ts';
import { askFirewall, legByRoute, legTo, viewGateway } from './gateway.ts';
import type { GatewayView } from './gateway.ts';
import { askGroups } from './groups.ts';
import { gatewayAnswering, translateIn, translateOut } from './public-side.ts';
import { carry, deliver, isUp, seatOf } from './segment.ts';

/** Answers where the first packet of a connection gets, as of the state that it was made for. */
export type Reach = (flow: Flow) => ReachAnswer;

/**
 * Where packets get, by the state alone and without sending one: the same decisions, in the same order, that the compiled plans lead a kernel
 * to (the property test in the lab holds both against each other).
 *
 *     port ─▶ own groups ─▶ segment ─────────────────────────────────────────────▶ receiver's groups ─▶ port
 *                              └▶ gateway: guard ─▶ translate in ─▶ route ─▶ firewall ─▶ translate out ─┤
 *                                    ▲                                                                  └▶ outside
 *                  outside ──────────┘ (the gateway that answers for the address)
 *
 * A flow costs what its own tenant's gateway and groups hold, never the cluster; gateways are looked at once. So ask many flows of one
 * {@link Reach}, and make a new one when the state has changed.
 */
export function createReach(state: ClusterState, facts: ClusterFacts): Reach {
  const views = new Map<ConcentratorId, GatewayView | undefined>();
  const viewOf = (concentrator: Concentrator): GatewayView | undefined => {
    if (!views.has(concentrator.id)) views.set(concentrator.id, viewGateway(state, concentrator));
    return views.get(concentrator.id);
  };
  return (flow) => new Walk(state, facts, viewOf).from(flow);
}

class Walk {
  readonly #state: ClusterState;
  readonly #facts: ClusterFacts;
  readonly #viewOf: (concentrator: Concentrator) => GatewayView | undefined;
  readonly #steps: ReachStep[] = [];

  constructor(state: ClusterState, facts: ClusterFacts, viewOf: (concentrator: Concentrator) => GatewayView | undefined) {
    this.#state = state;
    this.#facts = facts;
    this.#viewOf = viewOf;
  }

  from(flow: Flow): ReachAnswer {
    const { from, destination, protocol, icmp } = flow;
    const port = protocol === 'icmp' ? 0 : (flow.port ?? 0);
    const packet = (source: IpAddress): Packet => ({ source, destination, protocol, port, ...(icmp === undefined ? {} : { icmp }) });
    const verdict =
      from.kind === 'port'
        ? this.#fromPort(this.#state.ports.get(from.portId), from, destination, packet)
        : from.kind === 'outside'
          ? this.#onWire(packet(from.address), 'outside')
          : this.#fromGateway(this.#state.concentrators.get(from.concentratorId), from.concentratorId, packet);
    return { verdict, steps: this.#steps };
  }

  #fromPort(
    port: Port | undefined,
    from: Extract<Flow['from'], { kind: 'port' }>,
    destination: IpAddress,
    packetOf: (source: IpAddress) => Packet,
  ): Verdict {
    const at: ReachPlace = { kind: 'port', portId: from.portId };
    const network = port === undefined ? undefined : this.#state.networks.get(port.networkId);
    const seat = port === undefined ? undefined : seatOf(this.#state, port);
    const isSix = isIpv6(destination);
    const source = from.address ?? port?.fixedIps.find(({ address }) => isIpv6(address) === isSix)?.address;
    if (port === undefined || network === undefined || seat === undefined) return dropped(at, 'not_placed');
    if (!isUp(this.#state, port)) return dropped(at, 'admin_down');
    if (source === undefined) return dropped(at, 'no_route');
    const packet = packetOf(source);
    const own = port.fixedIps.some(({ address }) => address === packet.destination);
    if (own) return { kind: 'delivered', to: at, packet };
    if (port.portSecurityEnabled && !port.fixedIps.some(({ address }) => address === source) && !pairsInclude(port.addressPairs, source))
      return dropped(at, 'spoofed_source');
    if (destination === METADATA_ADDRESS) return this.#toMetadata(port, packet);

    const subnets = port.fixedIps.flatMap(({ subnetId }) => this.#state.subnets.get(subnetId) ?? []);
    const near = subnets.find(({ cidr }) => ipCidrContains(cidr, packet.destination));
    const gateways = this.#state.gatewaysOf(network).map(({ concentrator }) => this.#viewOf(concentrator));
    const gatewayWith = (address: IpAddress): GatewayView | undefined =>
      gateways.find((view) => view?.legs.some((leg) => leg.network.id === network.id && leg.gatewayIp === address) === true);
    // A gateway's address on a subnet that the sender is not on is asked for at the sender's own gateway, as any other.
    if (near !== undefined && near.gatewayIp !== packet.destination && gatewayWith(packet.destination) === undefined) {
      return askGroups(this.#state, port, 'egress', packet, this.#steps) ?? deliver(this.#state, network, seat, packet, this.#steps);
    }
    const hop = near === undefined ? this.#nextHop(subnets, port, packet.destination) : packet.destination;
    if (hop === undefined) return dropped(at, 'no_route');
    const gateway = gatewayWith(hop);
    if (gateway === undefined) return dropped({ kind: 'network', networkId: network.id }, 'no_gateway');
    const refused = askGroups(this.#state, port, 'egress', packet, this.#steps);
    if (refused !== undefined) return refused;
    // Not every gateway of a segment is its hub.
    if (!carry(this.#state, network, seat, gateway.nodeId, this.#steps))
      return dropped({ kind: 'network', networkId: network.id }, 'no_hub');
    return this.#fromLeg(gateway, network, packet);
  }

  #nextHop(subnets: readonly Subnet[], port: Port, destination: IpAddress): IpAddress | undefined {
    if (isIpv4(destination)) return nextHop(subnets.filter(isSubnet4), port, destination);
    return subnets.filter(isSubnet6).find(({ gatewayIp }) => gatewayIp !== undefined)?.gatewayIp;
  }

  /** It is turned off its way at the port and answered on the node; whoever knows no gateway has a way there. */
  #toMetadata(port: Port, packet: Packet): Verdict {
    const at: ReachPlace = { kind: 'port', portId: port.id };
    if (!port.fixedIps.some(({ address }) => address === packet.source)) return dropped(at, 'spoofed_source');
    const refused = askGroups(this.#state, port, 'egress', packet, this.#steps);
    if (refused !== undefined) return refused;
    if (packet.protocol !== 'tcp' || packet.port !== METADATA_PORT) return dropped(at, 'metadata_closed');
    return { kind: 'delivered', to: { kind: 'metadata', networkId: port.networkId }, packet };
  }

  /** At the gateway, from a segment of its tenant. */
  #fromLeg(gateway: GatewayView, network: Network, packet: Packet): Verdict {
    const at: ReachPlace = { kind: 'gateway', concentratorId: gateway.concentrator.id };
    if (this.#isInfrastructure(packet.destination) && legTo(gateway, packet.destination) === undefined)
      return dropped(at, 'infrastructure');
    if (legTo(gateway, packet.source)?.network.id !== network.id) return dropped(at, 'foreign_source');
    const [arrived, translated] = this.#translatedIn(gateway, packet);
    if (this.#isOwn(gateway, arrived.destination)) return this.#atGateway(gateway, arrived, 'inside');
    if (!gateway.isForwarding) return dropped(at, 'router_down');
    const leg = legTo(gateway, arrived.destination) ?? legByRoute(gateway, arrived.destination);
    if (leg === undefined) return this.#toUplink(gateway, arrived);
    this.#steps.push({ kind: 'routed', concentratorId: gateway.concentrator.id, to: leg.network.id });
    return this.#toLeg(gateway, leg.network, translated ? this.#turned(gateway, arrived, leg.gatewayIp) : arrived);
  }

  #toUplink(gateway: GatewayView, packet: Packet): Verdict {
    const at: ReachPlace = { kind: 'gateway', concentratorId: gateway.concentrator.id };
    if (gateway.concentrator.uplink === undefined || !isPacket4(packet)) return dropped(at, 'no_uplink');
    if (this.#isInfrastructure(packet.destination)) return dropped(at, 'infrastructure');
    this.#steps.push({ kind: 'routed', concentratorId: gateway.concentrator.id, to: 'outside' });
    const refused = this.#firewall(gateway, 'outbound', packet);
    if (refused !== undefined) return refused;
    const out = translateOut(this.#state, gateway, packet);
    if (out !== undefined) this.#steps.push({ kind: 'translated', ...out });
    else if (!gateway.hasSourceNat) return dropped(at, 'no_source_nat');
    return this.#onWire(out?.packet ?? packet, 'gateway');
  }

  /** On the wire outside: a gateway answers for the address, or somebody whom we do not know. */
  #onWire(packet: Packet, from: 'outside' | 'gateway'): Verdict {
    const outside: ReachPlace = { kind: 'outside' };
    const concentrator = gatewayAnswering(this.#state, packet.destination);
    const gateway = concentrator === undefined ? undefined : this.#viewOf(concentrator);
    if (gateway === undefined) {
      const ours = concentrator !== undefined || this.#isPublic(packet.destination);
      if (ours) return dropped(outside, 'closed_public_address');
      return from === 'outside' ? dropped(outside, 'not_public') : { kind: 'delivered', to: outside, packet };
    }
    const at: ReachPlace = { kind: 'gateway', concentratorId: gateway.concentrator.id };
    // The kernel's reverse path check: what comes from a tenant's own addresses comes by its legs.
    if (legTo(gateway, packet.source) !== undefined || this.#isOwn(gateway, packet.source)) return dropped(at, 'foreign_source');
    const [arrived, translated] = this.#translatedIn(gateway, packet);
    if (!translated) return this.#atGateway(gateway, arrived, 'outside');
    if (!gateway.isForwarding) return dropped(at, 'router_down');
    const leg = legTo(gateway, arrived.destination);
    if (leg === undefined) return dropped(at, 'closed_public_address');
    this.#steps.push({ kind: 'routed', concentratorId: gateway.concentrator.id, to: leg.network.id });
    return this.#firewall(gateway, 'inbound', arrived) ?? this.#toLeg(gateway, leg.network, arrived);
  }

  #fromGateway(concentrator: Concentrator | undefined, id: ConcentratorId, packetOf: (source: IpAddress) => Packet): Verdict {
    const at: ReachPlace = { kind: 'gateway', concentratorId: id };
    const gateway = concentrator === undefined ? undefined : this.#viewOf(concentrator);
    if (concentrator === undefined || gateway === undefined) return dropped(at, 'not_placed');
    const { destination } = packetOf('' as Ipv4);
    if (this.#isOwn(gateway, destination)) return { kind: 'delivered', to: at, packet: packetOf(destination) };
    const leg = legTo(gateway, destination);
    if (leg !== undefined) return this.#toLeg(gateway, leg.network, packetOf(leg.gatewayIp));
    if (concentrator.uplink === undefined || isIpv6(destination)) return dropped(at, 'no_uplink');
    if (this.#isInfrastructure(destination)) return dropped(at, 'infrastructure');
    return this.#onWire(packetOf(concentrator.uplink.address), 'gateway');
  }

  #toLeg(gateway: GatewayView, network: Network, packet: Packet): Verdict {
    return deliver(this.#state, network, gateway.nodeId, packet, this.#steps);
  }

  /** What is addressed to the gateway itself. */
  #atGateway(gateway: GatewayView, packet: Packet, from: 'inside' | 'outside'): Verdict {
    const at: ReachPlace = { kind: 'gateway', concentratorId: gateway.concentrator.id };
    const { protocol, port, destination } = packet;
    const serves =
      from === 'inside' &&
      ((protocol === 'udp' && (port === DNS || port === (isIpv6(destination) ? DHCPV6 : DHCP))) || (protocol === 'tcp' && port === DNS));
    const isEcho = protocol === 'icmp' && icmpOf(packet).type === icmpOf({ destination }).type;
    if (serves || isEcho) return { kind: 'delivered', to: at, packet };
    return dropped(at, this.#isPublic(destination) ? 'closed_public_address' : 'gateway_closed');
  }

  #translatedIn(gateway: GatewayView, packet: Packet): readonly [Packet, boolean] {
    const translated = translateIn(this.#state, gateway, packet);
    if (translated === undefined) return [packet, false];
    this.#steps.push({ kind: 'translated', ...translated });
    return [translated.packet, true];
  }

  /** So that the answer comes back this way: otherwise it would go straight to the asker, who knows nothing of its sender. */
  #turned(gateway: GatewayView, packet: Packet, source: IpAddress): Packet {
    const turned = { ...packet, source };
    this.#steps.push({ kind: 'translated', translation: { kind: 'hairpin', by: gateway.concentrator.id }, packet: turned });
    return turned;
  }

  #firewall(gateway: GatewayView, direction: 'inbound' | 'outbound', packet: Packet): Verdict | undefined {
    if (!isPacket4(packet)) return undefined;
    const concentratorId = gateway.concentrator.id;
    const asked = askFirewall(gateway, direction, packet);
    if (asked?.action === 'deny') return dropped({ kind: 'gateway', concentratorId }, 'firewall_rule', asked.ruleId);
    if (asked !== undefined) this.#steps.push({ kind: 'firewall_allows', concentratorId, direction, ruleId: asked.ruleId });
    return undefined;
  }

  /** Addresses that the gateway's own IP stack takes: those of its legs, and those that it answers for outside. */
  #isOwn(gateway: GatewayView, address: IpAddress): boolean {
    if (gateway.concentrator.uplink?.address === address || gateway.legs.some((leg) => leg.gatewayIp === address)) return true;
    return gatewayAnswering(this.#state, address)?.id === gateway.concentrator.id;
  }

  #isPublic(address: IpAddress): boolean {
    return isIpv4(address) && this.#state.floatingIpByAddress(address) !== undefined;
  }

  #isInfrastructure(address: IpAddress): boolean {
    return this.#facts.infrastructure.some((cidr) => ipCidrContains(cidr, address));
  }
}

const DNS = 53;
const DHCP = 67;
const DHCPV6 = 547;
