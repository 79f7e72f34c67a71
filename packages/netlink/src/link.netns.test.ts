import assert from 'node:assert/strict';
import test from 'node:test';
import { isIpv4 } from '@weft/core/ip';
import { parseIpv4 } from '@weft/core/ipv4';
import { parseMac } from '@weft/core/mac';
import { netnsCreateUnpinned } from '@weft/sys/netns';
import { linkAdd, linkDelete, linkGet, linkList, linkSet } from './link.ts';
import type { Bridge, Link, LinkSpec, Vxlan } from './link.ts';
import { neighList, neighReplace } from './neigh.ts';
import { NetlinkError, isAbsent, isPresent } from './netlink-error.ts';
import { Rtnl } from './rtnl.ts';

const bridge: Bridge = { stp: 0, mcastSnooping: 0, nfCallIptables: 1, nfCallIp6tables: 1, nfCallArptables: 0 };
const vxlan: Vxlan = { vni: 10001, local: parseIpv4('127.0.0.1'), port: 14789, learning: false, ttl: 64 };
const mac = parseMac('02:00:0a:00:00:01');

/** A node's namespace and its fabric. */
function twoNamespaces() {
  const stack = new DisposableStack();
  const node = stack.use(netnsCreateUnpinned());
  const fabric = stack.use(netnsCreateUnpinned());
  return {
    node,
    fabric,
    inNode: stack.use(Rtnl.open(node)),
    inFabric: stack.use(Rtnl.open(fabric)),
    [Symbol.dispose]: () => stack.dispose(),
  };
}

function must(link: Link | undefined): Link {
  assert.ok(link !== undefined, 'the link is not there');
  return link;
}

test('a bridge is made as asked, changed, renamed and deleted', () => {
  using ns = twoNamespaces();
  const { inFabric: rtnl } = ns;
  linkAdd(rtnl, { name: 'br-a', kind: 'bridge', mac, mtu: 1450, alias: 'weft segment a', group: 7, up: true, bridge });
  const { index, stats, ...made } = must(linkGet(rtnl, 'br-a'));
  assert.deepEqual(made, {
    name: 'br-a',
    kind: 'bridge',
    mac,
    mtu: 1450,
    up: true,
    master: undefined,
    parent: undefined,
    alias: 'weft segment a',
    group: 7,
    bridge,
  });
  assert.equal(typeof stats.rxBytes, 'bigint');
  linkSet(rtnl, index, { up: false, name: 'br-b', mtu: 1400, group: 8, alias: '', bridge: { nfCallIptables: 0 } });
  const changed = must(linkGet(rtnl, 'br-b'));
  assert.deepEqual([changed.index, changed.up, changed.mtu, changed.group, changed.alias], [index, false, 1400, 8, undefined]);
  assert.deepEqual(changed.bridge, { ...bridge, nfCallIptables: 0 });
  linkDelete(rtnl, index);
  assert.equal(linkGet(rtnl, 'br-b'), undefined);
  assert.throws(() => linkDelete(rtnl, index), isAbsent);
});

test('an alias of 255 bytes is kept, a longer one refused and nothing made', () => {
  using ns = twoNamespaces();
  const alias = 'ü'.repeat(127) + 'x';
  linkAdd(ns.inFabric, { name: 'br-a', kind: 'bridge', alias, bridge });
  assert.equal(linkGet(ns.inFabric, 'br-a')?.alias, alias);
  assert.throws(() => linkAdd(ns.inFabric, { name: 'br-b', kind: 'bridge', alias: `${alias}y`, bridge }), /longer than 255 bytes/);
  assert.equal(linkGet(ns.inFabric, 'br-b'), undefined);
});

