import { cidrPrefixLength, cidrsOverlap } from '../cidr.ts';
import type { Cidr } from '../cidr.ts';
import type { ClusterState } from '../cluster-state.ts';
import type { Changes, Network } from '../resource.ts';
import { cidrSize, compactPrefixes, freePrefix, poolHolds } from '../subnet-pool.ts';
import type { SubnetPool } from '../subnet-pool.ts';
import { isSubnet4 } from '../subnet.ts';
import type { SubnetPoolId, TenantId } from '../uuid.ts';
import { Conflict, NotFound, Refused, putChanged, stamps, updated } from './context.ts';
import type { CommandContext } from './context.ts';

export type CreateSubnetPool = Readonly<{
  tenantId: TenantId;
  name: string;
  description: string;
  prefixes: readonly Cidr[];
  /** Absent: 8, 32, and the shortest. */
  minPrefixLength: number | undefined;
  maxPrefixLength: number | undefined;
  defaultPrefixLength: number | undefined;
  defaultQuota: number | undefined;
  isDefault: boolean;
  shared: boolean;
}>;

const SHORTEST_PREFIX = 8;
const LONGEST_PREFIX = 32;

type Decision = Changes & Readonly<{ pool: SubnetPool }>;

export function createSubnetPool(state: ClusterState, context: CommandContext, request: CreateSubnetPool): Decision {
  if (!state.tenants.has(request.tenantId)) throw new NotFound('tenant', request.tenantId);
  const minPrefixLength = request.minPrefixLength ?? SHORTEST_PREFIX;
  const pool: SubnetPool = {
    kind: 'subnetPool',
    id: context.uuid() as SubnetPoolId,
    ...request,
    prefixes: prefixesOf(request.prefixes),
    minPrefixLength,
    maxPrefixLength: request.maxPrefixLength ?? LONGEST_PREFIX,
    defaultPrefixLength: request.defaultPrefixLength ?? minPrefixLength,
    ...stamps(context),
  };
  checkBounds(pool);
  checkDefault(state, pool);
  return { put: [pool], remove: [], pool };
}

/** `defaultQuota` null: none from now on. */
export type UpdateSubnetPool = Readonly<
  Partial<
    Pick<SubnetPool, 'name' | 'description' | 'prefixes' | 'minPrefixLength' | 'maxPrefixLength' | 'defaultPrefixLength' | 'isDefault'>
  > & { defaultQuota?: number | null }
>;

/** What it has given it keeps giving: prefixes are only added. */
export function updateSubnetPool(state: ClusterState, context: CommandContext, id: SubnetPoolId, request: UpdateSubnetPool): Decision {
  const old = state.subnetPools.get(id);
  if (old === undefined) throw new NotFound('subnetPool', id);
  const prefixes = request.prefixes === undefined ? old.prefixes : prefixesOf(request.prefixes);
  const missing = old.prefixes.find((prefix) => !poolHolds({ prefixes }, prefix));
  if (missing !== undefined) {
    throw new Refused('subnet_pool_prefix_update', 'Illegal update to prefixes: Existing prefixes must be a subset of the new prefixes.', {
      details: { prefix: missing },
      remedy: 'Say the prefixes that it has and those to add, or make another pool.',
    });
  }
  const defaultQuota = request.defaultQuota === undefined ? old.defaultQuota : (request.defaultQuota ?? undefined);
  const pool = updated(context, old, { ...request, prefixes, defaultQuota });
  checkBounds(pool);
  checkDefault(state, pool);
  return { put: putChanged(old, pool), remove: [], pool };
}

export function deleteSubnetPool(state: ClusterState, id: SubnetPoolId): Changes {
  const pool = state.subnetPools.get(id);
  if (pool === undefined) throw new NotFound('subnetPool', id);
  for (const subnet of state.subnetsFrom(id)) {
    throw new Refused('subnet_pool_in_use', 'Unable to delete subnet pool: Subnet pool has existing allocations.', {
      details: { subnet: subnet.id },
      remedy: 'Delete the subnets that it has given prefixes to first.',
    });
  }
  return { put: [], remove: [pool] };
}

export function defaultSubnetPool(state: ClusterState): SubnetPool | undefined {
  for (const pool of state.subnetPools.values()) if (pool.isDefault) return pool;
  return undefined;
}

/** What of a pool a subnet is to have: this prefix, or any of this length, or of the pool's own. */
export type PoolRequest = Readonly<{ poolId: SubnetPoolId; cidr: Cidr | undefined; prefixLength: number | undefined }>;

