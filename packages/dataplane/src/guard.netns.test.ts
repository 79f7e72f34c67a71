import assert from 'node:assert/strict';
import { test } from 'node:test';
import { arrives } from '@weft/lab/probe/arrives';
import { forgeries } from '@weft/lab/probe/forgeries';
import { ping } from '@weft/lab/probe/ping';
import { sendFrame } from '@weft/lab/probe/send-frame';
import { tcpConnect, tcpHold } from '@weft/lab/probe/tcp-connect';
import { tcpServer } from '@weft/lab/probe/tcp-server';
import { TcpStream } from '@weft/lab/probe/tcp-stream';
import { token as newToken } from '@weft/lab/probe/token';
import { waitFor } from '@weft/lab/wait';
import { portName } from './names.ts';
import { ALL_OUT, fromGroup, groupId, ipv4, portId, tcpIn, tcpOut } from './plan-builder.testing.ts';
import { BY_LINK } from './ruleset/drops.ts';
import { reachable, TestUnderlay, vtepOf } from './test-node.testing.ts';
import type { TestNode } from './test-node.testing.ts';

const VNI = 10_001;
const IN_VAIN = { count: 2, intervalMs: 10, timeoutMs: 250 };
const SOON = { timeoutMs: 5000 };
const NOT = { timeoutMs: 250 };

/** One node with the workloads 11 and 12 in group 1, and 13 on another. */
function threeWorkloads(underlay: TestUnderlay, as: Readonly<{ connectionsPerPort?: number }> = {}): readonly [TestNode, TestNode] {
  const [one, two] = [underlay.node(1, as), underlay.node(2, as)];
  one.builder.workload({ n: 11, vni: VNI }).workload({ n: 12, vni: VNI }).peer({ n: 13, vni: VNI }, vtepOf(2));
  two.builder.workload({ n: 13, vni: VNI });
  for (const n of [11, 12]) two.builder.peer({ n, vni: VNI }, vtepOf(1));
  for (const node of [one, two]) {
    node.builder.segment(VNI).group(1);
    for (const n of [11, 12, 13]) node.builder.member(1, ipv4(`10.0.0.${n}`));
    node.apply();
  }
  return [one, two];
}

test('each lie that a workload tells is dropped and counted under its reason and its port', async () => {
  using underlay = new TestUnderlay();
  const [one] = threeWorkloads(underlay);
  const [attacker, receiver] = [one.at(11), one.at(12)];
  await reachable(attacker, receiver.ip);
  const token = newToken();
  const lies = forgeries({
    attacker,
    receiver,
    victim: { mac: '02:00:0a:00:00:0d' as never, ip: ipv4('10.0.0.13') },
    gateway: ipv4('10.0.0.1'),
    token,
  });
  for (const { name, reason, frame } of lies) {
    const before = one.counter('fabric', 'bridge', reason);
    const probe = { receiver, sender: () => sendFrame(attacker, frame), token };
    assert.equal((await arrives({ ...probe, withinMs: 150, expect: 'silence' })).count, 0, name);
    assert.equal(one.counter('fabric', 'bridge', reason) - before, 1, `${name} is counted as ${reason}`);
    const why = one.nft('fabric', 'list set bridge weft why');
    const number = BY_LINK.indexOf(`port ${reason} sent`) + 1;
    assert.match(why, new RegExp(`"${portName(portId(11))}" \\. 0x0*${number.toString(16)} `), `${name} is counted for the port`);
  }
  // Off, the port may send what it likes but never what is no IPv4 or ARP.
  one.builder
    .workload({ n: 11, vni: VNI }, { portSecurity: false, groups: [] })
    .workload({ n: 12, vni: VNI }, { portSecurity: false, groups: [] });
  one.apply();
  for (const { name, reason, frame } of lies) {
    const expect = ['spoof_ra', 'ethertype'].includes(reason) ? 'silence' : 'arrival';
    const probe = { receiver, sender: () => sendFrame(attacker, frame), token, expect } as const;
    const { count } = await arrives({ ...probe, withinMs: expect === 'arrival' ? 2000 : 150 });
    assert.equal(count > 0, expect === 'arrival', `${name} from a port without port security`);
  }
});

