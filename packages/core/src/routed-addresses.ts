import type { ClusterState } from './cluster-state.ts';
import type { Ipv4 } from './ipv4.ts';
import type { PortId } from './uuid.ts';

/** A port's addresses on subnets that have a gateway, in the port's order: on others the same one may be somebody else's. */
export function routedAddresses(state: ClusterState, portId: PortId): Ipv4[] {
  const fixedIps = state.ports.get(portId)?.fixedIps ?? [];
  const routed = fixedIps.filter(({ subnetId }) => state.subnets.get(subnetId)?.gatewayIp !== undefined);
  return routed.map(({ address }) => address);
}
