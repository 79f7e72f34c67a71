import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Cidr } from '@weft/core/cidr';
import type { Ipv4 } from '@weft/core/ipv4';
import { BROADCAST_MAC } from '@weft/core/mac';
import type { Mac } from '@weft/core/mac';
import { arrives } from '@weft/lab/probe/arrives';
import { arpFrame, udpFrame } from '@weft/lab/probe/frames';
import { ping } from '@weft/lab/probe/ping';
import { sendFrame } from '@weft/lab/probe/send-frame';
import { token as newToken } from '@weft/lab/probe/token';
import { addrDelete, addrReplace } from '@weft/netlink/addr';
import { linkGet } from '@weft/netlink/link';
import { Rtnl } from '@weft/netlink/rtnl';
import { instanceId, ipv4, mac, portId } from './plan-builder.testing.ts';
import { workloadPlace } from './names.ts';
import { reachable, TestUnderlay, vtepOf } from './test-node.testing.ts';
import type { Station, TestNode } from './test-node.testing.ts';

const VNI = 10_001;
const VIRTUAL = ipv4('10.0.0.200');
const VRRP_MAC = '02:00:5e:00:01:07' as Mac;
const FLOODS = { floods: true } as const;
const pair = (n: number, cidr: string) => ({ mac: mac(n), cidr: cidr as Cidr });

/** Gives a workload an address that Weft does not know of, or takes it away. */
function setOwn(node: TestNode, n: number, address: Ipv4, verb: 'add' | 'remove'): void {
  using rtnl = Rtnl.open(node.inside(workloadPlace(instanceId(n))));
  const index = linkGet(rtnl, 'eth0')!.index;
  if (verb === 'add') addrReplace(rtnl, { index, address, prefix: 24 });
  else addrDelete(rtnl, { index, address, prefix: 24 });
}

function announceFrom(station: Station, address: Ipv4): void {
  const message = { kind: 'request', senderMac: station.mac, senderIp: address, targetMac: BROADCAST_MAC, targetIp: address } as const;
  sendFrame(station, arpFrame({ source: station.mac, destination: BROADCAST_MAC, message }));
}

/** 11 and 12 may both have VIRTUAL, 12 on another node; 13 is beside 11, 14 beside 12. All in group 1. */
function shared(underlay: TestUnderlay): readonly [TestNode, TestNode] {
  const nodes = [underlay.node(1), underlay.node(2)] as const;
  const homes = [
    [11, 13],
    [12, 14],
  ] as const;
  for (const [at, { builder }] of nodes.entries()) {
    builder
      .segment(VNI, FLOODS)
      .group(1)
      .vtep(VNI, vtepOf(2 - at))
      .member(1, VIRTUAL);
    for (const [home, endpoints] of homes.entries()) {
      for (const n of endpoints) {
        builder.member(1, ipv4(`10.0.0.${n}`));
        if (home === at) builder.workload({ n, vni: VNI }, n > 12 ? {} : { pairs: [pair(n, '10.0.0.200/32')] });
        else builder.peer({ n, vni: VNI }, vtepOf(2 - at));
      }
    }
    nodes[at]!.apply();
  }
  return nodes;
}

test('an address of two ports’ pairs is reached from everywhere, and follows its gratuitous ARP from one to the other', async () => {
  using underlay = new TestUnderlay();
  const [one, two] = shared(underlay);
  setOwn(one, 11, VIRTUAL, 'add');
  for (const station of [one.at(13), two.at(14), two.at(12)]) await reachable(station, VIRTUAL);
  setOwn(one, 11, VIRTUAL, 'remove');
  assert.equal((await ping(two.at(14), VIRTUAL, { timeoutMs: 300 })).received, 0, 'nobody has it');
  setOwn(two, 12, VIRTUAL, 'add');
  announceFrom(two.at(12), VIRTUAL);
  // Their caches still said 11, and would have for half a minute.
  for (const station of [one.at(13), two.at(14), one.at(11)]) await reachable(station, VIRTUAL, { what: 'after it moved' });
  assert.deepEqual([one.drops({ n: 11, vni: VNI }), two.drops({ n: 12, vni: VNI })], [{}, {}]);
});

