import { cidrContains } from '@weft/core/cidr';
import type { Cidr } from '@weft/core/cidr';
import type { Ipv4 } from '@weft/core/ipv4';

/** Where this node's tunnels end: its first address in the cluster's compute networks, which are in order of preference. */
export function vtepOf(computeNetworks: readonly Cidr[], addresses: Iterable<Readonly<{ ip: Ipv4 }>>): Ipv4 | undefined {
  const own = [...addresses];
  for (const cidr of computeNetworks) {
    const found = own.find(({ ip }) => cidrContains(cidr, ip));
    if (found !== undefined) return found.ip;
  }
  return undefined;
}
