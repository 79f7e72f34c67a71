import { poolsWithout } from '../address-pool.ts';
import { cidrHosts } from '../cidr.ts';
import { cidr6Hosts } from '../cidr6.ts';
import type { ClusterState } from '../cluster-state.ts';
import { isDhcpPort } from '../dhcp-service.ts';
import { eui64Address } from '../eui64.ts';
import { ipCidrsOverlap, isCidr6, isIpv4, isIpv6 } from '../ip.ts';
import type { IpAddress, IpCidr } from '../ip.ts';
import type { Ipv6Mode } from '../ipv6-mode.ts';
import type { Changes, Network, Port, Resource } from '../resource.ts';
import { isRouterInterface } from '../router.ts';
import type { StaticRoute } from '../router.ts';
import { isPool4, isPool6, isSelfAddressed, isSubnet6 } from '../subnet.ts';
import type { AllocationPool, Subnet, Subnet4, Subnet6 } from '../subnet.ts';
import { isAutomaticallyRouted } from '../subnet-router.ts';
import type { NetworkId, SubnetId } from '../uuid.ts';
import { Conflict, NotFound, Refused, putChanged, revised, stamps, updated } from './context.ts';
import type { CommandContext } from './context.ts';
import { checkAddresses } from './shared-addresses.ts';
import { missingConcentrator } from './concentrator.ts';
import { withDhcpPort } from './dhcp-port.ts';
import { serves } from './service-subnets.ts';
import { checkCidr, checkGateway, checkIpv6Fits, checkModes, checkNameServers, checkPools } from './subnet-checks.ts';
import { movedGateway } from './subnet-gateway.ts';
import { checkPoolAffinity, prefixFromPool } from './subnet-pool.ts';
import type { PoolRequest } from './subnet-pool.ts';

export type CreateSubnet = Readonly<{
  networkId: NetworkId;
  name: string;
  description: string;
  /** Absent: one of the pool. */
  cidr: IpCidr | undefined;
  /** Where the prefix is from, `cidr` or any; of IPv4 only. Absent: it is nobody's. */
  pool?: Omit<PoolRequest, 'cidr'> | undefined;
  /** Absent: the first host address. `null`: none. */
  gatewayIp: IpAddress | null | undefined;
  enableDhcp: boolean;
  dnsNameservers: readonly IpAddress[];
  /** Absent: everything but the gateway. */
  allocationPools: readonly AllocationPool[] | undefined;
  /** Both of IPv6 only. */
  raMode?: Ipv6Mode | undefined;
  addressMode?: Ipv6Mode | undefined;
}> &
  SubnetExtras;

/** Absent: none. */
export type SubnetExtras = Readonly<{ hostRoutes?: readonly StaticRoute[]; serviceTypes?: readonly string[] }>;

/**
 * A subnet; with the first one that has a gateway its tenant gets a concentrator (design §8). One on which hosts make their addresses themselves
 * gives every port of the network its address in the same step.
 */
export function createSubnet(state: ClusterState, context: CommandContext, wanted: CreateSubnet): Changes & Readonly<{ subnet: Subnet }> {
  const network = state.networks.get(wanted.networkId);
  if (network === undefined) throw new NotFound('network', wanted.networkId);
  const request = { ...wanted, cidr: prefixFor(state, network, wanted) };
  checkModes({ ...request, raMode: request.raMode, addressMode: request.addressMode });
  checkCidr(request);
  if (isCidr6(request.cidr)) checkIpv6Fits(network);
  for (const other of state.subnetsOf(network.id)) {
    if (ipCidrsOverlap(other.cidr, request.cidr)) {
      throw new Refused(
        'subnet_overlap',
        `Invalid input for operation: Requested subnet with cidr: ${request.cidr} for network: ${network.id} overlaps with another subnet.`,
        { details: { cidr: request.cidr, other: other.cidr, subnet: other.id } },
      );
    }
  }
  if (!network.external) checkAddresses(state, network, [request]);
  if (request.gatewayIp !== null && !network.external) checkRouted(state, network, request.cidr);
  const subnet: Subnet = {
    kind: 'subnet',
    id: context.uuid() as SubnetId,
    tenantId: network.tenantId,
    networkId: network.id,
    name: request.name,
    description: request.description,
    enableDhcp: request.enableDhcp,
    serviceTypes: kept(request.serviceTypes),
    ...addressing(request),
    ...stamps(context),
  };
  const put: Resource[] = [subnet, revised(context, network, {}), ...portsAddressed(state, context, subnet)];
  if (subnet.gatewayIp !== undefined && !network.external) put.push(...missingConcentrator(state, context, network.tenantId));
  return withDhcpPort(state, context, network.id, { put, remove: [], subnet });
}

