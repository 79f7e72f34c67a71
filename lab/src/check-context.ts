import { join } from 'node:path';
import { isIpv4 } from '@weft/core/ip';
import type { Ipv4 } from '@weft/core/ipv4';
import { parseMac } from '@weft/core/mac';
import type { ConcentratorId } from '@weft/core/uuid';
import { gatewayLegName, gatewayPlace, METADATA_PLACE, portName, tunnelName, WORKLOAD_LINK } from '@weft/dataplane/names';
import { addrList } from '@weft/netlink/addr';
import { linkGet } from '@weft/netlink/link';
import type { Link } from '@weft/netlink/link';
import { neighDelete, neighList } from '@weft/netlink/neigh';
import { Rtnl } from '@weft/netlink/rtnl';
import { netnsIsPinned, netnsOpen } from '@weft/sys/netns';
import type { Netns } from '@weft/sys/netns';
import type { Lab } from './cluster.ts';
import type { Place } from './probe/place.ts';
import { TENANT_GATEWAY, workloadPin } from './scenario.ts';
import type { LabTenant, Scenario, Workload } from './scenario.ts';
import type { Snapshot } from './snapshot.ts';
import { DATA_IFNAME, OUTSIDE_IFNAME, clusterNodes } from './topology.ts';
import type { LabNodeName } from './topology.ts';

/** Frames that came in and went out at an interface. */
export type PacketCount = Readonly<{ received: number; sent: number }>;

/** What checks work with: the lab, what was woven in it, and the places where probes act. Its namespaces are closed with it. */
export class CheckContext implements Disposable {
  readonly lab: Lab;
  readonly scenario: Scenario;
  /** The whole lab as it was before the first check. */
  readonly before: Snapshot;
  readonly signal: AbortSignal;
  readonly #namespaces = new Map<string, Netns>();

  constructor(options: Readonly<{ lab: Lab; scenario: Scenario; before: Snapshot }>) {
    this.lab = options.lab;
    this.scenario = options.scenario;
    this.before = options.before;
    this.signal = options.lab.signal;
  }

  [Symbol.dispose](): void {
    for (const netns of this.#namespaces.values()) netns[Symbol.dispose]();
    this.#namespaces.clear();
  }

  workload(tenant: LabTenant, name: string): Workload {
    const workload = tenant.workloads.get(name);
    if (workload === undefined) throw new Error(`tenant ${tenant.name} has no workload ${name}`);
    return workload;
  }

  /** A workload's own interface. */
  place(workload: Workload): Place & Readonly<{ ip: Ipv4 }> {
    return { netns: this.#netns(workloadPin(this.lab, workload)), ifname: WORKLOAD_LINK, mac: workload.mac, ip: workload.ip };
  }

  /** The node's end of a workload's cable: what is seen here has left the workload, and nothing has judged it yet. */
  portPlace(workload: Workload): Place {
    return { netns: this.fabric(workload.node), ifname: portName(workload.portId), mac: workload.mac };
  }

  /** The tenant's side of its gateway. */
  gatewayPlace(tenant: LabTenant): Place {
    const netns = this.#netns(this.gatewayPin(this.gatewayNode(tenant), tenant.concentratorId));
    const ifname = gatewayLegName(tenant.vni);
    return { netns, ifname, mac: macOf(netns, ifname), ip: TENANT_GATEWAY };
  }

  /** Which node has the tenant's gateway now. Throws if none has. */
  gatewayNode(tenant: LabTenant): LabNodeName {
    const [node] = this.gatewayNodes(tenant);
    if (node === undefined) throw new Error(`no node has ${tenant.name}’s gateway`);
    return node;
  }

  /** Several for a moment, when it moves. */
  gatewayNodes({ concentratorId }: LabTenant): LabNodeName[] {
    return this.#gatewayHosts().filter((node) => netnsIsPinned(this.gatewayPin(node, concentratorId)));
  }

  networkNodes(): LabNodeName[] {
    return this.lab.topology.nodes.filter((node) => node.roles.includes('network')).map((node) => node.name);
  }

  /** Where the gateway's namespace is pinned, if the node has it. */
  gatewayPin(node: LabNodeName, concentratorId: ConcentratorId): string {
    return join(this.#netnsDir(node), gatewayPlace(concentratorId));
  }

  /** Lets go of the gateway's namespace, which this would keep alive otherwise: before it is moved or destroyed. Old places are void then. */
  releaseGateway(tenant: LabTenant): void {
    for (const node of this.#gatewayHosts()) {
      const pin = this.gatewayPin(node, tenant.concentratorId);
      this.#namespaces.get(pin)?.[Symbol.dispose]();
      this.#namespaces.delete(pin);
    }
  }

  gatewayLog(tenant: LabTenant): string {
    return this.logOf(this.gatewayNode(tenant));
  }

  /** The host in the world outside. */
  outsidePlace(): Place {
    return this.nodePlace('outside', OUTSIDE_IFNAME);
  }

  /** An interface of a node itself. */
  nodePlace(node: LabNodeName, ifname: string): Place {
    const netns = this.lab.network.netns(node);
    return { netns, ifname, mac: macOf(netns, ifname) };
  }

  /** A node's address on the compute network now; undefined while it has none. */
  dataAddress(node: LabNodeName): Ipv4 | undefined {
    using rtnl = Rtnl.open(this.lab.network.netns(node));
    const index = linkGet(rtnl, DATA_IFNAME)?.index;
    return addrList(rtnl).flatMap((each) => (each.index === index && isIpv4(each.address) ? [each.address] : []))[0];
  }

  /** A node's fabric, where all its tenant plumbing is. */
  fabric(node: LabNodeName): Netns {
    return this.#netns(join(this.#netnsDir(node), 'fabric'));
  }

  /** Where a node answers its workloads' questions for metadata. */
  metadata(node: LabNodeName): Netns {
    return this.#netns(join(this.#netnsDir(node), METADATA_PLACE));
  }

  /** What the tenant's tunnel interface on a node has carried. */
  tunnelPackets(node: LabNodeName, tenant: LabTenant): PacketCount {
    const { stats } = linkIn(this.fabric(node), tunnelName(tenant.vni));
    return { received: Number(stats.rxPackets), sent: Number(stats.txPackets) };
  }

  logOf(node: LabNodeName): string {
    return this.lab.daemon(node).logPath;
  }

  /** Makes a place forget its neighbours' addresses, for instance after one of them was forged. */
  forgetNeighbours(place: Place): void {
    using rtnl = Rtnl.open(place.netns);
    for (const { index, address } of neighList(rtnl)) neighDelete(rtnl, { index, address });
  }

  #gatewayHosts(): LabNodeName[] {
    return clusterNodes(this.lab.topology)
      .filter(({ roles }) => !roles.includes('compute'))
      .map(({ name }) => name);
  }

  #netnsDir(node: LabNodeName): string {
    return join(this.lab.paths.node(node).run, 'netns');
  }

  #netns(pin: string): Netns {
    const known = this.#namespaces.get(pin);
    if (known !== undefined) return known;
    const opened = netnsOpen(pin);
    this.#namespaces.set(pin, opened);
    return opened;
  }
}

function linkIn(netns: Netns, name: string): Link {
  using rtnl = Rtnl.open(netns);
  const link = linkGet(rtnl, name);
  if (link === undefined) throw new Error(`there is no ${name} in ${netns.path}`);
  return link;
}

function macOf(netns: Netns, name: string): Place['mac'] {
  return linkIn(netns, name).mac ?? parseMac('00:00:00:00:00:00');
}
