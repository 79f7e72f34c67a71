import assert from 'node:assert/strict';
import { test } from 'node:test';
import { planRefText } from '@weft/core/plan/plan';
import { ErrorOperand, FrameType, Status } from '@weft/ssntp/operands';
import { plainFrame } from '@weft/ssntp/frame';
import { encodePayload } from '@weft/ssntp/payload';
import { nodeId, settle } from '../test-support.ts';
import { ADMIN_TOKEN, assertProblem, make, makeNetwork, openRest } from './rest-support.ts';
import type { Call, TestRest } from './rest-support.ts';

const NOWHERE = '99999999-0000-4000-8000-000000000000';

type Json = Record<string, unknown>;

async function list(call: Call, collection: string, query = ''): Promise<readonly Json[]> {
  const reply = await call('GET', `/v1/${collection}${query}`);
  assert.equal(reply.status, 200, reply.raw);
  return reply.body[collection] as Json[];
}

/** A port on a new network of the caller's. */
async function makePort(call: Call): Promise<string> {
  const { network } = await makeNetwork(call);
  return String((await make(call, 'ports', 'port', { network_id: network }))['id']);
}

/** Answers the scheduler's questions: the n-th node for instances, node 2 for concentrators. */
async function placeAll(rest: TestRest, n = 1): Promise<void> {
  for (const payload of rest.link.take('COMMAND START')) {
    const { start } = payload as { start: { instance_uuid: string; requirements: { network_node: boolean } } };
    const node_uuid = nodeId(start.requirements.network_node ? 2 : n);
    rest.link.routed(nodeId(9), Status.Reply, { instance_uuid: start.instance_uuid, node_uuid });
  }
  await settle();
}

/** A node reports that it has applied everything, but for `failed`. */
function applied(rest: TestRest, n: number, failed: Json = {}): void {
  const { epoch, revision } = rest.controller.cluster;
  rest.link.synced(nodeId(n), { epoch, revision, failed: failed as never });
}

function connect(rest: TestRest, n: number): void {
  rest.link.nodeConnected(nodeId(n));
  rest.link.synced(nodeId(n), { epoch: undefined, revision: 0, digests: {}, kinds: {} });
}

test('a tenant is made by an administrator; its token is shown once and stored only as a hash', async () => {
  await using rest = await openRest();
  const made = await rest.admin('POST', '/v1/tenants', { name: 'red' });
  const { id, token } = made.body as { id: string; token: string };
  assert.match(token, /^[\w-]{43}$/);
  assert.deepEqual(Object.keys(made.body), [
    'id',
    'name',
    'automatic_gateway',
    'ssh_reach',
    'ingress_kbps',
    'egress_kbps',
    'created_at',
    'updated_at',
    'token',
  ]);
  assert.deepEqual(
    [...rest.store.model.entries.values()].filter(({ value }) => value.includes(token)),
    [],
  );
  const shown = await rest.admin('GET', `/v1/tenants/${id}`);
  assert.deepEqual([shown.status, shown.body['token']], [200, undefined]);
  const own = await rest.send({ method: 'GET', url: '/v1/tenants', token });
  assert.deepEqual(
    (own.body['tenants'] as Json[]).map((tenant) => tenant['name']),
    ['red'],
  );
});

test('tenants are refused precisely', async () => {
  await using rest = await openRest();
  const red = await rest.as('red');
  const blueId = await rest.tenantId('blue');
  assertProblem(await rest.admin('POST', '/v1/tenants', { name: 'red' }), 409, 'tenant_exists', /red exists already/);
  for (const body of [{}, { name: '' }, { name: 5 }, { name: 'x', more: 1 }, { name: 'a\u0000b' }, undefined]) {
    assertProblem(await rest.admin('POST', '/v1/tenants', body), 400, 'bad_request', /The request is not valid/);
  }
  assertProblem(await red('POST', '/v1/tenants', { name: 'x' }), 403, 'forbidden', /only administrators may create tenants/);
  assertProblem(await red('GET', `/v1/tenants/${blueId}`), 404, 'not_found', /could not be found/);
  assertProblem(await red('DELETE', `/v1/tenants/${blueId}`), 404, 'not_found', /could not be found/);
  await makeNetwork(red);
  const redId = await rest.tenantId('red');
  assertProblem(await rest.admin('DELETE', `/v1/tenants/${redId}`), 409, 'tenant_in_use', /still has network/);
  assert.equal((await rest.admin('DELETE', `/v1/tenants/${blueId}`)).status, 204);
  assert.deepEqual(
    (await list(rest.admin, 'tenants')).map(({ name }) => name),
    ['red'],
  );
});

