import assert from 'node:assert/strict';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { planRefText } from '@weft/core/plan/plan';
import type { Ipv4 } from '@weft/core/ipv4';
import type { Plan, PlanRef } from '@weft/core/plan/plan';
import { parseSynced } from '@weft/core/plan/sync';
import type { Sync, Synced, SyncItem } from '@weft/core/plan/sync';
import type { NodeId, Uuid } from '@weft/core/uuid';
import type { ErrorInfo } from '@weft/core/weft-error';
import type { SsntpClientHandler } from '@weft/ssntp/client';
import { FakeClock } from '@weft/ssntp/fake-clock';
import { framePayload, plainFrame, routedFrame } from '@weft/ssntp/frame';
import type { Frame } from '@weft/ssntp/frame';
import { Command, EventOperand, frameName, FrameType } from '@weft/ssntp/operands';
import { decodePayload, encodePayload } from '@weft/ssntp/payload';
import { parseConcentratorInstanceAdded } from '@weft/ssntp/payloads/concentrator-instance-added';
import { parseInvalidPayload } from '@weft/ssntp/payloads/invalid-payload';
import { parseReady } from '@weft/ssntp/payloads/ready';
import { parseReply } from '@weft/ssntp/payloads/request';
import type { Reply } from '@weft/ssntp/payloads/request';
import { parseStats } from '@weft/ssntp/payloads/stats';
import { parseTenantAdded } from '@weft/ssntp/payloads/tenant-event';
import { LauncherRunning } from './launcher-running.ts';
import { Launcher } from './launcher.ts';
import { gatewayBody, instanceBody, portItem, recordingLog, temporaryDirectory, testId, testMac, VNI } from './test-support.ts';
import type { NodeAddress } from './underlay.ts';

const NODE = testId<NodeId>(0xa0);
const CONTROLLER = testId<Uuid>(0xc0);
const CONFIGURATION = { configure: { launcher: { compute_net: ['10.88.0.0/24'], mgmt_net: ['192.168.0.0/24'] }, weft: { mtu: 1450 } } };
/** Its workload cannot start, for its namespace does not exist. */
const INSTANCE: SyncItem = { kind: 'instance', key: testId(1), v: 1, body: instanceBody(1, ['sleep', '1000']) };
/** Without DHCP, so that no server is needed. */
const GATEWAY: SyncItem = {
  kind: 'gateway',
  key: testId(9),
  v: 1,
  body: { ...gatewayBody(9), segments: gatewayBody(9).segments.map((segment) => ({ ...segment, subnets: [] })) },
};

const segmentItem = (more: object): SyncItem => {
  const body = { vni: VNI, tunnel: 'vxlan', topology: 'concentrator', hub: false, mtu: 1450, ...more };
  return { kind: 'segment', key: String(VNI), v: 1, body };
};
const ELSEWHERE = { concentratorId: testId(9), tenantId: testId(8), vtep: '10.88.0.2', subnet: '10.0.0.0/24' };

/** A node whose launcher can be killed and started again: directories, a data path that only takes notes, and a connection. */
class Bench implements AsyncDisposable {
  readonly #directory = temporaryDirectory();
  readonly clock = new FakeClock();
  readonly log = recordingLog();
  /** What the data path was told, with the kinds that its plan had. */
  readonly applied: string[] = [];
  readonly sent: Frame[] = [];
  connected = false;
  addresses: NodeAddress[] = [
    { ip: '192.168.0.103' as Ipv4, ifname: 'mgmt0' },
    { ip: '10.88.0.103' as Ipv4, ifname: 'data0' },
  ];
  /** What the connection was told about the node's addresses. */
  isGone: ((address: string) => boolean) | undefined;
  configurations = 0;
  broken: Error | undefined;
  failed = new Map<string, ErrorInfo>();
  #handler: SsntpClientHandler | undefined;
  launcher: Launcher = this.#make();

