import assert from 'node:assert/strict';
import test from 'node:test';
import { parseCidr } from '@weft/core/cidr';
import { parseCidr6 } from '@weft/core/cidr6';
import { isIpv4 } from '@weft/core/ip';
import type { IpAddress } from '@weft/core/ip';
import { ipv4FromNumber, parseIpv4 } from '@weft/core/ipv4';
import { parseIpv6 } from '@weft/core/ipv6';
import { BROADCAST_MAC, parseMac } from '@weft/core/mac';
import { netnsCreateUnpinned } from '@weft/sys/netns';
import { addrDelete, addrList, addrReplace } from './addr.ts';
import { fdbAppend, fdbDelete, fdbList, fdbReplace } from './fdb.ts';
import type { FdbEntry } from './fdb.ts';
import { linkAdd, linkGet } from './link.ts';
import { NEIGH_PERMANENT, neighDelete, neighList, neighReplace, neighReplaceRequest } from './neigh.ts';
import { NetlinkError, isAbsent } from './netlink-error.ts';
import { ROUTE_PROTOCOL_WEFT, ROUTE_TABLE_MAIN, routeDelete, routeList, routeReplace } from './route.ts';
import { Rtnl } from './rtnl.ts';

const mac = parseMac('02:00:0a:00:00:11');
const address = parseIpv4('10.0.0.1');

/** A bridge `br` with a VXLAN port `vx`, both up. */
function segment() {
  const stack = new DisposableStack();
  const rtnl = stack.use(Rtnl.open(stack.use(netnsCreateUnpinned())));
  linkAdd(rtnl, {
    name: 'br',
    kind: 'bridge',
    mac: parseMac('02:00:00:00:00:01'),
    up: true,
    bridge: { stp: 0, mcastSnooping: 0, nfCallIptables: 0, nfCallIp6tables: 0, nfCallArptables: 0 },
  });
  const br = linkGet(rtnl, 'br')?.index ?? 0;
  linkAdd(rtnl, {
    name: 'vx',
    kind: 'vxlan',
    master: br,
    up: true,
    vxlan: { vni: 10001, local: undefined, port: 14789, learning: false, ttl: 64 },
  });
  return { rtnl, br, vx: linkGet(rtnl, 'vx')?.index ?? 0, [Symbol.dispose]: () => stack.dispose() };
}

function entriesOf(rtnl: Rtnl, of: string): Partial<FdbEntry>[] {
  const entries = fdbList(rtnl).filter((entry) => entry.mac === of);
  return entries
    .map(({ index, dst, self, master, state }) => ({ index, dst, self, master, state }))
    .toSorted((a, b) => Number(a.self) - Number(b.self) || (a.dst ?? '').localeCompare(b.dst ?? ''));
}

/** What the kernel gives itself of IPv6 is not what these tests are about. */
const isOfIpv4 = ({ address }: Readonly<{ address: IpAddress }>): boolean => isIpv4(address);

test('an address is added with its broadcast, added again, and deleted', () => {
  using s = segment();
  const { rtnl, br: index } = s;
  const spec = { index, address, prefix: 24 };
  addrReplace(rtnl, spec);
  addrReplace(rtnl, spec);
  addrReplace(rtnl, { index, address: parseIpv4('203.0.113.9'), prefix: 32 });
  assert.deepEqual(addrList(rtnl).filter(isOfIpv4), [
    { ...spec, peer: address, broadcast: '10.0.0.255', scope: 0, validSeconds: undefined },
    { index, address: '203.0.113.9', prefix: 32, peer: '203.0.113.9', broadcast: undefined, scope: 0, validSeconds: undefined },
  ]);
  addrDelete(rtnl, spec);
  assert.deepEqual(
    addrList(rtnl)
      .filter(isOfIpv4)
      .map((addr) => addr.address),
    ['203.0.113.9'],
  );
  assert.throws(() => addrDelete(rtnl, spec), isAbsent);
  assert.throws(() => addrReplace(rtnl, { ...spec, index: 999 }), /10\.0\.0\.1\/24 on link 999: ENODEV/);
});

test('an address may have an end, which another time puts off, and none takes away', () => {
  using rtnl = Rtnl.open();
  const index = linkGet(rtnl, 'lo')!.index;
  const spec = { index, address: parseIpv4('192.0.2.7'), prefix: 24 };
  const seconds = (): (number | undefined)[] =>
    addrList(rtnl)
      .filter(({ address: ip }) => ip === spec.address)
      .map(({ validSeconds }) => validSeconds);
  for (const lifetimeSeconds of [100, 1000]) {
    addrReplace(rtnl, { ...spec, lifetimeSeconds });
    const [valid, ...more] = seconds();
    assert.ok(valid !== undefined && valid <= lifetimeSeconds && valid > lifetimeSeconds - 60, `${valid} of ${lifetimeSeconds}`);
    assert.deepEqual(more, []);
  }
  addrReplace(rtnl, { ...spec, lifetimeSeconds: 0xffff_ffff });
  assert.deepEqual(seconds(), [undefined]);
  addrDelete(rtnl, spec);
});

