/** Groups about IPv6: what they let in and out of a port, what they take from running connections, and what never asks them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { IpAddress } from '@weft/core/ip';
import type { Ipv6 } from '@weft/core/ipv6';
import type { GroupRule } from '@weft/core/plan/group';
import type { PlanRef } from '@weft/core/plan/plan';
import { ping } from '@weft/lab/probe/ping';
import { tcpConnect } from '@weft/lab/probe/tcp-connect';
import { TcpServer, tcpServer } from '@weft/lab/probe/tcp-server';
import { TcpStream } from '@weft/lab/probe/tcp-stream';
import { waitFor } from '@weft/lab/wait';
import { Conntrack } from '@weft/netlink/conntrack';
import { ALL_OUT, ALL_OUT6, ANY_IN6, fromGroup, groupId, inIpv6, ipv4, mac, portId, tcpIn, tcpOut } from './plan-builder.testing.ts';
import { TestUnderlay, vtepOf } from './test-node.testing.ts';
import type { TestNode } from './test-node.testing.ts';
import { ip6 } from './two-nodes.testing.ts';

const VNI = 10_001;
const ANYWHERE = '::' as IpAddress;
const SOON = { timeoutMs: 5000 };
const NOT = { timeoutMs: 300 };
const address = (n: number): Ipv6 => ip6(`fd00:1::${n}`);
const ips = (n: number): readonly IpAddress[] => [ipv4(`10.0.0.${n}`), address(n)];
const icmpIn: GroupRule = { ...ANY_IN6, protocol: 'ipv6-icmp', portMin: 128, portMax: undefined };

/** 11 in group 3 on the first node, 12 in group 1 on the second; both reach out. */
function twoNodes(underlay: TestUnderlay, rules: readonly GroupRule[]): readonly [TestNode, TestNode] {
  const nodes = [underlay.node(1), underlay.node(2)] as const;
  for (const { builder } of nodes) builder.segment(VNI);
  nodes[0].builder
    .group(3, [ALL_OUT, ALL_OUT6])
    .workload({ n: 11, vni: VNI, groups: [3] }, { ips: ips(11) })
    .peerAt(VNI, { mac: mac(12), ips: ips(12) }, vtepOf(2));
  nodes[1].builder
    .group(1, rules)
    .workload({ n: 12, vni: VNI }, { ips: ips(12) })
    .peerAt(VNI, { mac: mac(11), ips: ips(11) }, vtepOf(1));
  for (const node of nodes) node.apply();
  return nodes;
}

test('a rule about IPv6 admits IPv6 and no IPv4, by port, by type of ICMPv6 and by prefix; the rest is counted', async () => {
  using underlay = new TestUnderlay();
  const [one, two] = twoNodes(underlay, [inIpv6(tcpIn(80)), icmpIn, { ...inIpv6(tcpIn(81)), remoteCidr: 'fd00:1::/64' as never }]);
  using servers = new DisposableStack();
  for (const port of [80, 81, 82]) servers.use(tcpServer(two.at(12), port, { address: ANYWHERE }));
  const connect = async (target: IpAddress, port: number, patience: Readonly<{ timeoutMs: number }>): Promise<string> =>
    (await tcpConnect(one.at(11), target, port, patience)).kind;
  assert.equal(await connect(address(12), 80, SOON), 'connected');
  assert.equal(await connect(address(12), 81, SOON), 'connected', 'by prefix');
  assert.equal((await ping(one.at(11), address(12), { timeoutMs: 3000 })).received, 1);
  assert.equal(await connect(address(12), 82, NOT), 'timeout');
  assert.ok((two.drops({ n: 12, vni: VNI })['port group received'] ?? 0) > 0);
  assert.equal(await connect(ipv4('10.0.0.12'), 80, NOT), 'timeout', 'IPv4');
  two.builder.group(1, [tcpIn(80)]);
  two.apply([{ kind: 'group', key: groupId(1) }]);
  assert.equal(await connect(ipv4('10.0.0.12'), 80, SOON), 'connected', 'IPv4, by a rule about it');
  assert.equal(await connect(address(12), 80, NOT), 'timeout', 'which says nothing about IPv6');
});

test('a remote group admits its members’ addresses of IPv6, by a set that changes alone', async () => {
  using underlay = new TestUnderlay();
  const [one, two] = twoNodes(underlay, [inIpv6(fromGroup(3))]);
  using server = tcpServer(two.at(12), 80, { address: ANYWHERE });
  const connect = async (patience: Readonly<{ timeoutMs: number }>): Promise<string> =>
    (await tcpConnect(one.at(11), address(12), server.port, patience)).kind;
  const member = [{ kind: 'member', key: `${groupId(3)}/${address(11)}` }] as const;
  assert.equal(await connect(NOT), 'timeout', 'nobody is a member');
  two.builder.member(3, ipv4('10.0.0.11')).member(3, address(11));
  two.apply([...member, { kind: 'member', key: `${groupId(3)}/10.0.0.11` }]);
  assert.equal(await connect(SOON), 'connected');
  two.builder.noMember(3, address(11));
  two.apply(member);
  assert.equal(await connect(NOT), 'timeout', 'not any more');
});

