import { eui64Address, LINK_LOCAL } from '@weft/core/eui64';
import type { Ipv6 } from '@weft/core/ipv6';
import type { Mac } from '@weft/core/mac';

/** What an interface with any of these addresses or prefixes has besides: with IPv6 its link-local address, which is made of its MAC. */
export function linkLocalOf(mac: Mac, addresses: readonly string[]): readonly Ipv6[] {
  return addresses.some((address) => address.includes(':')) ? [eui64Address(LINK_LOCAL, mac)] : [];
}
