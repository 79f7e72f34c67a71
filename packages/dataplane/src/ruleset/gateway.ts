import type { GatewayBody } from '@weft/core/plan/gateway';
import { cidrContains, cidrOf } from '@weft/core/cidr';
import type { TableObject } from '../kernel-object.ts';
import { gatewayLegName, gatewayPlace, uplinkName } from '../names.ts';
import { dropChain, gatewayChains, gatewayDeclarations } from './drops.ts';
import { NEWCOMER_CHAIN, newcomersFrom, newcomersTo, recentSet } from './neighbour-limit.ts';

/** Of connections that are over, whatever still comes of them. No NAT rule's. */
export const ENDED_MARK = 0xff_ff_ff_ff;

/**
 * A gateway's rules (datapath.md §5). One packet's walk:
 *
 *     guard ─▶ nat_in ─▶ routing ─▶ forward ─▶ nat_out          to the gateway itself: guard ─▶ nat_in ─▶ input
 *
 * `guard` runs before any NAT: what a tenant addresses to the infrastructure would leave with a legitimate source otherwise. Its own subnets
 * are excepted, because they may use the same numbers; what is routed to the uplink is checked again in `forward`, exactly and after NAT, and
 * in `output`, since the gateway asks name servers that tenants name. What comes from outside gets in by `nat_in` only: its maps, and those of
 * `nat_out`, are filled by plan resources, an element an address or port, so a thousand of them cost a packet what one does. What a workload
 * sends to a public address of its tenant is turned round here; it gets the gateway's address as its source, or else the answer would go
 * straight to the asker, who knows nothing of its sender (hairpin). The tenant's firewall hangs in the maps `from_uplink` and `to_uplink`: it is
 * asked once a connection, and only takes away from what is let through without it. Its NAT rules hang in `translated_in` and `translated_out`,
 * and are asked before all other translation. Source NAT turns a tenant's other addresses into the gateway's own.
 */
