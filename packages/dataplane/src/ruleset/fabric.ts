import type { TableObject } from '../kernel-object.ts';
import type { NodeFacts } from '../kernel.ts';

/**
 * The fabric's rules, two tables that meet in the packet's mark. `reference` for every line and its trap: datapath.md §4. The order of hooks
 * for a bridged packet:
 *
 *     bridge prerouting −300   who sent it, may it say so (`from`); its port's number goes into the mark
 *     inet prerouting −450     through br_netfilter: connection tracking zone by number, before fragments are collected
 *     inet forward 0           marks what is established; drops what is invalid
 *     bridge forward 10        the decision: established, DHCP, or the groups of the sending and of the receiving port
 *     inet postrouting 0       connections per port are counted and capped; the mark is cleared, since it takes part in outer routing
 *
 * The mark: bits 0–13 number of the port it came in by (0x2000 = a trusted one), bits 14–27 number of the port it goes out by, 0x10000000
 * allowed by an egress group, 0x20000000 not tracked here (transit and DHCP), 0x40000000 established. Never bit 31: nft lists that mask wrongly.
 */
export const MARK_EGRESS_ALLOWED = 0x10000000;
const MARK_UNTRACKED = '0x20000000';
const MARK_ESTABLISHED = '0x40000000';
/** Added to the number of a tunnel or gateway port. */
export const TRUSTED_NUMBER = 0x2000;
/** Port numbers and trusted numbers run from 1 to this. */
export const LARGEST_NUMBER = 0x1fff;

/** Reasons as they stand in the set `why`, by number from 1. */
export const DROP_REASONS = ['spoof_mac', 'spoof_ip', 'spoof_arp', 'spoof_dhcp', 'spoof_ra', 'ethertype'] as const;

export function fabricTables(facts: NodeFacts): TableObject[] {
  return [bridgeTable(facts), inetTable(facts)];
}

