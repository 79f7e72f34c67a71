import type { TableObject } from '../kernel-object.ts';
import type { NodeFacts } from '../kernel.ts';
import { BRIDGE_CHAINS, BRIDGE_DECLARATIONS, dropChain, INET_CHAINS, INET_DECLARATIONS } from './drops.ts';
import { ipv6Chains } from './fabric-ipv6.ts';
import { NEIGHBOUR_FLOOD } from './neighbour-limit.ts';
import { METADATA_SETS, metadataChains, TO_METADATA } from './fabric-metadata.ts';

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
 * The mark: bits 0–13 number of the port it came in by (0x2000 = a trusted one), bits 14–27 number of the port it goes out by
 * (before that, all set: it came by a stateless port), 0x10000000
 * allowed by an egress group, 0x20000000 not tracked here (transit, DHCP and neighbour discovery), 0x40000000 established. Never bit 31: nft
 * lists that mask wrongly. IPv6's own chains are in fabric-ipv6.ts.
 */
export const MARK_EGRESS_ALLOWED = 0x10000000;
const MARK_UNTRACKED = '0x20000000';
const MARK_ESTABLISHED = '0x40000000';
/** What the number of a stateless port has beside it, until its groups are asked: then a receiver's number comes there. */
export const MARK_STATELESS = 0x0fffc000;
/** Established, and from a port that is not stateless. */
const MARK_ANSWERS = '0x4fffc000';
/** Added to the number of a tunnel or gateway port. */
export const TRUSTED_NUMBER = 0x2000;
/** Port numbers and trusted numbers run from 1 to this. */
export const LARGEST_NUMBER = 0x1fff;

/** Broadcast, or to a group of stations. */
const TO_MANY = 'ether daddr & 01:00:00:00:00:00 != 00:00:00:00:00:00';

export const FABRIC_SYSCTLS = {
  // The fabric's own stack; bridges that answer neighbour solicitations get as much of it as that needs (`LinuxKernel`).
  'net.ipv6.conf.default.disable_ipv6': '1',
  'net.ipv6.conf.all.disable_ipv6': '1',
  'net.bridge.bridge-nf-call-iptables': '0',
  'net.bridge.bridge-nf-call-ip6tables': '0',
  'net.bridge.bridge-nf-call-arptables': '0',
  // A revoked TCP stream must not be picked up again in mid-stream (datapath.md §3).
  'net.netfilter.nf_conntrack_tcp_loose': '0',
};

export function fabricTables(facts: NodeFacts): TableObject[] {
  return [bridgeTable(facts), inetTable(facts)];
}

