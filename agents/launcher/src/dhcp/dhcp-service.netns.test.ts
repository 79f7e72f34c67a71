import assert from 'node:assert/strict';
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import type { Cidr } from '@weft/core/cidr';
import type { IpAddress } from '@weft/core/ip';
import type { Ipv4 } from '@weft/core/ipv4';
import type { Mac } from '@weft/core/mac';
import type { PlannedDhcpOption } from '@weft/core/dhcp-option';
import { KNOWN_DHCP_OPTIONS } from '@weft/core/dhcp-option-table';
import { dhcpHostKey } from '@weft/core/plan/dhcphost';
import { dnsNameKey } from '@weft/core/plan/dnsname';
import { Plan, planRefText } from '@weft/core/plan/plan';
import type { PlanRef } from '@weft/core/plan/plan';
import type { ConcentratorId } from '@weft/core/uuid';
import type { Vni } from '@weft/core/vni';
import type { ErrorInfo } from '@weft/core/weft-error';
import { decodeDnsAnswer, DNS_PORT, encodeDnsQuestion, reverseName } from '@weft/lab/packet/dns';
import { dhcpClient } from '@weft/lab/probe/dhcp-client';
import type { DhcpOutcome } from '@weft/lab/probe/dhcp-client';
import { poll } from '@weft/lab/probe/ticker';
import { udpAsk, udpEcho } from '@weft/lab/probe/udp-echo';
import type { UdpEcho } from '@weft/lab/probe/udp-echo';
import { addrReplace } from '@weft/netlink/addr';
import { linkAdd, linkDelete, linkGet, linkSet } from '@weft/netlink/link';
import { Rtnl } from '@weft/netlink/rtnl';
import { netnsCreate, netnsDelete } from '@weft/sys/netns';
import type { Netns } from '@weft/sys/netns';
import { launchProcess } from '../process/launch-process.ts';
import { ProcessTable } from '../process/process-table.ts';
import { dhcpHost, eventually, fastClock, gatewayBody, recordingLog, temporaryDirectory, testId, testMac, VNI } from '../test-support.ts';
import { DhcpService } from './dhcp-service.ts';

const clock = fastClock(20);
const NONE: ReadonlyMap<string, ErrorInfo> = new Map();
const GATEWAY = testId<ConcentratorId>(9);
const SECOND_VNI = 10_002 as Vni;

/** A gateway's namespace with two segments, 10.0.0.1/24 and 10.1.0.1/24, and a client's end of each. */
class Bench implements AsyncDisposable {
  readonly #directory = temporaryDirectory();
  readonly #netns: { gateway: Netns; client: Netns };
  readonly plan = new Plan();
  readonly log = recordingLog();
  path = process.env['PATH'] ?? '';
  service = this.again();

  constructor() {
    this.#netns = { gateway: netnsCreate(this.netnsPath('gw')), client: netnsCreate(this.netnsPath('client')) };
    this.#plumb();
    this.plan.set('gateway', GATEWAY, gatewayBody(9));
  }

