import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Uuid } from '@weft/core/uuid';
import { NIL_UUID } from '@weft/core/uuid';
import { FakeClock } from '@weft/ssntp/fake-clock';
import type { Frame } from '@weft/ssntp/frame';
import { framePayload, plainFrame, routedFrame } from '@weft/ssntp/frame';
import { memoryStreamPair } from '@weft/ssntp/memory-stream';
import { Command, ErrorOperand, EventOperand, FrameType, Status, frameName } from '@weft/ssntp/operands';
import { decodePayload, encodePayload } from '@weft/ssntp/payload';
import { Role } from '@weft/ssntp/role';
import type { CloseReason } from '@weft/ssntp/session';
import { Session } from '@weft/ssntp/session';
import { settle, testUuid, until } from '@weft/ssntp/test-support';
import { Scheduler } from './scheduler.ts';

const { COMMAND, STATUS, ERROR, EVENT } = FrameType;
const schedulerUuid = testUuid(1000);
const concentrator = testUuid(500);
const instance = testUuid(600);

/** A peer of the scheduler over memory; `frames` is what arrived and was not taken out. */
class Peer {
  readonly uuid: Uuid;
  readonly frames: Frame[] = [];
  configuration: unknown;
  state: 'opening' | 'open' | CloseReason['code'] = 'opening';
  readonly #session: Session;

  constructor(scheduler: Scheduler, n: number, role: number) {
    this.uuid = testUuid(n);
    const self = { roles: role, uuid: this.uuid, address: `peer ${n}` };
    const [ours, theirs] = memoryStreamPair(self, { roles: Role.Scheduler, uuid: schedulerUuid, address: 'memory' });
    const handler = {
      established: (_: Session, payload: Uint8Array) => {
        this.configuration = decodePayload(payload);
        this.state = 'open';
      },
      frame: (_: Session, frame: Frame) => this.frames.push(frame),
      closed: (_: Session, { code }: CloseReason) => (this.state = code),
    };
    this.#session = new Session({ uuid: this.uuid, role }, { kind: 'client' }, { stream: ours, clock: new FakeClock(), handler });
    scheduler.accept(theirs);
  }

