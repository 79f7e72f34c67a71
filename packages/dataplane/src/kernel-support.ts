import { existsSync } from 'node:fs';
import type { Ipv4 } from '@weft/core/ipv4';
import type { Vni } from '@weft/core/vni';
import { WeftError } from '@weft/core/weft-error';
import { linkAdd } from '@weft/netlink/link';
import type { LinkSpec } from '@weft/netlink/link';
import { NetlinkError } from '@weft/netlink/netlink-error';
import { Rtnl } from '@weft/netlink/rtnl';
import { netnsCreateUnpinned } from '@weft/sys/netns';
import { NftContext, NftError } from '@weft/sys/nft';

/** Something that the data path needs, the module that has it, and how to find out. `works` may throw what else is wrong. */
export type KernelFeature = Readonly<{ what: string; module: string; works: () => boolean }>;

/** The kernel cannot carry tenants' traffic. Lists everything at once. */
export class KernelLacks extends WeftError {
  constructor(missing: readonly Pick<KernelFeature, 'what' | 'module'>[], options: Readonly<{ cause?: unknown }> = {}) {
    const modules = [...new Set(missing.map((feature) => feature.module))];
    super('kernel_lacks', `this kernel lacks ${missing.map(({ what, module }) => `${what} (module ${module})`).join(', ')}`, {
      ...options,
      details: { modules },
      remedy: `Load what is missing with \`modprobe ${modules.join(' ')}\` and name it in /etc/modules-load.d/weft.conf; if that fails, use a distribution kernel.`,
    });
  }
}

/** Throws KernelLacks if any of the features is missing. */
export function requireKernel(features: readonly KernelFeature[]): void {
  const missing = features.filter((feature) => !feature.works());
  if (missing.length > 0) throw new KernelLacks(missing);
}

/**
 * What a node needs, tried in a namespace of its own that goes away at once; the kernel loads most modules on demand by that. br_netfilter is
 * never loaded on demand. Throws NftUnavailable without libnftables, SysError without the rights.
 */
export function linuxFeatures(options: Readonly<{ uplink: boolean }>): readonly KernelFeature[] {
  const vxlan = { vni: 1 as Vni, local: '127.0.0.1' as Ipv4, port: 14_789, learning: false, ttl: 64 };
  const bridge = { stp: 0, mcastSnooping: 0, nfCallIptables: 0, nfCallIp6tables: 0, nfCallArptables: 0 };
  return [
    { what: 'VXLAN tunnels', module: 'vxlan', works: () => canMake({ kind: 'vxlan', name: 'try', vxlan }) },
    { what: 'bridges', module: 'bridge', works: () => canMake({ kind: 'bridge', name: 'try', bridge }) },
    { what: 'veth pairs', module: 'veth', works: () => canMake({ kind: 'veth', name: 'try', peer: { name: 'peer' } }) },
    ...(options.uplink ? [{ what: 'macvlan interfaces', module: 'macvlan', works: canMakeMacvlan }] : []),
    {
      what: 'connection tracking of bridged packets',
      module: 'br_netfilter',
      works: () => existsSync('/proc/sys/net/bridge/bridge-nf-call-iptables'),
    },
    {
      what: 'nftables for bridges',
      module: 'nf_tables',
      works: () => canFilter('table bridge try { chain c { type filter hook forward priority 10; } }'),
    },
    {
      what: 'connection tracking in nftables',
      module: 'nft_ct',
      works: () => canFilter('table inet try { chain c { ct state new accept; } }'),
    },
    {
      what: 'limits of connections',
      module: 'nft_connlimit',
      works: () => canFilter('table inet try { chain c { ct count over 3 drop; } }'),
    },
    ...(options.uplink
      ? [
          {
            what: 'address translation',
            module: 'nft_nat',
            works: () => canFilter('table ip try { chain c { type nat hook postrouting priority 100; snat to 192.0.2.1; } }'),
          },
        ]
      : []),
  ];
}

function canMake(spec: LinkSpec): boolean {
  using netns = netnsCreateUnpinned();
  using rtnl = Rtnl.open(netns);
  return isSupported(() => linkAdd(rtnl, spec));
}

function canMakeMacvlan(): boolean {
  using netns = netnsCreateUnpinned();
  using rtnl = Rtnl.open(netns);
  // `lo` always has index 1; it can carry no macvlan, but the kernel says so only if it knows the kind.
  return isSupported(() => linkAdd(rtnl, { kind: 'macvlan', name: 'try', parent: 1, mode: 'bridge' }));
}

function canFilter(ruleset: string): boolean {
  using netns = netnsCreateUnpinned();
  using nft = NftContext.open(netns);
  try {
    nft.run(`${ruleset.replaceAll('}', '\n}')}\n`);
    return true;
  } catch (error) {
    if (error instanceof NftError) return false;
    throw error;
  }
}

function isSupported(make: () => void): boolean {
  try {
    make();
    return true;
  } catch (error) {
    // EOPNOTSUPP: "Unknown device type". Anything else comes from a kernel that knows the kind.
    if (error instanceof NetlinkError) return error.errno !== 'EOPNOTSUPP';
    throw error;
  }
}
