import { poolContains, poolsWithout } from '../address-pool.ts';
import { cidrContains, cidrHosts, cidrLast, cidrNetwork, cidrPrefixLength, cidrsOverlap } from '../cidr.ts';
import type { Cidr } from '../cidr.ts';
import type { ClusterState } from '../cluster-state.ts';
import { ipv4ToNumber } from '../ipv4.ts';
import type { Ipv4 } from '../ipv4.ts';
import type { AllocationPool, Changes, Network, Resource, Subnet } from '../resource.ts';
import type { StaticRoute } from '../router.ts';
import { isAutomaticallyRouted } from '../subnet-router.ts';
import type { NetworkId, SubnetId } from '../uuid.ts';
import { Conflict, NotFound, Refused, putChanged, revised, stamps, updated } from './context.ts';
import type { CommandContext } from './context.ts';
import { checkAddresses } from './shared-addresses.ts';
import { missingConcentrator } from './concentrator.ts';
import { withDhcpPort } from './dhcp-port.ts';
import { movedGateway } from './subnet-gateway.ts';
import { checkPoolAffinity, prefixFromPool } from './subnet-pool.ts';
import type { PoolRequest } from './subnet-pool.ts';

export type CreateSubnet = Readonly<{
  networkId: NetworkId;
  name: string;
  description: string;
  /** Absent: one of the pool. */
  cidr: Cidr | undefined;
  /** Where the prefix is from, `cidr` or any. Absent: it is nobody's. */
  pool?: Omit<PoolRequest, 'cidr'> | undefined;
  /** Absent: the first host address. `null`: none. */
  gatewayIp: Ipv4 | null | undefined;
  enableDhcp: boolean;
  dnsNameservers: readonly Ipv4[];
  /** Absent: everything but the gateway. */
  allocationPools: readonly AllocationPool[] | undefined;
}> &
  SubnetExtras;

/** Absent: none. */
export type SubnetExtras = Readonly<{ hostRoutes?: readonly StaticRoute[]; serviceTypes?: readonly string[] }>;

/** A subnet; with the first one that has a gateway its tenant gets a concentrator (design §8). */
export function createSubnet(state: ClusterState, context: CommandContext, wanted: CreateSubnet): Changes & Readonly<{ subnet: Subnet }> {
  const network = state.networks.get(wanted.networkId);
  if (network === undefined) throw new NotFound('network', wanted.networkId);
  const request = { ...wanted, cidr: prefixFor(state, network, wanted) };
  checkCidr(request);
  for (const other of state.subnetsOf(network.id)) {
    if (cidrsOverlap(other.cidr, request.cidr)) {
      throw new Refused(
        'subnet_overlap',
        `Invalid input for operation: Requested subnet with cidr: ${request.cidr} for network: ${network.id} overlaps with another subnet.`,
        { details: { cidr: request.cidr, other: other.cidr, subnet: other.id } },
      );
    }
  }
  if (!network.external) checkAddresses(state, network, [request]);
  if (request.gatewayIp !== null && !network.external) checkRouted(state, network, request.cidr);
  const gatewayIp = request.gatewayIp === null ? undefined : (request.gatewayIp ?? cidrHosts(request.cidr).first);
  checkGateway(request.cidr, gatewayIp);
  const whole = [{ start: cidrHosts(request.cidr).first, end: cidrHosts(request.cidr).last }];
  const allocationPools = request.allocationPools ?? (gatewayIp === undefined ? whole : poolsWithout(whole, gatewayIp));
  checkPools(request.cidr, allocationPools, gatewayIp);
  const subnet: Subnet = {
    kind: 'subnet',
    id: context.uuid() as SubnetId,
    tenantId: network.tenantId,
    networkId: network.id,
    name: request.name,
    description: request.description,
    cidr: request.cidr,
    gatewayIp,
    enableDhcp: request.enableDhcp,
    dnsNameservers: request.dnsNameservers,
    allocationPools,
    hostRoutes: kept(request.hostRoutes),
    serviceTypes: kept(request.serviceTypes),
    subnetPoolId: request.pool?.poolId,
    ...stamps(context),
  };
  const put: Resource[] = [subnet, revised(context, network, {})];
  if (gatewayIp !== undefined && !network.external) put.push(...missingConcentrator(state, context, network.tenantId));
  return withDhcpPort(state, context, network.id, { put, remove: [], subnet });
}

