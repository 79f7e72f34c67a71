import type { Mac } from '@weft/core/mac';
import type { TableObject } from '../kernel-object.ts';
import { dropChain } from './drops.ts';
import { NEIGHBOUR_FLOOD } from './neighbour-limit.ts';

type Chain = TableObject['chains'][number];

/** A neighbour message comes from an address of its port's own. The mark means nothing else before `nd_accept`. */
export const OWN_SOURCE = '0x1';

/** Who hears about routers, who is a router, and who serves DHCPv6 (RFC 4291 §2.7.1, RFC 8415 §7.1; as MACs RFC 2464 §7). */
export const IPV6_GROUP_MACS = ['33:33:00:00:00:01' as Mac, '33:33:00:00:00:02' as Mac, '33:33:00:01:00:02' as Mac] as const;

/** In a tunnel's table: whatever has no entry of its own, which bridges let to it only if it is for a group. */
export const EVERY_OTHER_MAC = '00:00:00:00:00:00' as Mac;

const NEIGHBOUR = '{ nd-neighbor-solicit, nd-neighbor-advert }';
const DISCOVERY = '{ nd-router-solicit, nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert, nd-redirect }';
/** Who listens to which group is told to nobody: nothing that is sent to a group goes by it. */
const LISTENERS = '{ mld-listener-query, mld-listener-report, mld-listener-done, mld2-listener-report }';
const CLIENT = 'udp sport 546 udp dport 547';
const SERVER = 'udp sport 547 udp dport 546';

/**
 * IPv6 in the fabric's bridge table. What ARP and DHCP are to IPv4, messages of ICMPv6 and DHCPv6 are here, and the packet has to be read to its
 * end to know them, past headers in between and in spite of fragments:
 *
 *   - the first fragment must hold all headers (RFC 7112), or what is put together behind the guard would be another thing than what it saw;
 *   - of a packet that cannot be read to its end nft knows no protocol at all, so what has one is let through, not what has none kept back;
 *   - neighbour discovery has no header in between and is not fragmented (RFC 6980, RFC 7113).
 *
 * Discovery and DHCPv6 are not tracked and not asked about by groups. `nd_…` chains of ports (layout/neighbour.ts) say what one may claim. A
 * solicitation is answered on the spot, as ARP is, since the bridge has an entry for each address and for each link-local one; so only what
 * looks for routers and DHCPv6 servers leaves a node, to the gateway's, and advertisements of routers come from there.
 */