test('an instance goes from pending over building to active, and its port with it', async () => {
  await using rest = await openRest();
  const red = await rest.as('red');
  for (const n of [1, 2]) connect(rest, n);
  const port = await makePort(red);
  const made = await red('POST', '/v1/instances', { name: 'i', command: ['sleep', '1'], port_id: port });
  const id = String(made.body['id']);
  const status = async (): Promise<readonly unknown[]> => {
    const instance = (await red('GET', `/v1/instances/${id}`)).body;
    const view = (await red('GET', `/v2.0/ports/${port}`)).body['port'] as Json;
    return [instance['status'], view['status'], instance['applied']];
  };
  assert.equal(made.status, 201, made.raw);
  assert.deepEqual(made.body, {
    id,
    tenant_id: await rest.tenantId('red'),
    name: 'i',
    command: ['sleep', '1'],
    port_id: port,
    addressing: 'static',
    node_id: null,
    status: 'pending',
    error: null,
    ssh_ip: null,
    ssh_port: null,
    applied: { applied: 0, of: 0, oldest: null },
    created_at: '2026-11-20T09:00:00Z',
    updated_at: '2026-11-20T09:00:00Z',
  });
  assert.deepEqual((await status()).slice(0, 2), ['pending', 'DOWN']);
  await placeAll(rest);
  assert.deepEqual(await status(), ['building', 'BUILD', { applied: 0, of: 2, oldest: null }]);
  applied(rest, 1);
  const { revision } = rest.controller.cluster;
  assert.deepEqual(await status(), ['active', 'BUILD', { applied: 1, of: 2, oldest: null }], 'its gateway does not know it yet');
  applied(rest, 2);
  assert.deepEqual(await status(), ['active', 'ACTIVE', { applied: 2, of: 2, oldest: revision }]);
  const { device_id, device_owner } = (await red('GET', `/v2.0/ports/${port}`)).body['port'] as Json;
  assert.deepEqual([device_id, device_owner], [id, 'compute:weft']);
  assert.equal(((await rest.admin('GET', `/v2.0/ports/${port}`)).body['port'] as Json)['binding:host_id'], 'node1');

  const key = planRefText({ kind: 'port', key: port });
  applied(rest, 1, { [key]: { code: 'netlink_error', message: 'EBUSY', retryable: true } });
  const failed = (await red('GET', `/v1/instances/${id}`)).body;
  assert.deepEqual([failed['status'], failed['error']], ['error', { code: 'netlink_error', message: 'EBUSY' }]);
  assert.equal((await status())[1], 'BUILD');
  applied(rest, 1);
  rest.link.stats(1, { instances: [{ instance_uuid: id, state: 'exited' }] });
  assert.equal((await status())[0], 'error');
  rest.link.stats(1, { instances: [{ instance_uuid: id, state: 'active' }] });
  assert.equal((await status())[0], 'active');

  assert.equal((await red('DELETE', `/v1/instances/${id}`)).status, 204);
  assertProblem(await red('GET', `/v1/instances/${id}`), 404, 'not_found', /could not be found/);
  assert.equal(((await red('GET', `/v2.0/ports/${port}`)).body['port'] as Json)['device_id'], '');
});

test('an instance that cannot be placed says why', async () => {
  await using rest = await openRest();
  const red = await rest.as('red');
  const { body } = await red('POST', '/v1/instances', {
    command: ['x'],
    port_id: await makePort(red),
    addressing: 'dhcp',
    node_id: nodeId(1),
  });
  const starts = rest.link.take('COMMAND START') as { start: { instance_uuid: string; requirements: Json } }[];
  const start = starts.find((one) => one.start.instance_uuid === body['id'])?.start;
  assert.equal(start?.requirements['node_id'], nodeId(1));
  const failure = { instance_uuid: body['id'], reason: 'full_cn', restart: false };
  rest.link.handler.frame(plainFrame(FrameType.ERROR, ErrorOperand.StartFailure, encodePayload(failure)));
  const [shown] = await list(red, 'instances', '?status=error');
  assert.deepEqual(shown?.['error'], { code: 'full_cn', message: 'the node that was asked for has no room for it' });
});