  /** Somebody destroys the gateway's namespace, and the data path makes it anew. */
  replaceGateway(): void {
    const { gateway } = this.#netns;
    netnsDelete(this.netnsPath('gw'));
    {
      using inClient = Rtnl.open(this.#netns.client);
      for (const vni of [VNI, SECOND_VNI]) linkDelete(inClient, linkGet(inClient, `c${vni}`)!.index);
    }
    gateway[Symbol.dispose]();
    this.#netns.gateway = netnsCreate(this.netnsPath('gw'));
    this.#plumb();
  }

  /** Somebody destroys the gateway's legs, and the data path makes them anew. */
  replaceLegs(): void {
    using inClient = Rtnl.open(this.#netns.client);
    for (const vni of [VNI, SECOND_VNI]) linkDelete(inClient, linkGet(inClient, `c${vni}`)!.index);
    this.#plumb();
  }

  #plumb(): void {
    const { gateway, client } = this.#netns;
    using inGateway = Rtnl.open(gateway);
    using inClient = Rtnl.open(client);
    const up = (rtnl: Rtnl, name: string): number => {
      const { index } = linkGet(rtnl, name)!;
      linkSet(rtnl, index, { up: true });
      return index;
    };
    up(inGateway, 'lo');
    for (const [vni, address] of [
      [VNI, '10.0.0.1'],
      [SECOND_VNI, '10.1.0.1'],
    ] as const) {
      linkAdd(inGateway, { name: `seg${vni}`, kind: 'veth', peer: { name: `c${vni}`, netns: client } });
      addrReplace(inGateway, { index: up(inGateway, `seg${vni}`), address: address as Ipv4, prefix: 24 });
      up(inClient, `c${vni}`);
    }
  }

  netnsPath(name: string): string {
    return join(this.#directory.path, 'netns', name);
  }

  file(...names: readonly string[]): string {
    return join(this.#directory.path, ...names);
  }

  again(): DhcpService {
    const { path } = this.#directory;
    const options = {
      stateDir: join(path, 'state'),
      runDir: join(path, 'run'),
      domain: 'weft.internal',
      bootId: 'boot',
      environment: { PATH: this.path },
    };
    const dataplane = { gatewayNetns: () => this.netnsPath('gw') };
    const table = new ProcessTable({ clock });
    const { log } = this;
    return new DhcpService(options, {
      dataplane,
      table,
      log,
      clock,
      launch: launchProcess,
      random: () => 0.5,
      onFailures: () => undefined,
    });
  }

  restart(): void {
    this.service.close();
    this.service = this.again();
  }

  host(address: string, mac: Mac | undefined, vni = VNI, options?: readonly PlannedDhcpOption[]): PlanRef {
    const ref = { kind: 'dhcphost', key: dhcpHostKey(vni, address as IpAddress) } as const;
    if (mac === undefined) this.plan.delete(ref.kind, ref.key);
    else this.plan.set(ref.kind, ref.key, { ...dhcpHost(9, address, mac), vni, options });
    return ref;
  }

  name(address: string, name: string | undefined, vni: Vni | undefined = VNI, domain?: string): PlanRef {
    const ref = { kind: 'dnsname', key: dnsNameKey(vni, address as IpAddress) } as const;
    if (name === undefined) this.plan.delete(ref.kind, ref.key);
    else this.plan.set(ref.kind, ref.key, { concentratorId: GATEWAY, vni, address: address as IpAddress, name, domain });
    return ref;
  }

  /** Gives the client's end of a segment an address, so that it can ask for names. */
  addressClient(address: string, vni = VNI): void {
    using rtnl = Rtnl.open(this.#netns.client);
    addrReplace(rtnl, { index: linkGet(rtnl, `c${vni}`)!.index, address: address as Ipv4, prefix: 24 });
  }

  upstream(): UdpEcho {
    return udpEcho({ netns: this.#netns.client, ifname: `c${VNI}`, mac: testMac(99) }, DNS_PORT);
  }

  /** The addresses or names of an answer of the server on a segment, or its code in words, or why there was none. */
  async resolve(name: string, options: { type?: 'A' | 'AAAA' | 'PTR'; server?: string } = {}): Promise<string> {
    const { type = 'A', server = '10.0.0.1' } = options;
    const payload = encodeDnsQuestion({ id: 7, name, type });
    const client = { netns: this.#netns.client, ifname: `c${VNI}`, mac: testMac(99) };
    const outcome = await udpAsk(client, server as IpAddress, DNS_PORT, { payload, timeoutMs: 1000 });
    if (outcome.kind !== 'answered') return outcome.kind;
    const answer = decodeDnsAnswer(outcome.bytes);
    assert.equal(answer?.id, 7);
    const words = ['nothing', 'malformed', 'failed', 'unknown', 'unsupported', 'refused'];
    return [...answer.addresses, ...answer.names].toSorted().join(' ') || (words[answer.code] ?? String(answer.code));
  }

  /** As {@link resolve}, until it is that: the server reads its files when it gets to it. */
  async resolves(name: string, expected: string, options: Parameters<Bench['resolve']>[1] = {}): Promise<void> {
    let last = '';
    for (let tries = 0; tries < 100 && last !== expected; tries += 1) {
      last = await this.resolve(name, options);
      if (last !== expected) await poll(() => undefined, { withinMs: 20 });
    }
    assert.equal(last, expected, name);
  }

  change(...refs: readonly PlanRef[]): void {
    this.service.apply(this.plan, new Map(refs.map((ref) => [planRefText(ref), ref])), NONE);
  }

  async ask(
    mac: Mac,
    options: { vni?: Vni; timeoutMs?: number; clientIdentifier?: Uint8Array; wanted?: readonly number[] } = {},
  ): Promise<DhcpOutcome> {
    const { vni = VNI, timeoutMs = 5000, ...rest } = options;
    return await dhcpClient({ netns: this.#netns.client, ifname: `c${vni}`, mac }, { timeoutMs, ...rest });
  }

  /** What the client is given, or why nothing. */
  async lease(mac: Mac, options: Parameters<Bench['ask']>[1] = {}): Promise<string> {
    const outcome = await this.ask(mac, options);
    return outcome.kind === 'bound' ? outcome.address : outcome.kind;
  }

  leases(): string[] {
    const path = this.file('state', 'gateways', GATEWAY, 'leases');
    const text = existsSync(path) ? readFileSync(path, 'utf8') : '';
    return text.split('\n').flatMap((line) => line.split(' ').slice(1, 3).join(' ') || []);
  }

  pids(): number[] {
    return readdirSync('/proc').flatMap((name) => {
      const command = /^\d+$/.test(name) ? readIfThere(`/proc/${name}/cmdline`) : '';
      return command.startsWith('dnsmasq\0') && command.includes(this.#directory.path) ? [Number(name)] : [];
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.service.close();
    this.service = this.again();
    await this.service.retire(new Plan(), 'all');
    for (const name of ['gw', 'client'] as const) netnsDelete(this.netnsPath(name));
    this.#netns.gateway[Symbol.dispose]();
    this.#netns.client[Symbol.dispose]();
    this.#directory[Symbol.dispose]();
  }
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}

test('a client gets the address of the plan with router, MTU and name server, another gets none', async () => {
  await using bench = new Bench();
  bench.host('10.0.0.11', testMac(11));
  bench.service.apply(bench.plan, 'all', NONE);
  const outcome = await bench.ask(testMac(11));
  assert.equal(outcome.kind, 'bound');
  assert.deepEqual(
    [outcome.address, outcome.server, outcome.netmask, outcome.router, outcome.mtu, outcome.dns, outcome.leaseSeconds],
    ['10.0.0.11', '10.0.0.1', '255.255.255.0', '10.0.0.1', 1450, ['192.0.2.53'], 3600],
  );
  assert.equal(await bench.lease(testMac(12), { timeoutMs: 500 }), 'timeout');
  assert.equal(bench.service.failures().size, 0);
});

test('host routes are told with the way to everything else, by the number of the standard and by the older one', async () => {
  await using bench = new Bench();
  bench.host('10.0.0.11', testMac(11));
  const body = gatewayBody(9);
  const routed = (nexthop: string | undefined, destination: string): void => {
    const hostRoutes = nexthop === undefined ? undefined : [{ destination: destination as Cidr, nexthop: nexthop as Ipv4 }];
    const segments = body.segments.map((each) => ({ ...each, subnets: each.subnets.map((subnet) => ({ ...subnet, hostRoutes })) }));
    bench.plan.set('gateway', GATEWAY, { ...body, segments });
    bench.service.apply(bench.plan, 'all', NONE);
  };
  const told = async (): Promise<unknown> => {
    const outcome = await bench.ask(testMac(11), { wanted: [121, 249] });
    assert.equal(outcome.kind, 'bound');
    return [121, 249].map((code) => [...(outcome.other.get(code) ?? [])]);
  };
  const gateway = [0, 10, 0, 0, 1];
  routed('10.0.0.9', '172.16.0.0/12');
  assert.deepEqual(await told(), [
    [12, 172, 16, 10, 0, 0, 9, ...gateway],
    [12, 172, 16, 10, 0, 0, 9, ...gateway],
  ]);
  routed('10.0.0.9', '0.0.0.0/0');
  assert.deepEqual(await told(), [
    [0, 10, 0, 0, 9],
    [0, 10, 0, 0, 9],
  ]);
  routed(undefined, '');
  assert.deepEqual(await told(), [[], []]);
});

test('a host that comes while the server runs is served', async () => {
  await using bench = new Bench();
  bench.service.apply(bench.plan, 'all', NONE);
  bench.change(bench.host('10.0.0.11', testMac(11)));
  bench.change(bench.host('10.0.0.12', testMac(12)));
  assert.equal(await bench.lease(testMac(12)), '10.0.0.12');
  assert.equal(await bench.lease(testMac(11)), '10.0.0.11');
});

test('one server serves all segments of a gateway, each with its own options, also the same MAC on both', async () => {
  await using bench = new Bench();
  const body = gatewayBody(9);
  const second = {
    vni: SECOND_VNI,
    mac: testMac(2),
    mtu: 1400,
    subnets: [{ cidr: '10.1.0.0/24' as never, gatewayIp: '10.1.0.1' as Ipv4, dhcp: true, dnsNameservers: [] }],
  };
  bench.plan.set('gateway', GATEWAY, { ...body, segments: [...body.segments, second] });
  bench.host('10.0.0.11', testMac(11));
  bench.host('10.1.0.22', testMac(11), SECOND_VNI);
  bench.service.apply(bench.plan, 'all', NONE);
  assert.equal(await bench.lease(testMac(11)), '10.0.0.11');
  const outcome = await bench.ask(testMac(11), { vni: SECOND_VNI });
  assert.equal(outcome.kind, 'bound');
  assert.deepEqual([outcome.address, outcome.router, outcome.mtu, outcome.dns], ['10.1.0.22', '10.1.0.1', 1400, ['10.1.0.1']]);
  assert.equal(bench.pids().length, 1);
});

for (const [what, clientIdentifier] of [
  ['', undefined],
  [' that sent a client identifier', Uint8Array.of(255, 1, 2, 3, 4, 5)],
] as const) {
  test(`an address given to another MAC is leased to it, although the old client${what} never gave it back`, async () => {
    await using bench = new Bench();
    bench.host('10.0.0.11', testMac(11));
    bench.service.apply(bench.plan, 'all', NONE);
    assert.equal(await bench.lease(testMac(11), clientIdentifier === undefined ? {} : { clientIdentifier }), '10.0.0.11');
    bench.change(bench.host('10.0.0.11', testMac(12)));
    assert.equal(await bench.lease(testMac(12)), '10.0.0.11');
    assert.equal(await bench.lease(testMac(11), { timeoutMs: 400 }), 'timeout');
    assert.deepEqual(bench.leases(), [`${testMac(12)} 10.0.0.11`]);
    assert.equal(bench.pids().length, 1);
  });
}

test('an address that is freed and later given to another MAC is leased to it', async () => {
  await using bench = new Bench();
  bench.host('10.0.0.11', testMac(11));
  bench.service.apply(bench.plan, 'all', NONE);
  assert.equal(await bench.lease(testMac(11)), '10.0.0.11');
  bench.change(bench.host('10.0.0.11', undefined));
  await eventually('the lease is gone', () => bench.leases().length === 0);
  bench.change(bench.host('10.0.0.11', testMac(12)));
  assert.equal(await bench.lease(testMac(12)), '10.0.0.11');
});

test('two clients may swap addresses in one change', async () => {
  await using bench = new Bench();
  bench.host('10.0.0.11', testMac(11));
  bench.host('10.0.0.12', testMac(12));
  bench.service.apply(bench.plan, 'all', NONE);
  assert.deepEqual([await bench.lease(testMac(11)), await bench.lease(testMac(12))], ['10.0.0.11', '10.0.0.12']);
  bench.change(bench.host('10.0.0.11', testMac(12)), bench.host('10.0.0.12', testMac(11)));
  assert.deepEqual([await bench.lease(testMac(11)), await bench.lease(testMac(12))], ['10.0.0.12', '10.0.0.11']);
});

test('a restarted launcher adopts the server and catches up with what changed meanwhile', async () => {
  await using bench = new Bench();
  bench.host('10.0.0.11', testMac(11));
  bench.service.apply(bench.plan, 'all', NONE);
  assert.equal(await bench.lease(testMac(11)), '10.0.0.11');
  const before = bench.pids();
  bench.restart();
  bench.host('10.0.0.11', testMac(12));
  bench.service.apply(bench.plan, 'known', NONE);
  assert.equal(await bench.lease(testMac(12)), '10.0.0.11');
  assert.deepEqual(bench.pids(), before);
});

test('a launcher that was killed between writing a host and telling the server is no obstacle', async () => {
  await using bench = new Bench();
  bench.host('10.0.0.11', testMac(11));
  bench.service.apply(bench.plan, 'all', NONE);
  assert.equal(await bench.lease(testMac(11)), '10.0.0.11');
  bench.service.close();
  const hosts = bench.file('run', 'gateways', GATEWAY, 'hosts');
  writeFileSync(join(hosts, `${VNI}-10.0.0.11`), `${testMac(12)},10.0.0.11,host-10-0-0-11\n`);
  bench.service = bench.again();
  bench.host('10.0.0.11', testMac(12));
  bench.service.apply(bench.plan, 'all', NONE);
  assert.equal(await bench.lease(testMac(12)), '10.0.0.11');
});

test('a server that dies is started again and remembers its leases, but no stale one', async () => {
  await using bench = new Bench();
  bench.host('10.0.0.11', testMac(11));
  bench.host('10.0.0.12', testMac(12));
  bench.service.apply(bench.plan, 'all', NONE);
  assert.deepEqual([await bench.lease(testMac(11)), await bench.lease(testMac(12))], ['10.0.0.11', '10.0.0.12']);
  process.kill(bench.pids()[0]!, 'SIGKILL');
  await eventually('it is dead', () => bench.pids().length === 0);
  bench.change(bench.host('10.0.0.12', testMac(13)));
  await eventually('it runs again', () => bench.pids().length === 1);
  assert.equal(await bench.lease(testMac(13)), '10.0.0.12');
  assert.deepEqual(bench.leases().toSorted(), [`${testMac(11)} 10.0.0.11`, `${testMac(13)} 10.0.0.12`]);
});

test('another configuration replaces the server', async () => {
  await using bench = new Bench();
  bench.host('10.0.0.11', testMac(11));
  bench.service.apply(bench.plan, 'all', NONE);
  const [old] = bench.pids();
  const body = gatewayBody(9);
  bench.plan.set('gateway', GATEWAY, { ...body, segments: body.segments.map((segment) => ({ ...segment, mtu: 1300 })) });
  bench.change({ kind: 'gateway', key: GATEWAY });
  await eventually('another server runs', () => bench.pids().length === 1 && bench.pids()[0] !== old);
  const outcome = await bench.ask(testMac(11));
  assert.equal(outcome.kind === 'bound' && outcome.mtu, 1300);
});

test('a gateway that leaves the plan has no server any more when the data path acts, and leaves no files', async () => {
  await using bench = new Bench();
  bench.host('10.0.0.11', testMac(11));
  bench.service.apply(bench.plan, 'all', NONE);
  const scope = new Map([[`gateway ${GATEWAY}`, { kind: 'gateway', key: GATEWAY } as const]]);
  assert.equal(bench.service.retire(bench.plan, scope), undefined, 'it is in the plan');
  bench.plan.delete('gateway', GATEWAY);
  assert.equal(bench.service.retire(bench.plan, 'known'), undefined, 'an unconfirmed plan removes nothing');
  await bench.service.retire(bench.plan, scope);
  assert.deepEqual(bench.pids(), []);
  assert.equal(existsSync(bench.file('run', 'gateways', GATEWAY)), false);
  assert.equal(existsSync(bench.file('state', 'gateways', GATEWAY)), false);
  for (const parent of ['run', 'state']) assert.equal(existsSync(bench.file(parent, 'gateways')), false, 'the last one takes it along');
});

test('the server of a gateway that left while no launcher ran is found and ended', async () => {
  await using bench = new Bench();
  bench.service.apply(bench.plan, 'all', NONE);
  assert.equal(bench.pids().length, 1);
  bench.restart();
  await bench.service.retire(new Plan(), 'all');
  assert.deepEqual(bench.pids(), []);
});

test('a gateway that the data path could not apply gets its server once it could', async () => {
  await using bench = new Bench();
  bench.host('10.0.0.11', testMac(11));
  const failed = new Map([[`gateway ${GATEWAY}`, { code: 'broken', message: 'it broke', retryable: true }]]);
  bench.service.apply(bench.plan, 'all', failed);
  assert.deepEqual(bench.pids(), []);
  bench.change({ kind: 'gateway', key: GATEWAY });
  assert.equal(await bench.lease(testMac(11)), '10.0.0.11');
});

test('a server that cannot start is a failure of its gateway', async () => {
  await using bench = new Bench();
  const missing = bench.again();
  const body = gatewayBody(9);
  bench.plan.set('gateway', GATEWAY, { ...body, segments: body.segments.map((segment) => ({ ...segment, vni: 4242 as Vni })) });
  missing.apply(bench.plan, 'all', NONE);
  // The segment's interface is not there, so dnsmasq ends at once.
  const failure = await eventually('it failed', () => missing.failures().get(`gateway ${GATEWAY}`));
  assert.equal(failure.code, 'process_exited');
  missing.close();
});

test('names of the tenant are told with and without their domain, and back, on every segment; others are not known', async () => {
  await using bench = new Bench();
  const body = gatewayBody(9);
  const [first] = body.segments;
  const subnets = (cidr: string, gatewayIp: string): object[] => [{ cidr, gatewayIp, dhcp: true, dnsNameservers: [] }];
  const segments = [
    { ...first, subnets: subnets('10.0.0.0/24', '10.0.0.1') },
    { ...first, vni: SECOND_VNI, subnets: subnets('10.1.0.0/24', '10.1.0.1') },
  ];
  bench.plan.set('gateway', GATEWAY, { ...body, segments } as typeof body);
  bench.name('10.0.0.11', 'web');
  bench.service.apply(bench.plan, 'all', NONE);
  bench.addressClient('10.0.0.99');
  bench.addressClient('10.1.0.99', SECOND_VNI);
  await bench.resolves('web', '10.0.0.11');
  assert.equal(await bench.resolve('web.weft.internal'), '10.0.0.11');
  assert.equal(await bench.resolve('WEB.weft.internal', { server: '10.1.0.1' }), '10.0.0.11');
  assert.equal(await bench.resolve(reverseName('10.0.0.11' as Ipv4), { type: 'PTR' }), 'web.weft.internal');
  assert.equal(await bench.resolve('mail.weft.internal'), 'unknown');
  assert.equal(await bench.resolve(reverseName('10.0.0.12' as Ipv4), { type: 'PTR' }), 'unknown');
  assert.equal(await bench.resolve('localhost'), 'unknown', 'the machine has names of its own');
  assert.equal(await bench.resolve('example.org'), 'refused', 'there is nobody to ask');
});

test('names come, change and go while the server runs, and a restarted launcher catches up', async () => {
  await using bench = new Bench();
  bench.service.apply(bench.plan, 'all', NONE);
  bench.addressClient('10.0.0.99');
  const before = bench.pids();
  bench.change(bench.name('10.0.0.11', 'web'));
  await bench.resolves('web', '10.0.0.11');
  bench.change(bench.name('10.0.0.12', 'web'));
  await bench.resolves('web', '10.0.0.11 10.0.0.12');
  bench.change(bench.name('10.0.0.11', 'mail'));
  await bench.resolves('web', '10.0.0.12');
  await bench.resolves('mail', '10.0.0.11');
  bench.change(bench.name('10.0.0.12', undefined));
  await bench.resolves('web', 'unknown');
  bench.restart();
  bench.name('10.0.0.11', undefined);
  bench.name('10.0.0.13', 'www');
  bench.service.apply(bench.plan, 'known', NONE);
  await bench.resolves('mail', 'unknown');
  await bench.resolves('www', '10.0.0.13');
  assert.deepEqual(bench.pids(), before);
});

test('about other names the servers that the subnets name are asked, about its own nobody', async () => {
  await using bench = new Bench();
  const body = gatewayBody(9);
  const segments = body.segments.map((segment) => ({
    ...segment,
    subnets: segment.subnets.map((subnet) => ({ ...subnet, dnsNameservers: ['10.0.0.99' as Ipv4] })),
  }));
  bench.plan.set('gateway', GATEWAY, { ...body, segments });
  bench.service.apply(bench.plan, 'all', NONE);
  bench.addressClient('10.0.0.99');
  // It only sends questions back, which is no answer, but counts them.
  using upstream = bench.upstream();
  await bench.resolves('mail.weft.internal', 'unknown');
  assert.equal(await bench.resolve('mail'), 'unknown', 'a name without dots is nobody else’s business');
  assert.equal(upstream.received, 0);
  assert.equal(await bench.resolve('example.org'), 'timeout');
  assert.ok(upstream.received > 0);
});

test('a server whose namespace is replaced goes on in the new one at once', async () => {
  await using bench = new Bench();
  bench.service.apply(bench.plan, 'all', NONE);
  const before = bench.pids();
  assert.equal(before.length, 1);
  bench.replaceGateway();
  const failed = new Map([[`gateway ${GATEWAY}`, { code: 'broken', message: 'it broke', retryable: true }]]);
  bench.service.apply(bench.plan, 'all', failed);
  await eventually('it left the old one', () => bench.pids().length === 0);
  bench.service.apply(bench.plan, 'all', NONE);
  await eventually('it runs in the new one', () => bench.pids().length === 1);
  bench.addressClient('10.0.0.99');
  await bench.resolves('mail.weft.internal', 'unknown');
});

test('legs that are made anew are served, whether the gateway has one or several', async () => {
  for (const vnis of [[VNI], [VNI, SECOND_VNI]]) {
    await using bench = new Bench();
    const body = gatewayBody(9);
    const [first] = body.segments;
    const second = {
      ...first!,
      vni: SECOND_VNI,
      subnets: [{ ...first!.subnets[0]!, cidr: '10.1.0.0/24' as never, gatewayIp: '10.1.0.1' as Ipv4 }],
    };
    bench.plan.set('gateway', GATEWAY, { ...body, segments: vnis.length === 1 ? [first!] : [first!, second] });
    bench.host('10.0.0.11', testMac(11));
    bench.name('10.0.0.11', 'web');
    bench.service.apply(bench.plan, 'all', NONE);
    assert.equal(await bench.lease(testMac(11)), '10.0.0.11');
    bench.replaceLegs();
    bench.service.apply(bench.plan, 'all', NONE);
    assert.equal(await bench.lease(testMac(11)), '10.0.0.11', `${vnis.length} legs`);
    bench.addressClient('10.0.0.99');
    await bench.resolves('web', '10.0.0.11');
  }
});

test('names have domains of their own, and a public address has a whole name', async () => {
  await using bench = new Bench();
  const body = gatewayBody(9);
  const segments = body.segments.map((segment) => ({
    ...segment,
    dnsDomain: 'red.example.',
    subnets: segment.subnets.map((subnet) => ({ ...subnet, dnsNameservers: [] })),
  }));
  bench.plan.set('gateway', GATEWAY, { ...body, segments });
  bench.host('10.0.0.11', testMac(11));
  bench.service.apply(bench.plan, 'all', NONE);
  bench.addressClient('10.0.0.99');
  bench.change(bench.name('10.0.0.11', 'web', VNI, 'red.example.'));
  const outcome = await bench.ask(testMac(11), { wanted: [15] });
  assert.equal(outcome.kind === 'bound' ? text(outcome.other.get(15)) : outcome.kind, 'red.example');
  await bench.resolves('web.red.example', '10.0.0.11');
  assert.equal(await bench.resolve('web.weft.internal'), '10.0.0.11');
  assert.equal(await bench.resolve(reverseName('10.0.0.11' as Ipv4), { type: 'PTR' }), 'web.red.example');
  assert.equal(await bench.resolve('web.red.example', { type: 'AAAA' }), 'nothing', 'it is there, without such an address');
  const ref = { kind: 'dnsname', key: dnsNameKey(undefined, '203.0.113.9' as Ipv4) } as const;
  const shop = { concentratorId: GATEWAY, vni: undefined, address: '203.0.113.9' as Ipv4, name: 'shop.red.example.', domain: undefined };
  bench.plan.set(ref.kind, ref.key, shop);
  bench.change(ref);
  await bench.resolves('shop.red.example', '203.0.113.9');
  assert.equal(await bench.resolve('shop'), 'unknown', 'no name but the whole one');
  bench.plan.delete(ref.kind, ref.key);
  bench.change(ref);
  await bench.resolves('shop.red.example', 'unknown');
});

const text = (bytes: Uint8Array | undefined): string => (bytes === undefined ? 'none' : new TextDecoder().decode(bytes).replace(/\0$/, ''));

test('a host’s own options come before its segment’s and beside them, change while the server runs, and go', async () => {
  await using bench = new Bench();
  const own = (...options: readonly (readonly [string, string])[]): PlanRef =>
    bench.host('10.0.0.11', testMac(11), VNI, options.length === 0 ? undefined : options.map(([name, value]) => ({ name, value })));
  own(['bootfile-name', '10.0.0.7'], ['dns-server', '10.0.0.8,10.0.0.9'], ['mtu', '1300'], ['tftp-server', '10.0.0.6']);
  bench.host('10.0.0.12', testMac(12));
  bench.service.apply(bench.plan, 'all', NONE);
  const ask = async (mac: Mac, wanted: readonly number[] = [42, 66, 67, 119]): Promise<unknown> => {
    const outcome = await bench.ask(mac, { wanted });
    assert.equal(outcome.kind, 'bound');
    const { dns, mtu, router, other } = outcome;
    return { dns, mtu, router, told: Object.fromEntries(wanted.map((code) => [code, text(other.get(code))])) };
  };
  /** The server reads its files when it gets to it. */
  const becomes = async (expected: unknown): Promise<void> => {
    let last: unknown;
    for (let tries = 0; tries < 100 && !isDeepStrictEqual(last, expected); tries += 1) {
      last = await ask(testMac(11));
      if (!isDeepStrictEqual(last, expected)) await poll(() => undefined, { withinMs: 20 });
    }
    assert.deepEqual(last, expected);
  };
  const none = { 42: 'none', 66: 'none', 67: 'none', 119: 'none' };
  const plain = { dns: ['192.0.2.53'], mtu: 1450, router: '10.0.0.1', told: none };
  assert.deepEqual(await ask(testMac(11)), {
    dns: ['10.0.0.8', '10.0.0.9'],
    mtu: 1300,
    router: '10.0.0.1',
    told: { ...none, 66: '10.0.0.6', 67: '10.0.0.7' },
  });
  assert.deepEqual(await ask(testMac(12)), plain, 'another host');
  bench.change(own(['bootfile-name', 'http://10.0.0.7/boot?a=b&c'], ['router', '']));
  const changed = { ...plain, router: undefined, told: { ...none, 67: 'http://10.0.0.7/boot?a=b&c' } };
  await becomes(changed);
  bench.change(own());
  await becomes(plain);
  bench.change(own(['domain-search', 'red.example,blue.example']));
  const search = '\u0003red\u0007example\0\u0004blue\uFFFD\u0004';
  await becomes({ ...plain, told: { ...none, 119: search } });
  const pids = bench.pids();
  bench.addressClient('10.0.0.99');
  for (const name of ['web', 'mail', 'www']) {
    bench.change(bench.name('10.0.0.12', name));
    await bench.resolves(name, '10.0.0.12');
  }
  await becomes({ ...plain, told: { ...none, 119: search } });
  assert.deepEqual(bench.pids(), pids, 'told of other things it goes on, and reads none of it again');
});

/** A value of each kind, for every option that a port may have. */
const SAMPLES: Readonly<Record<string, string>> = {
  'static-route': '10.9.0.1,10.0.0.9',
  'classless-static-route': '10.9.0.0/16,10.0.0.9',
  'domain-name': 'red.example',
  'nis-domain': 'red.example',
  'domain-search': 'red.example',
  'root-path': '/srv/root',
  'extension-path': 'x',
  'tftp-server': 'boot',
  'bootfile-name': 'pxelinux.0',
  'posix-timezone': 'EST5EDT4',
  'tzdb-timezone': 'Europe/Zurich',
  'time-offset': '3600',
  'boot-file-size': '9',
  'default-ttl': '64',
  mtu: '1300',
  'netbios-nodetype': '8',
};

test('the server knows every option that a port may have, by the code of the table', async () => {
  await using bench = new Bench();
  const told = KNOWN_DHCP_OPTIONS.filter(({ name }) => name !== 'server-ip-address');
  const options = KNOWN_DHCP_OPTIONS.map(({ name, parse }) => ({ name, value: parse(SAMPLES[name] ?? '10.0.0.9', name) }));
  bench.host('10.0.0.11', testMac(11), VNI, options);
  bench.service.apply(bench.plan, 'all', NONE);
  const outcome = await bench.ask(testMac(11), { wanted: told.map(({ code }) => code) });
  assert.equal(outcome.kind, 'bound');
  const usual = new Map<number, unknown>([
    [3, outcome.router],
    [6, outcome.dns[0]],
    [26, outcome.mtu],
  ]);
  for (const { code, name } of told) assert.ok((usual.get(code) ?? outcome.other.get(code)) !== undefined, name);
  assert.deepEqual([usual.get(3), usual.get(6), usual.get(26)], ['10.0.0.9', '10.0.0.9', 1300]);
});
