import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DropKind } from '@weft/core/drop-reason';
import { BROADCAST_MAC } from '@weft/core/mac';
import { arpRequest } from '@weft/lab/packet/arp';
import { encodeEthernet, ETHERTYPE_IPV4 } from '@weft/core/packet/ethernet';
import { encodeIpv4, ipv4Packet } from '@weft/core/packet/ipv4';
import { forgeries } from '@weft/lab/probe/forgeries';
import { arpFrame, echoFrame, udpFrame, vxlanFrame } from '@weft/lab/probe/frames';
import type { Endpoint } from '@weft/lab/probe/frames';
import { sendFrame } from '@weft/lab/probe/send-frame';
import { tcpHold } from '@weft/lab/probe/tcp-connect';
import { tcpServer } from '@weft/lab/probe/tcp-server';
import { token as newToken } from '@weft/lab/probe/token';
import { waitFor } from '@weft/lab/wait';
import { linkGet, linkSet } from '@weft/netlink/link';
import { bridgeMac, workloadPlace } from './names.ts';
import { ALL_OUT, fromGroup, instanceId, ipv4, mac, tcpOut, vni } from './plan-builder.testing.ts';
import { reachable, TestUnderlay, vtepOf } from './test-node.testing.ts';
import type { TestNode } from './test-node.testing.ts';

const VNI = 10_001;
const port = (n: number) => ({ n, vni: VNI });
const payload = newToken();

/** Node 1 with the workloads 11 and 12, which reach each other, 14 in a group of its own; 13 is elsewhere. */
function oneNode(underlay: TestUnderlay, as: Readonly<{ connectionsPerPort?: number }> = {}): TestNode {
  const node = underlay.node(1, as);
  node.builder.segment(VNI).group(1).group(2, [ALL_OUT]);
  node.builder
    .workload(port(11))
    .workload(port(12))
    .workload({ ...port(14), groups: [2] })
    .peer(port(13), vtepOf(2))
    .vtep(VNI, vtepOf(2));
  for (const n of [11, 12, 13]) node.builder.member(1, ipv4(`10.0.0.${n}`));
  node.apply();
  return node;
}

const PORTS = [11, 12, 14];

/** What all ports were charged with while `action` ran: `11 port spoof_ip sent` → packets. Waits until `expected` is among it. */
async function charged(node: TestNode, expected: string, action: () => void | Promise<void>): Promise<Readonly<Record<string, number>>> {
  const read = (): Map<string, number> =>
    new Map(PORTS.flatMap((n) => Object.entries(node.drops(port(n))).map(([kind, packets]) => [`${n} ${kind}`, packets])));
  const before = read();
  await action();
  return waitFor({ expected, withinMs: 3000 }, () => {
    const grown = [...read()]
      .map(([key, packets]) => [key, packets - (before.get(key) ?? 0)] as const)
      .filter(([, packets]) => packets > 0);
    const found = Object.fromEntries(grown);
    return found[expected] === undefined ? { seen: JSON.stringify(found) } : { done: found };
  });
}

const endpoint = (n: number): Endpoint => ({ mac: mac(n), ip: ipv4(`10.0.0.${n}`) });

/** TCP without a header that anybody would believe. */
function nonsense(source: Endpoint, destination: Endpoint): Uint8Array {
  const packet = ipv4Packet(source.ip, destination.ip, 6, new Uint8Array(20));
  return encodeEthernet({ source: source.mac, destination: destination.mac, etherType: ETHERTYPE_IPV4, payload: encodeIpv4(packet) });
}

test('each packet that a port may not send is counted once, at that port, for its reason, and nowhere else', async () => {
  using underlay = new TestUnderlay();
  const node = oneNode(underlay);
  const [sender, receiver] = [node.at(11), node.at(12)];
  await reachable(sender, receiver.ip);
  const lies = forgeries({ attacker: sender, receiver, victim: endpoint(13), gateway: ipv4('10.0.0.1'), token: payload });
  for (const { name, reason, frame } of lies) {
    const kind = `11 port ${reason} sent`;
    assert.deepEqual(await charged(node, kind, () => sendFrame(sender, frame)), { [kind]: 1 }, name);
  }
  const everybody = { mac: BROADCAST_MAC, ip: ipv4('10.0.0.255') };
  const machine = { mac: bridgeMac(vni(VNI)), ip: ipv4('10.0.0.12') };
  const wide = { source: sender, destination: receiver, payload: new Uint8Array(1423) };
  linkSet(node.rtnl(workloadPlace(instanceId(11))), linkGet(node.rtnl(workloadPlace(instanceId(11))), 'eth0')!.index, { mtu: 1500 });
  const cases: readonly (readonly [DropKind, Uint8Array])[] = [
    ['port broadcast sent', udpFrame({ source: sender, destination: everybody, payload })],
    ['port arp_unknown sent', arpFrame({ source: sender.mac, message: arpRequest(sender, ipv4('10.0.0.99')) })],
    ['port host sent', udpFrame({ source: sender, destination: machine, payload })],
    ['port mtu sent', echoFrame(wide)],
    ['port invalid sent', nonsense(sender, receiver)],
  ];
  for (const [kind, frame] of cases) {
    assert.deepEqual(await charged(node, `11 ${kind}`, () => sendFrame(sender, frame)), { [`11 ${kind}`]: 1 }, kind);
  }
  node.builder.workload(port(11), { adminStateUp: false });
  node.apply();
  const closed = '11 port closed sent';
  const frame = udpFrame({ source: sender, destination: receiver, payload });
  assert.deepEqual(await charged(node, closed, () => sendFrame(sender, frame, 3)), { [closed]: 3 });
});