test('routes are written under our protocol number, replaced and deleted; those of others stay', () => {
  using s = segment();
  const { rtnl, br: oif } = s;
  addrReplace(rtnl, { index: oif, address, prefix: 24 });
  const ours = () => routeList(rtnl).filter((route) => route.protocol === ROUTE_PROTOCOL_WEFT);
  const gateway = parseIpv4('10.0.0.254');
  const route = { destination: parseCidr('172.16.0.0/12'), gateway, oif };
  routeReplace(rtnl, { destination: undefined, gateway, oif });
  routeReplace(rtnl, route);
  routeReplace(rtnl, { destination: parseCidr('192.0.2.0/24'), gateway: undefined, oif, table: 1000 });
  const common = { oif, table: ROUTE_TABLE_MAIN, protocol: ROUTE_PROTOCOL_WEFT, scope: 0 };
  assert.deepEqual(
    ours().toSorted((a, b) => (a.destination ?? '').localeCompare(b.destination ?? '')),
    [
      { ...common, destination: undefined, gateway },
      { ...common, destination: '172.16.0.0/12', gateway },
      { ...common, destination: '192.0.2.0/24', gateway: undefined, table: 1000, scope: 253 },
    ],
  );
  const other = parseIpv4('10.0.0.253');
  routeReplace(rtnl, { ...route, gateway: other });
  assert.deepEqual(
    ours()
      .filter(({ destination }) => destination === route.destination)
      .map((found) => found.gateway),
    [other],
  );
  routeDelete(rtnl, { ...route, gateway: other });
  assert.throws(() => routeDelete(rtnl, { ...route, gateway: other }), isAbsent);
  const connected = { destination: parseCidr('10.0.0.0/24'), gateway: undefined, oif };
  assert.throws(() => routeDelete(rtnl, connected), isAbsent, "the kernel's own route is not ours to delete");
  assert.ok(routeList(rtnl).some(({ destination }) => destination === connected.destination));
  assert.throws(() => routeReplace(rtnl, { ...route, gateway: parseIpv4('198.51.100.1') }), /Nexthop has invalid gateway/);
});

test('a neighbour is written, replaced and deleted', () => {
  using s = segment();
  const { rtnl, br: index } = s;
  neighReplace(rtnl, { index, address, mac });
  const other = parseMac('02:00:0a:00:00:12');
  neighReplace(rtnl, { index, address, mac: other });
  assert.deepEqual(neighList(rtnl).filter(isOfIpv4), [{ index, address, mac: other, state: NEIGH_PERMANENT, flags: 0 }]);
  neighDelete(rtnl, { index, address });
  assert.deepEqual(neighList(rtnl).filter(isOfIpv4), []);
  assert.throws(() => neighDelete(rtnl, { index, address }), isAbsent);
});

test('a thousand neighbours are written in one batch and dumped', () => {
  using s = segment();
  const { rtnl, br: index } = s;
  const wanted = Array.from({ length: 1000 }, (_, number) => ({ index, address: ipv4FromNumber(0x0a01_0000 + number), mac }));
  assert.deepEqual(
    rtnl.batch(wanted.map(neighReplaceRequest)).filter((error) => error !== undefined),
    [],
  );
  const found = neighList(rtnl).filter(isOfIpv4);
  assert.deepEqual(new Set(found.map((neigh) => neigh.address)), new Set(wanted.map((neigh) => neigh.address)));
  assert.equal(found.length, 1000);
});

test('a failure in a batch is reported at its place and does not stop the rest', () => {
  using s = segment();
  const { rtnl, br: index } = s;
  const at = (last: number, link = index) => neighReplaceRequest({ index: link, address: parseIpv4(`10.0.0.${last}`), mac });
  const errors = rtnl.batch([at(1), at(2, 999), at(3), at(4, 998)]);
  assert.deepEqual(
    errors.map((error) => error?.errno),
    [undefined, 'ENODEV', undefined, 'ENODEV'],
  );
  assert.deepEqual(
    neighList(rtnl)
      .filter(isOfIpv4)
      .map((neigh) => neigh.address)
      .toSorted(),
    ['10.0.0.1', '10.0.0.3'],
  );
});

test("one message writes a static entry into the bridge's and the device's table", () => {
  using s = segment();
  const { rtnl, br, vx: index } = s;
  const dst = parseIpv4('172.30.0.12');
  fdbReplace(rtnl, { index, mac, dst, self: true, master: true, state: 'static' });
  const inBridge = { index, dst: undefined, self: false, master: br, state: 'static' };
  const inDevice = { index, dst, self: true, master: undefined, state: 'static' };
  assert.deepEqual(entriesOf(rtnl, mac), [inBridge, inDevice]);
  const moved = parseIpv4('172.30.0.13');
  fdbReplace(rtnl, { index, mac, dst: moved, self: true, master: true, state: 'static' });
  assert.deepEqual(entriesOf(rtnl, mac), [inBridge, { ...inDevice, dst: moved }]);
  fdbDelete(rtnl, { index, mac, dst: moved, self: true, master: true });
  assert.deepEqual(entriesOf(rtnl, mac), []);
  assert.throws(() => fdbDelete(rtnl, { index, mac, dst: moved, self: true, master: true }), isAbsent);
});

