import assert from 'node:assert/strict';
import { test } from 'node:test';
import { datagramHalves, echoFrame, udpFrame, vxlanFrame } from '@weft/lab/probe/frames';
import { arrives } from '@weft/lab/probe/arrives';
import { ping } from '@weft/lab/probe/ping';
import { sendFrame } from '@weft/lab/probe/send-frame';
import { token as newToken } from '@weft/lab/probe/token';
import { linkGet, linkSet } from '@weft/netlink/link';
import { workloadPlace } from './names.ts';
import { instanceId, ipv4, mac, vni } from './plan-builder.testing.ts';
import { reachable, TestUnderlay, vtepOf } from './test-node.testing.ts';
import type { TestNode } from './test-node.testing.ts';

const MESH = 10_001;
const HUBBED = 10_002;
const PATIENT = { count: 3, intervalMs: 10, timeoutMs: 2000 };
const IN_VAIN = { count: 2, intervalMs: 10, timeoutMs: 200 };

/**
 * Two tenants with the same addresses and MACs: one in a mesh, one behind a hub.
 *
 *     node 1: 11, 12 of both      node 2: 13 of both      node 3: the hub, 15 of both
 */
function twoTenants(underlay: TestUnderlay): readonly TestNode[] {
  const homes = [[11, 12], [13], [15]];
  const nodes = homes.map((_, at) => underlay.node(at + 1));
  const hub = vtepOf(3);
  for (const [at, node] of nodes.entries()) {
    const isHub = at === 2;
    node.builder.segment(MESH).segment(HUBBED, { topology: 'concentrator', hub: isHub }).group(1);
    for (const [home, endpoints] of homes.entries()) {
      for (const n of endpoints) {
        node.builder.member(1, ipv4(`10.0.0.${n}`));
        if (home === at) node.builder.workload({ n, vni: MESH }).workload({ n, vni: HUBBED }, { number: 100 + n });
        else node.builder.peer({ n, vni: MESH }, vtepOf(home + 1)).peer({ n, vni: HUBBED }, isHub ? vtepOf(home + 1) : hub);
      }
    }
    node.apply();
  }
  return nodes;
}

function padded(token: Uint8Array, bytes: number): Uint8Array {
  const payload = new Uint8Array(bytes);
  payload.set(token);
  return payload;
}

/** Packets in and out of a node's tunnel for a segment. */
function tunnelPackets(node: TestNode, segment: number): number {
  const stats = linkGet(node.rtnl('fabric'), `wx${segment}`)?.stats;
  return Number((stats?.rxPackets ?? 0n) + (stats?.txPackets ?? 0n));
}

test('workloads of a segment reach each other on one node, across nodes and through a hub, and never another tenant', async () => {
  using underlay = new TestUnderlay();
  const [one, two, three] = twoTenants(underlay) as [TestNode, TestNode, TestNode];
  for (const offset of [0, 100]) {
    for (const target of [12, 13, 15]) {
      await reachable(one.at(11, offset + 11), ipv4(`10.0.0.${target}`), { what: `as ${offset + 11}` });
    }
  }
  const before = tunnelPackets(three, HUBBED);
  await ping(one.at(11, 111), ipv4('10.0.0.13'), PATIENT);
  assert.equal(tunnelPackets(three, HUBBED) - before, 12, 'each echo and each answer comes to the hub and leaves it');
  const meshBefore = tunnelPackets(three, MESH);
  await ping(one.at(11), ipv4('10.0.0.13'), PATIENT);
  assert.equal(tunnelPackets(three, MESH), meshBefore, 'in a mesh nobody else sees anything');

  const token = newToken();
  const [sender, receiver, other] = [one.at(11), two.at(13), two.at(13, 113)];
  const frame = udpFrame({ source: sender, destination: receiver, payload: token });
  const probe = { sender: () => sendFrame(sender, frame), token };
  assert.equal((await arrives({ ...probe, receiver, withinMs: 2000, expect: 'arrival' })).count, 1);
  assert.equal((await arrives({ ...probe, receiver: other, withinMs: 200, expect: 'silence' })).count, 0);
});

test('whole packets of 1450 bytes and fragments of larger ones pass, and nothing longer does', async () => {
  using underlay = new TestUnderlay();
  const [one] = twoTenants(underlay) as [TestNode];
  for (const offset of [0, 100]) {
    for (const payloadBytes of [1450 - 28, 3000]) {
      await reachable(one.at(11, offset + 11), ipv4('10.0.0.13'), { payloadBytes, what: `in ${payloadBytes} bytes` });
    }
  }
  // A workload that sends more than it was told to.
  const rtnl = one.rtnl(workloadPlace(instanceId(11)));
  linkSet(rtnl, linkGet(rtnl, 'eth0')!.index, { mtu: 1500 });
  const [sender, receiver] = [one.at(11), one.at(12)];
  await reachable(sender, receiver.ip);
  const token = newToken();
  const send = (bytes: number) => (): void =>
    sendFrame(sender, echoFrame({ source: sender, destination: receiver, payload: padded(token, bytes - 28), dontFragment: true }));
  assert.equal((await arrives({ receiver, sender: send(1450), token, withinMs: 2000, expect: 'arrival' })).count, 1);
  assert.equal((await arrives({ receiver, sender: send(1451), token, withinMs: 200, expect: 'silence' })).count, 0);
  assert.equal(one.counter('fabric', 'bridge', 'mtu'), 1);
});