type Addressing<S extends Subnet> = Pick<S, 'ipVersion' | 'cidr' | 'gatewayIp' | 'dnsNameservers' | 'allocationPools'>;

/** What of a new subnet is of one family. */
function addressing(
  request: CreateSubnet & Readonly<{ cidr: IpCidr }>,
): (Addressing<Subnet4> & Pick<Subnet4, 'hostRoutes' | 'subnetPoolId'>) | (Addressing<Subnet6> & Pick<Subnet6, 'raMode' | 'addressMode'>) {
  const { cidr, dnsNameservers, raMode, addressMode } = request;
  const hosts = isCidr6(cidr) ? cidr6Hosts(cidr) : cidrHosts(cidr);
  const gatewayIp = request.gatewayIp === null ? undefined : (request.gatewayIp ?? hosts.first);
  checkGateway(cidr, gatewayIp);
  checkNameServers(cidr, dnsNameservers);
  const whole: readonly AllocationPool[] = [{ start: hosts.first, end: hosts.last }];
  const pools = request.allocationPools ?? (gatewayIp === undefined ? whole : poolsWithout(whole, gatewayIp));
  checkPools(cidr, pools, gatewayIp);
  if (isCidr6(cidr)) {
    checkNoHostRoutes(request);
    return {
      ipVersion: 6,
      cidr,
      gatewayIp: gatewayIp === undefined || isIpv4(gatewayIp) ? undefined : gatewayIp,
      dnsNameservers: dnsNameservers.filter(isIpv6),
      allocationPools: pools.filter(isPool6),
      raMode,
      addressMode,
    };
  }
  return {
    ipVersion: 4,
    cidr,
    gatewayIp: gatewayIp === undefined || isIpv6(gatewayIp) ? undefined : gatewayIp,
    dnsNameservers: dnsNameservers.filter(isIpv4),
    allocationPools: pools.filter(isPool4),
    hostRoutes: kept(request.hostRoutes),
    subnetPoolId: request.pool?.poolId,
  };
}

function prefixFor(state: ClusterState, network: Network, { cidr, pool }: CreateSubnet): IpCidr {
  if (cidr !== undefined && isCidr6(cidr)) {
    if (pool === undefined) return cidr;
    throw new Refused('invalid_cidr', `Invalid input for operation: ${cidr} is from no subnet pool: pools hold IPv4 prefixes.`);
  }
  checkPoolAffinity(state, network, pool?.poolId);
  if (pool !== undefined) return prefixFromPool(state, network, { ...pool, cidr });
  if (cidr !== undefined) return cidr;
  throw new Refused('cidr_required', 'Bad subnets request: a subnetpool must be specified in the absence of a cidr.', {
    remedy: 'Name the cidr of the new subnet, or a subnet pool.',
  });
}

/** Routers' advertisements and DHCPv6 as the gateways speak them have no room for them. */
function checkNoHostRoutes({ hostRoutes }: SubnetExtras): void {
  if (hostRoutes === undefined || hostRoutes.length === 0) return;
  throw new Refused('host_routes_of_ipv6', 'Invalid input for operation: host_routes are of IPv4 subnets only.', {
    remedy: 'Route on the router instead (its routes).',
  });
}