test('user data goes to the instance’s node and is shown to nobody, in no answer and no dry run', async () => {
  await using rest = await openRest();
  connect(rest, 1);
  const red = await rest.as('red');
  const body = { name: 'i', command: ['x'], port_id: await makePort(red), user_data: btoa('a secret') };
  const asked = await red('POST', '/v1/instances?dry_run=true', body);
  assert.equal(asked.status, 200);
  const made = await red('POST', '/v1/instances', body);
  assert.equal(made.status, 201);
  await placeAll(rest);
  const shown = await red('GET', `/v1/instances/${String(made.body['id'])}`);
  const removed = await rest.admin('DELETE', `/v1/instances/${String(made.body['id'])}?dry_run=true`);
  for (const { raw } of [asked, made, shown, removed]) assert.ok(!raw.includes(body.user_data), raw);
  assert.ok(JSON.stringify(rest.link.syncs(nodeId(1))).includes(body.user_data));
  const blue = await rest.as('blue');
  const none = await blue('POST', '/v1/instances', { ...body, port_id: await makePort(blue), user_data: null });
  assert.equal(none.status, 201);
});

test('instances are refused precisely', async () => {
  await using rest = await openRest();
  const red = await rest.as('red');
  const blue = await rest.as('blue');
  const port = await makePort(red);
  const create = (body: object, call = red): ReturnType<Call> => call('POST', '/v1/instances', { command: ['x'], port_id: port, ...body });
  for (const [body, detail] of [
    [{ command: [] }, /body\/command must NOT have fewer than 1 items/],
    [{ command: 'sleep' }, /body\/command must be array/],
    [{ command: [1] }, /body\/command\/0 must be string/],
    [{ port_id: 'x' }, /body\/port_id must match format "uuid"/],
    [{ addressing: 'magic' }, /body\/addressing/],
    [{ user_data: 'no base64!' }, /body\/user_data must match pattern/],
    [{ user_data: 'YQ' }, /body\/user_data must match pattern/],
    [{ user_data: 'YWFh'.repeat(16_384) }, /body\/user_data must NOT have more than 65535 characters/],
    [{ user_data: 7 }, /body\/user_data/],
    [{ zzz: 1 }, /body must NOT have additional properties: 'zzz'\./],
  ] as const) {
    assertProblem(await create(body), 400, 'bad_request', detail);
  }
  assertProblem(await create({ port_id: NOWHERE }), 404, 'not_found', /port .* could not be found/);
  assertProblem(await create({ node_id: NOWHERE }), 404, 'not_found', /node .* could not be found/);
  assertProblem(await create({}, blue), 404, 'not_found', /port .* could not be found/);
  const made = await create({});
  assertProblem(await create({}), 409, 'port_in_use', /is in use by instance/);
  assertProblem(await blue('DELETE', `/v1/instances/${String(made.body['id'])}`), 404, 'not_found', /could not be found/);
  assert.deepEqual(await list(blue, 'instances'), []);
  assert.equal((await list(rest.admin, 'instances')).length, 1);
  assertProblem(await red('GET', '/v1/instances?zzz=1'), 400, 'bad_request', /cannot be filtered by 'zzz'/);
  assertProblem(await red('GET', '/v1/instances?command=x'), 400, 'bad_request', /cannot be filtered by 'command'/);
});

test('the concentrator of a tenant is made with its first subnet, placed, and active once announced', async () => {
  await using rest = await openRest();
  const red = await rest.as('red');
  await makeNetwork(red);
  const state = async (): Promise<unknown> => (await list(red, 'concentrators')).map(({ status, node_id }) => [status, node_id]);
  assert.deepEqual(await state(), [['pending', null]]);
  await placeAll(rest);
  assert.deepEqual(await state(), [['building', nodeId(2)]]);
  const [concentrator] = await list(red, 'concentrators');
  const id = String(concentrator?.['id']);
  const added = { instance_uuid: id, concentrator_ip: '10.88.0.2', concentrator_mac: '02:00:00:00:00:01' };
  for (const stranger of [{}, { node_uuid: nodeId(1) }]) {
    rest.link.event(3, { concentrator_instance_added: { ...added, ...stranger } });
    assert.deepEqual(await state(), [['building', nodeId(2)]], 'it counts only from the node that the state names');
  }
  rest.link.event(3, { concentrator_instance_added: { ...added, node_uuid: nodeId(2) } });
  assert.deepEqual(await state(), [['active', nodeId(2)]]);
  assert.match(String(concentrator?.['uplink_address']), /^203\.0\.113\.\d+$/);
  assert.equal((await red('GET', `/v1/concentrators/${id}`)).status, 200);
  assertProblem(await (await rest.as('blue'))('GET', `/v1/concentrators/${id}`), 404, 'not_found', /could not be found/);
});