test('halves of a datagram in two tenants are never joined', async () => {
  using underlay = new TestUnderlay();
  const [one] = twoTenants(underlay) as [TestNode];
  const [head, tail] = [newToken(), newToken()];
  const [sender, receiver] = [one.at(11), one.at(12)];
  await reachable(sender, receiver.ip);
  await reachable(one.at(11, 111), receiver.ip);
  const halves = (identification: number) => datagramHalves({ source: sender, destination: receiver, identification, head, tail });
  const sendSecond = (identification: number) => (): void => sendFrame(sender, halves(identification)[1]);
  const probe = { receiver, token: tail };
  sendFrame(one.at(11, 111), halves(77)[0]);
  assert.equal((await arrives({ ...probe, sender: sendSecond(77), withinMs: 200, expect: 'silence' })).count, 0, 'of two tenants');
  sendFrame(sender, halves(78)[0]);
  assert.ok((await arrives({ ...probe, sender: sendSecond(78), withinMs: 2000, expect: 'arrival' })).count > 0, 'of one tenant');
});

test('an address that nobody has makes no packet in any tunnel', async () => {
  using underlay = new TestUnderlay();
  const nodes = twoTenants(underlay);
  const [one] = nodes as [TestNode];
  await reachable(one.at(11), ipv4('10.0.0.13'));
  const before = nodes.map((node) => tunnelPackets(node, MESH));
  assert.equal((await ping(one.at(11), ipv4('10.0.0.99'), IN_VAIN)).received, 0);
  assert.deepEqual(
    nodes.map((node) => tunnelPackets(node, MESH)),
    before,
  );
  assert.ok(one.counter('fabric', 'bridge', 'arp_unknown') > 0);
});

test('tunnel packets are taken from the VTEPs of the plan only, at the underlay only', async () => {
  using underlay = new TestUnderlay();
  const [one, two] = twoTenants(underlay) as [TestNode, TestNode];
  await reachable(one.at(11), ipv4('10.0.0.13'));
  const token = newToken();
  const receiver = two.at(13);
  const outer = linkGet(two.rtnl('node'), 'under')!.mac!;
  const inner = udpFrame({ source: { mac: mac(11), ip: ipv4('10.0.0.11') }, destination: receiver, payload: token });
  const send = async (from: ReturnType<TestUnderlay['host']>, source: typeof from.ip, expect: 'arrival' | 'silence', to = outer) => {
    const destination = { mac: to, ip: vtepOf(2) };
    const frame = vxlanFrame({ source: { mac: from.mac, ip: source }, destination, port: 14_789, vni: vni(MESH), inner });
    const withinMs = expect === 'arrival' ? 2000 : 200;
    return (await arrives({ receiver, sender: () => sendFrame(from, frame), token, withinMs, expect })).count;
  };
  const listed = underlay.host('underlay', vtepOf(99));
  const foreign = underlay.host('underlay', vtepOf(98));
  const outside = underlay.host('uplink', vtepOf(1));
  const uplink = linkGet(two.rtnl('node'), 'uplink0')!.mac!;
  two.builder.admit(vtepOf(99));
  two.apply();
  assert.equal(await send(listed, listed.ip, 'arrival'), 1, 'a VTEP of the plan');
  const before = two.counter('node', 'inet', 'tunnel_foreign');
  assert.equal(await send(foreign, foreign.ip, 'silence'), 0, 'no VTEP of the plan');
  assert.equal(await send(outside, vtepOf(1), 'silence', uplink), 0, 'a VTEP of the plan, but by another interface');
  assert.equal(two.counter('node', 'inet', 'tunnel_foreign') - before, 2);
});

test('neighbours learn at once when an address gets another MAC, here or elsewhere', async () => {
  using underlay = new TestUnderlay();
  const [one, two] = [underlay.node(1), underlay.node(2)];
  one.builder.segment(MESH).group(1).workload({ n: 11, vni: MESH }).peer({ n: 13, vni: MESH }, vtepOf(2));
  two.builder.segment(MESH).group(1).workload({ n: 13, vni: MESH }).peer({ n: 11, vni: MESH }, vtepOf(1));
  for (const node of [one, two]) {
    for (const n of [11, 13]) node.builder.member(1, ipv4(`10.0.0.${n}`));
    node.apply();
  }
  await reachable(one.at(11), ipv4('10.0.0.13'));
  // Another workload has the address now; the first one's cache still says otherwise.
  const address = ipv4('10.0.0.13');
  const before = one.builder.plan.get('peer', `${MESH}/${mac(13)}`);
  assert.ok(before !== undefined);
  two.builder.noWorkload(13).workload({ n: 14, vni: MESH }, { ips: [address] });
  one.builder.noPeer({ n: 13, vni: MESH }).peerAt(MESH, { mac: mac(14), ips: [address] }, vtepOf(2));
  for (const node of [one, two]) node.apply();
  // Long before the cache would have asked again by itself.
  await reachable(one.at(11), address);
});
