/** What a gateway's server advertises and leases of IPv6: to the kernel of a client, and to a client of DHCPv6. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Cidr6 } from '@weft/core/cidr6';
import { eui64Address, LINK_LOCAL } from '@weft/core/eui64';
import type { IpAddress } from '@weft/core/ip';
import type { Ipv6 } from '@weft/core/ipv6';
import type { Mac } from '@weft/core/mac';
import { dhcpHostKey } from '@weft/core/plan/dhcphost';
import type { GatewaySubnet6 } from '@weft/core/plan/gateway';
import { Plan, planRefText } from '@weft/core/plan/plan';
import type { ConcentratorId } from '@weft/core/uuid';
import type { ErrorInfo } from '@weft/core/weft-error';
import { decodeDnsAnswer, DNS_PORT, encodeDnsQuestion } from '@weft/lab/packet/dns';
import { dhcp6Client } from '@weft/lab/probe/dhcp6-client';
import type { Place } from '@weft/lab/probe/place';
import { udpAsk } from '@weft/lab/probe/udp-echo';
import { waitFor } from '@weft/lab/wait';
import { addrList, addrReplace } from '@weft/netlink/addr';
import { linkAdd, linkGet, linkSet } from '@weft/netlink/link';
import { routeList } from '@weft/netlink/route';
import { Rtnl } from '@weft/netlink/rtnl';
import { netnsCreate, netnsDelete } from '@weft/sys/netns';
import type { Netns } from '@weft/sys/netns';
import { sysctlRead, sysctlWrite } from '@weft/sys/sysctl';
import { launchProcess } from '../process/launch-process.ts';
import { ProcessTable } from '../process/process-table.ts';
import { dhcpHost, fastClock, gatewayBody, recordingLog, temporaryDirectory, testId, testMac, VNI } from '../test-support.ts';
import { DhcpService } from './dhcp-service.ts';

const NONE: ReadonlyMap<string, ErrorInfo> = new Map();
const GATEWAY = testId<ConcentratorId>(9);
const LEG = `seg${VNI}`;
const PREFIX = 'fd00:1::/64' as Cidr6;
const OWN = 'fd00:1::1' as Ipv6;

/** A gateway's namespace with one leg, and clients with MACs of their own behind a bridge. */
class Bench implements AsyncDisposable {
  readonly #directory = temporaryDirectory();
  readonly #gateway: Netns;
  readonly #wire: Netns;
  readonly #clients: Netns[] = [];
  readonly plan = new Plan();
  service: DhcpService;

