import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Plan } from '@weft/core/plan/plan';
import { PingStream } from '@weft/lab/probe/ping-stream';
import { waitFor } from '@weft/lab/wait';
import { addrList, addrReplace } from '@weft/netlink/addr';
import { fdbDelete } from '@weft/netlink/fdb';
import { linkAdd, linkDelete, linkGet, linkList, linkSet } from '@weft/netlink/link';
import { neighDelete } from '@weft/netlink/neigh';
import { routeDelete } from '@weft/netlink/route';
import { netnsDelete } from '@weft/sys/netns';
import { bridgeName, gatewayPlace, portName, tunnelName, workloadPlace } from './names.ts';
import { concentratorId, GATEWAY_MAC, instanceId, ipv4, mac, portId, vni } from './plan-builder.testing.ts';
import { reachable, TestUnderlay, vtepOf } from './test-node.testing.ts';
import type { TestNode } from './test-node.testing.ts';

const VNI = 10_001;
const BRIDGE = bridgeName(vni(VNI));
const TUNNEL = tunnelName(vni(VNI));
const PORT = portName(portId(11));
const WORKLOAD = workloadPlace(instanceId(11));

/** 11 and 12 on node 1, with the gateway; 13 on node 2. */
function twoNodes(underlay: TestUnderlay): readonly [TestNode, TestNode] {
  const [one, two] = [underlay.node(1), underlay.node(2)];
  for (const n of [11, 12]) {
    one.builder.workload({ n, vni: VNI });
    two.builder.peer({ n, vni: VNI }, vtepOf(1));
  }
  one.builder.peer({ n: 13, vni: VNI }, vtepOf(2)).vtep(VNI, vtepOf(2));
  one.builder.gateway(1, [VNI], { uplink: { address: ipv4('203.0.113.11'), prefixLength: 24, gateway: ipv4('203.0.113.254') } });
  two.builder.workload({ n: 13, vni: VNI }).vtep(VNI, vtepOf(1));
  two.builder.peerAt(VNI, { mac: GATEWAY_MAC, ips: [ipv4('10.0.0.1')] }, vtepOf(1));
  for (const node of [one, two]) {
    node.builder.segment(VNI).group(1);
    for (const n of [11, 12, 13]) node.builder.member(1, ipv4(`10.0.0.${n}`));
    node.apply();
  }
  return [one, two];
}

/** Contents by key; what a namespace's sysctls are is not seen. */
const seenIn = (node: TestNode): Map<string, string> => new Map(node.kernel.observe().map(({ key, content }) => [key, content]));

test('a restarted process, a full look and changes beside it lose not one packet', async () => {
  using underlay = new TestUnderlay();
  const [one, two] = twoNodes(underlay);
  for (const target of ['10.0.0.13', '10.0.0.12', '10.0.0.1']) await reachable(one.at(11), ipv4(target));
  await reachable(two.at(13), ipv4('10.0.0.1'));
  using across = new PingStream({ place: one.at(11), target: ipv4('10.0.0.13') });
  using beside = new PingStream({ place: one.at(11), target: ipv4('10.0.0.12') });
  using gateway = new PingStream({ place: two.at(13), target: ipv4('10.0.0.1') });
  const streams = [across, beside, gateway];
  for (const stream of streams) stream.start();
  for (let round = 0; round < 5; round += 1) {
    for (const node of [one, two]) {
      node.restarted();
      node.apply();
      node.dataplane.observe();
      node.apply();
    }
    one.builder.workload({ n: 20 + round, vni: VNI }).group(5 + round);
    two.builder.peer({ n: 20 + round, vni: VNI }, vtepOf(1));
    if (round > 1) one.builder.noWorkload(18 + round);
    for (const node of [one, two]) node.apply();
    const sent = across.count().sent;
    await waitFor({ expected: '20 more echoes', withinMs: 3000 }, () => {
      const now = across.count().sent;
      return now >= sent + 20 ? { done: undefined } : { seen: `${now - sent}` };
    });
  }
  for (const stream of streams) {
    const { sent, lost } = await stream.stop();
    assert.ok(sent >= 100, `${sent} sent`);
    assert.equal(lost, 0);
  }
});

