import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EventView } from '@weft/api/v1';
import { planRefText } from '@weft/core/plan/plan';
import type { ConcentratorId } from '@weft/core/uuid';
import { plainFrame } from '@weft/ssntp/frame';
import { ErrorOperand, EventOperand, FrameType, Status } from '@weft/ssntp/operands';
import { encodePayload } from '@weft/ssntp/payload';
import { nodeId, settle } from '../test-support.ts';
import { assertNeutron, make, makeNetwork, openRest } from './rest-support.ts';
import type { Call, TestRest } from './rest-support.ts';

type Json = Record<string, unknown>;
const BROKEN = { code: 'kernel', message: 'no', retryable: true };

/** Tenant red with a port and a floating IP; its gateway on node 2, which is connected and behind. */
class Rig implements AsyncDisposable {
  readonly rest: TestRest;
  readonly red: Call;
  readonly outside: string;
  port = '';
  inside = '';
  id = '';
  address = '';

  private constructor(rest: TestRest, red: Call, outside: string) {
    this.rest = rest;
    this.red = red;
    this.outside = outside;
  }

  static async open(): Promise<Rig> {
    const rest = await openRest();
    const outside = String((await make(rest.admin, 'networks', 'network', { name: 'outside', 'router:external': true }))['id']);
    const pool = { allocation_pools: [{ start: '203.0.113.20', end: '203.0.113.21' }], enable_dhcp: false };
    await make(rest.admin, 'subnets', 'subnet', { network_id: outside, ip_version: 4, cidr: '203.0.113.0/24', ...pool });
    const rig = new Rig(rest, await rest.as('red'), outside);
    const { network } = await makeNetwork(rig.red);
    const port = (await make(rig.red, 'ports', 'port', { network_id: network })) as Json;
    rig.port = String(port['id']);
    rig.inside = (port['fixed_ips'] as { ip_address: string }[])[0]!.ip_address;
    rest.link.nodeConnected(nodeId(2), 'network_node');
    rest.link.synced(nodeId(2), { epoch: undefined, revision: 0, digests: {}, kinds: {} });
    await rig.place();
    return rig;
  }

  get concentrator(): ConcentratorId {
    return [...this.rest.controller.cluster.state.concentrators.keys()][0]!;
  }

  /** Every gateway that has no node goes to node 2. */
  async place(): Promise<void> {
    for (const payload of this.rest.link.take('COMMAND START')) {
      const { instance_uuid } = (payload as { start: { instance_uuid: string } }).start;
      this.rest.link.routed(nodeId(9), Status.Reply, { instance_uuid, node_uuid: nodeId(2) });
    }
    await settle();
  }

  async float(): Promise<void> {
    const made = (await make(this.red, 'floatingips', 'floatingip', { floating_network_id: this.outside, port_id: this.port })) as Json;
    [this.id, this.address] = [String(made['id']), String(made['floating_ip_address'])];
  }

  async show(): Promise<Json> {
    return (await this.red('GET', `/v2.0/floatingips/${this.id}`)).body['floatingip'] as Json;
  }

  async lead(portId: string | null): Promise<void> {
    const reply = await this.red('PUT', `/v2.0/floatingips/${this.id}`, { floatingip: { port_id: portId } });
    assert.equal(reply.status, 200, reply.raw);
  }

  /** The node has applied everything, but for the public address if that fails. */
  async applied(fails = false, revision = this.rest.controller.cluster.revision): Promise<void> {
    const failed = fails ? { [planRefText({ kind: 'publicip', key: this.address })]: BROKEN } : {};
    this.rest.link.synced(nodeId(2), { epoch: this.rest.controller.cluster.epoch, revision, failed });
    await settle();
  }