  constructor(subnet: Partial<GatewaySubnet6>) {
    this.#gateway = netnsCreate(this.#path('gw'));
    this.#wire = netnsCreate(this.#path('wire'));
    // As a gateway's: without addresses of its own making.
    for (const [key, value] of [
      ['all.forwarding', '1'],
      ['default.addr_gen_mode', '1'],
    ])
      sysctlWrite(this.#gateway, `net.ipv6.conf.${key}`, value!);
    using rtnl = Rtnl.open(this.#gateway);
    using wire = Rtnl.open(this.#wire);
    const bridge = { stp: 0, mcastSnooping: 0, nfCallIptables: 0, nfCallIp6tables: 0, nfCallArptables: 0 };
    linkAdd(wire, { kind: 'bridge', name: 'br', bridge, up: true });
    linkAdd(rtnl, { kind: 'veth', name: LEG, mac: testMac(1), mtu: 1450, peer: { name: 'leg', netns: this.#wire } });
    linkSet(wire, linkGet(wire, 'leg')!.index, { master: linkGet(wire, 'br')!.index, up: true });
    linkSet(rtnl, linkGet(rtnl, 'lo')!.index, { up: true });
    const { index } = linkGet(rtnl, LEG)!;
    linkSet(rtnl, index, { up: true });
    for (const address of [OWN, eui64Address(LINK_LOCAL, testMac(1))]) addrReplace(rtnl, { index, address, prefix: 64 });
    const body = gatewayBody(9);
    const subnets6 = [{ cidr: PREFIX, gatewayIp: OWN, dhcp: false, dnsNameservers: [], ...subnet }];
    this.plan.set('gateway', GATEWAY, { ...body, segments: body.segments.map((segment) => ({ ...segment, subnets: [], subnets6 })) });
    this.service = this.again();
  }

  again(): DhcpService {
    const clock = fastClock(20);
    const { path } = this.#directory;
    const options = { stateDir: join(path, 'state'), runDir: join(path, 'run'), domain: 'weft.internal', bootId: 'boot' };
    const deps = { table: new ProcessTable({ clock }), log: recordingLog(), clock, launch: launchProcess, random: () => 0.5 };
    return new DhcpService(
      { ...options, environment: { PATH: process.env['PATH'] ?? '' } },
      { ...deps, dataplane: { gatewayNetns: () => this.#path('gw') }, onFailures: () => undefined },
    );
  }

  /** A client whose kernel listens to routers. */
  client(mac: Mac): Place {
    const name = `c${this.#clients.length}`;
    const netns = netnsCreate(this.#path(name));
    this.#clients.push(netns);
    using rtnl = Rtnl.open(netns);
    using wire = Rtnl.open(this.#wire);
    linkAdd(rtnl, { kind: 'veth', name: 'eth0', mac, peer: { name, netns: this.#wire } });
    linkSet(wire, linkGet(wire, name)!.index, { master: linkGet(wire, 'br')!.index, up: true });
    linkSet(rtnl, linkGet(rtnl, 'eth0')!.index, { up: true });
    return { netns, ifname: 'eth0', mac };
  }

  host(address: string, mac: Mac | undefined): void {
    const key = dhcpHostKey(VNI, address as IpAddress);
    if (mac === undefined) this.plan.delete('dhcphost', key);
    else this.plan.set('dhcphost', key, dhcpHost(9, address, mac));
    const ref = { kind: 'dhcphost', key } as const;
    this.service.apply(this.plan, new Map([[planRefText(ref), ref]]), NONE);
  }

  /** Lines of leases of IPv6 in the server's file: address and label. */
  leases(): readonly string[] {
    const path = this.#path('..', 'state', 'gateways', GATEWAY, 'leases');
    const lines = existsSync(path) ? readFileSync(path, 'utf8').split('\n') : [];
    return lines.flatMap((line) => (line.includes('fd00:') ? [line.split(' ').slice(2, 4).join(' ')] : []));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.service.close();
    await this.again().retire(new Plan(), 'all');
    for (const [netns, name] of [
      [this.#gateway, 'gw'],
      [this.#wire, 'wire'],
      ...this.#clients.map((client, at) => [client, `c${at}`] as const),
    ] as const) {
      netnsDelete(this.#path(name));
      netns[Symbol.dispose]();
    }
    this.#directory[Symbol.dispose]();
  }

  #path(...names: readonly string[]): string {
    return join(this.#directory.path, 'netns', ...names);
  }
}

function addressesOf({ netns }: Place): readonly string[] {
  using rtnl = Rtnl.open(netns);
  return addrList(rtnl).flatMap(({ address, prefix }) => (address.startsWith('fd') ? [`${address}/${prefix}`] : []));
}

/** The gateway of the way to everything that the client's kernel has learnt. */
function routerOf({ netns }: Place): string | undefined {
  using rtnl = Rtnl.open(netns);
  return routeList(rtnl).find(({ destination, gateway }) => destination === undefined && gateway?.includes(':') === true)?.gateway;
}

async function hasRouter(client: Place): Promise<void> {
  await waitFor({ expected: 'a router', withinMs: 10_000 }, () =>
    routerOf(client) === eui64Address(LINK_LOCAL, testMac(1)) ? { done: undefined } : { seen: String(routerOf(client)) },
  );
}

test('slaac: a host makes its address of the advertised prefix and its MAC, with the router and the MTU of the network', async () => {
  await using bench = new Bench({ advertise: 'slaac' });
  bench.service.apply(bench.plan, 'all', NONE);
  const client = bench.client(testMac(11));
  await hasRouter(client);
  await waitFor({ expected: 'an address', withinMs: 5000 }, () => {
    const seen = addressesOf(client);
    return seen.includes(`${eui64Address(PREFIX, testMac(11))}/64`) ? { done: undefined } : { seen: seen.join() };
  });
  assert.equal(sysctlRead(client.netns, 'net.ipv6.conf.eth0.mtu'), '1450');
  assert.deepEqual(await dhcp6Client(client, { timeoutMs: 700 }), { kind: 'timeout' }, 'there is no DHCPv6');
});

test('dhcpv6-stateful: a host makes no address, and is leased that of the plan; another one none', async () => {
  await using bench = new Bench({ advertise: 'dhcpv6-stateful', dhcp: true, dnsNameservers: ['fd00:1::53' as Ipv6] });
  bench.service.apply(bench.plan, 'all', NONE);
  bench.host('fd00:1::a', testMac(11));
  const [client, other] = [bench.client(testMac(11)), bench.client(testMac(12))];
  await hasRouter(client);
  assert.deepEqual(await dhcp6Client(client, { timeoutMs: 10_000 }), { kind: 'leased', address: 'fd00:1::a', dns: ['fd00:1::53'] });
  assert.equal((await dhcp6Client(other, { timeoutMs: 3000 })).kind, 'refused');
  assert.deepEqual(addressesOf(client), [], 'what is leased is not made');
});

test('dhcpv6-stateless: a host makes its address, and DHCPv6 tells the name server only', async () => {
  await using bench = new Bench({ advertise: 'dhcpv6-stateless', dhcp: true });
  bench.service.apply(bench.plan, 'all', NONE);
  const client = bench.client(testMac(11));
  await hasRouter(client);
  assert.deepEqual(await dhcp6Client(client, { timeoutMs: 10_000, informationOnly: true }), { kind: 'informed', dns: [OWN] });
  assert.deepEqual(addressesOf(client), [`${eui64Address(PREFIX, testMac(11))}/64`]);
});

test('an address that is given to another MAC is leased to it, also after a restart in between', async () => {
  await using bench = new Bench({ advertise: 'dhcpv6-stateful', dhcp: true });
  bench.service.apply(bench.plan, 'all', NONE);
  const clients = [11, 12, 13].map((n) => bench.client(testMac(n)));
  const lease = async (at: number): Promise<string> => {
    const outcome = await dhcp6Client(clients[at]!, { timeoutMs: 10_000 });
    return outcome.kind === 'leased' ? outcome.address : outcome.kind;
  };
  bench.host('fd00:1::a', testMac(11));
  assert.equal(await lease(0), 'fd00:1::a');
  // The server answers first, and writes then.
  await waitFor({ expected: 'the lease in its holder’s name', withinMs: 5000 }, () => {
    const seen = bench.leases().join();
    return seen === 'fd00:1::a m02000000000b-fd00-1--ax' ? { done: undefined } : { seen };
  });
  bench.host('fd00:1::a', testMac(12));
  assert.equal(await lease(1), 'fd00:1::a', 'at once');
  assert.equal(await lease(0), 'refused', 'the former holder');
  bench.service.close();
  bench.plan.set('dhcphost', dhcpHostKey(VNI, 'fd00:1::a' as IpAddress), dhcpHost(9, 'fd00:1::a', testMac(13)));
  bench.service = bench.again();
  bench.service.apply(bench.plan, 'all', NONE);
  assert.equal(await lease(2), 'fd00:1::a', 'by a launcher that was started anew');
  bench.host('fd00:1::a', undefined);
  await waitFor({ expected: 'no lease', withinMs: 10_000 }, () =>
    bench.leases().length === 0 ? { done: undefined } : { seen: bench.leases().join() },
  );
});

test('names of IPv6 addresses are told, beside those of IPv4', async () => {
  await using bench = new Bench({ advertise: 'slaac' });
  for (const address of ['fd00:1::a', '10.0.0.11'])
    bench.plan.set('dnsname', `${VNI}/${address}`, { concentratorId: GATEWAY, vni: VNI, address: address as IpAddress, name: 'web' });
  bench.service.apply(bench.plan, 'all', NONE);
  const client = bench.client(testMac(11));
  await hasRouter(client);
  const resolve = async (type: 'A' | 'AAAA'): Promise<string> => {
    const payload = encodeDnsQuestion({ id: 7, name: 'web.weft.internal', type });
    const outcome = await udpAsk(client, OWN, DNS_PORT, { payload, timeoutMs: 3000 });
    return outcome.kind === 'answered' ? (decodeDnsAnswer(outcome.bytes)?.addresses.join() ?? 'nothing') : outcome.kind;
  };
  // The client asks first whether anybody has the address that it made.
  await waitFor({ expected: 'fd00:1::a', withinMs: 10_000 }, async () => {
    const seen = await resolve('AAAA');
    return seen === 'fd00:1::a' ? { done: undefined } : { seen };
  });
  assert.equal(await resolve('A'), '10.0.0.11');
});
