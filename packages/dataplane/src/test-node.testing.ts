import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Ipv4 } from '@weft/core/ipv4';
import type { Mac } from '@weft/core/mac';
import type { PlanRef } from '@weft/core/plan/plan';
import { ping } from '@weft/lab/probe/ping';
import type { Place } from '@weft/lab/probe/place';
import { waitFor } from '@weft/lab/wait';
import { addrReplace } from '@weft/netlink/addr';
import { linkAdd, linkGet, linkSet } from '@weft/netlink/link';
import { Rtnl } from '@weft/netlink/rtnl';
import { netnsCreateUnpinned, netnsDelete, netnsOpen } from '@weft/sys/netns';
import type { Netns } from '@weft/sys/netns';
import { NftContext } from '@weft/sys/nft';
import { Dataplane } from './dataplane.ts';
import { sha256 } from './kernel-contract.ts';
import { LinuxKernel } from './linux-kernel.ts';
import { WORKLOAD_LINK } from './names.ts';
import type { Place as WeftPlace } from './names.ts';
import { instanceId, ipv4, mac, PlanBuilder, portId, vni } from './plan-builder.testing.ts';

const SILENT = { info: () => {}, warn: () => {} };
const PLAIN = { stp: 0, mcastSnooping: 0, nfCallIptables: 0, nfCallIp6tables: 0, nfCallArptables: 0 };

export const vtepOf = (n: number): Ipv4 => ipv4(`172.30.0.${n}`);

/** A station with an address that no namespace of ours has: a probe acts there. */
export type Station = Place & Readonly<{ ip: Ipv4 }>;

/**
 * Waits until echoes come back. An interface that has just come up drops what it is given for a moment, so nothing may be counted before.
 * Throws DeadlinePassed.
 */
export async function reachable(
  place: Place,
  target: Ipv4,
  options: Readonly<{ payloadBytes?: number; what?: string }> = {},
): Promise<void> {
  const { what = '', ...rest } = options;
  await waitFor({ expected: `${place.ip} reaches ${target} ${what}`, withinMs: 5000 }, async () => {
    const { received } = await ping(place, target, { timeoutMs: 250, ...rest });
    return received === 1 ? { done: undefined } : { seen: 'no echo' };
  });
}

/** Two switches in a namespace of their own: `underlay` joins the nodes, `uplink` leads outside. Everything goes when disposed. */
export class TestUnderlay implements Disposable {
  readonly #stack = new DisposableStack();
  readonly #switches: Netns;
  #ports = 0;

