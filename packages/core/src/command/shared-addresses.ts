import type { ClusterState } from '../cluster-state.ts';
import type { Network } from '../resource.ts';
import type { Subnet } from '../subnet.ts';
import { ambiguousSubnet, usersOf } from '../sharing.ts';
import { Refused } from './context.ts';

/**
 * Throws Refused for addresses that a project with ports on the network has elsewhere, if either network is shared. Of another project's subnet
 * it says no more than that there is one.
 */
export function checkAddresses(state: ClusterState, network: Network, subnets: Iterable<Pick<Subnet, 'cidr'>>): void {
  const wanted = [...subnets];
  for (const tenantId of usersOf(state, network)) {
    const other = ambiguousSubnet(state, tenantId, network, wanted);
    if (other === undefined) continue;
    const whose =
      tenantId === network.tenantId
        ? `subnet ${other.id} (${other.cidr}) of network ${other.networkId}`
        : 'what a project with ports on it has on another network';
    throw new Refused(
      'subnet_overlap',
      `Invalid input for operation: Requested subnet with cidr: ${wanted.map(({ cidr }) => cidr).join(', ')} for network: ${network.id} overlaps with ${whose}, and one of the networks is shared: security groups could not tell who is meant.`,
      { remedy: 'Use another CIDR.' },
    );
  }
}