test('a group admits its own members and nobody else; more rules admit more', async () => {
  using underlay = new TestUnderlay();
  const [one, two] = threeWorkloads(underlay);
  one.builder.group(2, [ALL_OUT]).workload({ n: 14, vni: VNI, groups: [2] });
  one.apply();
  two.builder.peer({ n: 14, vni: VNI }, vtepOf(1));
  two.apply();
  using server = tcpServer(two.at(13), 80);
  using stranger = tcpServer(one.at(14), 80);
  assert.equal((await tcpConnect(one.at(11), ipv4('10.0.0.13'), 80, SOON)).kind, 'connected', 'of the same group');
  assert.equal((await tcpConnect(one.at(14), ipv4('10.0.0.13'), 80, NOT)).kind, 'timeout', 'of another group');
  assert.ok(two.counter('fabric', 'bridge', 'group') > 0);
  assert.equal((await tcpConnect(one.at(11), ipv4('10.0.0.14'), 80, NOT)).kind, 'timeout', 'to a group that admits nobody');
  two.builder.group(1, [ALL_OUT, fromGroup(1), tcpIn(80)]);
  two.apply([{ kind: 'group', key: groupId(1) }]);
  assert.equal((await tcpConnect(one.at(14), ipv4('10.0.0.13'), 80, SOON)).kind, 'connected', 'by a further rule');
  assert.equal((await ping(one.at(14), ipv4('10.0.0.13'), IN_VAIN)).received, 0, 'but only what the rule says');
  assert.equal(server.peers.length, 2);
  assert.equal(stranger.peers.length, 0);
});

test('a group that restricts the way out is asked as well, also between two ports of a node', async () => {
  using underlay = new TestUnderlay();
  const [one, two] = threeWorkloads(underlay);
  for (const node of [one, two]) {
    node.builder.group(1, [ALL_OUT, fromGroup(1), tcpIn(80), tcpIn(81)]);
    node.builder.group(3, [tcpOut(80), fromGroup(1)]);
  }
  one.builder.workload({ n: 11, vni: VNI, groups: [3] });
  for (const node of [one, two]) node.apply();
  using servers = new DisposableStack();
  for (const [place, port] of [
    [two.at(13), 80],
    [two.at(13), 81],
    [one.at(12), 80],
    [one.at(12), 81],
    [one.at(11), 90],
  ] as const)
    servers.use(tcpServer(place, port));
  for (const target of [ipv4('10.0.0.12'), ipv4('10.0.0.13')]) {
    assert.equal((await tcpConnect(one.at(11), target, 80, SOON)).kind, 'connected', `${target}, allowed`);
    assert.equal((await tcpConnect(one.at(11), target, 81, NOT)).kind, 'timeout', `${target}, not allowed`);
  }
  assert.equal((await tcpConnect(one.at(12), ipv4('10.0.0.11'), 90, SOON)).kind, 'connected', 'what was let in gets its answers out');
  // Two groups allow what either allows.
  one.builder.group(4, [tcpOut(81)]).workload({ n: 11, vni: VNI, groups: [3, 4] });
  one.apply();
  for (const port of [80, 81])
    assert.equal((await tcpConnect(one.at(11), ipv4('10.0.0.13'), port, SOON)).kind, 'connected', `${port}, by two groups`);
});

test('without groups nothing passes; without port security everything; administratively down nothing again', async () => {
  using underlay = new TestUnderlay();
  const [one] = threeWorkloads(underlay);
  const reaches = async (expected: boolean, what: string): Promise<void> => {
    for (const [from, to] of [
      [11, 12],
      [12, 11],
    ] as const) {
      const target = ipv4(`10.0.0.${to}`);
      if (expected) await reachable(one.at(from), target, { what });
      else assert.equal((await ping(one.at(from), target, IN_VAIN)).received, 0, `${what}, from ${from}`);
    }
  };
  const change = (as: Parameters<typeof one.builder.workload>[1]): void => {
    one.builder.workload({ n: 11, vni: VNI }, as);
    one.apply([{ kind: 'port', key: portId(11) }]);
  };
  await reaches(true, 'as usual');
  change({ groups: [] });
  await reaches(false, 'without groups');
  one.builder.group(1, [ALL_OUT, fromGroup(1), { ...tcpIn(0), protocol: 'icmp', portMin: undefined, portMax: undefined }]);
  one.apply([{ kind: 'group', key: groupId(1) }]);
  change({ portSecurity: false, groups: [] });
  await reaches(true, 'without port security');
  change({ adminStateUp: false });
  await reaches(false, 'down');
  change({});
  await reaches(true, 'up again');
});