test('broadcast goes to several VTEPs, each appended once and deleted by itself', () => {
  using s = segment();
  const { rtnl, vx: index } = s;
  const [a, b] = [parseIpv4('172.30.0.12'), parseIpv4('172.30.0.13')];
  const spec = { index, mac: BROADCAST_MAC, self: true, master: false, state: 'permanent' } as const;
  for (const dst of [a, b, a]) fdbAppend(rtnl, { ...spec, dst });
  const entry = { index, self: true, master: undefined, state: 'permanent' };
  assert.deepEqual(entriesOf(rtnl, BROADCAST_MAC), [
    { ...entry, dst: a },
    { ...entry, dst: b },
  ]);
  assert.throws(
    () => fdbReplace(rtnl, { ...spec, dst: b }),
    (error) => error instanceof NetlinkError && error.errno === 'EOPNOTSUPP',
  );
  fdbDelete(rtnl, { ...spec, dst: a });
  assert.deepEqual(entriesOf(rtnl, BROADCAST_MAC), [{ ...entry, dst: b }]);
});

test('a MAC of a local port is a static entry of the bridge alone', () => {
  using s = segment();
  const { rtnl, br } = s;
  linkAdd(rtnl, { name: 'p', kind: 'veth', master: br, up: true, peer: { name: 'eth0' } });
  const index = linkGet(rtnl, 'p')?.index ?? 0;
  fdbReplace(rtnl, { index, mac, self: false, master: true, state: 'static' });
  assert.deepEqual(entriesOf(rtnl, mac), [{ index, dst: undefined, self: false, master: br, state: 'static' }]);
  fdbDelete(rtnl, { index, mac, self: false, master: true });
  assert.deepEqual(entriesOf(rtnl, mac), []);
});

test('IPv6 addresses, neighbours and routes are written, listed and deleted, and the other family’s stay', () => {
  using netns = netnsCreateUnpinned();
  using rtnl = Rtnl.open(netns);
  linkAdd(rtnl, { kind: 'veth', name: 'v6', peer: { name: 'peer' }, up: true });
  const { index } = linkGet(rtnl, 'v6')!;
  const [own, next] = [parseIpv6('fd00:1::1'), parseIpv6('fd00:1::2')];
  const four = { index, address: parseIpv4('10.0.0.1'), prefix: 24 };
  addrReplace(rtnl, four);
  for (const _ of [1, 2]) addrReplace(rtnl, { index, address: own, prefix: 64 });
  const listed = (): readonly string[] => addrList(rtnl).map(({ address, prefix }) => `${address}/${prefix}`);
  assert.ok(listed().includes('fd00:1::1/64') && listed().includes('10.0.0.1/24'), listed().join());
  neighReplace(rtnl, { index, address: next, mac: parseMac('02:00:00:00:00:09') });
  const neighbours = (): readonly string[] =>
    neighList(rtnl).flatMap(({ address, mac, state }) => (state === NEIGH_PERMANENT ? [`${address} ${mac}`] : []));
  assert.deepEqual(neighbours(), ['fd00:1::2 02:00:00:00:00:09']);
  const routes = (): readonly string[] =>
    routeList(rtnl).flatMap(({ destination, gateway, protocol }) =>
      protocol === ROUTE_PROTOCOL_WEFT ? [`${destination} ${gateway}`] : [],
    );
  for (const gateway of [parseIpv6('fd00:1::3'), next]) {
    routeReplace(rtnl, { destination: undefined, gateway, oif: index });
    routeReplace(rtnl, { destination: parseCidr6('fd00:9::/48'), gateway, oif: index });
  }
  routeReplace(rtnl, { destination: undefined, gateway: parseIpv4('10.0.0.2'), oif: index });
  assert.deepEqual(routes().toSorted(), ['fd00:9::/48 fd00:1::2', 'undefined 10.0.0.2', 'undefined fd00:1::2']);
  routeDelete(rtnl, { destination: undefined, gateway: next, oif: index });
  routeDelete(rtnl, { destination: parseCidr6('fd00:9::/48'), gateway: next, oif: index });
  assert.deepEqual(routes(), ['undefined 10.0.0.2']);
  neighDelete(rtnl, { index, address: next });
  addrDelete(rtnl, { index, address: own, prefix: 64 });
  assert.deepEqual(neighbours(), []);
  assert.ok(!listed().includes('fd00:1::1/64') && listed().includes('10.0.0.1/24'), listed().join());
  assert.throws(() => addrDelete(rtnl, { index, address: own, prefix: 64 }), isAbsent);
});
