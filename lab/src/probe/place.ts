import type { Ipv4 } from '@weft/core/ipv4';
import type { Mac } from '@weft/core/mac';
import type { Netns } from '@weft/sys/netns';

/**
 * Where a probe acts: one interface of one namespace – a workload's eth0, a gateway's segment side, the outside host's NIC. `ip` is absent
 * as long as the interface has none (before DHCP). The namespace is borrowed: whoever made the place closes it.
 */
export type Place = Readonly<{ netns: Netns; ifname: string; mac: Mac; ip?: Ipv4 }>;