test('whatever somebody damages is put right by looking and applying', async () => {
  using underlay = new TestUnderlay();
  const [one] = twoNodes(underlay);
  const intact = seenIn(one);
  const fabric = one.rtnl('fabric');
  const inWorkload = one.rtnl(WORKLOAD);
  const index = (name: string): number => linkGet(fabric, name)!.index;
  const damages: Record<string, () => void> = {
    'a table is gone': () => one.nft('fabric', 'delete table bridge weft'),
    'the other table is gone': () => one.nft('fabric', 'delete table inet weft'),
    'the node’s table is gone': () => one.nft('node', 'delete table inet weft'),
    'the gateway’s table is gone': () => one.nft(gatewayPlace(concentratorId(1)), 'delete table ip weft'),
    'a chain is empty': () => one.nft('fabric', `flush chain bridge weft in_${PORT}`),
    'a chain has one rule more': () => one.nft('fabric', `insert rule bridge weft in_${PORT} accept`),
    'a base chain has one rule more': () => one.nft('fabric', 'insert rule bridge weft prerouting accept'),
    'an element is gone': () => one.nft('fabric', `delete element bridge weft ports { "${PORT}" }`),
    'an element is too much': () => one.nft('fabric', `add element bridge weft macs { "${PORT}" . 02:ff:ff:ff:ff:ff }`),
    'a map says something else': () =>
      one.nft('fabric', `delete element bridge weft from { "${PORT}" }; add element bridge weft from { "${PORT}" : goto trusted }`),
    'a port is gone': () => linkDelete(fabric, index(PORT)),
    'a port is down': () => linkSet(fabric, index(PORT), { up: false }),
    'a port is in no bridge': () => linkSet(fabric, index(PORT), { master: 0 }),
    'a port learns and floods': () => linkSet(fabric, index(PORT), { bridgePort: { learning: true, flood: true } }),
    'a tunnel reflects': () => linkSet(fabric, index(TUNNEL), { bridgePort: { hairpin: true, neighSuppress: false } }),
    'the tunnel is gone': () => linkDelete(fabric, index(TUNNEL)),
    'the bridge is gone': () => linkDelete(fabric, index(BRIDGE)),
    'the bridge has another MAC': () => linkSet(fabric, index(BRIDGE), { mac: mac(0xee) }),
    'the bridge asks no rules': () => linkSet(fabric, index(BRIDGE), { bridge: { nfCallIptables: 0 } }),
    'a local forwarding entry is gone': () => fdbDelete(fabric, { index: index(PORT), mac: mac(11), self: false, master: true }),
    'the bridge’s half of a remote one is gone': () => fdbDelete(fabric, { index: index(TUNNEL), mac: mac(13), self: false, master: true }),
    'the tunnel’s half of a remote one is gone': () => fdbDelete(fabric, { index: index(TUNNEL), mac: mac(13), self: true, master: false }),
    'a neighbour is gone': () => neighDelete(fabric, { index: index(BRIDGE), address: ipv4('10.0.0.13') }),
    'the workload’s route is gone': () => {
      const oif = linkGet(inWorkload, 'eth0')!.index;
      routeDelete(inWorkload, { destination: undefined, gateway: ipv4('10.0.0.1'), oif });
    },
    'the workload’s interface is down': () => linkSet(inWorkload, linkGet(inWorkload, 'eth0')!.index, { up: false }),
    'the workload has another MAC and MTU': () => linkSet(inWorkload, linkGet(inWorkload, 'eth0')!.index, { mac: mac(0xee), mtu: 1000 }),
    'the uplink is gone': () => {
      const rtnl = one.rtnl(gatewayPlace(concentratorId(1)));
      linkDelete(rtnl, linkList(rtnl).find(({ kind }) => kind === 'macvlan')!.index);
    },
    'the gateway’s namespace is gone': () => netnsDelete(`${one.runDir}/netns/${gatewayPlace(concentratorId(1))}`),
    'the workload’s namespace is gone': () => netnsDelete(`${one.runDir}/netns/${WORKLOAD}`),
  };
  for (const [what, damage] of Object.entries(damages)) {
    damage();
    one.dataplane.observe();
    one.apply();
    assert.deepEqual(seenIn(one), intact, what);
    for (const target of ['10.0.0.12', '10.0.0.13', '10.0.0.1']) {
      await reachable(one.at(11), ipv4(target), { what: `after ${what}` });
    }
  }
});

