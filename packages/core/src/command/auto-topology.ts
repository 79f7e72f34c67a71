import type { ClusterState } from '../cluster-state.ts';
import type { Changes, Network } from '../resource.ts';
import type { NetworkId, RouterId, SubnetPoolId, TenantId } from '../uuid.ts';
import { WeftError } from '../weft-error.ts';
import { Conflict, NotFound, revised } from './context.ts';
import type { CommandContext } from './context.ts';
import { createNetwork, deleteNetwork } from './network.ts';
import { addRouterInterface, removeRouterInterface } from './router-interface.ts';
import { createRouter, deleteRouter } from './router.ts';
import { sequence } from './sequence.ts';
import { defaultSubnetPool } from './subnet-pool.ts';
import { createSubnet } from './subnet.ts';

/** A tenant's network that was made without being described. */
export function autoTopologyOf(state: ClusterState, tenantId: TenantId): Network | undefined {
  for (const network of state.networksOf(tenantId)) if (network.autoRouterId !== undefined) return network;
  return undefined;
}

type Foundation = Readonly<{ externalNetworkId: NetworkId; poolId: SubnetPoolId }>;

/** What every such topology stands on. Throws Conflict unless the administrator has said which network is outside, and where prefixes come from. */
export function autoTopologyFoundation(state: ClusterState): Foundation {
  const external = [...state.networks.values()].find((network) => network.external && network.isDefault === true);
  if (external === undefined) {
    throw new Conflict('auto_allocation_failure', 'Deployment error: No default router:external network.', {
      remedy: 'An administrator sets is_default on an external network.',
    });
  }
  const pool = defaultSubnetPool(state);
  if (pool === undefined) {
    throw new Conflict('auto_allocation_failure', 'Deployment error: No default subnetpools defined.', {
      remedy: 'An administrator makes a subnet pool with is_default.',
    });
  }
  return { externalNetworkId: external.id, poolId: pool.id };
}

/**
 * A working network for a tenant that describes none (neutron-api.md §10): a network, a subnet from the default pool, and a router to the default
 * external network. One decision makes all of it or nothing; once it is there, it is no change. Throws Conflict, NotFound.
 */
export function autoTopology(state: ClusterState, context: CommandContext, tenantId: TenantId): Changes & Readonly<{ network: Network }> {
  if (!state.tenants.has(tenantId)) throw new NotFound('tenant', tenantId);
  const present = autoTopologyOf(state, tenantId);
  if (present !== undefined) return { put: [], remove: [], network: present };
  const { externalNetworkId, poolId } = autoTopologyFoundation(state);
  const plain = { tenantId, description: '', adminStateUp: true };
  let networkId = '' as NetworkId;
  let routerId = '' as RouterId;
  try {
    const { put, remove, results } = sequence<Changes & Readonly<{ network?: Network }>>(state, [
      (given) => {
        const wish = { portSecurityEnabled: true, external: false, topology: undefined, mtu: undefined };
        const made = createNetwork(given, context, { ...plain, ...wish, name: 'auto_allocated_network' });
        networkId = made.network.id;
        return made;
      },
      (given) => {
        const externalGateway = { networkId: externalNetworkId, enableSnat: undefined, fixedIps: undefined };
        const made = createRouter(given, context, { ...plain, name: 'auto_allocated_router', externalGateway });
        routerId = made.router.id;
        return made;
      },
      (given) => {
        const wish = { gatewayIp: undefined, enableDhcp: true, dnsNameservers: [], allocationPools: undefined };
        return createSubnet(given, context, {
          ...wish,
          networkId,
          name: 'auto_allocated_subnet_v4',
          description: '',
          cidr: undefined,
          pool: { poolId, prefixLength: undefined },
        });
      },
      (given) => {
        const [subnet] = given.subnetsOf(networkId);
        return addRouterInterface(given, context, routerId, { subnetId: subnet?.id, portId: undefined });
      },
      (given) => {
        const network = given.networks.get(networkId);
        if (network === undefined) throw new NotFound('network', networkId);
        const marked = revised(context, network, { autoRouterId: routerId });
        return { put: [marked], remove: [], network: marked };
      },
    ]);
    const network = results.at(-1)?.network;
    if (network === undefined) throw new NotFound('network', networkId);
    // The subnet is the router's from the start: what an automatic gateway would have been made for is none of its business.
    const needed = put.filter((record) => record.kind !== 'concentrator' || record.routerId === routerId);
    return { put: needed, remove, network };
  } catch (cause) {
    if (!(cause instanceof WeftError)) throw cause;
    throw new Conflict('auto_allocation_failure', `Unable to auto allocate topology for tenant ${tenantId}: ${cause.message}`, {
      cause,
      remedy: cause.remedy ?? 'Make the network, its subnet and its router one by one.',
    });
  }
}

/** Takes it down again: interface, router and network. Throws Conflict while something is on it; without one it is no change. */
export function deleteAutoTopology(state: ClusterState, context: CommandContext, tenantId: TenantId): Changes {
  const network = autoTopologyOf(state, tenantId);
  const routerId = network?.autoRouterId;
  if (network === undefined || routerId === undefined) return { put: [], remove: [] };
  const own = [...state.interfacesOn(network.id)].filter(({ deviceId }) => deviceId === routerId);
  const { put, remove } = sequence<Changes>(state, [
    ...own.map(
      ({ id }) =>
        (given: ClusterState): Changes =>
          removeRouterInterface(given, context, routerId, { subnetId: undefined, portId: id }),
    ),
    (given) => (given.routers.has(routerId) ? deleteRouter(given, routerId) : { put: [], remove: [] }),
    (given) => deleteNetwork(given, network.id),
  ]);
  return { put, remove };
}