  async event(operand: number, key: string): Promise<void> {
    this.rest.link.event(operand, { [key]: { ...this.#facts(), instance_uuid: nodeId(1) } });
    await settle();
  }

  async failure(operand: number): Promise<void> {
    const payload = { ...this.#facts(), reason: 'assign_failure' };
    this.rest.link.handler.frame(plainFrame(FrameType.ERROR, operand, encodePayload(payload)));
    await settle();
  }

  #facts(): Json {
    return { concentrator_uuid: this.concentrator, public_ip: this.address, private_ip: this.inside };
  }

  /** What the log says of public addresses. */
  async told(call = this.red): Promise<string[]> {
    const events = (await call('GET', '/v1/events?limit=1000')).body['events'] as EventView[];
    return events.filter(({ name }) => name.startsWith('public_ip')).map(({ type, message }) => `${type}: ${message}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.rest[Symbol.asyncDispose]();
  }
}

const assigned = (rig: Rig): Promise<void> => rig.event(EventOperand.PublicIPAssigned, 'public_ip_assigned');
const unassigned = (rig: Rig): Promise<void> => rig.event(EventOperand.PublicIPUnassigned, 'public_ip_unassigned');

test('one Mapped and one Unmapped, however often and in whatever order node and launcher say so', async () => {
  await using rig = await Rig.open();
  await rig.float();
  assert.deepEqual(await rig.told(), []);
  const mapped = `info: Mapped ${rig.address} to ${rig.inside}`;
  for (const say of [() => rig.applied(), () => assigned(rig), () => rig.applied(), () => assigned(rig)]) {
    await say();
    assert.deepEqual(await rig.told(), [mapped]);
  }
  await rig.lead(rig.port);
  await rig.applied();
  assert.deepEqual(await rig.told(), [mapped], 'the same port again is no change');
  const before = rig.rest.controller.cluster.revision;
  await rig.lead(null);
  await rig.applied(false, before);
  assert.deepEqual(await rig.told(), [mapped], 'the node has not heard of it yet');
  const unmapped = `info: Unmapped ${rig.address} from ${rig.inside}`;
  for (const say of [() => rig.applied(), () => unassigned(rig), () => rig.applied(), () => unassigned(rig)]) {
    await say();
    assert.deepEqual(await rig.told(), [mapped, unmapped]);
  }
  assert.equal(rig.rest.controller.cluster.state.addressHolds.size, 0);
});

test('an address whose mapping never came about is not told to be unmapped', async () => {
  await using rig = await Rig.open();
  await rig.float();
  await rig.lead(null);
  await rig.applied();
  assert.deepEqual([await rig.told(), rig.rest.controller.cluster.state.addressHolds.size], [[], 0]);
});

test('a launcher that had mapped it in between is believed', async () => {
  await using rig = await Rig.open();
  await rig.float();
  await rig.lead(null);
  await assigned(rig);
  await rig.applied();
  assert.deepEqual(await rig.told(), [`info: Mapped ${rig.address} to ${rig.inside}`, `info: Unmapped ${rig.address} from ${rig.inside}`]);
});

test('what a node says late of an address that was taken away meanwhile is not told again', async () => {
  await using rig = await Rig.open();
  await rig.float();
  await rig.applied();
  await rig.lead(null);
  await assigned(rig);
  assert.deepEqual(await rig.told(), [`info: Mapped ${rig.address} to ${rig.inside}`]);
});

test('a node that has not been told of the mapping yet says nothing about it by reporting', async () => {
  await using rig = await Rig.open();
  const before = rig.rest.controller.cluster.revision;
  await rig.float();
  await rig.applied(false, before);
  assert.deepEqual(await rig.told(), []);
});

test('a new mapping that its gateway’s node cannot do is taken back, told once, and can be tried again', async () => {
  await using rig = await Rig.open();
  await rig.float();
  await rig.failure(ErrorOperand.AssignPublicIPFailure);
  assert.equal((await rig.show())['port_id'], rig.port, 'its report must say the same');
  await rig.applied(true);
  assert.equal((await rig.show())['status'], 'ERROR');
  await rig.failure(ErrorOperand.AssignPublicIPFailure);
  await rig.failure(ErrorOperand.AssignPublicIPFailure);
  const shown = await rig.show();
  assert.deepEqual([shown['port_id'], shown['fixed_ip_address'], shown['status']], [null, null, 'DOWN']);
  const failed = `error: Failed to map ${rig.address} to ${rig.inside}: assign_failure`;
  assert.deepEqual(await rig.told(), [failed]);
  await rig.applied();
  assert.deepEqual(await rig.told(), [failed], 'what was never mapped is not unmapped');
  await rig.lead(rig.port);
  await rig.applied();
  assert.deepEqual(await rig.told(), [failed, `info: Mapped ${rig.address} to ${rig.inside}`]);
  assert.equal((await rig.show())['status'], 'ACTIVE');
});

test('what has worked is never taken away by a failure', async () => {
  await using rig = await Rig.open();
  await rig.float();
  await rig.applied();
  rig.rest.clock.advance(60_000);
  await rig.applied(true);
  await rig.failure(ErrorOperand.AssignPublicIPFailure);
  assert.deepEqual([(await rig.show())['port_id'], (await rig.show())['status']], [rig.port, 'ERROR']);
  assert.equal((await rig.told()).length, 1);
});

test('a failure for what is no gateway’s now changes nothing', async () => {
  await using rig = await Rig.open();
  await rig.float();
  await rig.applied(true);
  const concentrator_uuid = nodeId(7);
  const payload = { concentrator_uuid, public_ip: rig.address, private_ip: rig.inside, reason: 'assign_failure' };
  rig.rest.link.handler.frame(plainFrame(FrameType.ERROR, ErrorOperand.AssignPublicIPFailure, encodePayload(payload)));
  await settle();
  assert.deepEqual([(await rig.show())['port_id'], await rig.told()], [rig.port, []]);
});

test('an address is not given to anybody else before its node has confirmed, also when that fails at first', async () => {
  await using rig = await Rig.open();
  const { rest } = rig;
  await rig.float();
  await rig.applied();
  await rig.red('DELETE', `/v2.0/floatingips/${rig.id}`);
  const wanted = { floating_network_id: rig.outside, floating_ip_address: rig.address, project_id: await rest.tenantId('blue') };
  const ask = () => rest.admin('POST', '/v2.0/floatingips', { floatingip: wanted });
  assertNeutron(await ask(), 409, 'IpAddressAlreadyAllocated', /was released, but the node .* has not confirmed/);
  await rig.applied(true);
  await rig.failure(ErrorOperand.UnassignPublicIPFailure);
  await rig.failure(ErrorOperand.UnassignPublicIPFailure);
  assertNeutron(await ask(), 409, 'IpAddressAlreadyAllocated', /has not confirmed/);
  await rig.applied();
  assert.equal((await ask()).status, 201);
  const about = `${rig.address} from ${rig.inside}`;
  assert.deepEqual((await rig.told()).slice(1), [`error: Failed to unmap ${about}: assign_failure`, `info: Unmapped ${about}`]);
  assert.deepEqual(await rig.told(await rest.as('blue')), [], 'nobody else’s business');
});

test('a node whose list of failures may not be whole confirms nothing, nor one that could not remove something', async () => {
  await using rig = await Rig.open();
  await rig.float();
  await rig.lead(null);
  const failed = Object.fromEntries(Array.from({ length: 500 }, (_, n) => [`port ${n}`, BROKEN]));
  const { epoch, revision, state } = rig.rest.controller.cluster;
  for (const told of [failed, { node: BROKEN }]) {
    rig.rest.link.synced(nodeId(2), { epoch, revision, failed: told });
    await settle();
    assert.equal(state.addressHolds.size, 1);
  }
});