test('what security groups refuse is counted at the sender or at the receiver, whosever groups refused it', async () => {
  using underlay = new TestUnderlay();
  const node = oneNode(underlay);
  await reachable(node.at(11), ipv4('10.0.0.12'));
  const send = (from: number, to: number) => (): void =>
    sendFrame(node.at(from), udpFrame({ source: endpoint(from), destination: endpoint(to), payload }), 2);
  assert.deepEqual(await charged(node, '11 port group received', send(14, 11)), { '11 port group received': 2 });
  node.builder.group(2, [tcpOut(80), fromGroup(1)]);
  node.apply();
  assert.deepEqual(await charged(node, '14 port group sent', send(14, 11)), { '14 port group sent': 2 });
});

test('connections beyond the cap are counted at the port that has its share', async () => {
  using underlay = new TestUnderlay();
  const node = oneNode(underlay, { connectionsPerPort: 5 });
  node.builder.workload({ n: 15, vni: VNI }).member(1, ipv4('10.0.0.15'));
  node.apply();
  using _server = tcpServer(node.at(12), 80);
  await reachable(node.at(12), ipv4('10.0.0.11'));
  const over = await charged(node, '11 port capped sent', async () => {
    using held = await tcpHold(node.at(11), ipv4('10.0.0.12'), 80, { count: 6, timeoutMs: 300 });
    assert.equal(held.connected, 5);
    const taken = await charged(node, '12 port capped received', () =>
      sendFrame(node.at(15), udpFrame({ source: endpoint(15), destination: endpoint(12), payload })),
    );
    assert.deepEqual(taken, { '12 port capped received': 1 });
  });
  assert.deepEqual(Object.keys(over).toSorted(), ['11 port capped sent', '12 port capped received']);
});

test('what comes in by the tunnel for no connection, or with the port’s own MAC, is counted at the port', async () => {
  using underlay = new TestUnderlay();
  const node = oneNode(underlay);
  const other = underlay.host('underlay', vtepOf(2));
  const under = linkGet(node.rtnl('node'), 'under')!.mac!;
  await reachable(node.at(11), ipv4('10.0.0.12'));
  await reachable(other, vtepOf(1));
  const inject = (inner: Uint8Array) => (): void =>
    sendFrame(other, vxlanFrame({ source: other, destination: { mac: under, ip: vtepOf(1) }, port: 14_789, vni: vni(VNI), inner }));
  assert.deepEqual(await charged(node, '12 port invalid received', inject(nonsense(endpoint(13), endpoint(12)))), {
    '12 port invalid received': 1,
  });
  const reflected = udpFrame({ source: endpoint(11), destination: endpoint(12), payload });
  assert.deepEqual(await charged(node, '11 port loop none', inject(reflected)), { '11 port loop none': 1 });
});

test('counts outlive the process and its rules, and go with their port', async () => {
  using underlay = new TestUnderlay();
  const node = oneNode(underlay, { connectionsPerPort: 5 });
  const sender = node.at(11);
  await reachable(sender, ipv4('10.0.0.12'));
  const lie = udpFrame({ source: { mac: mac(11), ip: ipv4('10.0.0.13') }, destination: endpoint(12), payload });
  await charged(node, '11 port spoof_ip sent', () => sendFrame(sender, lie, 2));
  await charged(node, '11 port invalid sent', () => sendFrame(sender, nonsense(endpoint(11), endpoint(12))));
  const counts = { 'port spoof_ip sent': 2, 'port invalid sent': 1 };
  node.restarted();
  node.apply();
  assert.deepEqual(node.drops(port(11)), counts, 'after a restart');
  // Somebody changed the rules, so they are replaced.
  for (const family of ['bridge', 'inet']) {
    const handle = node.nft('fabric', `add rule ${family} weft forward counter`);
    assert.equal(handle, '');
  }
  node.dataplane.observe();
  node.apply();
  assert.doesNotMatch(node.nft('fabric', 'list chain bridge weft forward'), /counter packets/);
  assert.deepEqual(node.drops(port(11)), counts, 'after the rules were replaced');
  await charged(node, '11 port spoof_ip sent', () => sendFrame(sender, lie));
  assert.equal(node.drops(port(11))['port spoof_ip sent'], 3, 'and they go on');
  node.builder.noWorkload(11);
  node.apply();
  assert.deepEqual(node.drops(port(11)), {});
  for (const family of ['bridge', 'inet']) assert.doesNotMatch(node.nft('fabric', `list set ${family} weft why`), /elements/);
});