export function gatewayTable(body: GatewayBody): TableObject {
  const uplink = body.uplink === undefined ? undefined : { ...body.uplink, link: uplinkName(body.concentratorId) };
  const legs = body.segments.map((segment) => `"${gatewayLegName(segment.vni)}"`);
  const subnets = body.segments.flatMap((segment) =>
    segment.subnets.map((subnet) => ({ leg: gatewayLegName(segment.vni), cidr: subnet.cidr })),
  );
  // What lies behind a next hop comes from where it is sent to.
  const behind = (body.routes ?? []).flatMap(({ destination, nexthop }) =>
    subnets.filter(({ cidr }) => cidrContains(cidr, nexthop)).map(({ leg }) => ({ leg, cidr: destination })),
  );
  const smallestMtu = Math.min(65_535, ...body.segments.map((segment) => segment.mtu));
  return {
    kind: 'table',
    place: gatewayPlace(body.concentratorId),
    family: 'ip',
    declarations: [
      ...gatewayDeclarations('ip'),
      recentSet('ip'),
      `set infrastructure { type ipv4_addr; flags interval; auto-merge; ${elements(body.infrastructure)} }`,
      `set legs { type ifname; ${elements(legs)} }`,
      `set subnets { type ipv4_addr; flags interval; auto-merge; ${elements(subnets.map((subnet) => subnet.cidr))} }`,
      'map public_in { type ipv4_addr : ipv4_addr; }',
      'map public_out { type ipv4_addr : ipv4_addr; }',
      'map forwards { type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service; }',
      'map translated_in { type ipv4_addr : verdict; }',
      'map translated_out { type ifname : verdict; }',
      'set translating { type mark; }',
      'map from_uplink { type ifname : verdict; }',
      'map to_uplink { type ifname : verdict; }',
      'set revoking { type ipv4_addr; }',
      'set revoking_services { type ipv4_addr . inet_proto . inet_service; }',
      'set revoking_marks { type mark; }',
      `set sources { typeof iifname . ip saddr; flags interval; ${elements([...subnets, ...behind].map(({ leg, cidr }) => `"${leg}" . ${cidr}`))} }`,
    ],
    chains: [
      ...gatewayChains('ip'),
      NEWCOMER_CHAIN,
      {
        name: 'guard',
        hook: 'type filter hook prerouting priority -250; policy accept;',
        rules: [
          `iifname @legs ip daddr @infrastructure ip daddr != @subnets goto ${dropChain('gateway to_infrastructure sent')}`,
          'iifname @legs udp dport 67 accept',
          'iifname . ip saddr @recent accept',
          'iifname @legs iifname . ip saddr != @sources goto drop_foreign_source',
          // What lies behind a next hop is nobody's neighbour here.
          ...newcomersFrom('ip', 'iifname @legs ip saddr @subnets'),
        ],
      },
      {
        name: 'nat_in',
        hook: 'type nat hook prerouting priority dstnat; policy accept;',
        // A tenant's own rules come first; a forwarded port of a public address comes before the address as a whole.
        rules: [
          'ip daddr vmap @translated_in',
          'dnat ip to ip daddr . meta l4proto . th dport map @forwards',
          'dnat to ip daddr map @public_in',
        ],
      },
      {
        name: 'nat_out',
        hook: 'type nat hook postrouting priority srcnat; policy accept;',
        rules: [
          'iifname @legs oifname @legs ct status dnat masquerade',
          ...(uplink === undefined
            ? []
            : [
                'oifname vmap @translated_out',
                `oifname "${uplink.link}" snat to ip saddr map @public_out`,
                ...(body.sourceNat === false
                  ? [`iifname @legs oifname "${uplink.link}" goto ${dropChain('gateway no_mapping received')}`]
                  : [...new Set(['@subnets', ...behind.map(({ cidr }) => cidr)])].map(
                      (inside) => `oifname "${uplink.link}" ip saddr ${inside} snat to ${uplink.address}`,
                    )),
              ]),
        ],
      },
      {
        name: 'forward',
        hook: 'type filter hook forward priority 0; policy drop;',
        rules: [
          ...(body.forwarding === false ? ['drop'] : []),
          `tcp flags syn tcp option maxseg size set ${smallestMtu - 40}`,
          ...(uplink === undefined
            ? []
            : [`oifname "${uplink.link}" ip daddr @infrastructure goto ${dropChain('gateway to_infrastructure sent')}`]),
          'ct state invalid goto drop_invalid',
          // What went out as the gateway itself before that was switched off.
          ...(uplink === undefined || body.sourceNat !== false
            ? []
            : [`ct reply ip daddr ${uplink.address} goto ${dropChain('gateway no_mapping received')}`]),
          `ct mark ${ENDED_MARK} drop`,
          'ct state established,related accept',
          ...newcomersTo('ip', 'oifname @legs ip daddr @subnets'),
          ...(uplink === undefined
            ? []
            : newcomersTo('ip', `oifname "${uplink.link}" ip daddr ${cidrOf(uplink.address, uplink.prefixLength)}`)),
          'iifname vmap @from_uplink',
          'oifname vmap @to_uplink',
          'iifname @legs oifname @legs accept',
          'ct status dnat oifname @legs accept',
          ...(uplink === undefined ? [] : [`iifname @legs oifname "${uplink.link}" accept`]),
          `goto ${dropChain('gateway no_mapping received')}`,
        ],
      },
      {
        name: 'input',
        hook: 'type filter hook input priority 0; policy drop;',
        rules: [
          'ct state established,related accept',
          'iifname "lo" accept',
          'icmp type echo-request accept',
          'iifname @legs udp dport { 53, 67 } accept',
          'iifname @legs tcp dport 53 accept',
          `iifname @legs goto ${dropChain('gateway service sent')}`,
          `goto ${dropChain('gateway no_mapping received')}`,
        ],
      },
      {
        name: 'output',
        hook: 'type filter hook output priority 0; policy accept;',
        rules: uplink === undefined ? [] : [`oifname "${uplink.link}" ip daddr @infrastructure counter name to_infrastructure drop`],
      },
    ],
  };
}

/** nft refuses an empty list of elements. */
export function elements(list: readonly string[]): string {
  return list.length === 0 ? '' : `elements = { ${list.join(', ')} };`;
}
