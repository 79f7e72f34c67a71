import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import type { Cidr6 } from '@weft/core/cidr6';
import type { Ipv4 } from '@weft/core/ipv4';
import type { Ipv6 } from '@weft/core/ipv6';
import type { Mac } from '@weft/core/mac';
import { BROADCAST_MAC } from '@weft/core/mac';
import type { Vni } from '@weft/core/vni';
import type { Kernel } from './kernel.ts';
import type {
  ChainObject,
  ElementObject,
  KernelObject,
  LinkObject,
  NftObject,
  QdiscObject,
  RedirectObject,
  SetObject,
  TableObject,
} from './kernel-object.ts';
import { objectContent, objectKey } from './kernel-object.ts';
import type { Place } from './names.ts';

/** A kernel of which nobody made anything, in a node with an interface `parent0`. `again` is the same one as the next process sees it. */
export type KernelUnderTest = Readonly<{ kernel: Kernel; again: () => Kernel }> & Disposable;

export const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

const WORKLOAD: Place = 'wl-00000001';
const OTHER_WORKLOAD: Place = 'wl-00000002';
const GATEWAY: Place = 'gw-00000001';
const VNI = 10_001 as Vni;
const VTEP = '172.30.0.11' as Ipv4;
const ip = (text: string): Ipv4 => text as Ipv4;
const mac = (n: number): Mac => `02:00:0a:00:00:1${n}` as Mac;
const FLAGS = { neighSuppress: false, bcastFlood: true, hairpin: false };

const netns = (place: Place): Extract<KernelObject, { kind: 'netns' }> => ({
  kind: 'netns',
  place,
  loopback: false,
  sysctls: { 'net.ipv6.conf.all.disable_ipv6': '1', 'net.ipv4.conf.all.promote_secondaries': '1' },
});
const bridge: LinkObject = {
  kind: 'link',
  place: 'fabric',
  type: 'bridge',
  name: 'wb10001',
  alias: 'weft:segment:10001',
  mac: '06:57:45:00:27:11' as Mac,
  mtu: 1450,
};
const tunnel: LinkObject = {
  kind: 'link',
  place: 'fabric',
  type: 'vxlan',
  name: 'wx10001',
  alias: 'weft:tunnel:10001',
  mtu: 1450,
  master: 'wb10001',
  vni: VNI,
  local: VTEP,
  port: 14_789,
  flags: { neighSuppress: true, bcastFlood: true, hairpin: false },
};
const port: Extract<LinkObject, { type: 'veth' }> = {
  kind: 'link',
  place: 'fabric',
  type: 'veth',
  name: 'wp00000000001',
  alias: 'weft:port:1',
  mtu: 1450,
  master: 'wb10001',
  end: { place: WORKLOAD, name: 'eth0' },
  flags: FLAGS,
};
const end: LinkObject = { kind: 'link', place: WORKLOAD, type: 'end', name: 'eth0', mac: mac(1), mtu: 1450 };
const uplink: LinkObject = {
  kind: 'link',
  place: GATEWAY,
  type: 'macvlan',
  name: 'wu00000000001',
  alias: 'weft:uplink:1',
  mac: mac(9),
  parent: 'parent0',
};
const ifb: LinkObject = { kind: 'link', place: 'fabric', type: 'ifb', name: 'wi00000000001', alias: 'weft:limit:1' };
const qdisc = (link: string, bytesPerSecond = 125_000, place: Place = 'fabric'): QdiscObject => ({
  kind: 'qdisc',
  place,
  link,
  bytesPerSecond,
  burstBytes: 4096 * Math.ceil(bytesPerSecond / 400_000),
  limitBytes: 24_224,
});
const redirect: RedirectObject = { kind: 'redirect', place: 'fabric', link: port.name, to: ifb.name };
const local: KernelObject = { kind: 'fdb', place: 'fabric', link: port.name, mac: mac(1), role: 'local' };
const remote: KernelObject = { kind: 'fdb', place: 'fabric', link: tunnel.name, mac: mac(2), role: 'remote', vtep: ip('172.30.0.12') };
const neigh: KernelObject = { kind: 'neigh', place: 'fabric', link: bridge.name, address: ip('10.0.0.11'), mac: mac(1) };
const address: KernelObject = { kind: 'address', place: WORKLOAD, link: 'eth0', address: ip('10.0.0.11'), prefixLength: 24 };
const route: KernelObject = { kind: 'route', place: WORKLOAD, link: 'eth0', gateway: ip('10.0.0.1') };
const PLUGGED = [netns('fabric'), netns(WORKLOAD), bridge, tunnel, port, end] as const;