test('a VXLAN device made in one namespace for another keeps its socket where it was asked for', () => {
  using ns = twoNamespaces();
  linkAdd(ns.inFabric, { name: 'br-a', kind: 'bridge', mac, bridge, up: true });
  const { index: master } = must(linkGet(ns.inFabric, 'br-a'));
  const bridgePort = { learning: false, flood: false, mcastFlood: false, neighSuppress: true };
  linkAdd(ns.inNode, { name: 'vx-a', kind: 'vxlan', netns: ns.fabric, master, mac, mtu: 1450, alias: 'a', up: true, bridgePort, vxlan });
  assert.equal(linkGet(ns.inNode, 'vx-a'), undefined);
  const link = must(linkGet(ns.inFabric, 'vx-a'));
  assert.deepEqual(link.vxlan, vxlan);
  assert.deepEqual(link.bridgePort, { ...bridgePort, bcastFlood: true, hairpin: false });
  assert.deepEqual([link.master, link.up, link.mtu, link.mac, link.alias, link.parent], [master, true, 1450, mac, 'a', undefined]);
  // The VNI is taken in the node's namespace, where the socket is, and not in the fabric's.
  const again: LinkSpec = { name: 'vx-b', kind: 'vxlan', vxlan };
  assert.throws(
    () => linkAdd(ns.inNode, again),
    (error) => isPresent(error) && error instanceof NetlinkError && error.extAck?.includes('VNI') === true,
  );
  linkAdd(ns.inFabric, again);
});

test('a VXLAN device moves to another namespace and is changed there', () => {
  using ns = twoNamespaces();
  linkAdd(ns.inNode, { name: 'vx-a', kind: 'vxlan', vxlan });
  linkAdd(ns.inFabric, { name: 'br-a', kind: 'bridge', mac, bridge });
  const { index: master } = must(linkGet(ns.inFabric, 'br-a'));
  linkSet(ns.inNode, must(linkGet(ns.inNode, 'vx-a')).index, { netns: ns.fabric, mtu: 1450, master, alias: 'moved', up: true });
  assert.equal(linkGet(ns.inNode, 'vx-a'), undefined);
  const moved = must(linkGet(ns.inFabric, 'vx-a'));
  assert.deepEqual([moved.mtu, moved.master, moved.alias, moved.up, moved.vxlan?.vni], [1450, master, 'moved', true, 10001]);
});

test('a veth pair is made across two namespaces, its peer down and as asked', () => {
  using ns = twoNamespaces();
  const peerMac = parseMac('02:00:0a:00:00:02');
  linkAdd(ns.inFabric, {
    name: 'p-1',
    kind: 'veth',
    mtu: 1450,
    up: true,
    peer: { name: 'eth0', netns: ns.node, mac: peerMac, mtu: 1450 },
  });
  const peer = must(linkGet(ns.inNode, 'eth0'));
  assert.deepEqual([peer.kind, peer.mac, peer.mtu, peer.up, peer.alias], ['veth', peerMac, 1450, false, undefined]);
  assert.equal(must(linkGet(ns.inFabric, 'p-1')).parent, peer.index);
  linkDelete(ns.inNode, peer.index);
  assert.equal(linkGet(ns.inFabric, 'p-1'), undefined);
});

test('a veth made for another namespace leaves its peer here', () => {
  using ns = twoNamespaces();
  linkAdd(ns.inNode, { name: 'there', kind: 'veth', netns: ns.fabric, alias: 'x', peer: { name: 'here' } });
  const names = (rtnl: Rtnl): string[] => linkList(rtnl).map((link) => link.name);
  assert.deepEqual(
    [names(ns.inNode), names(ns.inFabric)],
    [
      ['lo', 'here'],
      ['lo', 'there'],
    ],
  );
  assert.equal(linkGet(ns.inFabric, 'there')?.alias, 'x');
});

test('a macvlan child is made in another namespace than its parent', () => {
  using ns = twoNamespaces();
  linkAdd(ns.inNode, { name: 'up', kind: 'veth', up: true, peer: { name: 'wire' } });
  const { index: parent } = must(linkGet(ns.inNode, 'up'));
  linkAdd(ns.inNode, { name: 'up0', kind: 'macvlan', mode: 'bridge', parent, mac, netns: ns.fabric, up: true });
  const child = must(linkGet(ns.inFabric, 'up0'));
  assert.deepEqual([child.kind, child.macvlan, child.parent, child.mac, child.up], ['macvlan', { mode: 4 }, parent, mac, true]);
});