  constructor() {
    this.#switches = this.#stack.use(netnsCreateUnpinned());
    using rtnl = Rtnl.open(this.#switches);
    for (const name of ['underlay', 'uplink']) linkAdd(rtnl, { kind: 'bridge', name, bridge: PLAIN, up: true });
  }

  /** Node n has the VTEP address 172.30.0.n; with an uplink also an interface of that name, without address. */
  node(n: number, as: Readonly<{ connectionsPerPort?: number }> = {}): TestNode {
    const netns = this.#stack.use(netnsCreateUnpinned());
    this.#plug(netns, 'under', 'underlay', vtepOf(n));
    this.#plug(netns, 'uplink0', 'uplink');
    return this.#stack.use(new TestNode({ n, netns, connectionsPerPort: as.connectionsPerPort ?? 1000 }));
  }

  /** A host that is no node of ours. */
  host(wire: 'underlay' | 'uplink', address: Ipv4): Station {
    const netns = this.#stack.use(netnsCreateUnpinned());
    return { netns, ifname: 'eth0', ip: address, mac: this.#plug(netns, 'eth0', wire, address) };
  }

  [Symbol.dispose](): void {
    this.#stack.dispose();
  }

  #plug(netns: Netns, name: string, wire: string, address?: Ipv4): Mac {
    const port = `port${(this.#ports += 1)}`;
    using rtnl = Rtnl.open(netns);
    using switches = Rtnl.open(this.#switches);
    linkAdd(rtnl, { kind: 'veth', name, peer: { name: port, netns: this.#switches } });
    linkSet(switches, linkGet(switches, port)!.index, { master: linkGet(switches, wire)!.index, up: true });
    const link = linkGet(rtnl, name)!;
    linkSet(rtnl, link.index, { up: true });
    if (address !== undefined) addrReplace(rtnl, { index: link.index, address, prefix: 24 });
    return link.mac!;
  }
}

/** A node in a namespace, with a plan of its own and a dataplane that works there. */
export class TestNode implements Disposable {
  readonly builder = new PlanBuilder();
  readonly netns: Netns;
  readonly runDir: string;
  readonly kernel: LinuxKernel;
  readonly facts;
  dataplane: Dataplane;
  readonly #opened = new DisposableStack();
  readonly #netns = new Map<string, Netns>();

  constructor(options: Readonly<{ n: number; netns: Netns; connectionsPerPort: number }>) {
    this.netns = options.netns;
    this.runDir = mkdtempSync(join(tmpdir(), 'weft-node-'));
    mkdirSync(join(this.runDir, 'netns'));
    this.facts = {
      vtep: vtepOf(options.n),
      underlayInterface: 'under',
      vxlanPort: 14_789,
      mtu: 1450,
      uplinkInterface: 'uplink0',
      connectionsPerPort: options.connectionsPerPort,
    };
    this.kernel = this.netns.run(() => new LinuxKernel({ runDir: this.runDir }, { sha256 }));
    this.dataplane = this.restarted();
  }

  /** A new process's dataplane, which knows nothing. */
  restarted(): Dataplane {
    const deps = { kernel: this.kernel, log: SILENT, sha256 };
    this.dataplane = new Dataplane({ facts: this.facts, runDir: this.runDir }, deps);
    return this.dataplane;
  }

  /** Applies the plan as it is now; anything that fails fails the test. */
  apply(changed: Iterable<PlanRef> | 'all' = 'all'): void {
    assert.deepEqual(this.dataplane.apply(this.builder.plan, changed), new Map());
  }

  /** Does all that was put off. */
  tidy(): void {
    while (this.dataplane.tidy());
  }

  /** A namespace of this node, open until the node is disposed. */
  inside(place: WeftPlace): Netns {
    const known = this.#netns.get(place) ?? this.#opened.use(netnsOpen(`${this.runDir}/netns/${place}`));
    this.#netns.set(place, known);
    return known;
  }

  /** Where a workload's probes act; `n` is its endpoint, `number` its own number if that is another. */
  at(n: number, number = n): Station {
    const netns = this.#opened.use(netnsOpen(this.dataplane.workloadNetns(instanceId(number))));
    return { netns, ifname: WORKLOAD_LINK, mac: mac(n), ip: ipv4(`10.0.0.${n}`) };
  }

  /** Packets that a named counter of ours has seen. */
  counter(place: WeftPlace, family: 'bridge' | 'inet' | 'ip', name: string): number {
    using nft = NftContext.open(place === 'node' ? this.netns : this.inside(place));
    const listing = nft.json(`list counter ${family} weft ${name}`) as { nftables: { counter?: { packets: number } }[] };
    return listing.nftables.find((row) => row.counter !== undefined)?.counter?.packets ?? 0;
  }

  /** What was dropped of a workload's port in this fabric: packets by kind. */
  drops(endpoint: Readonly<{ n: number; vni: number }>): Readonly<Record<string, number>> {
    const counts = this.dataplane.portDrops({
      portId: portId(endpoint.n),
      vni: vni(endpoint.vni),
      mac: mac(endpoint.n),
      concentratorId: undefined,
    });
    return Object.fromEntries(counts.map(({ kind, packets }) => [kind, packets]));
  }

  /** Runs nft commands behind our back. */
  nft(place: WeftPlace, commands: string): string {
    using nft = NftContext.open(place === 'node' ? this.netns : this.inside(place));
    return nft.run(commands);
  }

  /** rtnetlink of one of its namespaces. */
  rtnl(place: WeftPlace): Rtnl {
    return this.#opened.use(Rtnl.open(place === 'node' ? this.netns : this.inside(place)));
  }

  [Symbol.dispose](): void {
    this.#opened.dispose();
    this.kernel[Symbol.dispose]();
    for (const name of readdirSync(join(this.runDir, 'netns'))) netnsDelete(join(this.runDir, 'netns', name));
    rmSync(this.runDir, { recursive: true });
  }
}
