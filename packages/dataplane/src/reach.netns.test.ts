import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isIpv4 } from '@weft/core/ip';
import { parseIpv4 } from '@weft/core/ipv4';
import type { Ipv4 } from '@weft/core/ipv4';
import { compile } from '@weft/core/plan/compile';
import { icmpOf } from '@weft/core/reach/flow';
import type { Flow, FlowSource, Packet, ReachPlace } from '@weft/core/reach/flow';
import {
  choicesOf,
  FAR,
  nodeId,
  OTHER_SERVICES,
  PAIRED,
  RANDOM_FACTS,
  RandomCluster,
  ROUTER,
  SERVICES,
} from '@weft/core/reach/random-cluster.testing';
import { createReach } from '@weft/core/reach/reach';
import type { NodeId } from '@weft/core/uuid';
import { poll } from '@weft/lab/probe/ticker';
import { addrReplace } from '@weft/netlink/addr';
import { linkGet } from '@weft/netlink/link';
import { Rtnl } from '@weft/netlink/rtnl';
import type { InetSocket } from '@weft/sys/inet-socket';
import { netnsOpen } from '@weft/sys/netns';
import type { Netns } from '@weft/sys/netns';
import * as fc from 'fast-check';
import { GatewayWatch, PacketWatch, sendFirstPacket } from './first-packets.testing.ts';
import type { Seen } from './first-packets.testing.ts';
import { WORKLOAD_LINK } from './names.ts';
import { TestUnderlay } from './test-node.testing.ts';
import type { TestNode } from './test-node.testing.ts';

/**
 * The reachability answer against the kernel: a random cluster is compiled to plans and laid out in namespaces, and every pair of endpoints is
 * probed with real first packets. What is to arrive is sent first and again until it does, which shows that everything is up; then comes what
 * is not to arrive, and after it once more what is: by then the former would have arrived too, since it takes the same queues.
 */
const RUNS = Number(process.env['FUZZ_RUNS'] ?? 20);
/** Above all services and forwarded ports. */
const FIRST_TAG = 33_000;
/** Asked of those who send as somebody else: who may, may as to all services. */
const BORROWERS = [{ protocol: 'icmp' }, { protocol: 'tcp', port: 80 }, { protocol: 'udp', port: 80 }] as const;
const PATIENCE = { withinMs: 5000 };
const ROUND_MS = 250;

type Sender = Readonly<{ netns: Netns; source: Ipv4 | undefined }>;
type Probe = Readonly<{ flow: Flow; sender: Sender; expected: string }>;
type Watch = Readonly<{ look: () => Iterable<Seen> }> & Disposable;

class Laboratory implements Disposable {
  readonly probes: readonly Probe[];
  readonly #stack = new DisposableStack();
  readonly #random: RandomCluster;
  readonly #nodes = new Map<NodeId, TestNode>();
  readonly #watches: Watch[] = [];
  readonly #seen = new Map<number, string[]>();
  readonly #connections: InetSocket[] = [];
  #tag = FIRST_TAG;
  #borrowers = 0;

