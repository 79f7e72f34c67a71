/**
 * The lab's machines and cables: a namespace for each node, one for the switches, and a veth pair from every leg to its switch. Nothing is
 * made in the machine's own namespace, so nothing can stay behind in it.
 */
import { join } from 'node:path';
import { cidrPrefixLength } from '@weft/core/cidr';
import { addrReplace } from '@weft/netlink/addr';
import { linkAdd, linkGet, linkSet } from '@weft/netlink/link';
import type { Link } from '@weft/netlink/link';
import { routeReplace } from '@weft/netlink/route';
import { Rtnl } from '@weft/netlink/rtnl';
import { netnsCreate, netnsDelete } from '@weft/sys/netns';
import type { Netns } from '@weft/sys/netns';
import { sysctlWrite } from '@weft/sys/sysctl';
import type { LabLeg, LabNodeName, LabNodeSpec, LabWireName, Topology } from './topology.ts';

const SWITCH = 'switch';
/** The switches forward whatever comes, filtered by nobody. */
const PLAIN_BRIDGE = { stp: 0, mcastSnooping: 0, nfCallIptables: 0, nfCallIp6tables: 0, nfCallArptables: 0 };

/** Namespaces and wires of one lab. Disposing removes the pins; a namespace is gone once its last process has ended. */
export class LabNetwork implements Disposable {
  readonly #topology: Topology;
  readonly #netnsDir: string;
  readonly #namespaces = new Map<LabNodeName | typeof SWITCH, Netns>();

  private constructor(topology: Topology, netnsDir: string) {
    this.#topology = topology;
    this.#netnsDir = netnsDir;
  }

  /** Builds it all; what was built is removed again if a part fails. Throws SysError, NetlinkError. */
  static build(options: Readonly<{ topology: Topology; netnsDir: string }>): LabNetwork {
    const network = new LabNetwork(options.topology, options.netnsDir);
    try {
      network.#build();
      return network;
    } catch (error) {
      network[Symbol.dispose]();
      throw error;
    }
  }

  netns(name: LabNodeName): Netns {
    const netns = this.#namespaces.get(name);
    if (netns === undefined) throw new Error(`the lab has no node ${name}`);
    return netns;
  }

  /** The switches' namespace and every node's, by name. */
  namespaces(): IterableIterator<[string, Netns]> {
    return this.#namespaces.entries();
  }

  /** Pulls out a node's cable, or plugs it in: the carrier goes, addresses and routes stay. */
  setCable(name: LabNodeName, wire: LabWireName, plugged: boolean): void {
    using rtnl = Rtnl.open(this.#namespaces.get(SWITCH));
    linkSet(rtnl, linkIndex(rtnl, switchPort(name, wire)), { up: plugged });
  }

  [Symbol.dispose](): void {
    for (const [name, netns] of this.#namespaces) {
      netns[Symbol.dispose]();
      netnsDelete(this.#pin(name));
    }
    this.#namespaces.clear();
  }

  #build(): void {
    const names = [SWITCH, ...this.#topology.nodes.map((node) => node.name)] as const;
    for (const name of names) this.#namespaces.set(name, netnsCreate(this.#pin(name)));
    const switches = this.#namespaces.get(SWITCH)!;
    using rtnl = Rtnl.open(switches);
    for (const wire of Object.keys(this.#topology.wires)) linkAdd(rtnl, { kind: 'bridge', name: wire, bridge: PLAIN_BRIDGE, up: true });
    for (const node of this.#topology.nodes) this.#wireUp(rtnl, switches, node);
  }

  #wireUp(switchRtnl: Rtnl, switches: Netns, node: LabNodeSpec): void {
    const netns = this.netns(node.name);
    using rtnl = Rtnl.open(netns);
    linkSet(rtnl, linkIndex(rtnl, 'lo'), { up: true });
    // The lab is an IPv4 network: no link-local chatter in its wires.
    for (const scope of ['all', 'default']) sysctlWrite(netns, `net.ipv6.conf.${scope}.disable_ipv6`, '1');
    if (node.router) sysctlWrite(netns, 'net.ipv4.ip_forward', '1');
    for (const leg of node.legs) this.#plug(switchRtnl, switches, rtnl, node, leg);
    const oif = node.legs[0];
    if (node.defaultGateway !== undefined && oif !== undefined) {
      routeReplace(rtnl, { destination: undefined, gateway: node.defaultGateway, oif: linkIndex(rtnl, oif.ifname) });
    }
  }

  #plug(switchRtnl: Rtnl, switches: Netns, rtnl: Rtnl, node: LabNodeSpec, leg: LabLeg): void {
    const port = switchPort(node.name, leg.wire);
    linkAdd(rtnl, { kind: 'veth', name: leg.ifname, peer: { name: port, netns: switches } });
    linkSet(switchRtnl, linkIndex(switchRtnl, port), { master: linkIndex(switchRtnl, leg.wire), up: true });
    const index = linkIndex(rtnl, leg.ifname);
    linkSet(rtnl, index, { up: true });
    if (leg.address !== undefined) {
      addrReplace(rtnl, { index, address: leg.address, prefix: cidrPrefixLength(this.#topology.wires[leg.wire]) });
    }
  }

  #pin(name: string): string {
    return join(this.#netnsDir, name);
  }
}

/** The switch's end of a leg, within the 15 characters of an interface name: `concentrator1-d`. No two wires begin with the same letter. */
function switchPort(name: LabNodeName, wire: LabWireName): string {
  return `${name}-${wire.slice(0, 1)}`;
}

function linkIndex(rtnl: Rtnl, name: string): number {
  return link(rtnl, name).index;
}

function link(rtnl: Rtnl, name: string): Link {
  const found = linkGet(rtnl, name);
  if (found === undefined) throw new Error(`there is no link ${name}`);
  return found;
}
