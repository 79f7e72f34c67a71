import type { Network } from '../resource.ts';
import type { Subnet } from '../subnet.ts';
import { Conflict } from './context.ts';

/**
 * The subnets that a port of this owner gets addresses from unless it names one: those kept for such ports, then those that are kept for
 * nobody (neutron-api.md §4.2, `service_types`). None if the network has none. Throws Conflict if it has others only.
 */
export function servingSubnets(network: Network, subnets: readonly Subnet[], deviceOwner: string): readonly Subnet[] {
  const own = subnets.filter(({ serviceTypes }) => serviceTypes?.includes(deviceOwner) === true);
  const serving = [...own, ...subnets.filter(({ serviceTypes }) => serviceTypes === undefined)];
  if (serving.length === 0 && subnets.length > 0) {
    throw new Conflict(
      'no_matching_subnet',
      `No valid service subnet for the given device owner, network ${network.id}, service type ${deviceOwner}.`,
      { remedy: 'Name a subnet in fixed_ips, or add one without service_types.' },
    );
  }
  return serving;
}

/** Whether ports of this owner get addresses from the subnet without naming it. */
export function serves({ serviceTypes }: Pick<Subnet, 'serviceTypes'>, deviceOwner: string): boolean {
  return serviceTypes === undefined || serviceTypes.includes(deviceOwner);
}
