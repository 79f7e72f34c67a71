import { isCidr6, ipCidrContains } from '@weft/core/ip';
import type { IpAddress, IpCidr } from '@weft/core/ip';
import type { GatewayBody } from '@weft/core/plan/gateway';
import type { TableObject } from '../kernel-object.ts';
import { gatewayLegName, gatewayPlace } from '../names.ts';
import { dropChain, gatewayChains, gatewayDeclarations } from './drops.ts';
import { elements } from './gateway.ts';
import { NEWCOMER_CHAIN, newcomersFrom, newcomersTo, recentSet } from './neighbour-limit.ts';

/** Whether a gateway has anything to do with IPv6. */
export function hasIpv6({ segments }: GatewayBody): boolean {
  return segments.some(({ subnets6 = [] }) => subnets6.length > 0);
}

/**
 * A gateway's rules for IPv6: it routes between its subnets and to what lies behind next hops, and nowhere else. It has no way outside, so nothing is
 * translated, and nothing passes but from leg to leg; the uplink hears and says nothing. Link-local addresses are no subnet's: neighbours, routers and
 * DHCPv6 speak by them with the gateway itself.
 */
export function gatewayTable6(body: GatewayBody): TableObject {
  const legs = body.segments.map((segment) => `"${gatewayLegName(segment.vni)}"`);
  const subnets = body.segments.flatMap(({ vni, subnets6 = [] }) =>
    subnets6.map(({ cidr }) => ({ leg: gatewayLegName(vni), cidr: cidr as IpCidr })),
  );
  const advertising = body.segments.flatMap(({ vni, subnets6 = [] }) =>
    subnets6.some(({ advertise }) => advertise !== undefined) ? [`"${gatewayLegName(vni)}"`] : [],
  );
  // What lies behind a next hop comes from where it is sent to.
  const behind = (body.routes ?? []).flatMap((route) => {
    const [destination, nexthop]: [IpCidr, IpAddress] = [route.destination, route.nexthop];
    if (!isCidr6(destination)) return [];
    return subnets.filter(({ cidr }) => ipCidrContains(cidr, nexthop)).map(({ leg }) => ({ leg, cidr: destination }));
  });
  const smallestMtu = Math.min(65_535, ...body.segments.map((segment) => segment.mtu));
  return {
    kind: 'table',
    place: gatewayPlace(body.concentratorId),
    family: 'ip6',
    declarations: [
      ...gatewayDeclarations('ip6'),
      recentSet('ip6'),
      `set legs { type ifname; ${elements(legs)} }`,
      `set near { typeof iifname . ip6 saddr; flags interval; ${elements(subnets.map(({ leg, cidr }) => `"${leg}" . ${cidr}`))} }`,
      `set advertising { type ifname; ${elements(advertising)} }`,
      `set sources { typeof iifname . ip6 saddr; flags interval; ${elements([...subnets, ...behind].map(({ leg, cidr }) => `"${leg}" . ${cidr}`))} }`,
    ],
    chains: [
      ...gatewayChains('ip6'),
      NEWCOMER_CHAIN,
      {
        name: 'guard',
        hook: 'type filter hook prerouting priority -250; policy accept;',
        rules: [
          'iifname @legs ip6 saddr { ::, fe80::/10 } accept',
          'iifname . ip6 saddr @recent accept',
          'iifname @legs iifname . ip6 saddr != @sources goto drop_foreign_source',
          ...newcomersFrom('ip6', 'iifname @legs iifname . ip6 saddr @near'),
        ],
      },
      {
        name: 'forward',
        hook: 'type filter hook forward priority 0; policy drop;',
        rules: [
          ...(body.forwarding === false ? ['drop'] : []),
          `tcp flags syn tcp option maxseg size set ${smallestMtu - 60}`,
          'ct state invalid goto drop_invalid',
          'ct state established,related accept',
          ...newcomersTo('ip6', 'oifname . ip6 daddr @near'),
          'iifname @legs oifname @legs accept',
          `goto ${dropChain('gateway no_mapping received')}`,
        ],
      },
      {
        name: 'input',
        hook: 'type filter hook input priority 0; policy drop;',
        rules: [
          'iifname "lo" accept',
          'iifname != @legs drop',
          'icmpv6 type { echo-request, nd-router-solicit, nd-neighbor-solicit, nd-neighbor-advert } accept',
          'ct state established,related accept',
          'udp dport { 53, 547 } accept',
          'tcp dport 53 accept',
          // Other gateways of the segment say that they are there, and who listens to which group is no concern.
          'icmpv6 type { nd-router-advert, mld-listener-query, mld-listener-report, mld-listener-done, mld2-listener-report } drop',
          `goto ${dropChain('gateway service sent')}`,
        ],
      },
      {
        name: 'output',
        hook: 'type filter hook output priority 0; policy drop;',
        rules: [
          'oifname "lo" accept',
          // It would tell workloads to go past the rules between them.
          'icmpv6 type { nd-redirect, mld-listener-report, mld-listener-done, mld2-listener-report } drop',
          // The server advertises on all of its interfaces once it does on one.
          'icmpv6 type nd-router-advert oifname != @advertising drop',
          'oifname @legs accept',
        ],
      },
    ],
  };
}
