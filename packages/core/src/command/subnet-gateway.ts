import type { ClusterState } from '../cluster-state.ts';
import { isIpv4, isIpv6 } from '../ip.ts';
import type { IpAddress } from '../ip.ts';
import type { Concentrator } from '../resource.ts';
import type { Subnet } from '../subnet.ts';
import { isAutomaticallyRouted } from '../subnet-router.ts';
import { Conflict, revised } from './context.ts';
import type { CommandContext } from './context.ts';

/**
 * What else a subnet's new `gateway_ip` changes: outside, the next hop of routers that meet it there. The tenants' own gateways need
 * nothing, for plans follow the subnet. Throws Conflict where the old address is still needed, or the new one is somebody's.
 */
export function movedGateway(
  state: ClusterState,
  context: CommandContext,
  old: Subnet,
  wanted: IpAddress | undefined,
): readonly Concentrator[] {
  if (wanted === old.gatewayIp) return [];
  checkUnused(state, old, wanted);
  if (wanted !== undefined) checkFree(state, old, wanted);
  return [...state.routers.values()].flatMap(({ id, externalGateway }) => {
    const concentrator = state.concentratorOfRouter(id);
    const meets = externalGateway?.fixedIps.some(({ subnetId }) => subnetId === old.id) === true;
    if (!meets || wanted === undefined || isIpv6(wanted) || concentrator?.uplink === undefined) return [];
    return [revised(context, concentrator, { uplink: { ...concentrator.uplink, gateway: wanted } })];
  });
}

function checkUnused(state: ClusterState, { id, networkId, gatewayIp }: Subnet, wanted: IpAddress | undefined): void {
  for (const port of state.interfacesOn(networkId)) {
    if (!port.fixedIps.some((fixed) => fixed.subnetId === id && fixed.address === gatewayIp)) continue;
    throw new Conflict('gateway_ip_in_use', `Current gateway ip ${gatewayIp} already in use by port ${port.id}. Unable to update.`, {
      details: { port: port.id },
      remedy: `Take the subnet off router ${port.deviceId} first.`,
    });
  }
  if (wanted !== undefined) return;
  for (const { id: routerId, externalGateway } of state.routers.values()) {
    if (externalGateway?.fixedIps.some(({ subnetId }) => subnetId === id) !== true) continue;
    throw new Conflict('gateway_ip_in_use', `Current gateway ip ${gatewayIp} is the next hop of router ${routerId}. Unable to update.`, {
      remedy: 'Name another gateway, or clear the external gateway of the router first.',
    });
  }
  checkNoPublicAddress(state, id);
}

/** Without a gateway the tenant's automatic one no longer leads to the subnet. */
function checkNoPublicAddress(state: ClusterState, subnetId: Subnet['id']): void {
  const subnet = state.subnets.get(subnetId);
  if (subnet === undefined || !isAutomaticallyRouted(state, subnet)) return;
  for (const floating of state.floatingIpsOf(subnet.tenantId)) {
    const targets = [
      [floating.portId, floating.fixedIp] as const,
      ...Array.from(state.forwardingsOf(floating.id), ({ internalPortId, internalAddress }) => [internalPortId, internalAddress] as const),
    ];
    const leadsHere = targets.some(
      ([portId, address]) => portId !== undefined && address !== undefined && state.portByAddress(subnetId, address)?.id === portId,
    );
    if (!leadsHere) continue;
    throw new Conflict(
      'gateway_ip_in_use',
      `Current gateway ip ${subnet.gatewayIp} is required by floating IP ${floating.id}. Unable to update.`,
      { details: { floatingIp: floating.id }, remedy: 'Take the floating IP off its port first, or name another gateway.' },
    );
  }
}

/** A router's interface may have the address already: it becomes the gateway. */
function checkFree(state: ClusterState, { id, networkId }: Subnet, wanted: IpAddress): void {
  const holder = state.portByAddress(id, wanted);
  const isInterface = [...state.interfacesOn(networkId)].some((port) => port.id === holder?.id);
  const isPublic = [...state.floatingIpsIn(id)].some(({ address }) => address === wanted);
  const isUplink = state.networks.get(networkId)?.external === true && isIpv4(wanted) && state.concentratorByUplink(wanted) !== undefined;
  if ((holder === undefined || isInterface) && !isPublic && !isUplink) return;
  throw new Conflict('ip_address_in_use', `Unable to complete operation for network ${networkId}. The IP address ${wanted} is in use.`, {
    details: { address: wanted },
    remedy: 'Name an address that nobody holds.',
  });
}
