import type { ClusterState } from './cluster-state.ts';
import { isIpv4 } from './ip.ts';
import type { Ipv4 } from './ipv4.ts';
import type { ConcentratorId, PortId } from './uuid.ts';

/** A port's IPv4 addresses on subnets that this gateway answers for, in the port's order: on others the same one may be somebody else's. */
export function routedAddresses(state: ClusterState, portId: PortId, concentratorId: ConcentratorId): Ipv4[] {
  const fixedIps = state.ports.get(portId)?.fixedIps ?? [];
  const routed = fixedIps.filter(({ subnetId }) => state.gatewayOfSubnet(subnetId)?.id === concentratorId);
  return routed.map(({ address }) => address).filter(isIpv4);
}
