import type { ClusterState } from '../cluster-state.ts';
import { isIpv6 } from '../ip.ts';
import type { IpAddress } from '../ip.ts';
import type { Ipv4 } from '../ipv4.ts';
import { SSH_PORT } from '../plan/render.ts';
import { answererOf, gatewayOfAddress } from '../public-gateway.ts';
import { routedAddresses } from '../routed-addresses.ts';
import type { Concentrator, FloatingIp, PortForwarding } from '../resource.ts';
import { isPacket4 } from './flow.ts';
import type { Packet, Translation } from './flow.ts';
import { askNatIn, askNatOut, legTo } from './gateway.ts';
import type { GatewayView } from './gateway.ts';

/**
 * The translations of a gateway, in the order in which its table asks them (dataplane, `ruleset/gateway.ts`): a tenant's NAT rules before all
 * else, then what is forwarded, then the public address as a whole, and the gateway's own address last. IPv6 is never translated.
 */
export type Translated = Readonly<{ translation: Translation; packet: Packet<Ipv4> }>;

/** Whose gateway answers for an address outside, if anybody's does. */
export function gatewayAnswering(state: ClusterState, address: IpAddress): Concentrator | undefined {
  if (isIpv6(address)) return undefined;
  const floating = state.floatingIpByAddress(address);
  if (floating === undefined) return state.concentratorByUplink(address);
  const concentrator = answererOf(state, floating);
  return concentrator?.nodeId === undefined ? undefined : concentrator;
}

/** What becomes of a packet that comes in at a gateway, from outside or from its tenant; undefined: it stays as it is. */
export function translateIn(state: ClusterState, view: GatewayView, packet: Packet): Translated | undefined {
  if (!isPacket4(packet)) return undefined;
  return natIn(view, packet) ?? forwarded(state, view, packet) ?? sshReached(state, view, packet) ?? publicIn(state, view, packet);
}

/** What becomes of the source of a packet that leaves by the uplink; the gateway's own packets stay as they are. */
export function translateOut(state: ClusterState, view: GatewayView, packet: Packet): Translated | undefined {
  if (!isPacket4(packet)) return undefined;
  return natOut(view, packet) ?? publicOut(state, view, packet) ?? ownAddress(view, packet);
}

function natIn(view: GatewayView, packet: Packet<Ipv4>): Translated | undefined {
  const rule = askNatIn(view, packet);
  const destination = rule?.local?.[0];
  if (rule === undefined || destination === undefined) return undefined;
  const port = rule.toPort === undefined || rule.portMin === undefined ? packet.port : rule.toPort + packet.port - rule.portMin;
  return { translation: { kind: 'nat_rule', by: rule.id }, packet: { ...packet, destination, port } };
}

function natOut(view: GatewayView, packet: Packet<Ipv4>): Translated | undefined {
  const rule = askNatOut(view, packet);
  return rule === undefined ? undefined : { translation: { kind: 'nat_rule', by: rule.id }, packet: { ...packet, source: rule.address } };
}

function forwarded(state: ClusterState, view: GatewayView, packet: Packet<Ipv4>): Translated | undefined {
  const floating = state.floatingIpByAddress(packet.destination);
  for (const forwarding of floating === undefined ? [] : state.forwardingsOf(floating.id)) {
    const { protocol, externalFirst, externalLast, internalAddress, internalFirst } = forwarding;
    if (protocol !== packet.protocol || packet.port < externalFirst || packet.port > externalLast) continue;
    if (
      gatewayOfForwarding(state, forwarding)?.id !== view.concentrator.id ||
      gatewayAnswering(state, packet.destination)?.id !== view.concentrator.id
    )
      continue;
    const port = internalFirst + packet.port - externalFirst;
    return { translation: { kind: 'port_forwarding', by: forwarding.id }, packet: { ...packet, destination: internalAddress, port } };
  }
  return undefined;
}

function sshReached(state: ClusterState, view: GatewayView, packet: Packet<Ipv4>): Translated | undefined {
  const { tenantId, uplink } = view.concentrator;
  if (packet.protocol !== 'tcp' || uplink?.address !== packet.destination || state.tenants.get(tenantId)?.sshReach !== true)
    return undefined;
  const instance = state.instanceBySshPort(tenantId, packet.port);
  const destination = instance === undefined ? undefined : routedAddresses(state, instance.portId, view.concentrator.id)[0];
  if (instance === undefined || destination === undefined) return undefined;
  return { translation: { kind: 'ssh_reach', by: instance.id }, packet: { ...packet, destination, port: SSH_PORT } };
}

function publicIn(state: ClusterState, view: GatewayView, packet: Packet<Ipv4>): Translated | undefined {
  const floating = state.floatingIpByAddress(packet.destination);
  if (floating?.fixedIp === undefined || gatewayOfPublicIp(state, floating)?.id !== view.concentrator.id) return undefined;
  return { translation: { kind: 'public_ip', by: floating.id }, packet: { ...packet, destination: floating.fixedIp } };
}

function publicOut(state: ClusterState, view: GatewayView, packet: Packet<Ipv4>): Translated | undefined {
  const leg = legTo(view, packet.source);
  const port = leg === undefined ? undefined : state.portByAddress(leg.subnetId, packet.source);
  for (const floating of port === undefined ? [] : state.floatingIpsOfPort(port.id)) {
    if (floating.fixedIp !== packet.source || gatewayOfPublicIp(state, floating)?.id !== view.concentrator.id) continue;
    return { translation: { kind: 'public_ip', by: floating.id }, packet: { ...packet, source: floating.address } };
  }
  return undefined;
}

function ownAddress(view: GatewayView, packet: Packet<Ipv4>): Translated | undefined {
  const { id, uplink } = view.concentrator;
  if (uplink === undefined || !view.hasSourceNat || legTo(view, packet.source) === undefined) return undefined;
  return { translation: { kind: 'source_nat', by: id }, packet: { ...packet, source: uplink.address } };
}

/** The placed gateway that an address is 1:1 at. */
function gatewayOfPublicIp(state: ClusterState, { portId, fixedIp, floatingNetworkId }: FloatingIp): Concentrator | undefined {
  const concentrator = gatewayOfAddress(state, portId, fixedIp, floatingNetworkId);
  return concentrator?.nodeId === undefined ? undefined : concentrator;
}

/** A forwarding to an address that its port has no more leads nowhere until it is changed. */
function gatewayOfForwarding(
  state: ClusterState,
  { internalPortId, internalAddress, floatingIpId }: PortForwarding,
): Concentrator | undefined {
  const floating = state.floatingIps.get(floatingIpId);
  const concentrator =
    floating === undefined ? undefined : gatewayOfAddress(state, internalPortId, internalAddress, floating.floatingNetworkId);
  return concentrator?.nodeId === undefined ? undefined : concentrator;
}
