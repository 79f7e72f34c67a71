/**
 * How drops are counted, each for its port and its reason: the rule that refuses a packet goes to a chain that adds an element to a dynamic
 * set, or counts it there, and drops. What passes never comes by. The key of an element says whose packet it was:
 *
 *     fabric bridge  why          port by name . reason            most of what a port sends, and what its groups keep from it
 *     fabric bridge  why_mac      tunnel . MAC                     `loop`
 *     fabric inet    why          number of the port, and reason   names of ports are not seen there, only marks
 *     fabric inet    why_invalid  number it came in by . MAC       what comes in for no connection
 *     gateway ip(6)  why          address of the workload . reason
 *     gateway ip(6)  why_mac      leg . MAC                        `foreign_source`: the address is not the workload's
 *
 * A set that is full takes up no further key: `add` then ends its rule, and the next one drops the packet as always. In the fabric no workload
 * can fill one, for its keys are ports, numbers and known MACs; they are deleted with their port. Where what a packet says is part of the key,
 * elements vanish after a day, and a tenant that fills the set of its gateway hides its own drops only.
 */
import type { DropKind } from '@weft/core/drop-reason';
import { dropParts } from '@weft/core/drop-reason';
import type { TableObject } from '../kernel-object.ts';

type Chain = TableObject['chains'][number];

/** Counted by port name in the bridge family; the reason number is the place in this list, from 1. */
export const BY_LINK = [
  'port spoof_mac sent',
  'port spoof_ip sent',
  'port spoof_arp sent',
  'port spoof_dhcp sent',
  'port spoof_ra sent',
  'port ethertype sent',
  'port mtu sent',
  'port broadcast sent',
  'port arp_unknown sent',
  'port closed sent',
  'port host sent',
  'port group sent',
  'port group received',
  'port spoof_nd sent',
  'port headers sent',
  'port arp_flood sent',
  'port metadata sent',
  'port metadata_source sent',
  'port metadata_rate sent',
] as const satisfies readonly DropKind[];

/** Counted by port number in the inet family: what is added to the number, which stands where the mark has it (bits 0–12, or 14–26). */
export const BY_NUMBER = {
  'port capped sent': { reason: 0x10000000, shift: 0 },
  'port capped received': { reason: 0x20000000, shift: 14 },
  'port invalid sent': { reason: 0x30000000, shift: 0 },
} as const satisfies Partial<Record<DropKind, Readonly<{ reason: number; shift: 0 | 14 }>>>;

/** Counted by address in a gateway; the reason number is the place in this list, from 1. */
export const BY_ADDRESS = [
  'gateway to_infrastructure sent',
  'gateway service sent',
  'gateway invalid sent',
  'gateway firewall sent',
  'gateway firewall received',
  'gateway no_mapping received',
  'gateway neighbours sent',
] as const satisfies readonly DropKind[];

/** Each counted in a set of its own, by MAC. */
export const BY_MAC = { loop: 'port loop none', invalid: 'port invalid received', foreign: 'gateway foreign_source sent' } as const;

/** Sets whose elements the rules themselves add. */
export const COUNTING_SETS = ['why', 'why_mac', 'why_invalid'] as const;

type LinkKind = (typeof BY_LINK)[number];
type AddressKind = (typeof BY_ADDRESS)[number];

/** The chain to go to with a packet that is refused for this reason. */
export function dropChain(kind: LinkKind | AddressKind | keyof typeof BY_NUMBER): string {
  const { reason, direction } = dropParts(kind);
  return `drop_${reason}_${direction ?? 'none'}`;
}

/** What an element of inet's `why` is called for a port. */
export function numberKey(kind: keyof typeof BY_NUMBER, number: number): number {
  const { reason, shift } = BY_NUMBER[kind];
  return ((number << shift) | reason) >>> 0;
}

export const BRIDGE_DECLARATIONS = [
  ...new Set(BY_LINK.map((kind) => `counter ${dropParts(kind).reason} { }`)),
  'counter loop { }',
  'set why { typeof iifname . meta mark; size 65535; flags dynamic; counter; }',
  'set why_mac { typeof iifname . ether saddr; size 65535; flags dynamic; counter; }',
];

export const BRIDGE_CHAINS: readonly Chain[] = [
  ...BY_LINK.map((kind, index): Chain => {
    const { reason, direction } = dropParts(kind);
    return chain(dropChain(kind), `counter name ${reason} meta mark set ${index + 1} goto dropped_${direction}`);
  }),
  chain('dropped_sent', 'add @why { iifname . meta mark }', 'drop'),
  chain('dropped_received', 'add @why { oifname . meta mark }', 'drop'),
  chain('drop_loop', 'counter name loop', 'add @why_mac { iifname . ether saddr }', 'drop'),
];

export const INET_DECLARATIONS = [
  'counter invalid { }',
  'counter capped { }',
  'set why { typeof meta mark; size 65535; flags dynamic; counter; }',
  'set why_invalid { typeof meta mark . ether daddr; size 65535; flags dynamic,timeout; timeout 1d; counter; }',
];

export const INET_CHAINS: readonly Chain[] = [
  ...(Object.keys(BY_NUMBER) as (keyof typeof BY_NUMBER)[]).map((kind): Chain => {
    const { reason, shift } = BY_NUMBER[kind];
    const number = `0x${((0x1fff << shift) >>> 0).toString(16)}`;
    return chain(
      dropChain(kind),
      `counter name ${dropParts(kind).reason} meta mark set meta mark & ${number} | 0x${reason.toString(16)}`,
      'add @why { meta mark }',
      'drop',
    );
  }),
  // By a tunnel or a gateway's port: its number is known, and the receiver by its MAC.
  chain('drop_invalid', `meta mark & 0x2000 == 0 goto ${dropChain('port invalid sent')}`, 'goto drop_invalid_received'),
  chain(
    'drop_invalid_received',
    'counter name invalid meta mark set meta mark & 0x3fff',
    'add @why_invalid { meta mark . ether daddr }',
    'drop',
  ),
];

/** Of the table of one family. A gateway's sets are small: there may be a thousand, and their tables are made for their size at once. */
export const gatewayDeclarations = (family: 'ip' | 'ip6'): readonly string[] => [
  ...new Set([...BY_ADDRESS, BY_MAC.foreign].map((kind) => `counter ${counterOf(kind)} { }`)),
  `set why { typeof ${family} saddr . meta mark; size 1024; flags dynamic,timeout; timeout 1d; counter; }`,
  'set why_mac { typeof iifname . ether saddr; size 1024; flags dynamic,timeout; timeout 1d; counter; }',
];

export const gatewayChains = (family: 'ip' | 'ip6'): readonly Chain[] => [
  ...BY_ADDRESS.map((kind, index): Chain => {
    const { direction } = dropParts(kind);
    return chain(dropChain(kind), `counter name ${counterOf(kind)} meta mark set ${index + 1} goto dropped_${direction}`);
  }),
  chain('dropped_sent', `add @why { ${family} saddr . meta mark }`, 'drop'),
  chain('dropped_received', `add @why { ${family} daddr . meta mark }`, 'drop'),
  // From outside nothing comes this far but by an address that is not public: its sender is nobody's workload.
  chain('drop_invalid', `iifname @legs goto ${dropChain('gateway invalid sent')}`, 'counter name invalid drop'),
  chain('drop_foreign_source', 'counter name foreign_source', 'add @why_mac { iifname . ether saddr }', 'drop'),
];

function counterOf(kind: DropKind): string {
  return dropParts(kind).reason;
}

function chain(name: string, ...rules: readonly string[]): Chain {
  return { name, hook: undefined, rules };
}
