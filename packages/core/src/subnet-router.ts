import type { ClusterState } from './cluster-state.ts';
import { leases } from './subnet.ts';
import type { Subnet } from './subnet.ts';
import type { NetworkId, RouterId, SubnetId } from './uuid.ts';

/** The routers with an interface on the subnet. */
export function* routersOfSubnet(state: ClusterState, subnetId: SubnetId): Generator<RouterId> {
  const networkId = state.subnets.get(subnetId)?.networkId;
  for (const port of networkId === undefined ? [] : state.interfacesOn(networkId))
    if (port.fixedIps.some((fixed) => fixed.subnetId === subnetId) && state.routers.has(port.deviceId as RouterId))
      yield port.deviceId as RouterId;
}

/** Whether nothing that routes answers for a subnet's DHCP, and it has leases to give: a `network:dhcp` port is to do it. */
export function wantsDhcpPort(state: ClusterState, subnet: Subnet): boolean {
  if (!leases(subnet) || state.networks.get(subnet.networkId)?.external !== false || isAutomaticallyRouted(state, subnet)) return false;
  for (const _ of routersOfSubnet(state, subnet.id)) return false;
  return true;
}

/** Whether the tenant's automatic gateway answers for a subnet: it has a gateway address and is on no router (design §8). */
export function isAutomaticallyRouted(state: ClusterState, subnet: Subnet): boolean {
  if (subnet.gatewayIp === undefined || state.networks.get(subnet.networkId)?.external !== false) return false;
  if (state.tenants.get(subnet.tenantId)?.automaticGateway !== true) return false;
  for (const _ of routersOfSubnet(state, subnet.id)) return false;
  return true;
}

/** Whether something leads, or would lead as soon as it is placed, from a subnet to an external network and back. */
export function reachesExternal(state: ClusterState, subnetId: SubnetId, externalNetworkId: NetworkId): boolean {
  const subnet = state.subnets.get(subnetId);
  if (subnet === undefined) return false;
  const routerId = state.gatewayOfSubnet(subnetId)?.routerId;
  if (routerId !== undefined) return state.routers.get(routerId)?.externalGateway?.networkId === externalNetworkId;
  return isAutomaticallyRouted(state, subnet);
}