  get stateDir(): string {
    return join(this.#directory.path, 'state');
  }

  get runDir(): string {
    return join(this.#directory.path, 'run');
  }

  #make(): Launcher {
    const roles = ['compute', 'network'] as const;
    return new Launcher(
      { nodeId: NODE, hostname: 'n1', roles, stateDir: this.stateDir, runDir: this.runDir, environment: { PATH: '' } },
      {
        clock: this.clock,
        random: () => 0.5,
        log: this.log,
        facts: () => ({
          mem_total_mb: 100,
          mem_available_mb: 50,
          disk_total_mb: -1,
          disk_available_mb: -1,
          load: 0,
          cpus_online: 2,
          networks: [
            { ip: '192.168.0.103' as never, mac: testMac(1) },
            { ip: '10.88.0.103' as never, mac: testMac(2) },
          ],
        }),
        addresses: () => this.addresses,
        dataplane: (configure, underlay) => {
          assert.equal(underlay.underlayInterface, 'data0');
          assert.deepEqual(configure.weft, { mtu: 1450 });
          this.configurations += 1;
          if (this.broken !== undefined) throw this.broken;
          return {
            observeInParts: () => undefined,
            disturbed: () => false,
            relocate: ({ vtep }) => void this.applied.push(`to ${vtep}`),
            pending: (plan) => [...plan.refs()],
            tidy: () => false,
            portDrops: () => [{ kind: 'port mtu sent', packets: 3, bytes: 4500 }],
            gatewayDrops: () => undefined,
            apply: (plan, changed) => this.#apply(plan, changed),
            workloadNetns: () => join(this.#directory.path, 'none'),
            gatewayNetns: () => join(this.#directory.path, 'none'),
            metadataLeg: () => ({ netns: join(this.#directory.path, 'none'), ifname: 'seg1' }),
          };
        },
        client: (handler) => {
          this.#handler = handler;
          const send = (frame: Frame): boolean => {
            if (this.connected) this.sent.push(frame);
            return this.connected;
          };
          return {
            start: () => undefined,
            close: () => Promise.resolve(),
            send,
            localAddressesChanged: (isGone) => void (this.isGone = isGone),
          };
        },
      },
    );
  }

  #apply(plan: Plan, changed: Iterable<PlanRef> | 'all'): ReadonlyMap<string, ErrorInfo> {
    const what =
      changed === 'all'
        ? 'all'
        : [...changed]
            .map(({ kind }) => kind)
            .toSorted(byText)
            .join(' ');
    this.applied.push(
      `${what} of ${[...plan.refs()]
        .map(({ kind }) => kind)
        .toSorted(byText)
        .join(' ')}`,
    );
    return this.failed;
  }

  /** Starts the launcher of a node that holds this. */
  static async started(): Promise<Bench> {
    const bench = new Bench();
    await bench.launcher.start();
    return bench;
  }

  connect(configuration: unknown = CONFIGURATION): void {
    this.connected = true;
    this.#handler?.connected(configuration, CONTROLLER);
  }

  disconnect(): void {
    this.connected = false;
    this.#handler?.disconnected({ code: 'closed', message: 'closed' } as never);
  }

  receive(frame: Frame): void {
    this.#handler?.frame(frame);
  }

  sync(...syncs: readonly Sync[]): void {
    for (const sync of syncs) {
      this.receive(routedFrame(FrameType.COMMAND, Command.Sync, NODE, encodePayload(sync), CONTROLLER));
    }
  }

  full(epoch: string, revision: number, items: readonly SyncItem[]): void {
    this.sync({ op: 'begin', epoch, revision }, { op: 'chunk', seq: 0, items }, { op: 'end', seq: 1, count: items.length });
  }

  /** The payloads of what was sent of one kind since the last call. */
  taken(name: string): unknown[] {
    const found = this.sent.filter((frame) => frameName(frame.type, frame.operand) === name);
    for (const frame of found) this.sent.splice(this.sent.indexOf(frame), 1);
    return found.map((frame) => decodePayload(framePayload(frame)));
  }

  synced(): Synced[] {
    return this.taken('STATUS Synced').map(parseSynced);
  }

  /** Lets passes that have ended say so, and what is coalesced happen. */
  async settle(ms = 10): Promise<void> {
    await setImmediate();
    this.clock.advance(ms);
    await setImmediate();
  }

  /** Ends the launcher and begins anew; `boot` clears the runDir, as a tmpfs is. */
  async restart(boot: boolean): Promise<void> {
    await this.launcher.stop();
    this.connected = false;
    this.applied.length = 0;
    this.sent.length = 0;
    if (boot) rmSync(this.runDir, { recursive: true });
    this.launcher = this.#make();
    await this.launcher.start();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.launcher.stop();
    this.#directory[Symbol.dispose]();
  }
}

const byText = (a: string, b: string): number => (a < b ? -1 : 1);

test('a new node does nothing until it has a configuration and a plan, then applies all of it and says so', async () => {
  await using bench = await Bench.started();
  assert.equal(bench.configurations, 0);
  bench.connect();
  assert.equal(bench.configurations, 1);
  bench.sync({ op: 'ask' });
  const [answer, ...more] = bench.synced();
  assert.equal(answer?.epoch, undefined);
  assert.equal(answer?.kinds?.['port'], 1);
  assert.deepEqual(more, [], 'nothing is applied, so nothing is reported');
  assert.deepEqual(bench.applied, []);
  bench.full('e1', 3, [portItem(1)]);
  assert.deepEqual(bench.applied, ['all of port']);
  assert.deepEqual(bench.synced(), [{ epoch: 'e1', revision: 3, failed: {} }]);
});

test('an answer to ask is followed by what is applied; an empty delta is reported', async () => {
  await using bench = await Bench.started();
  bench.connect();
  bench.full('e1', 3, [portItem(1)]);
  bench.synced();
  bench.sync({ op: 'ask' });
  const [answer, report] = bench.synced();
  assert.ok(answer?.digests !== undefined);
  assert.deepEqual(report, { epoch: 'e1', revision: 3, failed: {} });
  await bench.settle();
  bench.sync({ op: 'delta', epoch: 'e1', from: 3, revision: 5, upsert: [], remove: [] });
  assert.deepEqual(bench.synced(), [{ epoch: 'e1', revision: 5, failed: {} }]);
});

test('what failed, and what could not be read, is in the report', async () => {
  await using bench = await Bench.started();
  bench.connect();
  bench.failed.set('port x', { code: 'broken', message: 'it broke', retryable: true });
  bench.full('e1', 3, [portItem(1), { kind: 'wormhole', key: 'y', v: 1, body: {} }]);
  const failed = bench.synced()[0]?.failed ?? {};
  assert.deepEqual(
    Object.entries(failed)
      .map(([key, { code }]) => [key, code])
      .toSorted(([a = ''], [b = '']) => byText(a, b)),
    [
      ['port x', 'broken'],
      ['wormhole y', 'unknown_plan_kind'],
    ],
  );
});

test('a restarted launcher applies the saved plan before it is connected, and removes nothing on its account', async () => {
  await using bench = await Bench.started();
  bench.connect();
  bench.full('e1', 3, [portItem(1), INSTANCE]);
  await bench.restart(false);
  assert.deepEqual(bench.applied, ['instance port of instance port']);
  bench.connect();
  bench.sync({ op: 'ask' });
  assert.deepEqual([bench.synced()[0]?.epoch, bench.applied.length], ['e1', 1]);
  await bench.settle();
  bench.sync({ op: 'delta', epoch: 'e1', from: 3, revision: 3, upsert: [], remove: [] });
  await bench.settle();
  assert.equal(bench.applied.at(-1), 'all of instance port', 'the plan is confirmed');
});

test('what a restarted launcher applied of its saved plan is reported only once the plan is confirmed', async () => {
  await using bench = await Bench.started();
  bench.connect();
  bench.full('e1', 3, [portItem(1)]);
  await bench.restart(false);
  bench.connect();
  bench.sync({ op: 'ask' });
  const [answer, ...more] = bench.synced();
  assert.ok(answer?.digests !== undefined);
  assert.deepEqual(more, [], 'something that the plan no longer names may still be in the kernel');
  await bench.settle();
  bench.sync({ op: 'delta', epoch: 'e1', from: 3, revision: 3, upsert: [], remove: [] });
  await bench.settle();
  assert.deepEqual(bench.synced(), [{ epoch: 'e1', revision: 3, failed: {} }]);
});

test('a public address is told after the report and its gateway, and wake-ups, however many, tell nothing and do nothing', async () => {
  await using bench = await Bench.started();
  bench.connect();
  const address = '203.0.113.20';
  const body = { concentratorId: testId(9), address, internal: '10.0.0.5', instanceId: testId(1) };
  bench.full('e1', 3, [GATEWAY, { kind: 'publicip', key: address, v: 1, body }]);
  const told = bench.sent
    .map((frame) => frameName(frame.type, frame.operand))
    .filter((name) => !name.includes('STAT') || name.includes('Synced'));
  assert.deepEqual(told.slice(-3), ['STATUS Synced', 'EVENT ConcentratorInstanceAdded', 'EVENT PublicIPAssigned']);
  const passes = bench.applied.length;
  const command = { concentrator_uuid: testId(9), public_ip: address, private_ip: '10.0.0.5' };
  bench.sent.length = 0;
  for (const [operand, key] of [
    [Command.AssignPublicIP, 'assign_public_ip'],
    [Command.AssignPublicIP, 'assign_public_ip'],
    [Command.ReleasePublicIP, 'release_public_ip'],
    [Command.ReleasePublicIP, 'release_public_ip'],
  ] as const) {
    bench.receive(plainFrame(FrameType.COMMAND, operand, encodePayload({ [key]: command })));
  }
  await bench.settle(20);
  assert.deepEqual([bench.applied.length, bench.sent], [passes, []]);
});

test('after a boot instances and gateways wait for a confirmation, also if the launcher is restarted meanwhile', async () => {
  await using bench = await Bench.started();
  bench.connect();
  bench.full('e1', 3, [portItem(1), INSTANCE, GATEWAY]);
  await bench.restart(true);
  assert.deepEqual(bench.applied, ['port of port']);
  await bench.restart(false);
  assert.deepEqual(bench.applied, ['port of port']);
  assert.equal(existsSync(join(bench.runDir, 'boot-id')), false);
  bench.connect();
  assert.deepEqual(bench.taken('EVENT ConcentratorInstanceAdded'), []);
  await bench.settle();
  bench.sync({ op: 'delta', epoch: 'e1', from: 3, revision: 3, upsert: [], remove: [] });
  assert.equal(bench.applied.at(-1), 'all of gateway instance port');
  assert.equal(bench.taken('EVENT ConcentratorInstanceAdded').length, 1);
  assert.ok(existsSync(join(bench.runDir, 'boot-id')));
});

test('a plan of an unknown epoch is held and reported, and applied when accepted', async () => {
  await using bench = await Bench.started();
  bench.connect();
  bench.full('e1', 3, [portItem(1)]);
  bench.synced();
  bench.full('e2', 1, []);
  const held = { reason: 'unknown_epoch', epoch: 'e2', revision: 1, ports: 1 };
  assert.deepEqual(bench.synced(), [{ epoch: 'e1', revision: 3, failed: {}, held }]);
  assert.deepEqual(bench.applied, ['all of port']);
  await bench.settle();
  bench.sync({ op: 'accept', epoch: 'e2', revision: 1 });
  assert.deepEqual(bench.applied, ['all of port', 'all of ']);
  assert.deepEqual(bench.synced(), [{ epoch: 'e2', revision: 1, failed: {} }]);
});

test('after a boot an old controller is not enough to start anything', async () => {
  await using bench = await Bench.started();
  bench.connect();
  bench.full('e1', 3, [portItem(1), INSTANCE]);
  await bench.restart(true);
  bench.connect();
  bench.full('e2', 9, [portItem(1), INSTANCE]);
  await bench.settle();
  assert.deepEqual(bench.applied, ['port of port']);
  const synced = bench.synced();
  assert.equal(synced.at(-1)?.held?.reason, 'unknown_epoch');
});

test('READY and STATS are sent at connect and every five seconds while connected', async () => {
  await using bench = await Bench.started();
  bench.connect();
  const [ready] = bench.taken('STATUS READY').map((payload) => parseReady(payload));
  assert.equal(ready?.node_uuid, NODE);
  assert.equal(ready.hostname, 'n1');
  assert.deepEqual(
    ready.networks.map(({ ip }) => ip),
    ['192.168.0.103', '10.88.0.103'],
  );
  const stats = bench.taken('COMMAND STATS');
  assert.equal(parseStats(stats[0]).status, 'READY');
  assert.deepEqual((stats[0] as { weft_roles: unknown }).weft_roles, ['compute', 'network']);
  bench.clock.advance(15_000);
  assert.deepEqual([bench.taken('STATUS READY').length, bench.taken('COMMAND STATS').length], [3, 3]);
  bench.full('e1', 3, [portItem(1), INSTANCE]);
  await bench.settle(5000);
  const [instance] = parseStats(bench.taken('COMMAND STATS').at(-1)).instances;
  assert.deepEqual([instance?.instance_uuid, instance?.state], [testId(1), 'exited']);
  bench.disconnect();
  bench.sent.length = 0;
  bench.connected = true;
  bench.clock.advance(15_000);
  assert.deepEqual(bench.taken('STATUS READY'), []);
});

test('a gateway is announced once it is applied, with the VTEP address, and again after a new connection', async () => {
  await using bench = await Bench.started();
  bench.connect();
  bench.failed.set(planRefText({ kind: 'gateway', key: testId(9) }), { code: 'broken', message: 'it broke', retryable: true });
  bench.full('e1', 3, [GATEWAY]);
  assert.deepEqual(bench.taken('EVENT ConcentratorInstanceAdded'), []);
  bench.failed.clear();
  await bench.settle(1000);
  const [event, ...more] = bench.taken('EVENT ConcentratorInstanceAdded').map(parseConcentratorInstanceAdded);
  assert.equal(event?.instance_uuid, testId(9));
  assert.equal(event.tenant_uuid, testId(9));
  assert.equal(event.concentrator_ip, '10.88.0.103');
  assert.equal(event.concentrator_mac, testMac(1));
  assert.deepEqual(more, []);
  bench.disconnect();
  bench.connect();
  assert.equal(bench.taken('EVENT ConcentratorInstanceAdded').length, 1);
});

test('a data path that cannot be set up is tried again, and then has the plan that came meanwhile, and says so', async () => {
  await using bench = await Bench.started();
  bench.broken = new Error('no VTEP address yet');
  bench.connect();
  bench.full('e1', 3, [portItem(1), segmentItem({ gateway: ELSEWHERE })]);
  bench.clock.advance(400);
  assert.deepEqual([bench.applied, bench.taken('EVENT TenantAdded')], [[], []]);
  bench.broken = undefined;
  bench.clock.advance(1000);
  assert.deepEqual(bench.applied, ['all of port segment']);
  assert.equal(bench.configurations, 2);
  assert.equal(bench.taken('EVENT TenantAdded').length, 1);
});

test('a node whose address changed takes its tunnels there, says so at once, and announces its gateways anew', async () => {
  await using bench = await Bench.started();
  bench.connect();
  bench.full('e1', 3, [portItem(1), GATEWAY]);
  await bench.settle();
  const vteps = (): unknown[] => bench.taken('COMMAND STATS').map((stats) => (stats as { weft_vtep: unknown }).weft_vtep);
  assert.deepEqual([...new Set(vteps())], ['10.88.0.103']);
  bench.taken('EVENT ConcentratorInstanceAdded');
  bench.applied.length = 0;
  bench.addresses[1] = { ip: '10.88.0.113' as Ipv4, ifname: 'data0' };
  bench.clock.advance(1000);
  await bench.settle(10);
  assert.deepEqual(bench.applied, ['to 10.88.0.113', 'all of gateway port']);
  assert.equal(vteps()[0], '10.88.0.113');
  const [event, ...more] = bench.taken('EVENT ConcentratorInstanceAdded').map(parseConcentratorInstanceAdded);
  assert.deepEqual([event?.concentrator_ip, more.length], ['10.88.0.113', 0]);
  const tried = ['192.168.0.103', '10.88.0.3', '127.0.0.1', '::1'];
  assert.deepEqual(
    tried.filter((address) => bench.isGone?.(address)),
    ['10.88.0.3'],
    'a connection from there is dead',
  );
});

test('a node without an address in a compute network waits for one, and then has the plan that came meanwhile', async () => {
  await using bench = await Bench.started();
  const address = bench.addresses.pop()!;
  bench.connect();
  bench.full('e1', 3, [portItem(1)]);
  bench.clock.advance(3000);
  assert.deepEqual([bench.applied, bench.configurations], [[], 0]);
  bench.addresses.push(address);
  bench.clock.advance(1000);
  assert.deepEqual([bench.applied, bench.configurations], [['all of port'], 1]);
});

test('a frame that cannot be read is answered, logged once an origin, and changes nothing', async () => {
  await using bench = await Bench.started();
  bench.connect();
  bench.full('e1', 3, [portItem(1)]);
  const broken = routedFrame(FrameType.COMMAND, Command.Sync, NODE, Buffer.from('{"op":"delta","epoch":7}'), CONTROLLER);
  bench.receive(broken);
  bench.receive(broken);
  bench.receive(routedFrame(FrameType.COMMAND, Command.Sync, NODE, Uint8Array.of(0xff), CONTROLLER));
  const answers = bench.taken('ERROR InvalidPayload').map(parseInvalidPayload);
  assert.deepEqual(
    answers.map(({ frame, error }) => [frame, error.code]),
    [
      ['COMMAND Sync', 'invalid_value'],
      ['COMMAND Sync', 'invalid_value'],
      ['COMMAND Sync', 'invalid_payload'],
    ],
  );
  assert.equal(bench.log.lines.filter(({ level }) => level === 'error').length, 1);
  await bench.settle();
  assert.deepEqual(bench.applied, ['all of port']);
});

test('a request is answered, commands of old controllers are only wake-ups', async () => {
  await using bench = await Bench.started();
  bench.connect();
  bench.receive(routedFrame(FrameType.COMMAND, Command.Request, NODE, encodePayload({ id: '1', op: 'fly', body: null }), CONTROLLER));
  const [reply] = bench.taken('STATUS Reply').map(parseReply);
  assert.equal(reply !== undefined && 'error' in reply ? reply.error.code : undefined, 'unknown_operation');
  bench.failed.set(planRefText({ kind: 'port', key: testId(1) }), { code: 'broken', message: 'it broke', retryable: true });
  bench.full('e1', 3, [portItem(1)]);
  await bench.settle();
  bench.receive(plainFrame(FrameType.COMMAND, Command.DELETE, encodePayload({ delete: {} })));
  assert.equal(bench.applied.length, 2, 'what failed is tried at once');
});

function hint(more: object = {}): object {
  const fields = { agent_uuid: testId(0xa1), agent_ip: '10.88.0.7', tenant_subnet: '10.0.0.0/24', concentrator_uuid: testId(9), vni: VNI };
  const weft = { weft_epoch: 'e1', weft_revision: 5, weft_ports: [{ mac: testMac(7), ips: ['10.0.0.7'] }] };
  return { ...fields, ...weft, ...more };
}

test('a gateway’s host takes a hint over its plan at once, and the plan takes over from it; a restart removes nothing', async () => {
  await using bench = await Bench.started();
  const tell = (name: 'added' | 'removed', more?: object): void => {
    const operand = name === 'added' ? EventOperand.TenantAdded : EventOperand.TenantRemoved;
    bench.receive(plainFrame(FrameType.EVENT, operand, encodePayload({ [`tenant_${name}`]: hint(more) })));
  };
  bench.connect();
  bench.full('e1', 4, [segmentItem({ hub: true }), GATEWAY]);
  await bench.settle();
  bench.applied.length = 0;
  tell('added');
  tell('added');
  assert.deepEqual(bench.applied, ['peer vtep vtepfilter of gateway peer segment vtep vtepfilter']);
  assert.deepEqual([bench.synced().at(-1)?.revision, bench.synced()], [4, []], 'the revision is the plan’s');
  await bench.settle();
  bench.sync({ op: 'ask' });
  assert.match(bench.synced()[0]?.digests?.['peer'] ?? '', /^0+$/, 'what is reported is the plan');
  tell('added', { agent_ip: '192.168.0.7' });
  assert.deepEqual(
    bench.taken('ERROR InvalidPayload').map((payload) => parseInvalidPayload(payload).error.code),
    ['invalid_value'],
  );
  await bench.settle();
  assert.equal(bench.applied.length, 1);
  const peer = {
    kind: 'peer',
    key: `${VNI}/${testMac(7)}`,
    v: 1,
    body: { vni: VNI, mac: testMac(7), ips: ['10.0.0.7'], vtep: '10.88.0.7' },
  };
  bench.sync({ op: 'delta', epoch: 'e1', from: 4, revision: 5, upsert: [peer], remove: [] });
  assert.deepEqual(bench.applied.slice(1), ['peer vtep vtepfilter of gateway peer segment']);
  await bench.settle();
  tell('added', { weft_revision: 6, weft_ports: [] });
  await bench.settle();
  assert.deepEqual(bench.applied.slice(2), ['vtep vtepfilter of gateway peer segment vtep vtepfilter']);
  tell('removed');
  assert.deepEqual(bench.applied.slice(3), ['vtep vtepfilter of gateway peer segment']);
  await bench.settle();
  tell('added', { weft_revision: 7 });
  await bench.restart(false);
  assert.deepEqual(bench.applied, ['gateway peer segment of gateway peer segment'], 'only what is known is touched');
});

test('the first port of a segment is told to its gateway’s host, and again on a new connection and by a new process', async () => {
  await using bench = await Bench.started();
  const said = (): (readonly [number, number])[] =>
    bench.taken('EVENT TenantAdded').map((payload) => {
      const { weft_ports: ports, weft_revision: revision, agent_uuid: agent, agent_ip: vtep } = parseTenantAdded(payload);
      assert.deepEqual([agent, vtep], [NODE, '10.88.0.103']);
      return [revision, ports.length];
    });
  bench.connect();
  bench.full('e1', 3, [segmentItem({ gateway: ELSEWHERE })]);
  await bench.settle(200);
  assert.deepEqual(said(), []);
  bench.sync({ op: 'delta', epoch: 'e1', from: 3, revision: 4, upsert: [portItem(1)], remove: [] });
  await bench.settle(200);
  assert.deepEqual(said(), [[4, 1]]);
  bench.disconnect();
  bench.connect();
  await bench.settle(200);
  assert.deepEqual(said(), [[4, 1]]);
  await bench.restart(false);
  bench.connect();
  await bench.settle(200);
  assert.deepEqual(said(), [[4, 1]]);
  bench.sync({ op: 'delta', epoch: 'e1', from: 4, revision: 5, upsert: [], remove: [{ kind: 'port', key: testId(1) }] });
  await bench.settle(200);
  assert.deepEqual([said(), bench.taken('EVENT TenantRemoved').length], [[], 1]);
});

test('a controller is told what a node dropped of a port, or precisely why it cannot be', async () => {
  await using bench = await Bench.started();
  const ask = (id: string, op: string, body: unknown): Reply | undefined => {
    bench.receive(routedFrame(FrameType.COMMAND, Command.Request, NODE, encodePayload({ id, op, body }), CONTROLLER));
    return bench.taken('STATUS Reply').map(parseReply)[0];
  };
  const traces = { vni: 10_001, mac: '02:00:00:00:00:01' };
  const port = { port_id: testId(1), concentrator_uuid: '', ...traces };
  bench.connect();
  assert.deepEqual(ask('1', 'port_drops', port), { id: '1', ok: { drops: [{ kind: 'port mtu sent', packets: 3, bytes: 4500 }] } });
  const code = (reply: Reply | undefined): string | undefined => (reply !== undefined && 'error' in reply ? reply.error.code : undefined);
  const gateway = { concentrator_uuid: testId(1), addresses: [], public_addresses: [], ...traces };
  assert.equal(code(ask('2', 'gateway_drops', gateway)), 'no_gateway_here');
  assert.equal(code(ask('3', 'port_drops', { ...port, mac: 'nonsense' })), 'invalid_value');
  assert.equal(code(ask('4', 'port_drops', null)), 'invalid_value');
});

test('a second launcher is refused, and the first goes on', async () => {
  await using bench = await Bench.started();
  const options = { nodeId: NODE, hostname: 'n1', roles: [], stateDir: bench.stateDir, runDir: bench.runDir, environment: {} };
  const never = (): never => assert.fail('nothing is opened');
  const second = new Launcher(options, {
    client: never,
    dataplane: never,
    facts: never,
    addresses: never,
    clock: bench.clock,
    random: () => 0,
    log: bench.log,
  });
  await assert.rejects(second.start(), LauncherRunning);
  bench.connect();
  bench.full('e1', 3, [portItem(1)]);
  assert.equal(bench.synced().length, 1);
});

test('a damaged plan file is no reason not to start', async () => {
  await using bench = await Bench.started();
  bench.connect();
  bench.full('e1', 3, [portItem(1)]);
  await bench.launcher.stop();
  writeFileSync(join(bench.stateDir, 'plan.json'), '{');
  await bench.restart(false);
  bench.connect();
  bench.full('e7', 1, [portItem(2)]);
  assert.deepEqual(bench.applied, ['all of port'], 'a node without a saved plan accepts any epoch');
});

test('after stop no timer is left and nothing is sent', async () => {
  await using bench = await Bench.started();
  bench.connect();
  bench.full('e1', 3, [portItem(1), INSTANCE]);
  await bench.launcher.stop();
  bench.sent.length = 0;
  assert.equal(bench.clock.pending, 0);
  bench.full('e1', 4, []);
  assert.deepEqual(bench.sent, []);
});
