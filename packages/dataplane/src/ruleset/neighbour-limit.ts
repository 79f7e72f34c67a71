import type { TableObject } from '../kernel-object.ts';
import { dropChain } from './drops.ts';

/**
 * The kernel has one table of neighbours for all namespaces of the machine, and while it is full nobody finds anybody: neither other tenants'
 * gateways nor the machine its own. Who looks for addresses that nobody has, or makes a gateway look for them, fills it with entries that wait
 * three seconds for an answer, and these are not dropped for others. So a gateway begins with so many new addresses a second; with `recent` ones it
 * goes on, for a minute without being asked. That leaves 800 entries waiting at most, less than the 1,024 that the kernel has room for unless
 * told otherwise. Those who are there, or claim to be, take up entries too: a port says no more than {@link NEIGHBOUR_FLOOD} in the fabric.
 */
const NEWCOMERS = 'limit rate over 200/second burst 200 packets';

/** The rest of a rule that refuses what a port asks or announces too fast; a host that looks for all of a /24 at once stays below. */
export const NEIGHBOUR_FLOOD = `update @neighbour_rate { iifname limit rate over 50/second burst 300 packets } goto ${dropChain('port arp_flood sent')}`;

type Family = 'ip' | 'ip6';

export const recentSet = (family: Family): string =>
  `set recent { typeof iifname . ${family} saddr; size 65535; flags dynamic,timeout; timeout 1m; }`;

/** Jumped to by whatever is not `recent`; returns with what may go on. */
export const NEWCOMER_CHAIN: TableObject['chains'][number] = {
  name: 'newcomer',
  hook: undefined,
  rules: [`${NEWCOMERS} goto ${dropChain('gateway neighbours sent')}`],
};

/** For what `match` says of packets that come from a neighbour. */
export const newcomersFrom = (family: Family, match: string): readonly string[] => [
  `${match} jump newcomer`,
  `${match} add @recent { iifname . ${family} saddr }`,
];

/** The same of packets that go to one. */
export const newcomersTo = (family: Family, match: string): readonly string[] => [
  `oifname . ${family} daddr != @recent ${match} jump newcomer`,
  `${match} add @recent { oifname . ${family} daddr }`,
];
