import { parseCidr } from '../cidr.ts';
import type { ClusterState } from '../cluster-state.ts';
import { autoTopology, deleteAutoTopology } from '../command/auto-topology.ts';
import type { CommandContext } from '../command/context.ts';
import { updateNetwork } from '../command/network.ts';
import { createSubnetPool, defaultSubnetPool, deleteSubnetPool } from '../command/subnet-pool.ts';
import { createSubnet } from '../command/subnet.ts';
import type { Changes } from '../resource.ts';

type Picking = Readonly<{ a: number; b: number; pick: <T>(items: Iterable<T>, n: number) => T }>;

/** A command about where networks come from that nobody describes. */
export function decideTopology(state: ClusterState, ctx: CommandContext, { a, b, pick }: Picking): Changes {
  const tenantId = pick(state.tenants.values(), a).id;
  const external = [...state.networks.values()].filter((network) => network.external);
  switch (b % 8) {
    case 0: {
      const lengths = { minPrefixLength: 24, maxPrefixLength: undefined, defaultPrefixLength: 26, defaultQuota: undefined };
      const wish = { tenantId, name: '', description: '', prefixes: [parseCidr('10.0.0.0/22')], ...lengths, shared: true };
      return createSubnetPool(state, ctx, { ...wish, isDefault: defaultSubnetPool(state) === undefined });
    }
    case 1:
      return updateNetwork(state, ctx, pick(external, a).id, { isDefault: true });
    case 2:
      return deleteAutoTopology(state, ctx, tenantId);
    case 3:
      return b % 3 === 0
        ? deleteSubnetPool(state, pick(state.subnetPools.keys(), a))
        : createSubnet(state, ctx, {
            networkId: pick(state.networks.values(), a).id,
            name: '',
            description: '',
            cidr: undefined,
            pool: { poolId: pick(state.subnetPools.keys(), a), prefixLength: 28 },
            gatewayIp: undefined,
            enableDhcp: true,
            dnsNameservers: [],
            allocationPools: undefined,
          });
    default:
      return autoTopology(state, ctx, tenantId);
  }
}