function prefixFor(state: ClusterState, network: Network, { cidr, pool }: CreateSubnet): Cidr {
  checkPoolAffinity(state, network, pool?.poolId);
  if (pool !== undefined) return prefixFromPool(state, network, { ...pool, cidr });
  if (cidr !== undefined) return cidr;
  throw new Refused('cidr_required', 'Bad subnets request: a subnetpool must be specified in the absence of a cidr.', {
    remedy: 'Name the cidr of the new subnet, or a subnet pool.',
  });
}

/** One gateway routes all of a tenant's subnets that are on no router, so no two of them may overlap: it could not tell where an address is. */
function checkRouted(state: ClusterState, network: Network, cidr: Cidr): void {
  const other = automaticOverlap(state, network, cidr);
  if (other === undefined) return;
  throw new Refused(
    'subnet_overlap',
    `Invalid input for operation: Requested subnet with cidr: ${cidr} for network: ${network.id} overlaps with subnet ${other.id} (${other.cidr}) of network ${other.networkId}, which has the same gateway.`,
    { details: { cidr, other: other.cidr, subnet: other.id }, remedy: 'Use another CIDR, or no gateway (gateway_ip: null).' },
  );
}

/** A subnet of another network of the tenant that its automatic gateway answers for, and that has some of these addresses. */
export function automaticOverlap(state: ClusterState, network: Network, cidr: Cidr): Subnet | undefined {
  if (state.tenants.get(network.tenantId)?.automaticGateway !== true) return undefined;
  for (const sibling of state.networksOf(network.tenantId)) {
    if (sibling.id === network.id || sibling.external) continue;
    for (const other of state.subnetsOf(sibling.id)) {
      if (cidrsOverlap(other.cidr, cidr) && isAutomaticallyRouted(state, other)) return other;
    }
  }
  return undefined;
}

/** An empty list is no list. */
function kept<T>(list: readonly T[] | undefined): readonly T[] | undefined {
  return list?.length === 0 ? undefined : list;
}

export type UpdateSubnet = Readonly<
  Partial<Pick<Subnet, 'name' | 'description' | 'enableDhcp' | 'dnsNameservers' | 'allocationPools'>> & {
    /** `null`: none from now on. */
    gatewayIp?: Ipv4 | null;
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
  if (request.enableDhcp === true) checkCidr({ cidr: old.cidr, enableDhcp: true });
  const network = state.networks.get(old.networkId);
  const gatewayIp = request.gatewayIp === undefined ? old.gatewayIp : (request.gatewayIp ?? undefined);
  if (gatewayIp !== old.gatewayIp) checkGateway(old.cidr, gatewayIp);
  if (request.allocationPools !== undefined || gatewayIp !== old.gatewayIp)
    checkPools(old.cidr, request.allocationPools ?? old.allocationPools, gatewayIp);
  const moved = movedGateway(state, context, old, gatewayIp);
  const isFirst = old.gatewayIp === undefined && gatewayIp !== undefined && network?.external === false;
  if (isFirst) checkRouted(state, network, old.cidr);
  const subnet = updated(context, old, {
    ...request,
    gatewayIp,
    hostRoutes: kept(request.hostRoutes ?? old.hostRoutes),
    serviceTypes: kept(request.serviceTypes ?? old.serviceTypes),
  });
  const more = [...moved, ...(isFirst ? missingConcentrator(state, context, old.tenantId) : [])];
  const isNews = subnet !== old && network !== undefined;
  if (!isNews) return { put: putChanged(old, subnet), remove: [], subnet };
  return withDhcpPort(state, context, network.id, { put: [subnet, revised(context, network, {}), ...more], remove: [], subnet });
}