/** Ports with the address that a new subnet gives to whoever is on the network; a router names its own, and what serves DHCP has none. */
function portsAddressed(state: ClusterState, context: CommandContext, subnet: Subnet): readonly Port[] {
  if (!isSelfAddressed(subnet)) return [];
  const ports = [...state.portsOf(subnet.networkId)].filter(
    (port) => !isRouterInterface(port) && !isDhcpPort(port) && serves(subnet, port.deviceOwner),
  );
  return ports.map((port) => {
    const fixedIps = [...port.fixedIps, { subnetId: subnet.id, address: eui64Address(subnet.cidr, port.mac) }];
    return revised<Port>(context, port, { fixedIps });
  });
}

/** One gateway routes all of a tenant's subnets that are on no router, so no two of them may overlap: it could not tell where an address is. */
function checkRouted(state: ClusterState, network: Network, cidr: IpCidr): void {
  const other = automaticOverlap(state, network, cidr);
  if (other === undefined) return;
  throw new Refused(
    'subnet_overlap',
    `Invalid input for operation: Requested subnet with cidr: ${cidr} for network: ${network.id} overlaps with subnet ${other.id} (${other.cidr}) of network ${other.networkId}, which has the same gateway.`,
    { details: { cidr, other: other.cidr, subnet: other.id }, remedy: 'Use another CIDR, or no gateway (gateway_ip: null).' },
  );
}

/** A subnet of another network of the tenant that its automatic gateway answers for, and that has some of these addresses. */
export function automaticOverlap(state: ClusterState, network: Network, cidr: IpCidr): Subnet | undefined {
  if (state.tenants.get(network.tenantId)?.automaticGateway !== true) return undefined;
  for (const sibling of state.networksOf(network.tenantId)) {
    if (sibling.id === network.id || sibling.external) continue;
    for (const other of state.subnetsOf(sibling.id)) {
      if (ipCidrsOverlap(other.cidr, cidr) && isAutomaticallyRouted(state, other)) return other;
    }
  }
  return undefined;
}

/** An empty list is no list. */
function kept<T>(list: readonly T[] | undefined): readonly T[] | undefined {
  return list?.length === 0 ? undefined : list;
}

export type UpdateSubnet = Readonly<
  Partial<Pick<Subnet, 'name' | 'description' | 'enableDhcp'>> & {
    dnsNameservers?: readonly IpAddress[];
    allocationPools?: readonly AllocationPool[];
    /** `null`: none from now on. */
    gatewayIp?: IpAddress | null;
  }
> &
  SubnetExtras;

/** With its gateway's address the gateway itself moves, in the same step: a router's interface keeps its own, and that is refused. */
export function updateSubnet(
  state: ClusterState,
  context: CommandContext,
  id: SubnetId,
  request: UpdateSubnet,
): Changes & Readonly<{ subnet: Subnet }> {
  const old = state.subnets.get(id);
  if (old === undefined) throw new NotFound('subnet', id);
  if (request.enableDhcp !== undefined) checkDhcp(old, request.enableDhcp);
  const network = state.networks.get(old.networkId);
  const gatewayIp = request.gatewayIp === undefined ? old.gatewayIp : (request.gatewayIp ?? undefined);
  if (gatewayIp !== old.gatewayIp) checkGateway(old.cidr, gatewayIp);
  if (request.allocationPools !== undefined || gatewayIp !== old.gatewayIp)
    checkPools(old.cidr, request.allocationPools ?? old.allocationPools, gatewayIp);
  checkNameServers(old.cidr, request.dnsNameservers ?? []);
  const moved = movedGateway(state, context, old, gatewayIp);
  const isFirst = old.gatewayIp === undefined && gatewayIp !== undefined && network?.external === false;
  if (isFirst) checkRouted(state, network, old.cidr);
  const subnet = isSubnet6(old) ? changed6(context, old, request) : changed4(context, old, request);
  const more = [...moved, ...(isFirst ? missingConcentrator(state, context, old.tenantId) : [])];
  const isNews = subnet !== old && network !== undefined;
  if (!isNews) return { put: putChanged(old, subnet), remove: [], subnet };
  return withDhcpPort(state, context, network.id, { put: [subnet, revised(context, network, {}), ...more], remove: [], subnet });
}