  constructor(random: RandomCluster) {
    using made = new DisposableStack();
    made.use(this.#stack);
    this.#random = random;
    const { state } = random.cluster;
    const underlay = this.#stack.use(new TestUnderlay());
    const router = underlay.host('uplink', ROUTER);
    using rtnl = Rtnl.open(router.netns);
    addrReplace(rtnl, { index: linkGet(rtnl, router.ifname)!.index, address: FAR, prefix: 32 });
    for (let n = 1; n <= random.nodeCount; n += 1) this.#nodes.set(nodeId(n), underlay.node(n, { connectionsPerPort: 100_000 }));
    for (const [id, { dataplane }] of this.#nodes) assert.deepEqual(dataplane.apply(compile(state, RANDOM_FACTS, id), 'all'), new Map());

    const senders: (readonly [FlowSource, Sender])[] = [ROUTER, FAR].map((address) => [
      { kind: 'outside', address },
      { netns: router.netns, source: address },
    ]);
    this.#watch(new PacketWatch('outside', router));
    for (const instance of state.instances.values()) {
      const node = instance.nodeId === undefined ? undefined : this.#nodes.get(instance.nodeId);
      const port = state.ports.get(instance.portId);
      if (node === undefined || port === undefined) continue;
      const netns = this.#stack.use(netnsOpen(node.dataplane.workloadNetns(instance.id)));
      this.#watch(new PacketWatch(`port ${port.id}`, { netns, ifname: WORKLOAD_LINK, mac: port.mac }));
      for (const address of [...port.fixedIps.map((fixed) => fixed.address).filter(isIpv4), ...this.#borrow(netns)])
        senders.push([
          { kind: 'port', portId: port.id, address },
          { netns, source: address },
        ]);
    }
    for (const { id, nodeId: home } of state.concentrators.values()) {
      const node = home === undefined ? undefined : this.#nodes.get(home);
      if (node === undefined) continue;
      const netns = this.#stack.use(netnsOpen(node.dataplane.gatewayNetns(id)));
      this.#watch(new GatewayWatch(`gateway ${id}`, netns));
      senders.push([
        { kind: 'gateway', concentratorId: id },
        { netns, source: undefined },
      ]);
    }
    this.probes = this.#flows(senders);
    // From here on it is disposed by whoever has it.
    made.move();
  }

  /** What was not as expected. */
  async run(): Promise<readonly string[]> {
    const positive = this.probes.filter(({ expected }) => expected !== 'dropped');
    const wrong = await this.#arrive(positive);
    const negative = new Map(this.probes.filter(({ expected }) => expected === 'dropped').map((probe) => [this.#send(probe), probe]));
    const after = await this.#arrive(positive);
    this.#look();
    for (const [tag, probe] of negative) {
      for (const seen of this.#seen.get(tag) ?? []) wrong.push(`${text(probe.flow)}: expected dropped, seen ${seen}`);
    }
    return [...wrong, ...after];
  }

  [Symbol.dispose](): void {
    for (const connection of this.#connections) connection[Symbol.dispose]();
    for (const { dataplane } of this.#nodes.values()) while (dataplane.tidy());
    this.#stack.dispose();
  }

  #watch(watch: Watch): void {
    this.#watches.push(this.#stack.use(watch));
  }

  /**
   * Gives a workload addresses that are not its port's, though they may be of its pairs. Nobody else has them: a stack that had one too would not
   * answer ARP by it.
   */
  #borrow(netns: Netns): Ipv4[] {
    const { state } = this.#random.cluster;
    const taken = new Set([...state.ports.values()].flatMap(({ fixedIps }) => fixedIps.map(({ address }) => address)));
    const n = (this.#borrowers += 1);
    const borrowed = [`10.0.0.${PAIRED + n}`, `192.0.2.${n}`].map((text) => parseIpv4(text)).filter((address) => !taken.has(address));
    using rtnl = Rtnl.open(netns);
    const { index } = linkGet(rtnl, WORKLOAD_LINK)!;
    for (const address of borrowed) addrReplace(rtnl, { index, address, prefix: 32 });
    return borrowed;
  }

  /** Every sender to every address that there is, and to some that there are not, for some services. */
  #flows(senders: readonly (readonly [FlowSource, Sender])[]): Probe[] {
    const { state } = this.#random.cluster;
    const reach = createReach(state, RANDOM_FACTS);
    const destinations = new Set<Ipv4>([FAR, ROUTER, '172.30.0.1', '10.0.0.77', '10.0.1.77'] as Ipv4[]);
    for (const { fixedIps } of state.ports.values()) for (const { address } of fixedIps) if (isIpv4(address)) destinations.add(address);
    for (const { gatewayIp } of state.subnets.values()) if (gatewayIp !== undefined && isIpv4(gatewayIp)) destinations.add(gatewayIp);
    for (const { address } of state.floatingIps.values()) destinations.add(address);
    for (const { uplink } of state.concentrators.values()) if (uplink !== undefined) destinations.add(uplink.address);
    const translated = [...state.natRules.values()].flatMap(({ direction, protocol, portMin, portMax }) =>
      direction === 'outbound' || (protocol !== 'tcp' && protocol !== 'udp') || portMin === undefined || portMax === undefined
        ? []
        : [portMin, portMax, portMax + 1].map((port) => [protocol, port] as const),
    );
    const forwarded = [...state.portForwardings.values()].flatMap(({ protocol, externalFirst, externalLast }) =>
      [externalFirst, externalLast, externalLast + 1].map((port) => [protocol, port] as const),
    );
    const ssh = [...state.instances.values()].flatMap(({ sshPort }) => (sshPort === undefined ? [] : [['tcp', sshPort] as const]));
    const probes: Probe[] = [];
    for (const [from, sender] of senders) {
      const own = new Set(from.kind === 'port' ? state.ports.get(from.portId)?.fixedIps.map(({ address }) => address) : []);
      for (const destination of destinations) {
        // What a stack says to itself never leaves it, and from outside only what somebody outside answers for can be asked.
        if (own.has(destination) || (from.kind === 'outside' && !destination.startsWith('203.0.113.'))) continue;
        if (from.kind === 'outside' && destination === ROUTER) continue;
        const isPublic = destination.startsWith('203.0.113.');
        const asked = isPublic ? [...SERVICES, ...forwarded, ...translated, ...ssh] : SERVICES;
        const isBorrowed = from.kind === 'port' && !own.has(from.address!);
        const services = isBorrowed ? BORROWERS : [...asked.map(([protocol, port]) => ({ protocol, port })), ...OTHER_SERVICES];
        for (const service of services) {
          const flow: Flow = { from, destination, ...service };
          const { verdict } = reach(flow);
          if (verdict.kind === 'delivered' && from.kind === verdict.to.kind && from.kind === 'gateway') continue;
          probes.push({ flow, sender, expected: verdict.kind === 'dropped' ? 'dropped' : seenText(verdict.to, verdict.packet) });
        }
      }
    }
    return probes;
  }

  async #arrive(probes: readonly Probe[]): Promise<string[]> {
    let waiting = probes.map((probe) => ({ probe, tags: [] as number[] }));
    const deadline = performance.now() + PATIENCE.withinMs;
    do {
      for (const { probe, tags } of waiting) tags.push(this.#send(probe));
      await poll(() => (this.#look(), waiting.every(({ tags }) => tags.some((tag) => this.#seen.has(tag))) || undefined), {
        withinMs: ROUND_MS,
      });
      waiting = waiting.filter(({ probe, tags }) => !tags.some((tag) => this.#seen.get(tag)?.includes(probe.expected)));
    } while (waiting.length > 0 && performance.now() < deadline);
    return waiting.map(({ probe, tags }) => {
      const seen = new Set(tags.flatMap((tag) => this.#seen.get(tag) ?? []));
      return `${text(probe.flow)}: expected ${probe.expected}, seen ${[...seen].join('; ') || 'nothing'}`;
    });
  }

  #send({ flow, sender }: Probe): number {
    const { destination } = flow;
    assert.ok(isIpv4(destination));
    const tag = this.#tag++;
    const connection = sendFirstPacket(sender, { ...flow, destination }, tag);
    if (connection !== undefined) this.#connections.push(connection);
    if (tag % 64 === 0) this.#look();
    return tag;
  }

  #look(): void {
    for (const watch of this.#watches) {
      for (const { tag, where, packet } of watch.look()) {
        const seen = this.#seen.get(tag) ?? [];
        const what = `${where} as ${packetText(packet)}`;
        if (!seen.includes(what)) this.#seen.set(tag, [...seen, what]);
      }
    }
  }
}

function seenText(to: ReachPlace, packet: Packet): string {
  const where = to.kind === 'port' ? `port ${to.portId}` : to.kind === 'gateway' ? `gateway ${to.concentratorId}` : to.kind;
  return `${where} as ${packetText(packet)}`;
}

function packetText(packet: Packet): string {
  return `${serviceText(packet)} from ${packet.source} to ${packet.destination}`;
}

function text(flow: Flow): string {
  return `${JSON.stringify(flow.from)} to ${flow.destination} ${serviceText(flow)}`;
}

function serviceText(service: Pick<Flow, 'destination' | 'protocol' | 'port' | 'icmp'>): string {
  const { protocol, port = 0 } = service;
  const { type, code } = icmpOf(service);
  return protocol === 'icmp' ? `icmp ${type}.${code}` : `${protocol}/${port}`;
}

test('where first packets get in the kernel is where the reachability answer says', async (t) => {
  let flows = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat(9999), { minLength: 340, maxLength: 340 }), async (numbers) => {
      const random = new RandomCluster(choicesOf(numbers));
      using laboratory = new Laboratory(random);
      flows += laboratory.probes.length;
      const wrong = await laboratory.run();
      if (wrong.length > 0) {
        const records = [...random.cluster.state.all()].map((record) => JSON.stringify(record));
        assert.fail(`${wrong.slice(0, 20).join('\n')}\n${wrong.length} of ${laboratory.probes.length}\n${records.join('\n')}`);
      }
    }),
    { numRuns: RUNS, endOnFailure: true },
  );
  t.diagnostic(`${flows} flows in ${RUNS} clusters`);
  assert.ok(flows > RUNS * 50, `${flows} flows`);
});