test('what a group no longer admits stops, up and down, and what it still admits goes on', async () => {
  using underlay = new TestUnderlay();
  const [one, two] = threeWorkloads(underlay);
  for (const node of [one, two]) {
    node.builder.group(1, [ALL_OUT, fromGroup(1), tcpIn(80)]).group(2, [ALL_OUT]);
    node.apply();
  }
  one.builder.workload({ n: 14, vni: VNI, groups: [2] });
  one.apply();
  two.builder
    .peer({ n: 14, vni: VNI }, vtepOf(1))
    .workload({ n: 15, vni: VNI, groups: [2, 3] })
    .group(3, [tcpIn(80)]);
  one.builder.peer({ n: 15, vni: VNI }, vtepOf(2));
  for (const node of [one, two]) node.apply();
  using servers = new DisposableStack();
  for (const n of [13, 15]) servers.use(tcpServer(two.at(n), 80, { afterGreeting: { bytesPerSecond: 100_000 } }));
  const stream = async (target: string, bytesPerSecond: number): Promise<TcpStream> => {
    const made = servers.use(new TcpStream({ place: one.at(14), target: ipv4(target), port: 80, bytesPerSecond }));
    assert.equal((await made.start({ timeoutMs: 5000 })).kind, 'connected', target);
    return made;
  };
  const [both, download, admitted] = [await stream('10.0.0.13', 50_000), await stream('10.0.0.13', 0), await stream('10.0.0.15', 0)];
  const flows = async (which: TcpStream): Promise<void> => {
    const from = which.result().received.bytes;
    await waitFor({ expected: 'more bytes', withinMs: 3000 }, () => {
      const { bytes } = which.result().received;
      return bytes > from ? { done: undefined } : { seen: `${bytes} bytes` };
    });
  };
  for (const each of [both, download, admitted]) await flows(each);
  two.builder.group(1, [ALL_OUT, fromGroup(1)]);
  two.apply([{ kind: 'group', key: groupId(1) }]);
  // What is on its way still comes; then there is silence while the other stream goes on.
  for (let quiet = 0; quiet < 5;) {
    const before = [both, download].map((each) => each.result().received.bytes);
    await flows(admitted);
    const after = [both, download].map((each) => each.result().received.bytes);
    quiet = before.every((bytes, at) => bytes === after[at]) ? quiet + 1 : 0;
  }
  assert.equal((await tcpConnect(one.at(14), ipv4('10.0.0.13'), 80, NOT)).kind, 'timeout', 'nor is it begun anew');
});

test('a port opens no more connections than its cap, nor takes more, and others have theirs', async () => {
  using underlay = new TestUnderlay();
  const [one, two] = threeWorkloads(underlay, { connectionsPerPort: 20 });
  using server = tcpServer(two.at(13), 80);
  await reachable(two.at(13), ipv4('10.0.0.11'));
  using held = await tcpHold(one.at(11), ipv4('10.0.0.13'), 80, { count: 30, timeoutMs: 500 });
  assert.equal(held.connected, 20);
  assert.equal(server.peers.length, 20);
  assert.ok(one.counter('fabric', 'inet', 'capped') > 0);
  assert.equal((await ping(one.at(11), ipv4('10.0.0.12'), IN_VAIN)).received, 0, 'the sender has had its share');
  assert.equal((await ping(one.at(12), ipv4('10.0.0.13'), IN_VAIN)).received, 0, 'so has the receiver');
  await reachable(two.at(13), ipv4('10.0.0.12'), { what: 'as what the receiver sends is counted by itself' });
});