  send(type: number, operand: number, payload?: unknown): void {
    assert.ok(this.#session.send(plainFrame(type, operand, encodePayload(payload))));
  }

  route(type: number, operand: number, destination: Uuid, payload?: unknown, origin?: Uuid): void {
    assert.ok(this.#session.send(routedFrame(type, operand, destination, encodePayload(payload), origin)));
  }

  close(): void {
    this.#session.close();
  }

  /** The next frame, which must be of this name; takes it out. */
  async take(name: string): Promise<Frame> {
    await until(() => this.frames.length > 0, name);
    const frame = this.frames.shift();
    assert.ok(frame !== undefined);
    assert.equal(frameName(frame.type, frame.operand), name);
    return frame;
  }

  async takePayload(name: string): Promise<unknown> {
    return decodePayload(framePayload(await this.take(name)));
  }
}

class Cluster {
  readonly warnings: { frame?: string }[] = [];
  readonly scheduler: Scheduler;

  constructor() {
    const log = { debug() {}, info() {}, error() {}, warn: (fields: object) => this.warnings.push(fields) };
    this.scheduler = new Scheduler(
      { uuid: schedulerUuid, configuration: { configure: { weft: { mtu: 1500 } } } },
      { clock: new FakeClock(), log },
    );
  }

  async join(n: number, role: number): Promise<Peer> {
    const peer = new Peer(this.scheduler, n, role);
    await until(() => peer.state !== 'opening', `peer ${n} connected`);
    assert.equal(peer.state, 'open');
    return peer;
  }

  /** A node that is ready to take work; the controllers' news of it are taken out. */
  async joinReady(n: number, role: number, memMb: number, controllers: Peer[] = []): Promise<Peer> {
    const node = await this.join(n, role);
    node.send(STATUS, Status.READY, ready(node.uuid, memMb));
    await until(() => this.node(n)?.status === 'ready', `node ${n} ready`);
    await settle();
    for (const controller of controllers) controller.frames.length = 0;
    return node;
  }

  node(n: number): ReturnType<Scheduler['status']>['nodes'][number] | undefined {
    return this.scheduler.status().nodes.find(({ uuid }) => uuid === testUuid(n));
  }
}

function ready(node_uuid: Uuid, memMb: number): object {
  return { node_uuid, mem_total_mb: memMb, mem_available_mb: memMb, disk_total_mb: 1, disk_available_mb: 1, hostname: 'cn' };
}

function start(memMb: number, requirements: object = {}): object {
  return { start: { instance_uuid: instance, requirements: { mem_mb: memMb, vcpus: 1, ...requirements } } };
}

function added(instance_uuid: Uuid, node_uuid: Uuid = testUuid(9)): object {
  const event = { instance_uuid, concentrator_ip: '10.88.0.2', concentrator_mac: '02:00:00:00:00:01', node_uuid };
  return { concentrator_instance_added: event };
}

function hintBody(agent_uuid: Uuid): object {
  return { agent_uuid, agent_ip: '10.88.0.3', tenant_subnet: '10.0.0.0/24', concentrator_uuid: concentrator, vni: 10_001 };
}

function tenantAdded(agent_uuid: Uuid, more: object = {}): object {
  return { tenant_added: { ...hintBody(agent_uuid), ...more } };
}

function nodeEvent(key: string, n: number, node_type: string): object {
  return { [key]: { node_uuid: testUuid(n), node_type } };
}

test('everyone who connects gets the configuration, and a controller can replace it', async () => {
  const cluster = new Cluster();
  const controller = await cluster.join(1, Role.Controller);
  assert.deepEqual(controller.configuration, { configure: { weft: { mtu: 1500 } } });
  controller.send(COMMAND, Command.CONFIGURE, { configure: { weft: { mtu: 9000 } } });
  await settle();
  assert.deepEqual((await cluster.join(2, Role.CNAgent)).configuration, { configure: { weft: { mtu: 9000 } } });
});

test('controllers hear of nodes that come and go, once for each of their roles', async () => {
  const cluster = new Cluster();
  const controllers = [await cluster.join(1, Role.Controller), await cluster.join(2, Role.Controller)];
  const node = await cluster.join(3, Role.CNAgent | Role.NetworkingAgent);
  node.close();
  for (const controller of controllers) {
    assert.deepEqual(await controller.takePayload('EVENT NodeConnected'), nodeEvent('node_connected', 3, 'compute_node'));
    assert.deepEqual(await controller.takePayload('EVENT NodeConnected'), nodeEvent('node_connected', 3, 'network_node'));
    assert.deepEqual(await controller.takePayload('EVENT NodeDisconnected'), nodeEvent('node_disconnected', 3, 'compute_node'));
    assert.deepEqual(await controller.takePayload('EVENT NodeDisconnected'), nodeEvent('node_disconnected', 3, 'network_node'));
  }
});

test('a controller that comes back is told of every node that is there', async () => {
  const cluster = new Cluster();
  await cluster.join(1, Role.Controller);
  await cluster.join(2, Role.NetworkingAgent);
  await cluster.join(3, Role.CNAgent);
  await cluster.join(4, Role.Hyperswitch);
  await cluster.join(5, Role.CNCIAgent);
  const restarted = await cluster.join(1, Role.Controller);
  const told = [];
  for (let n = 0; n < 4; n++) told.push(await restarted.takePayload('EVENT NodeConnected'));
  assert.deepEqual(told, [
    nodeEvent('node_connected', 3, 'compute_node'),
    nodeEvent('node_connected', 2, 'network_node'),
    nodeEvent('node_connected', 5, 'concentrator'),
    nodeEvent('node_connected', 4, 'hyperswitch'),
  ]);
  assert.deepEqual(cluster.scheduler.status().controllers, [testUuid(1)]);
});

test('START reserves memory until the next READY, and is answered with a place or the reason against', async () => {
  const cluster = new Cluster();
  const controller = await cluster.join(1, Role.Controller);
  const node = await cluster.joinReady(2, Role.CNAgent, 1_000, [controller]);
  controller.send(COMMAND, Command.START, start(600));
  assert.deepEqual(await controller.takePayload('STATUS Reply'), { instance_uuid: instance, node_uuid: node.uuid });
  assert.equal(cluster.node(2)?.memAvailableMb, 400);
  controller.send(COMMAND, Command.START, start(600));
  assert.deepEqual(await controller.takePayload('ERROR StartFailure'), { instance_uuid: instance, reason: 'full_cloud', restart: false });
  node.send(STATUS, Status.READY, ready(node.uuid, 1_000));
  await until(() => cluster.node(2)?.memAvailableMb === 1_000, 'new figures');
  controller.send(COMMAND, Command.START, start(600));
  await controller.take('STATUS Reply');
  assert.deepEqual(node.frames, [], 'START is not forwarded');
});

test('work goes to nodes of its kind that said READY and are not in maintenance', async () => {
  const cluster = new Cluster();
  const controller = await cluster.join(1, Role.Controller);
  await cluster.join(2, Role.CNAgent);
  await settle();
  controller.frames.length = 0;
  const place = async (requirements: object): Promise<unknown> => {
    controller.send(COMMAND, Command.START, start(1, requirements));
    await until(() => controller.frames.length > 0, 'an answer');
    const [frame] = controller.frames.splice(0);
    assert.ok(frame !== undefined);
    const payload = decodePayload(framePayload(frame)) as Record<string, unknown>;
    return payload['node_uuid'] ?? payload['reason'];
  };
  assert.equal(await place({}), 'no_cn', 'connected, but never READY');
  assert.equal(await place({ network_node: true }), 'no_net_cn');
  await cluster.joinReady(5, Role.CNCIAgent, 1_000, [controller]);
  for (const pin of [{}, { node_id: testUuid(5) }]) {
    assert.equal(await place({ network_node: true, ...pin }), 'no_net_cn', 'what goes to a concentrator’s machine is an operator’s to say');
    assert.equal(await place(pin), 'no_cn');
  }
  await cluster.joinReady(3, Role.NetworkingAgent, 1_000, [controller]);
  const compute = await cluster.joinReady(4, Role.CNAgent, 1_000, [controller]);
  assert.equal(await place({ network_node: true }), testUuid(3));
  assert.equal(await place({}), testUuid(4));
  compute.send(STATUS, Status.MAINTENANCE);
  await until(() => cluster.node(4)?.status === 'maintenance', 'maintenance');
  assert.equal(await place({ node_id: testUuid(4) }), 'node_maintenance');
});

test('a concentrator’s machine reports its figures and its concentrators, but no instances', async () => {
  const cluster = new Cluster();
  const controller = await cluster.join(1, Role.Controller);
  const machine = await cluster.joinReady(2, Role.CNCIAgent, 100, [controller]);
  machine.send(COMMAND, Command.STATS, { ...ready(machine.uuid, 90), status: 'READY', instances: [] });
  machine.send(EVENT, EventOperand.ConcentratorInstanceAdded, added(concentrator));
  machine.send(EVENT, EventOperand.InstanceDeleted, { instance_deleted: { instance_uuid: instance } });
  await controller.take('COMMAND STATS');
  const event = (await controller.takePayload('EVENT ConcentratorInstanceAdded')) as { concentrator_instance_added: object };
  assert.equal((event.concentrator_instance_added as { node_uuid: Uuid }).node_uuid, machine.uuid);
  await until(() => cluster.scheduler.status().counters.refused === 1, 'the third refused');
});

test('STATS and instance events of a node go to every controller', async () => {
  const cluster = new Cluster();
  const controllers = [await cluster.join(1, Role.Controller), await cluster.join(2, Role.Controller)];
  const node = await cluster.joinReady(3, Role.CNAgent, 100, controllers);
  node.send(COMMAND, Command.STATS, { ...ready(node.uuid, 90), status: 'READY', instances: [] });
  node.send(EVENT, EventOperand.InstanceDeleted, { instance_deleted: { instance_uuid: instance } });
  node.send(ERROR, ErrorOperand.StartFailure, { node_uuid: node.uuid, instance_uuid: instance, reason: 'launch_failure', restart: false });
  for (const controller of controllers) {
    assert.equal(((await controller.takePayload('COMMAND STATS')) as { mem_available_mb: number }).mem_available_mb, 90);
    const deleted = { instance_uuid: instance, node_uuid: node.uuid };
    assert.deepEqual(
      await controller.takePayload('EVENT InstanceDeleted'),
      { instance_deleted: deleted },
      'with the node that it came from',
    );
    await controller.take('ERROR StartFailure');
  }
});

test('routed frames reach their destination with the true origin; nil is the newest controller', async () => {
  const cluster = new Cluster();
  const older = await cluster.join(1, Role.Controller);
  const leader = await cluster.join(2, Role.Controller);
  const node = await cluster.joinReady(3, Role.CNAgent, 100, [older, leader]);
  leader.route(COMMAND, Command.Sync, node.uuid, { op: 'ask' }, testUuid(77));
  const sync = await node.take('COMMAND Sync');
  assert.ok(sync.body.kind === 'routed');
  assert.deepEqual([sync.body.origin, sync.body.destination], [leader.uuid, node.uuid]);
  assert.deepEqual(decodePayload(framePayload(sync)), { op: 'ask' });
  node.route(STATUS, Status.Synced, NIL_UUID, { revision: 1 }, leader.uuid);
  const synced = await leader.take('STATUS Synced');
  assert.ok(synced.body.kind === 'routed');
  assert.equal(synced.body.origin, node.uuid, 'a forged origin is overwritten');
  node.route(COMMAND, Command.Request, older.uuid, { id: '1', op: 'x' });
  await older.take('COMMAND Request');
  leader.close();
  await until(() => cluster.scheduler.status().leader === older.uuid, 'the older one leads');
  node.route(ERROR, ErrorOperand.InvalidPayload, NIL_UUID, {});
  await older.take('ERROR InvalidPayload');
});

test('a routed frame to nobody is dropped and counted, and the next one arrives', async () => {
  const cluster = new Cluster();
  const controller = await cluster.join(1, Role.Controller);
  const node = await cluster.joinReady(2, Role.CNAgent, 100, [controller]);
  controller.route(COMMAND, Command.Sync, testUuid(99));
  controller.route(COMMAND, Command.Sync, node.uuid);
  await node.take('COMMAND Sync');
  assert.equal(cluster.scheduler.status().counters.dropped, 1);
  assert.deepEqual(cluster.warnings, []);
});

test('nodes cannot send routed frames to each other', async () => {
  const cluster = new Cluster();
  const [a, b] = [await cluster.join(1, Role.CNAgent), await cluster.join(2, Role.CNAgent)];
  a.route(COMMAND, Command.Request, b.uuid, { id: '1', op: 'give' });
  a.route(STATUS, Status.Reply, b.uuid, { id: '1', ok: null });
  await until(() => cluster.scheduler.status().counters.refused === 2, 'both refused');
  await settle();
  assert.deepEqual(b.frames, []);
});

test('frames that a role may not send are refused, counted, and logged once of each kind', async () => {
  const cluster = new Cluster();
  const controller = await cluster.join(1, Role.Controller);
  const node = await cluster.joinReady(2, Role.CNAgent, 100, [controller]);
  for (let n = 0; n < 3; n++) {
    node.send(COMMAND, Command.START, start(1));
    node.route(COMMAND, Command.Sync, controller.uuid);
    node.send(EVENT, EventOperand.ConcentratorInstanceAdded, added(concentrator));
    node.send(EVENT, EventOperand.NodeDisconnected, nodeEvent('node_disconnected', 2, 'compute_node'));
    controller.send(STATUS, Status.READY, ready(controller.uuid, 1));
    controller.route(STATUS, Status.Synced, node.uuid);
  }
  await until(() => cluster.scheduler.status().counters.refused === 18, 'all refused');
  await settle();
  assert.deepEqual([node.frames, controller.frames], [[], []]);
  assert.equal(cluster.warnings.length, 6);
  assert.equal(new Set(cluster.warnings.map(({ frame }) => frame)).size, 6);
});

test('only the leading controller commands', async () => {
  const cluster = new Cluster();
  const older = await cluster.join(1, Role.Controller);
  const leader = await cluster.join(2, Role.Controller);
  const node = await cluster.joinReady(3, Role.CNAgent, 100, [older, leader]);
  older.route(COMMAND, Command.Sync, node.uuid, 'old');
  older.send(COMMAND, Command.START, start(1));
  leader.route(COMMAND, Command.Sync, node.uuid, 'new');
  assert.equal(await node.takePayload('COMMAND Sync'), 'new');
  await until(() => cluster.scheduler.status().counters.refused === 2, 'both refused');
});

test('a node that speaks for another, or with a broken payload, is told so and does no harm', async () => {
  const cluster = new Cluster();
  const controller = await cluster.join(1, Role.Controller);
  const node = await cluster.joinReady(2, Role.CNAgent, 100, [controller]);
  const cases: [number, number, unknown, RegExp][] = [
    [STATUS, Status.READY, ready(testUuid(9), 5_000), /is not .*, which sent it/],
    [STATUS, Status.READY, { ...ready(node.uuid, 1), mem_total_mb: 'much' }, /ready\.mem_total_mb/],
    [COMMAND, Command.STATS, ready(testUuid(9), 5_000), /which sent it/],
    [EVENT, EventOperand.TenantAdded, tenantAdded(testUuid(9)), /which sent it/],
    [ERROR, ErrorOperand.StartFailure, { instance_uuid: instance, reason: 'full_cloud' }, /which sent it/],
    [EVENT, EventOperand.InstanceDeleted, { instance_deleted: {} }, /instance_deleted\.instance_uuid/],
    [EVENT, EventOperand.InstanceDeleted, undefined, /payload/],
  ];
  for (const [type, operand, payload, message] of cases) {
    node.send(type, operand, payload);
    const name = frameName(type, operand);
    const answer = (await node.takePayload('ERROR InvalidPayload')) as { frame: string; error: { message: string } };
    assert.equal(answer.frame, name);
    assert.match(answer.error.message, message, name);
  }
  await settle();
  assert.deepEqual(controller.frames, []);
  assert.equal(cluster.node(2)?.memAvailableMb, 100);
  assert.equal(cluster.warnings.length, 5, 'one line for each kind of frame');
});

test('a bad START is answered InvalidPayload and reserves nothing', async () => {
  const cluster = new Cluster();
  const controller = await cluster.join(1, Role.Controller);
  await cluster.joinReady(2, Role.CNAgent, 100, [controller]);
  controller.send(COMMAND, Command.START, { start: { instance_uuid: instance, requirements: { mem_mb: -5 } } });
  const answer = await controller.takePayload('ERROR InvalidPayload');
  assert.match(JSON.stringify(answer), /start\.requirements\.mem_mb/);
  assert.equal(cluster.node(2)?.memAvailableMb, 100);
});

test('commands go to the agent that they name', async () => {
  const cluster = new Cluster();
  const controller = await cluster.join(1, Role.Controller);
  const [a, b] = [await cluster.joinReady(2, Role.CNAgent, 1), await cluster.joinReady(3, Role.CNAgent, 1, [controller])];
  controller.send(COMMAND, Command.DELETE, { delete: { instance_uuid: instance, workload_agent_uuid: b.uuid, stop: false } });
  controller.send(COMMAND, Command.EVACUATE, { evacuate: { workload_agent_uuid: b.uuid } });
  controller.send(COMMAND, Command.Restore, { restore: { workload_agent_uuid: b.uuid } });
  await b.take('COMMAND DELETE');
  await b.take('COMMAND EVACUATE');
  await b.take('COMMAND Restore');
  assert.deepEqual(a.frames, []);
});

test('attaching a volume is not supported', async () => {
  const cluster = new Cluster();
  const controller = await cluster.join(1, Role.Controller);
  const volume = { instance_uuid: instance, volume_uuid: 'v', workload_agent_uuid: testUuid(2) };
  controller.send(COMMAND, Command.AttachVolume, { attach_volume: volume });
  const failure = { instance_uuid: instance, volume_uuid: 'v', reason: 'not_supported' };
  assert.deepEqual(await controller.takePayload('ERROR AttachVolumeFailure'), failure);
});

test("a concentrator's frames find its host, which is the one that announced it last", async () => {
  const cluster = new Cluster();
  const controller = await cluster.join(1, Role.Controller);
  const first = await cluster.joinReady(2, Role.NetworkingAgent, 1);
  const second = await cluster.joinReady(3, Role.NetworkingAgent, 1);
  const compute = await cluster.joinReady(4, Role.CNAgent, 1, [controller]);
  first.send(EVENT, EventOperand.ConcentratorInstanceAdded, added(concentrator));
  assert.deepEqual(await controller.takePayload('EVENT ConcentratorInstanceAdded'), added(concentrator, first.uuid));
  compute.send(EVENT, EventOperand.TenantAdded, tenantAdded(compute.uuid));
  assert.deepEqual(await first.takePayload('EVENT TenantAdded'), tenantAdded(compute.uuid));
  second.send(EVENT, EventOperand.ConcentratorInstanceAdded, added(concentrator));
  await controller.take('EVENT ConcentratorInstanceAdded');
  await second.take('EVENT TenantAdded');
  const command = { concentrator_uuid: concentrator, instance_uuid: instance, public_ip: '203.0.113.9', private_ip: '10.0.0.5' };
  controller.send(COMMAND, Command.AssignPublicIP, { assign_public_ip: command });
  controller.send(COMMAND, Command.RefreshCNCI, { cnci_refresh: { cnci_uuid: concentrator, cncis: [] } });
  await second.take('COMMAND AssignPublicIP');
  await second.take('COMMAND RefreshCNCI');
  first.close();
  await controller.take('EVENT NodeDisconnected');
  assert.equal(cluster.scheduler.status().concentrators.get(concentrator), second.uuid, 'the old host takes nothing along');
  second.close();
  await controller.take('EVENT NodeDisconnected');
  assert.equal(cluster.scheduler.status().concentrators.size, 0);
});

test('a hint finds its host, and is told again to a host that comes back, or takes over, until it is taken back', async () => {
  const cluster = new Cluster();
  const compute = await cluster.joinReady(4, Role.CNAgent, 1);
  compute.send(EVENT, EventOperand.TenantAdded, tenantAdded(compute.uuid));
  await until(() => cluster.scheduler.status().hints === 1, 'kept for a host that is not there');
  const first = await cluster.join(2, Role.NetworkingAgent);
  first.send(EVENT, EventOperand.ConcentratorInstanceAdded, added(concentrator));
  assert.deepEqual(await first.takePayload('EVENT TenantAdded'), tenantAdded(compute.uuid));
  compute.send(EVENT, EventOperand.TenantAdded, tenantAdded(compute.uuid, { weft_revision: 2 }));
  assert.deepEqual(await first.takePayload('EVENT TenantAdded'), tenantAdded(compute.uuid, { weft_revision: 2 }));
  const second = await cluster.join(3, Role.NetworkingAgent);
  second.send(EVENT, EventOperand.ConcentratorInstanceAdded, added(concentrator));
  assert.deepEqual(await second.takePayload('EVENT TenantAdded'), tenantAdded(compute.uuid, { weft_revision: 2 }), 'only the latest');
  compute.send(EVENT, EventOperand.TenantRemoved, { tenant_removed: hintBody(compute.uuid) });
  await second.take('EVENT TenantRemoved');
  assert.equal(cluster.scheduler.status().hints, 0);
  first.send(EVENT, EventOperand.ConcentratorInstanceAdded, added(concentrator));
  await settle();
  assert.deepEqual([first.frames, second.frames], [[], []]);
});

test('a hint in another agent’s name, without sense or too long is refused, and what was hinted before stays', async () => {
  const cluster = new Cluster();
  const host = await cluster.join(2, Role.NetworkingAgent);
  host.send(EVENT, EventOperand.ConcentratorInstanceAdded, added(concentrator));
  const [compute, rogue] = [await cluster.join(3, Role.CNAgent), await cluster.join(4, Role.CNAgent)];
  compute.send(EVENT, EventOperand.TenantAdded, tenantAdded(compute.uuid));
  await host.take('EVENT TenantAdded');
  const cases: [number, unknown, RegExp][] = [
    [EventOperand.TenantAdded, tenantAdded(compute.uuid), /which sent it/],
    [EventOperand.TenantRemoved, { tenant_removed: hintBody(compute.uuid) }, /which sent it/],
    [EventOperand.TenantAdded, tenantAdded(rogue.uuid, { weft_ports: [{ mac: 'ff:ff:ff:ff:ff:ff' }] }), /group address/],
    [EventOperand.TenantAdded, tenantAdded(rogue.uuid, { padding: 'x'.repeat(200_000) }), /more than 131072 bytes/],
  ];
  for (const [operand, payload, message] of cases) {
    rogue.send(EVENT, operand, payload);
    const answer = (await rogue.takePayload('ERROR InvalidPayload')) as { error: { message: string } };
    assert.match(answer.error.message, message);
  }
  host.send(EVENT, EventOperand.ConcentratorInstanceAdded, added(concentrator));
  assert.deepEqual(await host.takePayload('EVENT TenantAdded'), tenantAdded(compute.uuid));
  await settle();
  assert.deepEqual(host.frames, []);
});

test('public IP events count only from the host of their concentrator', async () => {
  const cluster = new Cluster();
  const controller = await cluster.join(1, Role.Controller);
  const [host, other] = [await cluster.joinReady(2, Role.CNCIAgent | Role.NetworkingAgent, 1), await cluster.join(3, Role.CNCIAgent)];
  host.send(EVENT, EventOperand.ConcentratorInstanceAdded, added(concentrator));
  await until(() => cluster.scheduler.status().concentrators.size === 1, 'announced');
  await settle();
  controller.frames.length = 0;
  const event = { public_ip_assigned: { concentrator_uuid: concentrator, instance_uuid: instance, public_ip: '203.0.113.9' } };
  other.send(EVENT, EventOperand.PublicIPAssigned, event);
  await other.take('ERROR InvalidPayload');
  host.send(EVENT, EventOperand.PublicIPAssigned, event);
  await controller.take('EVENT PublicIPAssigned');
  assert.deepEqual(controller.frames, []);
});

test('of twins the newest wins, and starts without the figures of the one before', async () => {
  const cluster = new Cluster();
  const controller = await cluster.join(1, Role.Controller);
  const older = await cluster.joinReady(2, Role.CNAgent, 1_000, [controller]);
  const newer = await cluster.join(2, Role.CNAgent);
  await until(() => older.state === 'peer_closed', 'the older one is closed');
  await controller.take('EVENT NodeDisconnected');
  await controller.take('EVENT NodeConnected');
  assert.equal(cluster.node(2)?.status, 'connected');
  controller.route(COMMAND, Command.Sync, newer.uuid);
  await newer.take('COMMAND Sync');
  assert.deepEqual([older.frames, controller.frames], [[], []]);
  assert.equal(cluster.scheduler.status().nodes.length, 1);
});

test('closing the scheduler ends every session', async () => {
  const cluster = new Cluster();
  const peers = [await cluster.join(1, Role.Controller), await cluster.join(2, Role.CNAgent)];
  cluster.scheduler.close();
  await until(() => peers.every(({ state }) => state === 'peer_closed'), 'all closed');
  assert.deepEqual(cluster.scheduler.status().nodes, []);
});
