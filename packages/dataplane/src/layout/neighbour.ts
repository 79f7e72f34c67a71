import { cidr6Network, cidr6PrefixLength } from '@weft/core/cidr6';
import type { Cidr6 } from '@weft/core/cidr6';
import { isCidr6, isIpv6 } from '@weft/core/ip';
import type { Ipv6 } from '@weft/core/ipv6';
import { ipv6ToBigint } from '@weft/core/ipv6';
import type { PortBody } from '@weft/core/plan/port';
import type { ChainObject } from '../kernel-object.ts';
import { linkLocalOf } from '../link-local.ts';
import { portNeighbourName } from '../names.ts';
import { dropChain } from '../ruleset/drops.ts';
import { OWN_SOURCE } from '../ruleset/fabric-ipv6.ts';

/** All that a port may have of IPv6: its addresses, the link-local one with them. None: IPv6 is no affair of this port. */
export function ipv6Of({ mac, ips, pairs = [] }: PortBody): readonly Ipv6[] {
  return [...ips.filter(isIpv6), ...linkLocalOf(mac, [...ips, ...pairs.map(({ cidr }) => cidr)])];
}

/**
 * What a port may say in neighbour discovery (RFC 4861 §4), as ARP is held to its addresses: it asks and answers as one of its own addresses,
 * for one of these, and the MAC that a message tells is the one that sends. An option stands alone, so the length tells whether there is one:
 * of a solicitation or advertisement 24 bytes without, 32 with it. A solicitation from no address asks whether an address is taken (RFC 4862
 * §5.4.2): only for its own, or a workload could keep its neighbours from having theirs. `OWN_SOURCE` in the mark says that the sender is right.
 */
export function neighbourChain(link: string, port: PortBody): ChainObject {
  const pairs = port.portSecurity ? (port.pairs ?? []) : [];
  const sources = [
    ...ipv6Of(port).map((address) => ({ mac: port.mac, cidr: `${address}/128` as Cidr6 })),
    ...pairs.flatMap(({ mac, cidr }) => (isCidr6(cidr) ? [{ mac, cidr }] : [])),
  ];
  const refuse = `goto ${dropChain('port spoof_nd sent')}`;
  const options = [...new Set(sources.map(({ mac }) => mac))].flatMap((mac) => {
    const told = mac.replaceAll(':', '');
    return [
      `ether saddr ${mac} icmpv6 type nd-neighbor-solicit ip6 saddr != :: ip6 length 32 @th,192,64 != 0x0101${told} ${refuse}`,
      `ether saddr ${mac} icmpv6 type nd-neighbor-advert ip6 length 32 @th,192,64 != 0x0201${told} ${refuse}`,
      `ether saddr ${mac} icmpv6 type nd-router-solicit ip6 length 16 @th,64,64 != 0x0101${told} ${refuse}`,
    ];
  });
  return {
    kind: 'chain',
    place: 'fabric',
    family: 'bridge',
    name: portNeighbourName(link),
    rules: [
      ...options,
      ...sources.map(({ mac, cidr }) => `ether saddr ${mac} ${prefixed('ip6 saddr', cidr)}meta mark set ${OWN_SOURCE}`),
      'jump nd_source',
      ...sources.map(
        ({ mac, cidr }) => `ether saddr ${mac} icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } ${targetIn(cidr)}goto nd_accept`,
      ),
      refuse,
    ],
  };
}

/** nft knows no match of everything. */
export const prefixed = (field: string, cidr: string): string => (cidr === '0.0.0.0/0' || cidr === '::/0' ? '' : `${field} ${cidr} `);

/** The target stands behind the 8 bytes of the header: nft 1.0.6 has no name for it. */
function targetIn(cidr: Cidr6): string {
  const length = cidr6PrefixLength(cidr);
  if (length === 0) return '';
  const bits = ipv6ToBigint(cidr6Network(cidr)) >> BigInt(128 - length);
  return `@th,64,${length} 0x${bits.toString(16)} `;
}
