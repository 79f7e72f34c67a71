import { linkAdd, linkDelete, linkGet, linkSet } from '@weft/netlink/link';
import type { Link } from '@weft/netlink/link';
import { isPresent } from '@weft/netlink/netlink-error';
import type { LinkObject } from './kernel-object.ts';
import { namingModule } from './linux-limits.ts';
import type { LinuxNamespaces } from './linux-namespaces.ts';
import { requireLink } from './linux-namespaces.ts';

type MadeLink = Exclude<LinkObject, { type: 'end' }>;

/** Security groups are asked for every packet that a bridge forwards, whatever the namespace's sysctls say. */
const BRIDGE = { stp: 0, mcastSnooping: 0, nfCallIptables: 1, nfCallIp6tables: 1, nfCallArptables: 0 };

/** Never learning, never flooding unknown unicast: entries are written. Where frames to groups go the rules say. */
const NO_GUESSING = { learning: false, flood: false, mcastFlood: true };

/**
 * Makes the link, or changes what can be changed; one of another kind, or with another tunnel or pair, is made anew. True: what hung on an
 * older one is gone. What it needs is looked for first, so that nothing is left half-made for want of it. Throws NetlinkError, `link_absent`.
 */
export function putLink(namespaces: LinuxNamespaces, object: LinkObject): boolean {
  const { rtnl } = namespaces.open(object.place);
  if (object.type === 'end') {
    const end = requireLink(rtnl, object.place, object.name);
    linkSet(rtnl, end.index, { ...macIfOther(end, object), mtu: object.mtu, up: true });
    return false;
  }
  const link = linkGet(rtnl, object.name);
  if (link !== undefined && fits(namespaces, object, link)) return changeLink(namespaces, object, link);
  const needs = needsOf(namespaces, object);
  if (link !== undefined) {
    linkDelete(rtnl, link.index);
    namespaces.forgetIndex(object.place, object.name);
  }
  makeLink(namespaces, object, needs);
  return true;
}

function fits(namespaces: LinuxNamespaces, object: MadeLink, link: Link): boolean {
  if (link.kind !== object.type) return false;
  if (object.type === 'vxlan') {
    return link.vxlan?.vni === object.vni && link.vxlan.port === object.port && !link.vxlan.learning;
  }
  if (object.type !== 'veth') return true;
  const end = linkGet(namespaces.open(object.end.place).rtnl, object.end.name);
  return end?.parent === link.index && link.parent === end.index;
}

/** The number of the master, or of the parent; 0 for what needs neither. */
function needsOf(namespaces: LinuxNamespaces, object: MadeLink): number {
  switch (object.type) {
    case 'bridge':
    case 'ifb':
      return 0;
    case 'vxlan':
      return namespaces.index(object.place, object.master);
    case 'veth':
      namespaces.open(object.end.place);
      return namespaces.index(object.place, object.master);
    case 'macvlan':
      return namespaces.index('node', object.parent);
  }
}

function makeLink(namespaces: LinuxNamespaces, object: MadeLink, needs: number): void {
  const { netns, rtnl } = namespaces.open(object.place);
  const node = namespaces.open('node').rtnl;
  const { name, alias } = object;
  switch (object.type) {
    case 'bridge':
      linkAdd(rtnl, { kind: 'bridge', name, mac: object.mac, mtu: object.mtu, bridge: BRIDGE, up: true, alias });
      break;
    case 'vxlan':
      // From the node's namespace into the fabric: its outer packets stay on the node's underlay (datapath.md §2).
      linkAdd(node, {
        kind: 'vxlan',
        name,
        alias,
        netns,
        mtu: object.mtu,
        master: needs,
        bridgePort: { ...NO_GUESSING, ...object.flags },
        up: true,
        vxlan: { vni: object.vni, local: object.local, port: object.port, learning: false, ttl: 64 },
      });
      break;
    case 'veth':
      makePair(namespaces, object, needs);
      break;
    case 'macvlan':
      linkAdd(node, { kind: 'macvlan', name, alias, netns, mac: object.mac, parent: needs, mode: 'bridge', up: true });
      linkSet(node, needs, { up: true });
      break;
    case 'ifb':
      namingModule({ what: 'ifb interfaces, for rate limits', module: 'ifb' }, () => linkAdd(rtnl, { kind: 'ifb', name, alias, up: true }));
      break;
  }
}

function makePair(namespaces: LinuxNamespaces, object: Extract<LinkObject, { type: 'veth' }>, master: number): void {
  const { rtnl } = namespaces.open(object.place);
  const end = namespaces.open(object.end.place);
  const { name, alias, mtu } = object;
  const make = (): void =>
    linkAdd(rtnl, {
      kind: 'veth',
      name,
      alias,
      mtu,
      master,
      bridgePort: { ...NO_GUESSING, ...object.flags },
      up: true,
      peer: { name: object.end.name, netns: end.netns, mtu },
    });
  try {
    make();
  } catch (error) {
    const stale = isPresent(error) ? linkGet(end.rtnl, object.end.name) : undefined;
    if (stale === undefined) throw error;
    linkDelete(end.rtnl, stale.index);
    namespaces.forgetIndexes();
    make();
  }
}

/** True if it cost what hangs on it. */
function changeLink(namespaces: LinuxNamespaces, object: MadeLink, link: Link): boolean {
  const { rtnl } = namespaces.open(object.place);
  const { alias } = object;
  switch (object.type) {
    case 'bridge':
      linkSet(rtnl, link.index, { ...macIfOther(link, object), mtu: object.mtu, alias, bridge: BRIDGE, up: true });
      // The kernel drops all its neighbour entries, permanent ones too.
      return link.mac !== object.mac;
    case 'vxlan':
    case 'veth': {
      const master = namespaces.index(object.place, object.master);
      const moved = link.master !== master;
      // When the node's address changes, its tunnels keep their entries. The kernel takes no MTU in the same message.
      if (object.type === 'vxlan' && link.vxlan?.local !== object.local) linkSet(rtnl, link.index, { vxlanLocal: object.local });
      linkSet(rtnl, link.index, { mtu: object.mtu, alias, ...(moved ? { up: false, master } : {}) });
      linkSet(rtnl, link.index, { bridgePort: { ...NO_GUESSING, ...object.flags }, up: true });
      return moved;
    }
    case 'macvlan':
      linkSet(rtnl, link.index, { ...macIfOther(link, object), alias, up: true });
      return false;
    case 'ifb':
      linkSet(rtnl, link.index, { alias, up: true });
      return false;
  }
}

/** Writing a MAC, even the one that is there, costs a link its neighbour entries. */
function macIfOther(link: Link, object: Extract<LinkObject, { mac: unknown }>): Partial<Pick<typeof object, 'mac'>> {
  return link.mac === object.mac ? {} : { mac: object.mac };
}