test('nodes are shown to administrators with what they report', async () => {
  await using rest = await openRest();
  connect(rest, 1);
  applied(rest, 1);
  const [one, two] = await list(rest.admin, 'nodes');
  assert.deepEqual(one, {
    id: nodeId(1),
    hostname: 'node1',
    roles: ['compute'],
    status: 'connected',
    plan: 'in-sync',
    vtep: '10.88.0.1',
    applied_revision: rest.controller.cluster.revision,
    sent_revision: rest.controller.cluster.revision,
    failed: {},
    held: null,
    load: 1,
    mem_total_mb: 1000,
    mem_available_mb: 500,
    last_seen: '2026-11-20T09:00:00.000Z',
  });
  assert.deepEqual([two?.['status'], two?.['plan'], two?.['roles']], ['disconnected', 'unknown', ['compute', 'network']]);
  const red = await rest.as('red');
  assertProblem(await red('GET', '/v1/nodes'), 403, 'forbidden', /only administrators/);
  assertProblem(await red('GET', `/v1/nodes/${nodeId(1)}`), 404, 'not_found', /could not be found/);
  assertProblem(await rest.admin('DELETE', `/v1/nodes/${nodeId(1)}`), 409, 'node_connected', /is connected/);
  assert.equal((await rest.admin('DELETE', `/v1/nodes/${nodeId(2)}`)).status, 204);
  assertProblem(await rest.admin('GET', `/v1/nodes/${nodeId(2)}`), 404, 'not_found', /could not be found/);
});

test('a node that holds its plan back is shown so and told to take it by accept', async () => {
  await using rest = await openRest();
  const accept = (n: number, call = rest.admin): ReturnType<Call> => call('POST', `/v1/nodes/${nodeId(n)}/accept`);
  assertProblem(await accept(1), 409, 'node_not_connected', /is not connected/);
  connect(rest, 1);
  assertProblem(await accept(1), 409, 'nothing_held', /holds no plan back/);
  const { epoch, revision } = rest.controller.cluster;
  const held = { reason: 'unknown_epoch' as const, epoch, revision, ports: 3 };
  rest.link.synced(nodeId(1), { epoch: 'old', revision: 9, held });
  const shown = (await rest.admin('GET', `/v1/nodes/${nodeId(1)}`)).body;
  assert.deepEqual([shown['plan'], shown['held']], ['held', held]);
  rest.link.take('COMMAND Sync');
  const reply = await accept(1);
  assert.deepEqual([reply.status, reply.body], [200, { id: nodeId(1), epoch, revision }]);
  assert.deepEqual(rest.link.syncs(nodeId(1)), [{ op: 'accept', epoch, revision }]);
  assertProblem(await accept(1, await rest.as('red')), 404, 'not_found', /could not be found/);
  assertProblem(await accept(7), 404, 'not_found', /could not be found/);
});

test('health needs no token; everything else does', async () => {
  await using rest = await openRest();
  assert.deepEqual((await rest.send({ method: 'GET', url: '/healthz' })).body, { status: 'ok', scheduler: 'connected' });
  rest.link.disconnect();
  assert.deepEqual((await rest.send({ method: 'GET', url: '/healthz' })).body, { status: 'ok', scheduler: 'disconnected' });
  for (const path of ['tenants', 'nodes', 'instances', 'concentrators']) {
    assertProblem(await rest.send({ method: 'GET', url: `/v1/${path}`, token: 'no' }), 401, 'unauthenticated', /requires authentication/);
  }
});

test('unknown paths, verbs and bodies are problems under /v1', async () => {
  await using rest = await openRest();
  assertProblem(await rest.admin('GET', '/v1/zebras'), 404, 'unknown_path', /could not be found/);
  assertProblem(await rest.admin('PUT', '/v1/nodes', {}), 405, 'method_not_allowed', /PUT/);
  const text = await rest.send({ method: 'POST', url: '/v1/tenants', token: ADMIN_TOKEN, text: 'not json' });
  assertProblem(text, 400, 'bad_request', /Body contains invalid data/);
});

test('what nobody expected is answered as internal with the request id that the log has', async () => {
  await using rest = await openRest();
  rest.controller.cluster.state.tenants.set('broken' as never, undefined as never);
  const reply = await rest.admin('GET', '/v1/tenants');
  assertProblem(reply, 500, 'internal', /for a reason that is in the log/);
  const line = rest.log.lines.find(({ message }) => message === 'request failed');
  assert.equal((line?.fields as Json | undefined)?.['requestId'], reply.headers['x-openstack-request-id']);
  assert.doesNotMatch(reply.raw, /undefined|TypeError/);
});
