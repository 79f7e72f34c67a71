import type { IpAddress } from './ip.ts';
import type { Mac } from './mac.ts';
import type { Concentrator, Network, Port, Tenant } from './resource.ts';
import type { Subnet } from './subnet.ts';
import type { NetworkId, RouterId, SubnetId, TenantId } from './uuid.ts';

/** A gateway's place on a segment: one leg with one MAC, and an address on each subnet that it routes. */
export type SegmentGateway = Readonly<{ concentrator: Concentrator; mac: Mac; legs: readonly GatewayLeg[] }>;
export type GatewayLeg = Readonly<{ subnet: Subnet; address: IpAddress }>;

/** What {@link segmentGateways} asks of the cluster's state. */
type Known = Readonly<{
  tenants: ReadonlyMap<TenantId, Tenant>;
  subnets: ReadonlyMap<SubnetId, Subnet>;
  subnetsOf: (networkId: NetworkId) => Iterable<Subnet>;
  /** Ports of the network that are routers' interfaces. */
  interfacesOn: (networkId: NetworkId) => Iterable<Port>;
  concentratorOf: (tenantId: TenantId) => Concentrator | undefined;
  concentratorOfRouter: (routerId: RouterId) => Concentrator | undefined;
  concentratorOfNetwork: (networkId: NetworkId) => Concentrator | undefined;
  dhcpPortOn: (networkId: NetworkId) => Port | undefined;
}>;

/**
 * The gateways of a segment: the tenant's automatic one for its subnets that are on no router, one for each router with an interface here, and one
 * that only serves DHCP and names for subnets without either. A router's several interfaces on one segment share the leg, and the MAC, of the
 * oldest. The order is the same whoever asks, and the first is the hub of a segment with topology `concentrator`: the automatic gateway, else the
 * router that was here first.
 */
export function segmentGateways(known: Known, network: Network): readonly SegmentGateway[] {
  if (network.external) return [];
  const gateways: SegmentGateway[] = [];
  // Without a router of the same tenant behind it a port is no interface, whatever it says of itself.
  const interfaces = [...known.interfacesOn(network.id)]
    .filter(({ deviceId }) => known.concentratorOfRouter(deviceId as RouterId)?.tenantId === network.tenantId)
    .toSorted((a, b) => (a.createdAt + a.id < b.createdAt + b.id ? -1 : 1));
  const routed = new Set(interfaces.flatMap(({ fixedIps }) => fixedIps.map(({ subnetId }) => subnetId)));
  if (known.tenants.get(network.tenantId)?.automaticGateway === true) {
    const legs = [...known.subnetsOf(network.id)].flatMap((subnet): GatewayLeg[] =>
      subnet.gatewayIp === undefined || routed.has(subnet.id) ? [] : [{ subnet, address: subnet.gatewayIp }],
    );
    const concentrator = legs.length === 0 ? undefined : known.concentratorOf(network.tenantId);
    if (concentrator !== undefined) gateways.push({ concentrator, mac: network.gatewayMac, legs });
  }
  for (const routerId of new Set(interfaces.map(({ deviceId }) => deviceId as RouterId))) {
    const concentrator = known.concentratorOfRouter(routerId);
    const own = interfaces.filter(({ deviceId }) => deviceId === routerId);
    const legs = own.flatMap((port) => legsOf(known, port));
    const mac = own[0]?.mac;
    if (concentrator !== undefined && mac !== undefined) gateways.push({ concentrator, mac, legs });
  }
  const server = known.dhcpPortOn(network.id);
  const concentrator = server === undefined ? undefined : known.concentratorOfNetwork(network.id);
  if (server !== undefined && concentrator !== undefined) gateways.push({ concentrator, mac: server.mac, legs: legsOf(known, server) });
  return gateways;
}

function legsOf(known: Known, { fixedIps }: Port): GatewayLeg[] {
  return fixedIps.flatMap(({ subnetId, address }): GatewayLeg[] => {
    const subnet = known.subnets.get(subnetId);
    return subnet === undefined ? [] : [{ subnet, address }];
  });
}

/** Which of a segment's gateways answers for a subnet: who has its `gateway_ip`, else the first with a leg there. It serves DHCP and names, too. */
export function servingGateway(gateways: readonly SegmentGateway[], subnetId: SubnetId): SegmentGateway | undefined {
  const there = gateways.filter(({ legs }) => legs.some(({ subnet }) => subnet.id === subnetId));
  return there.find(({ legs }) => legs.some(({ subnet, address }) => subnet.id === subnetId && address === subnet.gatewayIp)) ?? there[0];
}