function bridgeTable(facts: NodeFacts): TableObject {
  return {
    kind: 'table',
    place: 'fabric',
    family: 'bridge',
    declarations: [
      ...['loop', 'unplugged', 'group', 'arp_unknown', 'broadcast', 'mtu', 'host', ...DROP_REASONS].map((name) => `counter ${name} { }`),
      'set why { typeof iifname . meta mark; size 65535; flags dynamic; counter; }',
      // Port → how far it is trusted; what is in here last, and taken out first, opens and closes a port.
      'map from { type ifname : verdict; }',
      'map number { type ifname : mark; }',
      // What a workload's port may send as; `addrs` is also for ARP.
      'set macs { typeof iifname . ether saddr; }',
      'set addrs { typeof iifname . ether saddr . ip saddr; }',
      // (trusted port of a segment, MAC of a workload on this node): what is for others is in transit.
      'set local { typeof iifname . ether saddr; }',
      'set ports { type ifname; }',
      'set tunnels { type ifname; }',
      'set gateways { type ifname; }',
      // Egress chains return to allow, ingress chains accept: traffic between two ports of a node passes both.
      'map egress { type ifname : verdict; }',
      'map ingress { type ifname : verdict; }',
    ],
    chains: [
      ...DROP_REASONS.map((name, index) => ({
        name: `drop_${name}`,
        hook: undefined,
        rules: [`counter name ${name} meta mark set ${index + 1} goto dropped`],
      })),
      { name: 'dropped', hook: undefined, rules: ['add @why { iifname . meta mark }', 'drop'] },
      {
        name: 'prerouting',
        hook: 'type filter hook prerouting priority -300; policy drop;',
        rules: ['iifname vmap @from', 'counter name unplugged'],
      },
      {
        name: 'from_workload',
        hook: undefined,
        rules: [
          'iifname . ether saddr != @macs goto drop_spoof_mac',
          'ether type arp goto from_workload_arp',
          'ether type ip goto from_workload_ip',
          'ether type ip6 icmpv6 type nd-router-advert goto drop_spoof_ra',
          'ether type ip6 goto drop_spoof_ip',
          'goto drop_ethertype',
        ],
      },
      {
        name: 'from_workload_arp',
        hook: undefined,
        rules: [
          'arp saddr ip 0.0.0.0 iifname . arp saddr ether @macs accept',
          'iifname . arp saddr ether . arp saddr ip != @addrs goto drop_spoof_arp',
          'accept',
        ],
      },
      {
        name: 'from_workload_ip',
        hook: undefined,
        rules: [
          'udp sport 67 goto drop_spoof_dhcp',
          // Here, before defragmentation, and never TCP or UDP: those may be GSO frames.
          `meta l4proto icmp meta length > ${facts.mtu} counter name mtu drop`,
          `ip saddr 0.0.0.0 ip daddr 255.255.255.255 udp sport 68 udp dport 67 meta mark set ${MARK_UNTRACKED} accept`,
          'iifname . ether saddr . ip saddr != @addrs goto drop_spoof_ip',
          'meta mark set iifname map @number',
          'accept',
        ],
      },
      {
        // A port without port security: whatever addresses it likes, but its connections are tracked like anybody's.
        name: 'from_unguarded',
        hook: undefined,
        rules: [
          'ether type arp accept',
          'ether type != ip goto drop_ethertype',
          'meta mark set iifname map @number',
          `udp sport 67 udp dport 68 meta mark set ${MARK_UNTRACKED}`,
          `udp sport 68 udp dport 67 meta mark set ${MARK_UNTRACKED}`,
          'accept',
        ],
      },
      { name: 'from_tunnel', hook: undefined, rules: ['iifname . ether saddr @local counter name loop drop', 'goto trusted'] },
      {
        name: 'trusted',
        hook: undefined,
        rules: [
          'ether type arp accept',
          'ether type != ip counter name ethertype drop',
          'meta mark set iifname map @number',
          `iifname . ether daddr != @local meta mark set ${MARK_UNTRACKED}`,
          `udp sport 67 udp dport 68 meta mark set ${MARK_UNTRACKED}`,
          'accept',
        ],
      },
      {
        // The fabric's own IP stack hears nothing.
        name: 'input',
        hook: 'type filter hook input priority 0; policy drop;',
        rules: ['ether daddr ff:ff:ff:ff:ff:ff drop', 'counter name host'],
      },
      {
        name: 'forward',
        hook: 'type filter hook forward priority 10; policy drop;',
        rules: [
          'ether type arp goto forward_arp',
          'ether daddr ff:ff:ff:ff:ff:ff goto forward_broadcast',
          `meta mark & ${MARK_ESTABLISHED} != 0 oifname @ports accept`,
          'iifname @tunnels udp sport 67 udp dport 68 oifname @ports accept',
          'iifname @gateways udp sport 67 udp dport 68 oifname @ports accept',
          'iifname vmap @egress',
          'oifname vmap @ingress',
          'counter name unplugged',
        ],
      },
      {
        name: 'forward_arp',
        hook: undefined,
        rules: ['oifname @tunnels ether daddr ff:ff:ff:ff:ff:ff counter name arp_unknown drop', 'oifname @ports accept'],
      },
      {
        // The only broadcast between nodes is DHCP, and a hub never reflects one.
        name: 'forward_broadcast',
        hook: undefined,
        rules: [
          'iifname @tunnels oifname @tunnels drop',
          'udp sport 68 udp dport 67 oifname @tunnels accept',
          'udp sport 68 udp dport 67 oifname @gateways accept',
          'udp sport 68 udp dport 67 drop',
          'iifname @gateways udp sport 67 udp dport 68 oifname @ports accept',
          'iifname @tunnels udp sport 67 udp dport 68 oifname @ports accept',
          'counter name broadcast drop',
        ],
      },
      { name: 'refuse', hook: undefined, rules: ['counter name group drop'] },
      { name: 'egress_all', hook: undefined, rules: ['return'] },
      { name: 'ingress_any', hook: undefined, rules: ['accept'] },
    ],
  };
}

function inetTable(facts: NodeFacts): TableObject {
  const cap = facts.connectionsPerPort;
  return {
    kind: 'table',
    place: 'fabric',
    family: 'inet',
    declarations: [
      'counter invalid { }',
      'counter capped { }',
      'map zone { typeof meta mark : ct zone; }',
      // Zone and address whose connections are still to be ended: a note to the next process if this one dies.
      'set revoking { type mark . ipv4_addr; }',
      'set conns { typeof meta mark; size 65535; flags dynamic; }',
    ],
    chains: [
      {
        name: 'zone',
        hook: 'type filter hook prerouting priority -450; policy accept;',
        rules: [`meta mark & ${MARK_UNTRACKED} != 0 notrack accept`, 'ct zone set meta mark map @zone'],
      },
      {
        name: 'forward',
        hook: 'type filter hook forward priority 0; policy accept;',
        rules: [
          `tcp flags syn tcp option maxseg size set ${facts.mtu - 40}`,
          `ct state established,related meta mark set meta mark | ${MARK_ESTABLISHED}`,
          'ct state invalid counter name invalid drop',
        ],
      },
      {
        // After the groups, so that what they refused is not counted. An entry not yet confirmed is charged once.
        name: 'cap',
        hook: 'type filter hook postrouting priority 0; policy accept;',
        rules: [
          `ct state new ct status ! confirmed meta mark & 0x2000 == 0 meta mark & 0x1fff != 0 add @conns { meta mark & 0x1fff ct count over ${cap} } counter name capped drop`,
          `ct state new ct status ! confirmed meta mark & 0x0fffc000 != 0 add @conns { meta mark & 0x0fffc000 ct count over ${cap} } counter name capped drop`,
          'meta mark set 0',
        ],
      },
    ],
  };
}