/** A prefix of the pool that no subnet has. The state remembers it by the subnet that it is for. */
export function prefixFromPool(state: ClusterState, network: Network, request: PoolRequest): Cidr {
  const pool = state.subnetPools.get(request.poolId);
  if (pool === undefined) throw new NotFound('subnetPool', request.poolId);
  const length = request.cidr === undefined ? (request.prefixLength ?? pool.defaultPrefixLength) : cidrPrefixLength(request.cidr);
  checkLength(pool, length);
  const given = [...state.subnetsFrom(pool.id)];
  checkShare(
    pool,
    given.filter(({ tenantId }) => tenantId === network.tenantId).map(({ cidr }) => cidr),
    length,
  );
  if (request.cidr === undefined) {
    const cidr = freePrefix(
      pool,
      length,
      given.map((subnet) => subnet.cidr),
    );
    if (cidr === undefined) throw unavailable('Insufficient prefix space to allocate subnet size /' + String(length));
    return cidr;
  }
  const { cidr } = request;
  if (!poolHolds(pool, cidr) || given.some((subnet) => cidrsOverlap(subnet.cidr, cidr)))
    throw unavailable('Cannot allocate requested subnet from the available set of prefixes');
  return cidr;
}

/** A network's subnets come from one pool, if one of them does: the pool keeps them apart. */
export function checkPoolAffinity(state: ClusterState, network: Network, poolId: SubnetPoolId | undefined): void {
  for (const other of state.subnetsOf(network.id)) {
    // Of IPv6 there are no pools.
    if (!isSubnet4(other) || other.subnetPoolId === poolId) continue;
    throw new Refused('network_subnet_pool_affinity', 'Subnets hosted on the same network must be allocated from the same subnet pool.', {
      details: { subnet: other.id },
      remedy: 'Make the subnet on a network of its own.',
    });
  }
}

function unavailable(reason: string): Conflict {
  return new Conflict('subnet_allocation_error', `Failed to allocate subnet: ${reason}.`, {
    remedy: 'Ask for a longer prefix, or let its owner add prefixes to the pool.',
  });
}

function prefixesOf(prefixes: readonly Cidr[]): readonly Cidr[] {
  if (prefixes.length === 0) throw new Refused('empty_subnet_pool_prefixes', 'Empty subnet pool prefix list.');
  return compactPrefixes(prefixes);
}

function checkBounds({ minPrefixLength, maxPrefixLength, defaultPrefixLength }: SubnetPool): void {
  const refuse = (one: string, length: number, base: string, baseLength: number): never => {
    throw new Refused('subnet_pool_prefix_bounds', `Illegal prefix bounds: ${one}=${length}, ${base}=${baseLength}.`);
  };
  if (minPrefixLength > maxPrefixLength) refuse('min_prefixlen', minPrefixLength, 'max_prefixlen', maxPrefixLength);
  if (defaultPrefixLength < minPrefixLength) refuse('default_prefixlen', defaultPrefixLength, 'min_prefixlen', minPrefixLength);
  if (defaultPrefixLength > maxPrefixLength) refuse('default_prefixlen', defaultPrefixLength, 'max_prefixlen', maxPrefixLength);
}

function checkLength({ minPrefixLength: min, maxPrefixLength: max }: SubnetPool, length: number): void {
  if (length < min) {
    throw new Refused(
      'min_prefix_subnet_allocation',
      `Unable to allocate subnet with prefix length ${length}, minimum allowed prefix is ${min}.`,
    );
  }
  if (length > max) {
    throw new Refused(
      'max_prefix_subnet_allocation',
      `Unable to allocate subnet with prefix length ${length}, maximum allowed prefix is ${max}.`,
    );
  }
}

function checkShare({ defaultQuota }: SubnetPool, has: readonly Cidr[], length: number): void {
  if (defaultQuota === undefined) return;
  const used = has.reduce((sum, cidr) => sum + cidrSize(cidr), 0);
  if (used + 2 ** (32 - length) <= defaultQuota) return;
  throw new Conflict('subnet_pool_quota_exceeded', 'Per-tenant subnet pool prefix quota exceeded.', {
    details: { used, quota: defaultQuota },
    remedy: 'Ask for a longer prefix, or delete subnets from this pool.',
  });
}

function checkDefault(state: ClusterState, pool: SubnetPool): void {
  const other = pool.isDefault ? defaultSubnetPool(state) : undefined;
  if (other === undefined || other.id === pool.id) return;
  throw new Refused(
    'default_subnet_pool_exists',
    'Invalid input for operation: A default subnetpool for this IP family has already been set. Only one default may exist per IP family.',
    { details: { subnetPool: other.id }, remedy: 'Take is_default off the other one first.' },
  );
}