test('all that was made goes with the plan, and nothing else does', () => {
  using underlay = new TestUnderlay();
  const [one] = twoNodes(underlay);
  const bare = ((): Map<string, string> => {
    const node = underlay.node(9);
    node.dataplane.apply(new Plan(), 'all');
    return seenIn(node);
  })();
  const fabric = one.rtnl('fabric');
  const node = one.rtnl('node');
  const inWorkload = one.rtnl(WORKLOAD);
  linkAdd(fabric, { kind: 'veth', name: 'foreign0', peer: { name: 'foreign1' } });
  linkAdd(node, { kind: 'veth', name: 'wb1', peer: { name: 'wp1' } });
  one.nft('fabric', 'add table bridge foreign; add set bridge foreign s { type ipv4_addr; }; add element bridge foreign s { 10.9.9.9 }');
  one.nft('node', 'add table inet foreign; add set inet foreign s { type ipv4_addr; }; add element inet foreign s { 10.9.9.9 }');
  const eth0 = linkGet(inWorkload, 'eth0')!.index;
  addrReplace(inWorkload, { index: eth0, address: ipv4('192.0.2.5'), prefix: 24 });
  one.dataplane.observe();
  one.apply();
  assert.ok(
    addrList(inWorkload).some(({ address }) => address === '192.0.2.5'),
    'what a workload gave itself stays',
  );
  assert.deepEqual(one.dataplane.apply(new Plan(), 'all'), new Map());
  one.tidy();
  assert.deepEqual([...seenIn(one).keys()], [...bare.keys()]);
  const names = linkList(fabric).map(({ name }) => name);
  assert.deepEqual(names.toSorted(), ['foreign0', 'foreign1', 'lo']);
  assert.ok(linkGet(node, 'wb1') !== undefined, 'a link of the node that merely looks like ours');
  for (const [place, family] of [
    ['fabric', 'bridge'],
    ['node', 'inet'],
  ] as const)
    assert.match(one.nft(place, `list table ${family} foreign`), /10\.9\.9\.9/);
});

test('a hundred ports go at once, and a killed process’s leftovers go first', () => {
  using underlay = new TestUnderlay();
  const one = underlay.node(1);
  one.builder.segment(VNI).group(1);
  for (let n = 100; n < 200; n += 1) one.builder.workload({ n, vni: VNI });
  one.apply();
  const links = one.rtnl('fabric');
  assert.equal(linkList(links).filter(({ name }) => name.startsWith('wp')).length, 100);
  // As if the process had died after taking some out of use.
  for (const { object } of one.kernel.observe()) {
    if (object.kind === 'link' && object.place === 'fabric' && object.name.startsWith('wp') && object.name < portName(portId(150)))
      one.kernel.remove(object);
  }
  const leftovers = new Set(linkList(links).flatMap(({ name }) => (name.startsWith('wz') ? [name] : [])));
  assert.equal(leftovers.size, 50);
  for (let n = 150; n < 200; n += 1) one.builder.noWorkload(n);
  one.restarted();
  one.apply();
  const after = linkList(links).map(({ name }) => name);
  assert.ok(!after.some((name) => leftovers.has(name)), 'the look deleted them');
  one.tidy();
  const names = linkList(links).map(({ name }) => name);
  assert.equal(names.filter((name) => name.startsWith('wp')).length, 50);
  assert.equal(names.filter((name) => name.startsWith('wz')).length, 0);
});