export function ipv6Chains(mtu: number, untracked: string): readonly Chain[] {
  const guarded = (name: string, ...asked: readonly string[]): Chain =>
    chain(
      name,
      'exthdr frag exists jump fragment_ip6',
      'meta l4proto icmpv6 jump from_workload_icmp6',
      `ether type ip6 udp sport 547 goto ${dropChain('port spoof_dhcp sent')}`,
      ...asked,
      'meta l4proto != 255 meta mark set iifname map @number accept',
      `goto ${dropChain('port headers sent')}`,
    );
  const fromRouter = ['iifname @gateways oifname @ports accept', 'iifname @tunnels oifname @ports accept'];
  return [
    guarded(
      'from_workload_ip6',
      `iifname . ether saddr . ip6 saddr != @addrs6 goto ${dropChain('port spoof_ip sent')}`,
      `ip6 saddr fe80::/10 ip6 daddr ff02::1:2 ${CLIENT} meta mark set ${untracked} accept`,
    ),
    // What one of a port's address pairs admits; its chain has looked at MAC and address already.
    guarded('from_pair_ip6'),
    chain('fragment_ip6', 'frag frag-off != 0 return', '@th,0,64 != 0 return', `goto ${dropChain('port headers sent')}`),
    chain(
      'from_workload_icmp6',
      `meta length > ${mtu} goto ${dropChain('port mtu sent')}`,
      `icmpv6 type ${DISCOVERY} goto from_workload_nd`,
      `icmpv6 type ${LISTENERS} drop`,
    ),
    chain(
      'from_workload_nd',
      NEIGHBOUR_FLOOD,
      `ip6 nexthdr != icmpv6 goto ${dropChain('port headers sent')}`,
      `icmpv6 type { nd-router-advert, nd-redirect } goto ${dropChain('port spoof_ra sent')}`,
      `icmpv6 type ${NEIGHBOUR} ip6 length != { 24, 32 } goto ${dropChain('port spoof_nd sent')}`,
      `icmpv6 type nd-router-solicit ip6 length != { 8, 16 } goto ${dropChain('port spoof_nd sent')}`,
      'iifname vmap @neighbours',
      `goto ${dropChain('port spoof_ip sent')}`,
    ),
    chain(
      'nd_source',
      `meta mark ${OWN_SOURCE} icmpv6 type { nd-router-solicit, nd-neighbor-solicit } goto nd_accept`,
      'ip6 saddr :: icmpv6 type nd-router-solicit goto nd_accept',
      'ip6 saddr :: icmpv6 type nd-neighbor-solicit return',
      `meta mark != ${OWN_SOURCE} goto ${dropChain('port spoof_nd sent')}`,
    ),
    chain('nd_accept', `meta mark set ${untracked} accept`),
    chain(
      'from_unguarded_ip6',
      `icmpv6 type ${DISCOVERY} ${NEIGHBOUR_FLOOD}`,
      `icmpv6 type ${LISTENERS} drop`,
      'meta mark set iifname map @number',
      `icmpv6 type ${DISCOVERY} meta mark set ${untracked}`,
      `ip6 saddr fe80::/10 ${CLIENT} meta mark set ${untracked}`,
      'accept',
    ),
    chain(
      'trusted_ip6',
      `icmpv6 type ${LISTENERS} drop`,
      'meta mark set iifname map @number',
      `iifname . ether daddr != @local meta mark set ${untracked} accept`,
      `icmpv6 type ${DISCOVERY} meta mark set ${untracked}`,
      `ip6 saddr fe80::/10 ${SERVER} meta mark set ${untracked}`,
      'accept',
    ),
    // To one station, past the groups; whatever else comes this way is asked about like anything.
    chain(
      'forward_ip6',
      `meta mark & ${untracked} == 0 return`,
      `icmpv6 type ${NEIGHBOUR} oifname @ports accept`,
      'icmpv6 type nd-router-solicit goto forward_to_router',
      'icmpv6 type { nd-router-advert, nd-redirect } goto forward_from_router',
      ...fromRouter.map((rule) => `ip6 saddr fe80::/10 ${SERVER} ${rule}`),
    ),
    // To a group of them. Of the copies that a bridge makes only the tunnel's is counted: every group has one.
    chain(
      'forward_multicast_ip6',
      `meta mark & ${untracked} == 0 goto multicast_refused`,
      `icmpv6 type ${NEIGHBOUR} goto forward_neighbour`,
      'icmpv6 type nd-router-solicit goto forward_to_router',
      `ip6 daddr ff02::1:2 ${CLIENT} goto forward_to_router`,
      'icmpv6 type nd-router-advert goto forward_from_router',
      'goto multicast_refused',
    ),
    chain(
      'forward_neighbour',
      'oifname @flooding accept',
      `oifname @tunnels goto ${dropChain('port arp_unknown sent')}`,
      'oifname @ports accept',
    ),
    chain('forward_to_router', 'oifname @tunnels accept', 'oifname @gateways accept', 'drop'),
    chain('forward_from_router', ...fromRouter, `goto ${dropChain('port spoof_ra sent')}`),
    chain('multicast_refused', `oifname @tunnels goto ${dropChain('port broadcast sent')}`, 'drop'),
  ];
}

function chain(name: string, ...rules: readonly string[]): Chain {
  return { name, hook: undefined, rules };
}