function bridgeTable(facts: NodeFacts): TableObject {
  return {
    kind: 'table',
    place: 'fabric',
    family: 'bridge',
    declarations: [
      'counter unplugged { }',
      ...BRIDGE_DECLARATIONS,
      // Port → how far it is trusted; what is in here last, and taken out first, opens and closes a port.
      'map from { type ifname : verdict; }',
      'map number { type ifname : mark; }',
      // What a workload's port may send as; `addrs` is also for ARP.
      'set macs { typeof iifname . ether saddr; }',
      'set addrs { typeof iifname . ether saddr . ip saddr; }',
      'set addrs6 { typeof iifname . ether saddr . ip6 saddr; }',
      // Port → what it may say in neighbour discovery; one without IPv6 is not in here.
      'map neighbours { type ifname : verdict; }',
      // (trusted port of a segment, MAC of a workload on this node): what is for others is in transit.
      'set local { typeof iifname . ether saddr; }',
      'set ports { type ifname; }',
      // Those to which answers may go without being asked for: all but stateless ones.
      'set tracked { type ifname; }',
      // How fast each port asks and announces who has which address.
      'set neighbour_rate { typeof iifname; size 65535; flags dynamic; }',
      'set tunnels { type ifname; }',
      'set gateways { type ifname; }',
      ...METADATA_SETS,
      // Tunnels of segments in which ARP goes everywhere.
      'set flooding { type ifname; }',
      // Egress chains return to allow, ingress chains accept: traffic between two ports of a node passes both.
      'map egress { type ifname : verdict; }',
      'map ingress { type ifname : verdict; }',
    ],
    chains: [
      ...BRIDGE_CHAINS,
      {
        name: 'prerouting',
        hook: 'type filter hook prerouting priority -300; policy drop;',
        rules: [
          `ether type arp iifname != @tunnels iifname != @gateways iifname != @metadata ${NEIGHBOUR_FLOOD}`,
          'iifname vmap @from',
          'counter name unplugged',
        ],
      },
      {
        name: 'from_workload',
        hook: undefined,
        rules: [
          `iifname . ether saddr != @macs goto ${dropChain('port spoof_mac sent')}`,
          'ether type arp goto from_workload_arp',
          'ether type ip goto from_workload_ip',
          'ether type ip6 goto from_workload_ip6',
          `goto ${dropChain('port ethertype sent')}`,
        ],
      },
      {
        name: 'from_workload_arp',
        hook: undefined,
        rules: [
          'arp saddr ip 0.0.0.0 iifname . arp saddr ether @macs accept',
          `iifname . arp saddr ether . arp saddr ip != @addrs goto ${dropChain('port spoof_arp sent')}`,
          'accept',
        ],
      },
      {
        name: 'from_workload_ip',
        hook: undefined,
        rules: [
          `udp sport 67 goto ${dropChain('port spoof_dhcp sent')}`,
          // Here, before defragmentation, and never TCP or UDP: those may be GSO frames.
          `meta l4proto icmp meta length > ${facts.mtu} goto ${dropChain('port mtu sent')}`,
          `ip saddr 0.0.0.0 ip daddr 255.255.255.255 udp sport 68 udp dport 67 meta mark set ${MARK_UNTRACKED} accept`,
          `iifname . ether saddr . ip saddr != @addrs goto ${dropChain('port spoof_ip sent')}`,
          TO_METADATA,
          'meta mark set iifname map @number',
          'accept',
        ],
      },
      {
        // What one of a port's address pairs admits; its chain has looked at MAC and address already.
        name: 'from_pair_ip',
        hook: undefined,
        rules: [
          `udp sport 67 goto ${dropChain('port spoof_dhcp sent')}`,
          `meta l4proto icmp meta length > ${facts.mtu} goto ${dropChain('port mtu sent')}`,
          TO_METADATA,
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
          'ether type ip6 goto from_unguarded_ip6',
          `ether type != ip goto ${dropChain('port ethertype sent')}`,
          TO_METADATA,
          'meta mark set iifname map @number',
          `udp sport 67 udp dport 68 meta mark set ${MARK_UNTRACKED}`,
          `udp sport 68 udp dport 67 meta mark set ${MARK_UNTRACKED}`,
          'accept',
        ],
      },
      ...metadataChains(MARK_UNTRACKED),
      { name: 'from_tunnel', hook: undefined, rules: ['iifname . ether saddr @local goto drop_loop', 'goto trusted'] },
      {
        name: 'trusted',
        hook: undefined,
        rules: ['ether type ip goto trusted_ip', 'ether type ip6 goto trusted_ip6', 'ether type arp accept', 'counter name ethertype drop'],
      },
      {
        name: 'trusted_ip',
        hook: undefined,
        rules: [
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
        rules: [`${TO_MANY} drop`, `goto ${dropChain('port host sent')}`],
      },
      {
        name: 'forward',
        hook: 'type filter hook forward priority 10; policy drop;',
        rules: [
          'ether type arp goto forward_arp',
          `${TO_MANY} goto forward_broadcast`,
          'iifname @metadata goto answer_metadata',
          // Neither end is stateless; then only the receiver is; then, after its groups, only the sender.
          `meta mark & ${MARK_ANSWERS} == ${MARK_ESTABLISHED} oifname @tracked accept`,
          `meta mark & ${MARK_ANSWERS} == ${MARK_ESTABLISHED} oifname vmap @ingress`,
          'ether type ip6 jump forward_ip6',
          'iifname @tunnels udp sport 67 udp dport 68 oifname @ports accept',
          'iifname @gateways udp sport 67 udp dport 68 oifname @ports accept',
          'iifname vmap @egress',
          `meta mark & ${MARK_ESTABLISHED} != 0 oifname @tracked accept`,
          'oifname vmap @ingress',
          'counter name unplugged',
        ],
      },
      {
        name: 'forward_arp',
        hook: undefined,
        rules: [
          'oifname @flooding accept',
          `oifname @tunnels ether daddr ff:ff:ff:ff:ff:ff goto ${dropChain('port arp_unknown sent')}`,
          'oifname @ports accept',
          'oifname @metadata accept',
        ],
      },
      {
        // The only broadcast between nodes is DHCP, and a hub never reflects one; IPv6 has groups instead. Of the copies that a bridge makes only
        // the tunnel's is counted: every broadcast of a port has one.
        name: 'forward_broadcast',
        hook: undefined,
        rules: [
          'iifname @tunnels oifname @tunnels drop',
          'ether type ip6 goto forward_multicast_ip6',
          'udp sport 68 udp dport 67 oifname @tunnels accept',
          'udp sport 68 udp dport 67 oifname @gateways accept',
          'udp sport 68 udp dport 67 drop',
          'iifname @gateways udp sport 67 udp dport 68 oifname @ports accept',
          'iifname @tunnels udp sport 67 udp dport 68 oifname @ports accept',
          'goto multicast_refused',
        ],
      },
      ...ipv6Chains(facts.mtu, MARK_UNTRACKED),
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
      ...INET_DECLARATIONS,
      'map zone { typeof meta mark : ct zone; }',
      // Zone and address whose connections are still to be ended: a note to the next process if this one dies.
      'set revoking { type mark . ipv4_addr; }',
      // The same, but only of those connections that the groups no longer allow.
      'set judging { type mark . ipv4_addr; }',
      'set revoking6 { type mark . ipv6_addr; }',
      'set judging6 { type mark . ipv6_addr; }',
      'set conns { typeof meta mark; size 65535; flags dynamic; }',
    ],
    chains: [
      ...INET_CHAINS,
      {
        name: 'zone',
        hook: 'type filter hook prerouting priority -450; policy accept;',
        rules: [`meta mark & ${MARK_UNTRACKED} != 0 notrack accept`, 'ct zone set meta mark map @zone'],
      },
      {
        name: 'forward',
        hook: 'type filter hook forward priority 0; policy accept;',
        rules: [
          'tcp flags syn jump clamp',
          `ct state established,related meta mark set meta mark | ${MARK_ESTABLISHED}`,
          `ct state invalid meta mark & 0x${MARK_STATELESS.toString(16).padStart(8, '0')} == 0 goto drop_invalid`,
        ],
      },
      {
        name: 'clamp',
        hook: undefined,
        rules: [
          `meta nfproto ipv4 tcp option maxseg size set ${facts.mtu - 40}`,
          `meta nfproto ipv6 tcp option maxseg size set ${facts.mtu - 60}`,
        ],
      },
      {
        // After the groups, so that what they refused is not counted. An entry not yet confirmed is charged once.
        name: 'cap',
        hook: 'type filter hook postrouting priority 0; policy accept;',
        rules: [
          `ct state new ct status ! confirmed meta mark & 0x2000 == 0 meta mark & 0x1fff != 0 add @conns { meta mark & 0x1fff ct count over ${cap} } goto ${dropChain('port capped sent')}`,
          `ct state new ct status ! confirmed meta mark & 0x0fffc000 != 0 add @conns { meta mark & 0x0fffc000 ct count over ${cap} } goto ${dropChain('port capped received')}`,
          'meta mark set 0',
        ],
      },
    ],
  };
}