export function deleteSubnet(state: ClusterState, context: CommandContext, id: SubnetId): Changes {
  const subnet = state.subnets.get(id);
  if (subnet === undefined) throw new NotFound('subnet', id);
  const gateways = [...state.routers.values()].flatMap(({ externalGateway }) => externalGateway?.fixedIps ?? []);
  const held = [...state.floatingIpsIn(id)].length + gateways.filter(({ subnetId }) => subnetId === id).length;
  const server = state.dhcpPortOn(subnet.networkId)?.fixedIps.filter(({ subnetId }) => subnetId === id) ?? [];
  if (state.addressCount(id) + held > server.length) {
    throw new Conflict(
      'subnet_in_use',
      `Unable to complete operation on subnet ${id}: One or more ports have an IP allocation from this subnet.`,
      {
        remedy: 'Delete the ports that hold its addresses first.',
      },
    );
  }
  const network = state.networks.get(subnet.networkId);
  const put = network === undefined ? [] : [revised(context, network, {})];
  return withDhcpPort(state, context, subnet.networkId, { put, remove: [subnet] });
}

function checkCidr(request: Readonly<{ cidr: Cidr; enableDhcp: boolean }>): void {
  const firstByte = ipv4ToNumber(cidrNetwork(request.cidr)) >>> 24;
  const lastByte = ipv4ToNumber(cidrLast(request.cidr)) >>> 24;
  const refuse = (why: string): never => {
    throw new Refused('invalid_cidr', `Invalid input for operation: ${request.cidr} ${why}.`);
  };
  if (firstByte === 0) refuse('is not a usable network');
  if (firstByte <= 127 && lastByte >= 127) refuse('is or contains a loopback network');
  if (lastByte >= 224) refuse('is or contains a multicast or reserved network');
  if (request.enableDhcp && cidrPrefixLength(request.cidr) > 30)
    refuse('has no room for DHCP: use a prefix up to /30, or enable_dhcp=false');
}

function checkGateway(cidr: Cidr, gatewayIp: Ipv4 | undefined): void {
  if (gatewayIp === undefined) return;
  if (
    !cidrContains(cidr, gatewayIp) ||
    (cidrPrefixLength(cidr) < 31 && (gatewayIp === cidrNetwork(cidr) || gatewayIp === cidrLast(cidr)))
  ) {
    throw new Refused('invalid_gateway', `Invalid input for operation: Gateway ${gatewayIp} is not valid on subnet ${cidr}.`);
  }
}

function checkPools(cidr: Cidr, pools: readonly AllocationPool[], gatewayIp: Ipv4 | undefined): void {
  for (const pool of pools) {
    const name = `${pool.start}-${pool.end}`;
    if (ipv4ToNumber(pool.start) > ipv4ToNumber(pool.end)) {
      throw new Refused('invalid_allocation_pool', `The allocation pool ${name} is not valid.`);
    }
    const { first, last } = cidrHosts(cidr);
    if (ipv4ToNumber(pool.start) < ipv4ToNumber(first) || ipv4ToNumber(pool.end) > ipv4ToNumber(last)) {
      throw new Refused('out_of_bounds_allocation_pool', `The allocation pool ${name} spans beyond the subnet cidr ${cidr}.`);
    }
    if (gatewayIp !== undefined && poolContains(pool, gatewayIp)) {
      throw new Conflict('gateway_conflict_with_allocation_pools', `Gateway ip ${gatewayIp} conflicts with allocation pool ${name}.`);
    }
    for (const other of pools) {
      if (other !== pool && (poolContains(pool, other.start) || poolContains(pool, other.end))) {
        throw new Conflict(
          'overlapping_allocation_pools',
          `Found overlapping allocation pools: ${name} ${other.start}-${other.end} for subnet ${cidr}.`,
        );
      }
    }
  }
}
