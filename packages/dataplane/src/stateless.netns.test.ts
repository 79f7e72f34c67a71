import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { GroupRule } from '@weft/core/plan/group';
import { TcpServer } from '@weft/lab/probe/tcp-server';
import { TcpStream } from '@weft/lab/probe/tcp-stream';
import { ping } from '@weft/lab/probe/ping';
import { waitFor } from '@weft/lab/wait';
import { ALL_OUT, groupId, ipv4, tcpIn, tcpOut } from './plan-builder.testing.ts';
import { reachable, TestUnderlay, vtepOf } from './test-node.testing.ts';
import type { TestNode } from './test-node.testing.ts';

const VNI = 10_001;
const STATELESS = { stateless: true } as const;
const icmp = (direction: GroupRule['direction']): GroupRule => ({
  ...tcpIn(0),
  direction,
  protocol: 'icmp',
  portMin: undefined,
  portMax: undefined,
});

/** 11 is in group 1, which is stateless; 12 in group 2, which is not: on one node, or on two. */
function pair(underlay: TestUnderlay, isOneNode: boolean) {
  const nodes = isOneNode ? [underlay.node(1)] : [underlay.node(1), underlay.node(2)];
  const [first, last] = [nodes[0]!, nodes.at(-1)!];
  for (const { builder } of nodes) builder.segment(VNI);
  first.builder.workload({ n: 11, vni: VNI, groups: [1] });
  last.builder.workload({ n: 12, vni: VNI, groups: [2] });
  if (!isOneNode) {
    first.builder.peer({ n: 12, vni: VNI }, vtepOf(2));
    last.builder.peer({ n: 11, vni: VNI }, vtepOf(1));
  }
  const set = (of11: readonly GroupRule[], of12: readonly GroupRule[]): void => {
    first.builder.group(1, of11, STATELESS);
    last.builder.group(2, of12);
    for (const node of nodes) node.apply();
  };
  const answers = async (from: 11 | 12): Promise<boolean> => {
    const [place, target] = from === 11 ? [first.at(11), '10.0.0.12'] : [last.at(12), '10.0.0.11'];
    return (await ping(place, ipv4(target), { timeoutMs: 300 })).received > 0;
  };
  return { set, answers, first, last };
}

for (const isOneNode of [true, false]) {
  const where = isOneNode ? 'one node' : 'two nodes';

  test(`answers to and from a stateless port need rules of that port, and none of a stateful one (${where})`, async () => {
    using underlay = new TestUnderlay();
    const { set, answers, first, last } = pair(underlay, isOneNode);
    set([icmp('egress'), icmp('ingress')], [icmp('egress'), icmp('ingress')]);
    await reachable(first.at(11), ipv4('10.0.0.12'));
    await reachable(last.at(12), ipv4('10.0.0.11'));
    const cases: [string, GroupRule[], GroupRule[], 11 | 12, boolean][] = [
      ['out, and no rule for the answer', [icmp('egress')], [icmp('ingress')], 11, false],
      ['out, and a rule for the answer', [icmp('egress'), icmp('ingress')], [icmp('ingress')], 11, true],
      ['no way out', [icmp('ingress')], [icmp('ingress')], 11, false],
      ['in, and no rule for the answer', [icmp('ingress')], [icmp('egress')], 12, false],
      ['in, and a rule for the answer', [icmp('ingress'), icmp('egress')], [icmp('egress')], 12, true],
      ['no way in', [icmp('egress')], [icmp('egress')], 12, false],
      ['the other does not admit it', [icmp('egress'), icmp('ingress')], [], 11, false],
    ];
    for (const [what, of11, of12, from, expected] of cases) {
      set(of11, of12);
      assert.equal(await answers(from), expected, what);
    }
  });

  test(`a stream of a stateless port stops with the rule for either direction, and its neighbour’s goes on (${where})`, async () => {
    using underlay = new TestUnderlay();
    const { set, first, last } = pair(underlay, isOneNode);
    const highIn: GroupRule = { ...tcpIn(0), portMin: 1024, portMax: 65_535 };
    first.builder.workload({ n: 13, vni: VNI, groups: [3] }).group(3, [ALL_OUT]);
    set([tcpOut(80), highIn], [tcpIn(80)]);
    if (!isOneNode) {
      last.builder.peer({ n: 13, vni: VNI }, vtepOf(1));
      last.apply();
    }
    using _server = new TcpServer({ place: last.at(12), port: 80, afterGreeting: { bytesPerSecond: 50_000 } });
    const stream = (from: number): TcpStream =>
      new TcpStream({ place: first.at(from), target: ipv4('10.0.0.12'), port: 80, bytesPerSecond: 20_000 });
    using stateless = stream(11);
    using stateful = stream(13);
    for (const each of [stateless, stateful]) assert.equal((await each.start({ timeoutMs: 5000 })).kind, 'connected');
    for (const each of [stateless, stateful]) await more(each);
    first.builder.group(1, [tcpOut(80)], STATELESS);
    first.apply([{ kind: 'group', key: groupId(1) }]);
    await more(stateful);
    const stopped = stateless.result().received.bytes;
    for (let times = 0; times < 4; times += 1) await more(stateful);
    assert.deepEqual([stateless.result().received.bytes - stopped, stateful.result().received.stalls], [0, 0]);
  });
}

test('a port that leaves its stateless group for a stateful one is stateful, and a new process numbers it as before', async () => {
  using underlay = new TestUnderlay();
  const { set, answers, first } = pair(underlay, true);
  set([icmp('egress'), icmp('ingress')], [icmp('ingress')]);
  await reachable(first.at(11), ipv4('10.0.0.12'));
  set([icmp('egress')], [icmp('ingress')]);
  assert.equal(await answers(11), false);
  const node: TestNode = first;
  node.restarted();
  node.apply();
  assert.equal(await answers(11), false, 'as it was');
  node.builder.group(3, [icmp('egress')]).workload({ n: 11, vni: VNI, groups: [3] });
  node.apply();
  assert.equal(await answers(11), true);
  node.builder.workload({ n: 11, vni: VNI, groups: [1] });
  node.apply();
  assert.equal(await answers(11), false, 'and back');
});

async function more(stream: TcpStream): Promise<void> {
  const before = stream.result().received.bytes;
  await waitFor({ expected: 'more bytes', withinMs: 5000 }, () => {
    const seen = stream.result().received.bytes - before;
    return seen >= 5000 ? { done: undefined } : { seen: `${seen}` };
  });
}