test('what may leave is asked of the sender’s group, and neighbours and the gateway are found whatever groups say', async () => {
  using underlay = new TestUnderlay();
  const [one, two] = twoNodes(underlay, [ANY_IN6]);
  one.builder.group(3, [ALL_OUT, inIpv6(tcpOut(80))]);
  one.apply([{ kind: 'group', key: groupId(3) }]);
  using servers = new DisposableStack();
  for (const port of [80, 81]) servers.use(tcpServer(two.at(12), port, { address: ANYWHERE }));
  assert.equal((await tcpConnect(one.at(11), address(12), 80, SOON)).kind, 'connected');
  assert.equal((await tcpConnect(one.at(11), address(12), 81, NOT)).kind, 'timeout');
  assert.equal((await ping(one.at(11), address(12), { timeoutMs: 300 })).received, 0);
  assert.ok((one.drops({ n: 11, vni: VNI })['port group sent'] ?? 0) > 0);
});

type Change = Readonly<{ changed: PlanRef; before?: readonly GroupRule[]; change: (node: TestNode) => unknown }>;
const GROUP: PlanRef = { kind: 'group', key: groupId(1) };
const [REVOKED, KEPT] = [80, 22];
const CHANGES: Readonly<Record<string, Change>> = {
  'the group loses a rule': { changed: GROUP, change: ({ builder }) => builder.group(1, [inIpv6(tcpIn(KEPT))]) },
  'the sender is no longer a member': {
    changed: { kind: 'member', key: `${groupId(3)}/${address(11)}` },
    before: [inIpv6(tcpIn(KEPT)), inIpv6(fromGroup(3))],
    change: ({ builder }) => builder.noMember(3, address(11)),
  },
};

for (const [what, { changed, before = [inIpv6(tcpIn(REVOKED)), inIpv6(tcpIn(KEPT))], change }] of Object.entries(CHANGES)) {
  test(`${what}: exactly what it no longer allows ends, at once`, async () => {
    using underlay = new TestUnderlay();
    const [one, two] = twoNodes(underlay, []);
    two.builder.group(1, before);
    if (changed.kind === 'member') two.builder.member(3, address(11));
    two.apply();
    using open = new DisposableStack();
    const streams = new Map<number, TcpStream>();
    for (const port of [REVOKED, KEPT]) {
      open.use(new TcpServer({ place: two.at(12), port, address: ANYWHERE, afterGreeting: { bytesPerSecond: 50_000 } }));
      const stream = open.use(new TcpStream({ place: one.at(11), target: address(12), port, bytesPerSecond: 50_000 }));
      assert.equal((await stream.start(SOON)).kind, 'connected', `${port}`);
      streams.set(port, stream);
    }
    const bytes = (port: number): number => streams.get(port)?.result().received.bytes ?? 0;
    const more = (port: number, count: number): Promise<void> => {
      const start = bytes(port);
      return waitFor({ expected: `${count} bytes more`, withinMs: 5000 }, () =>
        bytes(port) - start >= count ? { done: undefined } : { seen: `${bytes(port) - start}` },
      );
    };
    for (const port of [REVOKED, KEPT]) await more(port, 1000);
    change(two);
    two.apply([changed]);
    {
      using conntrack = Conntrack.open(two.inside('fabric'));
      const left = conntrack.list().map(({ destinationPort }) => destinationPort);
      assert.deepEqual([left.includes(REVOKED), left.includes(KEPT)], [false, true], 'as soon as it is applied');
    }
    await more(KEPT, 1000);
    const stopped = bytes(REVOKED);
    await more(KEPT, 20_000);
    assert.equal(bytes(REVOKED), stopped, 'nothing more comes');
  });
}

test('an address that leaves its port takes its connections along, those of its link-local one too', async () => {
  using underlay = new TestUnderlay();
  const [one, two] = twoNodes(underlay, [ANY_IN6]);
  using server = tcpServer(two.at(12), 80, { address: ANYWHERE, afterGreeting: 'echo' });
  using stream = new TcpStream({ place: one.at(11), target: address(12), port: server.port, bytesPerSecond: 10_000 });
  assert.equal((await stream.start(SOON)).kind, 'connected');
  two.builder.workload({ n: 12, vni: VNI }, { ips: [ipv4('10.0.0.12')] });
  two.apply([{ kind: 'port', key: portId(12) }]);
  using conntrack = Conntrack.open(two.inside('fabric'));
  assert.deepEqual(
    conntrack.list().filter(({ source }) => source.includes(':')),
    [],
  );
});