test('a port sends as its pairs and as nobody else, and one without them as before', async () => {
  using underlay = new TestUnderlay();
  const node = underlay.node(1);
  const wide = { pairs: [pair(11, '10.9.0.0/16'), { mac: VRRP_MAC, cidr: '10.0.0.200/32' as Cidr }] };
  const anybody = { direction: 'ingress', protocol: 'udp', portMin: undefined, portMax: undefined, remoteCidr: undefined } as const;
  node.builder
    .segment(VNI, FLOODS)
    .group(1, [
      { ...anybody, remoteGroup: undefined },
      { ...anybody, protocol: undefined, direction: 'egress', remoteGroup: undefined },
      { ...anybody, protocol: 'icmp', remoteGroup: undefined },
    ])
    .workload({ n: 11, vni: VNI }, wide)
    .workload({ n: 12, vni: VNI })
    .workload({ n: 13, vni: VNI });
  node.apply();
  await reachable(node.at(11), ipv4('10.0.0.12'));
  await reachable(node.at(13), ipv4('10.0.0.12'));
  const token = newToken();
  const receiver = node.at(12);
  const sends = async (from: number, source: { mac: Mac; ip: string }, expect: 'arrival' | 'silence'): Promise<number> => {
    const frame = udpFrame({ source: { mac: source.mac, ip: ipv4(source.ip) }, destination: receiver, payload: token });
    const withinMs = expect === 'arrival' ? 2000 : 200;
    return (await arrives({ receiver, sender: () => sendFrame(node.at(from), frame), token, withinMs, expect })).count;
  };
  assert.equal(await sends(11, { mac: mac(11), ip: '10.9.255.1' }, 'arrival'), 1, 'an address of a prefix');
  assert.equal(await sends(11, { mac: VRRP_MAC, ip: '10.0.0.200' }, 'arrival'), 1, 'with another MAC');
  assert.equal(await sends(11, { mac: mac(11), ip: '10.0.0.11' }, 'arrival'), 1, 'its own');
  assert.equal(await sends(11, { mac: mac(11), ip: '10.10.0.1' }, 'silence'), 0, 'beside the prefix');
  assert.equal(await sends(11, { mac: VRRP_MAC, ip: '10.9.0.1' }, 'silence'), 0, 'the MAC of one pair with the address of another');
  assert.equal(await sends(11, { mac: mac(12), ip: '10.9.0.1' }, 'silence'), 0, 'a foreign MAC');
  assert.equal(await sends(13, { mac: mac(13), ip: '10.9.0.1' }, 'silence'), 0, 'a port without pairs');
  assert.deepEqual(
    [node.drops({ n: 11, vni: VNI }), node.drops({ n: 13, vni: VNI })],
    [{ 'port spoof_ip sent': 2, 'port spoof_mac sent': 1 }, { 'port spoof_ip sent': 1 }],
  );
  node.builder.workload({ n: 11, vni: VNI });
  node.apply([{ kind: 'port', key: portId(11) }]);
  assert.equal(await sends(11, { mac: mac(11), ip: '10.9.255.1' }, 'silence'), 0, 'once the pair is gone');
});

test('what is sent to the MAC of a pair finds the port that it leads to, also from another node', async () => {
  using underlay = new TestUnderlay();
  const [one, two] = [underlay.node(1), underlay.node(2)];
  one.builder
    .segment(VNI, FLOODS)
    .group(1)
    .vtep(VNI, vtepOf(2))
    .workload({ n: 11, vni: VNI }, { pairs: [{ mac: VRRP_MAC, cidr: '10.0.0.200/32' as Cidr }], macs: [VRRP_MAC] })
    .peer({ n: 12, vni: VNI }, vtepOf(2))
    .member(1, ipv4('10.0.0.12'));
  two.builder.segment(VNI, FLOODS).group(1).vtep(VNI, vtepOf(1)).workload({ n: 12, vni: VNI }).peer({ n: 11, vni: VNI }, vtepOf(1));
  two.builder.peerAt(VNI, { mac: VRRP_MAC, ips: [] }, vtepOf(1));
  for (const node of [one, two]) node.apply();
  await reachable(two.at(12), ipv4('10.0.0.11'));
  const token = newToken();
  const frame = udpFrame({ source: two.at(12), destination: { mac: VRRP_MAC, ip: VIRTUAL }, payload: token });
  const seen = await arrives({
    receiver: one.at(11),
    sender: () => sendFrame(two.at(12), frame),
    token,
    withinMs: 2000,
    expect: 'arrival',
  });
  assert.equal(seen.count, 1);
});

test('also where everything between nodes passes a hub, an address that moves is followed', async () => {
  using underlay = new TestUnderlay();
  const nodes = [underlay.node(1), underlay.node(2), underlay.node(3)] as const;
  const [one, two, hub] = nodes;
  for (const [at, { builder }] of nodes.entries()) {
    const isHub = at === 2;
    builder
      .segment(VNI, { ...FLOODS, topology: 'concentrator', hub: isHub })
      .group(1)
      .member(1, VIRTUAL);
    for (const vtep of isHub ? [1, 2] : [3]) builder.vtep(VNI, vtepOf(vtep));
    for (const [home, n] of [11, 12].entries()) {
      builder.member(1, ipv4(`10.0.0.${n}`));
      if (home === at) builder.workload({ n, vni: VNI }, { pairs: [pair(n, '10.0.0.200/32')] });
      else builder.peer({ n, vni: VNI }, vtepOf(isHub ? home + 1 : 3));
    }
    builder.member(1, ipv4('10.0.0.15'));
    if (isHub) builder.workload({ n: 15, vni: VNI });
    else builder.peer({ n: 15, vni: VNI }, vtepOf(3));
    nodes[at]!.apply();
  }
  setOwn(one, 11, VIRTUAL, 'add');
  for (const station of [two.at(12), hub.at(15)]) await reachable(station, VIRTUAL);
  setOwn(one, 11, VIRTUAL, 'remove');
  setOwn(two, 12, VIRTUAL, 'add');
  announceFrom(two.at(12), VIRTUAL);
  for (const station of [one.at(11), hub.at(15)]) await reachable(station, VIRTUAL, { what: 'after it moved' });
});
