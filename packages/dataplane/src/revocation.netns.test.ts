import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PlanRef } from '@weft/core/plan/plan';
import { TcpServer } from '@weft/lab/probe/tcp-server';
import { TcpStream } from '@weft/lab/probe/tcp-stream';
import { waitFor } from '@weft/lab/wait';
import { Conntrack } from '@weft/netlink/conntrack';
import { ALL_OUT, fromGroup, groupId, ipv4, portId, tcpIn, tcpOut } from './plan-builder.testing.ts';
import type { PlanBuilder } from './plan-builder.testing.ts';
import { TestUnderlay, vtepOf } from './test-node.testing.ts';
import type { TestNode } from './test-node.testing.ts';

const VNI = 10_001;
/** What 11 talks to on 12, two streams of each kind: down alone, and both ways. */
const [REVOKED, KEPT] = [80, 22];
type Change = Readonly<{
  /** Who changes. */
  at: 'sender' | 'receiver';
  changed: PlanRef;
  /** What is otherwise than usual, told to the receiver's node, before. */
  before?: (builder: PlanBuilder) => unknown;
  change: (builder: PlanBuilder) => unknown;
}>;
const group = (n: number): PlanRef => ({ kind: 'group', key: groupId(n) });
const RECEIVER: PlanRef = { kind: 'port', key: portId(12) };

/** Each takes REVOKED from 12, or from 11, and leaves KEPT, although both are connections of the same two addresses. */
const CHANGES: Readonly<Record<string, Change>> = {
  'the receiver’s group loses a rule': { at: 'receiver', changed: group(1), change: (b) => b.group(1, [tcpIn(KEPT)]) },
  'the receiver leaves a group': {
    at: 'receiver',
    changed: RECEIVER,
    before: (b) =>
      b
        .group(1, [tcpIn(KEPT)])
        .group(2, [tcpIn(REVOKED)])
        .workload({ n: 12, vni: VNI, groups: [1, 2] }),
    change: (b) => b.workload({ n: 12, vni: VNI }),
  },
  'the sender’s group allows less out': { at: 'sender', changed: group(3), change: (b) => b.group(3, [tcpOut(KEPT)]) },
  'the sender is no longer a member of a group that the receiver admits': {
    at: 'receiver',
    changed: { kind: 'member', key: `${groupId(3)}/10.0.0.11` },
    before: (b) => b.group(1, [tcpIn(KEPT), fromGroup(3)]).member(3, ipv4('10.0.0.11')),
    change: (b) => b.noMember(3, ipv4('10.0.0.11')),
  },
  'the receiver gets port security': {
    at: 'receiver',
    changed: RECEIVER,
    before: (b) => b.group(1, [tcpIn(KEPT)]).workload({ n: 12, vni: VNI }, { portSecurity: false, groups: [] }),
    change: (b) => b.workload({ n: 12, vni: VNI }),
  },
};

/** 11 on the first node, 12 on the last, which may be the same. 12 admits both from anybody unless told otherwise. */
function begin(underlay: TestUnderlay, isOneNode: boolean, before: Change['before'] = () => {}): readonly TestNode[] {
  const nodes = isOneNode ? [underlay.node(1)] : [underlay.node(1), underlay.node(2)];
  for (const { builder } of nodes) builder.segment(VNI);
  const [first, last] = [nodes[0]!.builder, nodes.at(-1)!.builder];
  first.group(3, [ALL_OUT]).workload({ n: 11, vni: VNI, groups: [3] });
  before(last.group(1, [tcpIn(REVOKED), tcpIn(KEPT)]).workload({ n: 12, vni: VNI }));
  if (!isOneNode) {
    first.peer({ n: 12, vni: VNI }, vtepOf(2));
    last.peer({ n: 11, vni: VNI }, vtepOf(1));
  }
  for (const node of nodes) node.apply();
  return nodes;
}

async function more(stream: TcpStream, bytes: number): Promise<void> {
  const before = stream.result().received.bytes;
  await waitFor({ expected: `${bytes} bytes more`, withinMs: 5000 }, () => {
    const seen = stream.result().received.bytes - before;
    return seen >= bytes ? { done: undefined } : { seen: `${seen}` };
  });
}

function tracked(node: TestNode): number[] {
  using conntrack = Conntrack.open(node.inside('fabric'));
  return conntrack.list().flatMap(({ destinationPort, sourcePort }) => destinationPort ?? sourcePort ?? []);
}

/** Runs the streams, makes the change, and looks at who goes on. */
async function revoke(isOneNode: boolean, { at, before }: Change, make: (node: TestNode) => void): Promise<void> {
  using underlay = new TestUnderlay();
  const nodes = begin(underlay, isOneNode, before);
  const [first, last] = [nodes[0]!, nodes.at(-1)!];
  using open = new DisposableStack();
  const streams = new Map<number, TcpStream[]>();
  for (const port of [REVOKED, KEPT]) {
    open.use(new TcpServer({ place: last.at(12), port, afterGreeting: { bytesPerSecond: 50_000 } }));
    for (const bytesPerSecond of [0, 50_000]) {
      const stream = open.use(new TcpStream({ place: first.at(11), target: ipv4('10.0.0.12'), port, bytesPerSecond }));
      assert.equal((await stream.start({ timeoutMs: 5000 })).kind, 'connected', `${port}`);
      streams.set(port, [...(streams.get(port) ?? []), stream]);
    }
  }
  const [revoked, kept] = [streams.get(REVOKED)!, streams.get(KEPT)!];
  for (const stream of [...revoked, ...kept]) await more(stream, 1000);
  const changed = at === 'sender' ? first : last;
  make(changed);
  const left = tracked(changed);
  assert.deepEqual([left.includes(REVOKED), left.includes(KEPT)], [false, true], 'as soon as it is applied');
  for (const stream of kept) await more(stream, 1000);
  const stopped = revoked.map((stream) => stream.result().received.bytes);
  for (const stream of kept) await more(stream, 20_000);
  assert.deepEqual(
    revoked.map((stream, at) => stream.result().received.bytes - stopped[at]!),
    [0, 0],
    'nothing of what is revoked comes any more',
  );
  assert.deepEqual(
    kept.map((stream) => stream.result().received.stalls),
    [0, 0],
    'what is not was never held up',
  );
}

for (const isOneNode of [true, false]) {
  for (const [what, change] of Object.entries(CHANGES)) {
    test(`when ${what}, only that stops (${isOneNode ? 'one node' : 'two nodes'})`, async () => {
      await revoke(isOneNode, change, (node) => {
        change.change(node.builder);
        node.apply([change.changed]);
      });
    });
    test(`when ${what} while nobody applies it, the next process ends only that (${isOneNode ? 'one node' : 'two nodes'})`, async () => {
      await revoke(isOneNode, change, (node) => {
        change.change(node.builder);
        node.restarted();
        node.apply();
      });
    });
  }
}

test('a new process that finds everything as it should be ends nothing', async () => {
  using underlay = new TestUnderlay();
  const [node] = begin(underlay, true) as [TestNode];
  using _server = new TcpServer({ place: node.at(12), port: KEPT, afterGreeting: { bytesPerSecond: 50_000 } });
  using stream = new TcpStream({ place: node.at(11), target: ipv4('10.0.0.12'), port: KEPT, bytesPerSecond: 0 });
  assert.equal((await stream.start({ timeoutMs: 5000 })).kind, 'connected');
  await more(stream, 1000);
  node.restarted();
  node.apply();
  await more(stream, 10_000);
});