const at = { place: 'fabric', family: 'bridge' } as const;
/** What a port that goes is taken out of. */
const TRACES = [
  'set why { typeof iifname . meta mark; flags dynamic; counter; }',
  'set neighbour_rate { typeof iifname; size 65535; flags dynamic; }',
];
const table: TableObject = {
  kind: 'table',
  ...at,
  declarations: ['counter refused { }', 'set macs { typeof iifname . ether saddr; }', ...TRACES, 'map from { type ifname : verdict; }'],
  chains: [
    { name: 'forward', hook: 'type filter hook forward priority 10; policy drop;', rules: ['iifname vmap @from', 'counter name refused'] },
    { name: 'guard', hook: undefined, rules: ['iifname . ether saddr != @macs drop', 'accept'] },
  ],
};
const chain = (name: string, ...rules: string[]): ChainObject => ({ kind: 'chain', ...at, name, rules });
const set = (name: string): SetObject => ({ kind: 'set', ...at, name, type: 'ipv4_addr' });
const element = (name: string, key: readonly string[], value?: string): ElementObject => ({
  kind: 'element',
  ...at,
  set: name,
  key,
  value,
});

/** What every {@link Kernel} does. Registers its tests with the runner. */
export function kernelContract(name: string, make: () => KernelUnderTest): void {
  const contract = (what: string, body: (kernel: Kernel, again: () => Kernel) => void): void => {
    test(`${name}: ${what}`, () => {
      using under = make();
      body(under.kernel, under.again);
    });
  };

  contract('shows nothing where nobody made anything', (kernel) => {
    assert.deepEqual(keysIn(kernel), []);
  });

  contract('makes a namespace once and removes it with all it holds', (kernel) => {
    assert.equal(kernel.put(netns('fabric')), true);
    assert.equal(kernel.put(netns('fabric')), false);
    kernel.put(bridge);
    kernel.transact('fabric', { remove: [], put: [table] });
    kernel.remove(netns('fabric'));
    kernel.remove(netns('fabric'));
    assert.deepEqual(keysIn(kernel), []);
    assert.equal(kernel.put(netns('fabric')), true);
    assert.deepEqual(keysIn(kernel), ['netns fabric']);
  });

  contract('shows every object as it was put, also to the next process, and putting it again makes nothing anew', (kernel, again) => {
    for (const object of [netns('fabric'), netns(WORKLOAD), netns(GATEWAY)]) kernel.put(object);
    const made: Exclude<KernelObject, NftObject>[] = [bridge, tunnel, port, uplink, ifb];
    const changed: Exclude<KernelObject, NftObject>[] = [
      end,
      local as never,
      remote as never,
      neigh as never,
      address as never,
      route as never,
      qdisc(port.name),
      qdisc(ifb.name, 12_500_000_000),
      qdisc(uplink.name, 8_000, GATEWAY),
      redirect,
      { kind: 'fdb', place: 'fabric', link: tunnel.name, mac: BROADCAST_MAC, role: 'broadcast', vtep: ip('172.30.0.1') },
      { kind: 'fdb', place: 'fabric', link: tunnel.name, mac: BROADCAST_MAC, role: 'broadcast', vtep: ip('172.30.0.2') },
    ];
    for (const object of made) assert.equal(kernel.put(object), true, objectKey(object));
    for (const object of [...changed, ...made, ...changed]) assert.equal(kernel.put(object), false, objectKey(object));
    const nft = [
      table,
      set('members_1'),
      chain('in_1', 'ip saddr @members_1 accept', 'drop'),
      element('members_1', ['10.0.0.11']),
      element('macs', [port.name, mac(1)]),
      element('from', [port.name], 'goto in_1'),
    ];
    kernel.transact('fabric', { remove: [], put: nft });
    for (const seenBy of [kernel, again()]) assertShows(seenBy, [...made, ...changed, ...nft]);
  });

  contract('IPv6 beside IPv4: a namespace that gets it later, entries, addresses and a default route of each family', (kernel, again) => {
    for (const object of PLUGGED) kernel.put(object);
    const workload = netns(WORKLOAD);
    kernel.put({ ...workload, sysctls: { 'net.ipv6.conf.default.disable_ipv6': '0', 'net.ipv6.conf.all.disable_ipv6': '0' } });
    const six = (text: string): Ipv6 => text as Ipv6;
    const objects = [
      address,
      { ...address, address: six('fd00:1::11'), prefixLength: 64 },
      neigh,
      { ...neigh, address: six('fd00:1::11') },
      { ...neigh, address: six('fe80::aff:fe00:1') },
      route,
      { ...route, gateway: six('fd00:1::1') },
      { ...route, gateway: six('fd00:1::2'), destination: 'fd00:9::/48' as Cidr6 },
      { kind: 'fdb', place: 'fabric', link: tunnel.name, mac: '33:33:00:00:00:02' as Mac, role: 'broadcast', vtep: ip('172.30.0.1') },
    ] as Exclude<KernelObject, NftObject>[];
    for (const object of [...objects, ...objects]) assert.equal(kernel.put(object), false, objectKey(object));
    for (const seenBy of [kernel, again()]) assertShows(seenBy, objects);
    for (const object of objects.filter((each) => JSON.stringify(each).includes('fd00')).toReversed()) kernel.remove(object);
    assert.deepEqual(
      keysIn(kernel).filter((key) => key.includes('fd00') || key.includes('::/0')),
      [],
    );
    assertShows(kernel, [address, neigh, route]);
  });

  contract('changes what can be changed of a link in place', (kernel) => {
    for (const object of PLUGGED) kernel.put(object);
    for (const object of [local, neigh]) kernel.put(object as never);
    const changed: LinkObject[] = [
      { ...bridge, mtu: 1400 } as LinkObject,
      { ...tunnel, mtu: 1400, flags: { neighSuppress: true, bcastFlood: true, hairpin: true } } as LinkObject,
      { ...port, mtu: 1400, alias: 'weft:port:other' },
      { ...end, mtu: 1400, mac: mac(7) } as LinkObject,
    ];
    for (const object of changed) assert.equal(kernel.put(object), false, objectKey(object));
    assertShows(kernel, [...changed, local, neigh]);
  });

  contract('changes a rate in place, takes a limit away, and a link that goes takes its limits along', (kernel, again) => {
    for (const object of [...PLUGGED, ifb, redirect, qdisc(port.name), qdisc(ifb.name)]) kernel.put(object);
    const faster = [qdisc(port.name, 2_500_000), qdisc(ifb.name, 250_000_000)];
    for (const object of faster) assert.equal(kernel.put(object), false);
    assertShows(kernel, [...faster, redirect, ifb]);
    for (const object of [redirect, ...faster, ifb]) kernel.remove(object);
    for (const object of [redirect, ...faster, ifb]) kernel.remove(object);
    kernel.settle();
    for (const seenBy of [kernel, again()]) assert.deepEqual(keysIn(seenBy), PLUGGED.map(objectKey).toSorted());
    for (const object of [ifb, redirect, qdisc(port.name), qdisc(ifb.name)]) kernel.put(object);
    kernel.remove(port);
    kernel.remove(ifb);
    kernel.settle();
    const rest = [netns('fabric'), netns(WORKLOAD), bridge, tunnel].map(objectKey);
    for (const seenBy of [kernel, again()]) assert.deepEqual(keysIn(seenBy), rest.toSorted());
  });

  contract('a redirection whose target went is not as it should be, and is mended by putting both again', (kernel) => {
    for (const object of [...PLUGGED, ifb, redirect]) kernel.put(object);
    kernel.remove(ifb);
    assert.notEqual(contentIn(kernel, redirect), objectContent(redirect, sha256));
    kernel.put(ifb);
    assert.notEqual(contentIn(kernel, redirect), objectContent(redirect, sha256));
    kernel.put(redirect);
    assertShows(kernel, [ifb, redirect]);
  });

  contract('says that what hung on a bridge is gone when its MAC had to be changed', (kernel) => {
    for (const object of PLUGGED) kernel.put(object);
    kernel.put({ ...bridge, mac: '06:57:45:00:00:01' as Mac } as LinkObject);
    kernel.put(neigh as never);
    assert.equal(kernel.put(bridge), true);
    assert.equal(keysIn(kernel).includes(objectKey(neigh)), false);
    kernel.put(neigh as never);
    assert.equal(kernel.put(bridge), false);
    assertShows(kernel, [bridge, tunnel, port, neigh]);
  });

  contract('says that what was behind a port is gone when it had to change its bridge', (kernel) => {
    const other = { ...bridge, name: 'wb10002', alias: 'weft:segment:10002' };
    for (const object of [...PLUGGED, other, local]) kernel.put(object as never);
    const moved = { ...port, master: other.name };
    assert.equal(kernel.put(moved), true);
    assert.equal(keysIn(kernel).includes(objectKey(local)), false);
    kernel.put(local as never);
    assertShows(kernel, [moved, local]);
    kernel.remove(other);
    assert.equal(keysIn(kernel).includes(objectKey(local)), false);
    assert.equal(kernel.put(port), true);
    assertShows(kernel, [port]);
  });

  contract('makes a link anew whose tunnel or pair is another, and what hung on the old one is gone', (kernel) => {
    for (const object of PLUGGED) kernel.put(object);
    kernel.put(netns(OTHER_WORKLOAD));
    for (const object of [local, remote, address, neigh]) kernel.put(object as never);
    const elsewhere: LinkObject = { ...port, end: { place: OTHER_WORKLOAD, name: 'eth0' } };
    assert.equal(kernel.put(elsewhere), true);
    assert.equal(kernel.put({ ...tunnel, port: 14_790 } as LinkObject), true);
    kernel.put({ ...end, place: OTHER_WORKLOAD });
    const keys = keysIn(kernel);
    for (const gone of [local, remote, address, end]) assert.equal(keys.includes(objectKey(gone)), false, objectKey(gone));
    assert.ok(keys.includes(objectKey(neigh)), 'what hung on the bridge stays');
  });

  contract('a tunnel that is to begin elsewhere does so, and keeps what hangs on it', (kernel) => {
    for (const object of PLUGGED) kernel.put(object);
    kernel.put(remote as never);
    const moved = { ...tunnel, local: ip('172.30.0.99') } as LinkObject;
    assert.equal(kernel.put(moved), false);
    assertShows(kernel, [moved, remote]);
  });

  contract('a new pair takes the place of whatever else has its inner name', (kernel) => {
    for (const object of PLUGGED) kernel.put(object);
    const second: LinkObject = { ...port, name: 'wp00000000002', alias: 'weft:port:2' };
    assert.equal(kernel.put(second), true);
    assert.equal(keysIn(kernel).includes(objectKey(port)), false);
    kernel.put(end);
    assertShows(kernel, [second, end]);
  });

  contract('a link that goes takes its entries, its addresses and its pair along', (kernel, again) => {
    for (const object of [...PLUGGED, local, remote, neigh, address, route]) kernel.put(object as never);
    kernel.remove(port);
    kernel.remove(tunnel);
    kernel.remove(bridge);
    kernel.settle();
    for (const seenBy of [kernel, again()]) assert.deepEqual(keysIn(seenBy), ['netns fabric', `netns ${WORKLOAD}`].toSorted());
  });

  contract('a link that was removed can be made again before everything is settled', (kernel) => {
    for (const object of PLUGGED) kernel.put(object);
    for (const object of [port, tunnel]) kernel.remove(object);
    for (const object of [tunnel, port, end]) kernel.put(object);
    kernel.settle();
    assertShows(kernel, [bridge, tunnel, port, end]);
  });

  contract('what a process that died had taken out of use is gone for the next one', (kernel, again) => {
    for (const object of PLUGGED) kernel.put(object);
    for (const object of [port, tunnel]) kernel.remove(object);
    const next = again();
    assert.deepEqual(keysIn(next), ['link fabric wb10001', 'netns fabric', `netns ${WORKLOAD}`].toSorted());
    for (const object of [tunnel, port, end]) next.put(object);
    assertShows(next, [bridge, tunnel, port, end]);
  });

  contract('removing what is absent is success', (kernel) => {
    const objects = [address, route, local, remote, neigh, port, end, tunnel, bridge] as never[];
    for (const object of objects) kernel.remove(object);
    for (const object of PLUGGED) kernel.put(object);
    for (const object of [local, remote, neigh, address, route, uplink] as never[]) kernel.remove(object);
    kernel.settle();
    assertShows(kernel, PLUGGED.slice(2));
  });

  contract('refuses what hangs on nothing and changes nothing', (kernel) => {
    for (const object of [netns('fabric'), netns(WORKLOAD), netns(GATEWAY)]) kernel.put(object);
    const before = keysIn(kernel);
    const impossible: [string, Exclude<KernelObject, NftObject>][] = [
      ['a tunnel without its bridge', tunnel],
      ['a port without its bridge', port],
      ['the end of no pair', end],
      ['an uplink of no parent', { ...uplink, parent: 'nowhere0' } as LinkObject],
      ['a link in no namespace', { ...bridge, place: OTHER_WORKLOAD }],
      ['an address on no link', address as never],
      ['a route over no link', route as never],
      ['a neighbour on no bridge', neigh as never],
      ['a forwarding entry of no port', local as never],
      ['a forwarding entry of no tunnel', remote as never],
      ['a limit of no port', qdisc(port.name)],
      ['a redirection of no port', redirect],
    ];
    for (const [what, object] of impossible) assert.throws(() => kernel.put(object), what);
    assert.throws(
      () => kernel.transact(OTHER_WORKLOAD, { remove: [], put: [{ ...table, place: OTHER_WORKLOAD }] }),
      'rules in no namespace',
    );
    assert.deepEqual(keysIn(kernel), before);
    for (const object of [bridge, port, end]) kernel.put(object);
    assert.throws(() => kernel.put(route as never), 'a route to what no address covers');
    assert.throws(() => kernel.put(redirect), 'a redirection to nowhere');
    kernel.put(netns(OTHER_WORKLOAD));
    const elsewhere = { place: 'wl-00000009' as Place, name: 'eth0' };
    assert.throws(() => kernel.put({ ...port, name: 'wp00000000002', end: elsewhere }), 'a pair into no namespace');
    assertShows(kernel, [bridge, port, end]);
    assert.equal(keysIn(kernel).includes('link fabric wp00000000002'), false);
  });

  contract('a MAC is behind one port of a bridge: whoever wrote last', (kernel) => {
    for (const object of PLUGGED) kernel.put(object);
    const moving: KernelObject = { ...remote, mac: mac(1) } as KernelObject;
    kernel.put(moving as never);
    kernel.put(local as never);
    assertShows(kernel, [local]);
    assert.notEqual(contentIn(kernel, moving), objectContent(moving, sha256), 'half of it is gone');
    kernel.remove(moving as never);
    assertShows(kernel, [local]);
    kernel.put(moving as never);
    assertShows(kernel, [moving]);
    assert.equal(keysIn(kernel).includes(objectKey(local)), false);
  });

  contract('with its last address an interface loses its routes', (kernel) => {
    const second = { ...address, address: ip('10.0.0.12') } as KernelObject;
    for (const object of [...PLUGGED, address, second, route]) kernel.put(object as never);
    kernel.remove(address as never);
    assertShows(kernel, [second, route]);
    kernel.remove(second as never);
    assert.equal(keysIn(kernel).includes(objectKey(route)), false);
  });

  contract('a table replaces all that stood there', (kernel) => {
    kernel.put(netns('fabric'));
    kernel.transact('fabric', { remove: [], put: [table, chain('in_1', 'drop'), element('from', ['wp1'], 'goto in_1')] });
    const other: TableObject = { ...table, declarations: [...table.declarations, 'counter more { }'] };
    kernel.transact('fabric', { remove: [], put: [other, element('macs', ['wp2', mac(2)])] });
    assert.deepEqual(
      keysIn(kernel),
      ['element fabric bridge macs wp2 . 02:00:0a:00:00:12', 'netns fabric', 'table fabric bridge'].toSorted(),
    );
    assertShows(kernel, [other]);
  });

  contract('one transaction moves a map from a chain that goes to a chain that comes', (kernel) => {
    kernel.put(netns('fabric'));
    const [old, next] = [element('from', ['wp1'], 'goto in_1'), element('from', ['wp1'], 'goto in_2')];
    const jumps = chain('in_1', 'jump shared', 'drop');
    kernel.transact('fabric', { remove: [], put: [table, chain('shared', 'return'), jumps, old] });
    kernel.transact('fabric', {
      remove: [chain('shared'), chain('in_1'), old],
      put: [set('members_2'), chain('in_2', 'ip saddr @members_2 accept', 'drop'), element('members_2', ['10.0.0.1']), next],
    });
    assertShows(kernel, [next]);
    assert.deepEqual(
      keysIn(kernel).filter((key) => key.startsWith('chain')),
      ['chain fabric bridge in_2'],
    );
    kernel.transact('fabric', {
      remove: [element('members_2', ['10.0.0.1']), set('members_2'), chain('in_2'), next],
      put: [],
    });
    assert.deepEqual(keysIn(kernel), ['netns fabric', 'table fabric bridge']);
  });

  contract('a transaction is refused as a whole if any part of it cannot be', (kernel) => {
    kernel.put(netns('fabric'));
    const standing = [table, set('members_1'), chain('in_1', 'ip saddr @members_1 accept', 'drop'), element('from', ['wp1'], 'goto in_1')];
    kernel.transact('fabric', { remove: [], put: standing });
    const good = [chain('in_2', 'drop'), element('macs', ['wp2', mac(2)])];
    const bad: [string, readonly NftObject[], readonly NftObject[]][] = [
      ['a rule that nft does not know', [], [chain('in_3', 'tcp dport 9-3 accept', 'drop')]],
      ['a jump to no chain', [], [chain('in_3', 'jump nowhere', 'drop')]],
      ['a rule that names no set', [], [chain('in_3', 'ip saddr @nothing accept', 'drop')]],
      ['a verdict to no chain', [], [element('from', ['wp3'], 'goto nowhere')]],
      ['another value for a key', [], [element('from', ['wp1'], 'goto guard')]],
      ['an element of no set', [], [element('nothing', ['wp3'])]],
      ['an element of a set that goes', [set('members_1'), chain('in_1')], [element('members_1', ['10.0.0.1'])]],
      ['removing an absent element', [element('macs', ['wp9', mac(9)])], []],
      ['removing an absent chain', [chain('in_9')], []],
      ['removing an absent set', [set('members_9')], []],
      ['removing a chain that a map names', [chain('in_1')], []],
      ['removing a set that a rule names', [set('members_1')], []],
    ];
    for (const [what, remove, put] of bad) {
      assert.throws(() => kernel.transact('fabric', { remove, put: [...good, ...put] }), { code: 'nft_error' }, what);
      assertShows(kernel, standing);
      assert.equal(keysIn(kernel).length, standing.length + 1, what);
    }
    kernel.transact('fabric', { remove: [], put: [...good, ...standing.slice(1)] });
    assertShows(kernel, [...standing, ...good]);
  });

  contract('has counted nothing where no packet came, and tells a namespace that is not there', (kernel) => {
    const counted = (place: Place) => kernel.counted(place, { family: 'bridge', name: 'why' }, [[{ link: 'wp1' }, 1]]);
    kernel.put(netns('fabric'));
    assert.deepEqual([counted(GATEWAY), counted('fabric')], [undefined, [undefined]]);
    kernel.transact('fabric', { remove: [], put: [table] });
    assert.deepEqual(counted('fabric'), [undefined]);
  });

  contract('tells what queues dropped, and where there is none', (kernel) => {
    for (const object of [...PLUGGED, ifb, qdisc(port.name)]) kernel.put(object);
    assert.deepEqual(kernel.queueDrops('fabric', [ifb.name, port.name, 'wp99999']), [undefined, 0, undefined]);
    assert.deepEqual(kernel.queueDrops(GATEWAY, [uplink.name]), [undefined]);
  });

  contract('announces on a bridge that exists, and forgets in a fabric', (kernel) => {
    for (const object of PLUGGED) kernel.put(object);
    kernel.announce('fabric', bridge.name, ip('10.0.0.11'), mac(1));
    kernel.forget('fabric', 101, ip('10.0.0.11'));
    kernel.forgetOver('fabric', 101, { services: new Map([['10.0.0.11/tcp/22', undefined]]), firewall: { rules: [], subnets: [] } });
    kernel.forgetOver(GATEWAY, 0, { services: new Map(), firewall: undefined });
    kernel.forget('fabric', 101);
    kernel.forget(GATEWAY, 0, ip('10.0.0.11'));
    kernel.forgetDenied('fabric', new Map([[101, new Set([ip('10.0.0.11')])]]), () => false);
    kernel.forgetDenied(GATEWAY, new Map(), () => false);
    kernel.forgetMarked('fabric', 101, 7);
    kernel.forgetMarked(GATEWAY, 0, 7);
    assert.throws(() => kernel.announce('fabric', 'wb99999', ip('10.0.0.11'), mac(1)));
    assertShows(kernel, PLUGGED.slice(2));
  });
}

function keysIn(kernel: Kernel): string[] {
  return kernel
    .observe()
    .map(({ key }) => key)
    .toSorted();
}

function contentIn(kernel: Kernel, object: KernelObject): string | undefined {
  return kernel.observe().find(({ key }) => key === objectKey(object))?.content;
}

/** Each is there with this content; that there is more is no harm. */
function assertShows(kernel: Kernel, objects: readonly KernelObject[]): void {
  const seen = new Map(kernel.observe().map(({ key, content }) => [key, content]));
  for (const object of objects) assert.equal(seen.get(objectKey(object)), objectContent(object, sha256), objectKey(object));
}