function checkDhcp(old: Subnet, enableDhcp: boolean): void {
  if (isSubnet6(old)) checkModes({ cidr: old.cidr, enableDhcp, raMode: old.raMode, addressMode: old.addressMode });
  if (enableDhcp) checkCidr({ cidr: old.cidr, enableDhcp });
}

/** Of both families; everything in it was checked to be of the subnet's. */
function plainChanges(old: Subnet, request: UpdateSubnet): Pick<Subnet, 'name' | 'description' | 'enableDhcp' | 'serviceTypes'> {
  const { name = old.name, description = old.description, enableDhcp = old.enableDhcp } = request;
  return { name, description, enableDhcp, serviceTypes: kept(request.serviceTypes ?? old.serviceTypes) };
}

function changed4(context: CommandContext, old: Subnet4, request: UpdateSubnet): Subnet4 {
  const { gatewayIp = old.gatewayIp, dnsNameservers = old.dnsNameservers, allocationPools = old.allocationPools } = request;
  return updated<Subnet4>(context, old, {
    ...plainChanges(old, request),
    gatewayIp: gatewayIp === null || gatewayIp === undefined || isIpv6(gatewayIp) ? undefined : gatewayIp,
    dnsNameservers: dnsNameservers.filter(isIpv4),
    allocationPools: allocationPools.filter(isPool4),
    hostRoutes: kept(request.hostRoutes ?? old.hostRoutes),
  });
}

function changed6(context: CommandContext, old: Subnet6, request: UpdateSubnet): Subnet6 {
  checkNoHostRoutes(request);
  const { gatewayIp = old.gatewayIp, dnsNameservers = old.dnsNameservers, allocationPools = old.allocationPools } = request;
  return updated<Subnet6>(context, old, {
    ...plainChanges(old, request),
    gatewayIp: gatewayIp === null || gatewayIp === undefined || isIpv4(gatewayIp) ? undefined : gatewayIp,
    dnsNameservers: dnsNameservers.filter(isIpv6),
    allocationPools: allocationPools.filter(isPool6),
  });
}

/** It goes once nobody holds one of its addresses. Those that hosts made themselves go with it, except a router's. */
export function deleteSubnet(state: ClusterState, context: CommandContext, id: SubnetId): Changes {
  const subnet = state.subnets.get(id);
  if (subnet === undefined) throw new NotFound('subnet', id);
  const isSelf = isSelfAddressed(subnet);
  const holders = isSelf
    ? [...state.portsOf(subnet.networkId)].filter(({ fixedIps }) => fixedIps.some((fixed) => fixed.subnetId === id))
    : [];
  const users = isSelf ? holders.filter(isRouterInterface).length : state.addressCount(id);
  const gateways = [...state.routers.values()].flatMap(({ externalGateway }) => externalGateway?.fixedIps ?? []);
  const held = [...state.floatingIpsIn(id)].length + gateways.filter(({ subnetId }) => subnetId === id).length;
  const server = state.dhcpPortOn(subnet.networkId)?.fixedIps.filter(({ subnetId }) => subnetId === id) ?? [];
  if (users + held > server.length) {
    throw new Conflict(
      'subnet_in_use',
      `Unable to complete operation on subnet ${id}: One or more ports have an IP allocation from this subnet.`,
      {
        remedy: 'Delete the ports that hold its addresses first.',
      },
    );
  }
  const network = state.networks.get(subnet.networkId);
  const left = holders.map((port) => revised<Port>(context, port, { fixedIps: port.fixedIps.filter(({ subnetId }) => subnetId !== id) }));
  const put = [...(network === undefined ? [] : [revised(context, network, {})]), ...left];
  return withDhcpPort(state, context, subnet.networkId, { put, remove: [subnet] });
}