test('a port is plugged with its flags, changed and taken out', () => {
  using ns = twoNamespaces();
  const { inFabric: rtnl } = ns;
  linkAdd(rtnl, { name: 'br-a', kind: 'bridge', mac, bridge });
  linkAdd(rtnl, { name: 'p-1', kind: 'veth', peer: { name: 'eth0' } });
  const { index: master } = must(linkGet(rtnl, 'br-a'));
  const { index } = must(linkGet(rtnl, 'p-1'));
  linkSet(rtnl, index, { master, up: true, bridgePort: { learning: false, flood: false, hairpin: true } });
  const port = must(linkGet(rtnl, 'p-1'));
  assert.deepEqual([port.master, port.up], [master, true]);
  assert.deepEqual(port.bridgePort, {
    learning: false,
    flood: false,
    hairpin: true,
    mcastFlood: true,
    bcastFlood: true,
    neighSuppress: false,
  });
  linkSet(rtnl, index, { bridgePort: { hairpin: false } });
  assert.equal(must(linkGet(rtnl, 'p-1')).bridgePort?.hairpin, false);
  linkSet(rtnl, index, { master: 0 });
  const free = must(linkGet(rtnl, 'p-1'));
  assert.deepEqual([free.master, free.bridgePort, free.up], [undefined, undefined, true]);
});

test('a bridge with a MAC of its own keeps its neighbours when ports come and go', () => {
  using ns = twoNamespaces();
  const { inFabric: rtnl } = ns;
  linkAdd(rtnl, { name: 'br-a', kind: 'bridge', mac, bridge, up: true });
  const { index: master } = must(linkGet(rtnl, 'br-a'));
  neighReplace(rtnl, { index: master, address: parseIpv4('10.0.0.11'), mac: parseMac('02:00:0a:00:00:11') });
  const kept = () => neighList(rtnl).filter(({ address }) => isIpv4(address));
  // Both lower and higher than the bridge's own address: without one it would take the lowest.
  for (const port of ['00:00:00:00:00:01', '02:ff:ff:ff:ff:ff']) {
    linkAdd(rtnl, { name: 'p-1', kind: 'veth', mac: parseMac(port), master, up: true, peer: { name: 'eth0' } });
    assert.equal(must(linkGet(rtnl, 'br-a')).mac, mac, `with port ${port}`);
    assert.equal(kept().length, 1, `with port ${port}`);
    linkDelete(rtnl, must(linkGet(rtnl, 'p-1')).index);
    assert.equal(kept().length, 1, `after port ${port}`);
  }
});

test('a device that cannot be completed is removed again', () => {
  using ns = twoNamespaces();
  // Port flags without a bridge: refused by the second message.
  assert.throws(
    () => linkAdd(ns.inNode, { name: 'br-a', kind: 'bridge', netns: ns.fabric, bridgePort: { flood: false }, bridge }),
    (error) => error instanceof NetlinkError && error.request === 'RTM_NEWLINK',
  );
  assert.equal(linkGet(ns.inFabric, 'br-a'), undefined);
});

test("the kernel's own words come with its errors, and nothing is changed", () => {
  using ns = twoNamespaces();
  const { inNode: rtnl } = ns;
  assert.throws(
    () => linkAdd(rtnl, { name: 'vx-a', kind: 'vxlan', vxlan: { ...vxlan, vni: 1 << 24 } }),
    (error) => {
      assert.ok(error instanceof NetlinkError);
      assert.equal(error.message, 'RTM_NEWLINK vxlan vx-a: ERANGE (VXLAN ID must be lower than 16777216)');
      assert.equal(typeof error.details['offset'], 'number');
      return true;
    },
  );
  linkAdd(rtnl, { name: 'br-a', kind: 'bridge', alias: 'first', bridge });
  assert.throws(() => linkAdd(rtnl, { name: 'br-a', kind: 'bridge', alias: 'second', up: true, bridge }), isPresent);
  assert.equal(linkGet(rtnl, 'br-a')?.alias, 'first');
  assert.throws(() => linkSet(rtnl, 9999, { up: true }), /RTM_NEWLINK link 9999: ENODEV/);
  for (const name of ['', 'a b', 'a/b', '.', 'sixteen-letters-']) {
    assert.throws(() => linkAdd(rtnl, { name, kind: 'bridge', bridge }), /interface name/, `name "${name}"`);
  }
});
