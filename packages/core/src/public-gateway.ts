import type { ClusterState } from './cluster-state.ts';
import type { Ipv4 } from './ipv4.ts';
import type { Concentrator, FloatingIp } from './resource.ts';
import type { NetworkId, PortId } from './uuid.ts';

/**
 * The gateway between an address of a port and an external network: the automatic gateway leads to any, a router only to the one that its external
 * gateway is on. Undefined where the port does not have the address (any more), or nothing leads out.
 */
export function gatewayOfAddress(
  state: ClusterState,
  portId: PortId | undefined,
  address: Ipv4 | undefined,
  externalNetworkId: NetworkId,
): Concentrator | undefined {
  const fixed = portId === undefined ? undefined : state.ports.get(portId)?.fixedIps.find((each) => each.address === address);
  const concentrator = fixed === undefined ? undefined : state.gatewayOfSubnet(fixed.subnetId);
  // Not to a guest on another project's network: a gateway leads in what is its own project's.
  if (concentrator?.uplink === undefined || concentrator.tenantId !== state.ports.get(portId as PortId)?.tenantId) return undefined;
  if (concentrator.routerId === undefined) return concentrator;
  return state.routers.get(concentrator.routerId)?.externalGateway?.networkId === externalNetworkId ? concentrator : undefined;
}

/** Which gateway is to answer for a public address, placed or not: where it leads 1:1, else its first forwarding, else whose NAT rules use it. */
export function answererOf(state: ClusterState, floating: FloatingIp): Concentrator | undefined {
  const direct = gatewayOfAddress(state, floating.portId, floating.fixedIp, floating.floatingNetworkId);
  if (direct !== undefined) return direct;
  for (const { internalPortId, internalAddress } of state.forwardingsOf(floating.id)) {
    const concentrator = gatewayOfAddress(state, internalPortId, internalAddress, floating.floatingNetworkId);
    if (concentrator !== undefined) return concentrator;
  }
  const automatic = state.concentratorOf(floating.tenantId);
  for (const _ of automatic?.uplink === undefined ? [] : state.natRulesUsing(floating.id)) return automatic;
  return undefined;
}
