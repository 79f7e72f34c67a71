import assert from 'node:assert/strict';
import { test } from 'node:test';
import { planRefText } from '@weft/core/plan/plan';
import { Status } from '@weft/ssntp/operands';
import { nodeId, settle } from '../test-support.ts';
import { assertNeutron, assertProblem, make, makeNetwork, openRest } from './rest-support.ts';
import type { Call, Reply, TestRest } from './rest-support.ts';

const NOWHERE = '99999999-0000-4000-8000-000000000000';

type Json = Record<string, unknown>;
type Rig = Readonly<{ rest: TestRest; red: Call; outside: string; port: string; address: string; network: string }> & AsyncDisposable;

/** An external network of the operator's, and a tenant with a port. */
async function openRig(): Promise<Rig> {
  const rest = await openRest();
  const outside = String((await make(rest.admin, 'networks', 'network', { name: 'outside', 'router:external': true }))['id']);
  const red = await rest.as('red');
  const pool = { allocation_pools: [{ start: '203.0.113.20', end: '203.0.113.29' }], enable_dhcp: false };
  await make(rest.admin, 'subnets', 'subnet', { network_id: outside, ip_version: 4, cidr: '203.0.113.0/24', name: 'pool', ...pool });
  const { network } = await makeNetwork(red);
  const made = (await make(red, 'ports', 'port', { network_id: network })) as Json;
  const [fixed] = made['fixed_ips'] as { ip_address: string }[];
  return {
    rest,
    red,
    outside,
    network,
    port: String(made['id']),
    address: String(fixed?.ip_address),
    [Symbol.asyncDispose]: () => rest[Symbol.asyncDispose](),
  };
}

const floating = async (call: Call, body: object): Promise<Json> => make(call, 'floatingips', 'floatingip', body);
const put = (call: Call, id: unknown, body: object): Promise<Reply> => call('PUT', `/v2.0/floatingips/${String(id)}`, { floatingip: body });
const listOf = (value: unknown): readonly Json[] => value as readonly Json[];

/** Puts every concentrator on node 2, and instances on node 1. */
async function placeAll(rest: TestRest): Promise<void> {
  for (const payload of rest.link.take('COMMAND START')) {
    const { start } = payload as { start: { instance_uuid: string; requirements: { network_node: boolean } } };
    const node_uuid = nodeId(start.requirements.network_node ? 2 : 1);
    rest.link.routed(nodeId(9), Status.Reply, { instance_uuid: start.instance_uuid, node_uuid });
  }
  await settle();
}

function connect(rest: TestRest, n: number): void {
  rest.link.nodeConnected(nodeId(n));
  rest.link.synced(nodeId(n), { epoch: undefined, revision: 0, digests: {}, kinds: {} });
}

test('an external network belongs to the operator, and everybody sees it without its subnets, and nobody else changes it', async () => {
  await using rig = await openRig();
  const { rest, red, outside } = rig;
  const seen = (await red('GET', '/v2.0/networks?router%3Aexternal=true')).body['networks'] as Json[];
  assert.deepEqual(
    seen.map((network) => [network['id'], network['router:external'], (network['subnets'] as string[]).length]),
    [[outside, true, 0]],
  );
  assert.deepEqual((await red('GET', `/v2.0/subnets?network_id=${outside}`)).body['subnets'], []);
  const subnets = listOf((await rest.admin('GET', `/v2.0/subnets?network_id=${outside}`)).body['subnets']);
  assert.deepEqual([subnets.length, subnets[0]?.['name']], [1, 'pool']);
  const operator = listOf((await rest.admin('GET', '/v1/tenants?name=operator')).body['tenants']);
  assert.deepEqual([operator.length, operator[0]?.['id']], [1, seen[0]?.['tenant_id']]);
  await make(rest.admin, 'networks', 'network', { name: 'second', 'router:external': true });
  assert.equal(listOf((await rest.admin('GET', '/v1/tenants?name=operator')).body['tenants']).length, 1);
  const path = `/v2.0/networks/${outside}`;
  assertNeutron(await red('PUT', path, { network: { name: 'mine' } }), 403, 'PolicyNotAuthorized', /update_network is disallowed/);
  assertNeutron(await red('DELETE', path), 403, 'PolicyNotAuthorized', /delete_network is disallowed/);
  assertNeutron(await red('DELETE', `/v2.0/subnets/${String(subnets[0]?.['id'])}`), 404, 'SubnetNotFound', /could not be found/);
  const subnet = { network_id: outside, ip_version: 4, cidr: '198.51.100.0/24' };
  assertNeutron(await red('POST', '/v2.0/subnets', { subnet }), 403, 'PolicyNotAuthorized', /create_subnet is disallowed/);
  for (const call of [red, rest.admin]) {
    assertNeutron(await call('POST', '/v2.0/ports', { port: { network_id: outside } }), 403, 'HTTPForbidden', /is external/);
  }
});

test('only administrators make a network external, or internal again; saying that it is not is nothing', async () => {
  await using rig = await openRig();
  const { rest, red, outside, network } = rig;
  const disallowed = /create_network:router:external\) is disallowed by policy/;
  assertNeutron(await red('POST', '/v2.0/networks', { network: { 'router:external': true } }), 403, 'PolicyNotAuthorized', disallowed);
  assert.equal((await make(red, 'networks', 'network', { 'router:external': false }))['router:external'], false);
  const change = (call: Call, id: string, external: boolean): Promise<Reply> =>
    call('PUT', `/v2.0/networks/${id}`, { network: { 'router:external': external } });
  assertNeutron(await change(red, network, true), 403, 'PolicyNotAuthorized', /update_network:router:external/);
  assertNeutron(await change(rest.admin, network, true), 409, 'NetworkInUse', /ports still in use/);
  await floating(red, { floating_network_id: outside });
  assertNeutron(await change(rest.admin, outside, false), 409, 'ExternalNetworkInUse', /cannot become internal/);
  assertNeutron(await rest.admin('DELETE', `/v2.0/networks/${outside}`), 409, 'ExternalNetworkInUse', /cannot be deleted/);
});

test('a floating IP has the shape of the Neutron API, and leads where it is told', async () => {
  await using rig = await openRig();
  const { rest, red, outside, port, address } = rig;
  const project = await rest.tenantId('red');
  const made = await floating(red, { floating_network_id: outside, description: 'web' });
  const { id, floating_ip_address: publicIp } = made;
  assert.deepEqual(made, {
    id,
    tenant_id: project,
    project_id: project,
    description: 'web',
    floating_network_id: outside,
    floating_ip_address: publicIp,
    port_id: null,
    fixed_ip_address: null,
    router_id: null,
    status: 'DOWN',
    port_details: null,
    port_forwardings: [],
    dns_name: '',
    dns_domain: '',
    tags: [],
    revision_number: 1,
    created_at: '2026-11-20T09:00:00Z',
    updated_at: '2026-11-20T09:00:00Z',
  });
  assert.match(String(publicIp), /^203\.0\.113\.2\d$/);
  const led = (await put(red, id, { port_id: port })).body['floatingip'] as Json;
  assert.deepEqual([led['port_id'], led['fixed_ip_address'], (led['port_details'] as Json)['status']], [port, address, 'DOWN']);
  for (const query of [`port_id=${port}`, `fixed_ip_address=${address}&port_id=${port}`, `floating_ip_address=${String(publicIp)}`]) {
    assert.equal(listOf((await red('GET', `/v2.0/floatingips?${query}`)).body['floatingips']).length, 1, query);
  }
  const same = (await put(red, id, {})).body['floatingip'] as Json;
  assert.equal(same['port_id'], port, 'only a port_id that is there, and null, takes it off');
  assert.equal(((await put(red, id, { port_id: null })).body['floatingip'] as Json)['port_id'], null);
  assertNeutron(
    await (
      await rest.as('blue')
    )('GET', `/v2.0/floatingips/${String(id)}`),
    404,
    'FloatingIPNotFound',
    `Floating IP ${String(id)} could not be found`,
  );
  assert.equal((await red('DELETE', `/v2.0/floatingips/${String(id)}`)).status, 204);
  assert.equal((await red('GET', `/v2.0/floatingips/${String(id)}`)).status, 404);
});

test('a floating IP is ACTIVE when its gateway’s node has applied it, and only then', async () => {
  await using rig = await openRig();
  const { rest, red, outside, port } = rig;
  connect(rest, 2);
  await placeAll(rest);
  const { id, floating_ip_address: address } = await floating(red, { floating_network_id: outside, port_id: port });
  const status = async (): Promise<unknown> => ((await red('GET', `/v2.0/floatingips/${String(id)}`)).body['floatingip'] as Json)['status'];
  const applied = (failed: Json = {}): void => {
    const { epoch, revision } = rest.controller.cluster;
    rest.link.synced(nodeId(2), { epoch, revision, failed: failed as never });
  };
  assert.equal(await status(), 'DOWN');
  const key = planRefText({ kind: 'publicip', key: String(address) });
  applied({ [key]: { code: 'kernel', message: 'no', retryable: true } });
  assert.equal(await status(), 'ERROR');
  applied();
  assert.equal(await status(), 'ACTIVE');
  await put(red, id, { port_id: null });
  applied();
  assert.equal(await status(), 'DOWN');
  const rule = await red('POST', '/v1/nat-rules', { direction: 'outbound', floating_ip_id: id });
  assert.equal(await status(), 'DOWN', 'not yet');
  applied();
  assert.equal(await status(), 'ACTIVE', 'as a source');
  await red('DELETE', `/v1/nat-rules/${String(rule.body['id'])}`);
  assert.equal(await status(), 'DOWN');
});

test('floating IPs are refused in Neutron’s words', async () => {
  await using rig = await openRig();
  const { rest, red, outside, network, port, address } = rig;
  const post = (body: object, call = red): Promise<Reply> => call('POST', '/v2.0/floatingips', { floatingip: body });
  const to = { floating_network_id: outside };
  assertNeutron(await post({}), 400, 'HTTPBadRequest', /Required attribute 'floating_network_id' not specified/);
  assertNeutron(await post({ floating_network_id: NOWHERE }), 404, 'NetworkNotFound', /could not be found/);
  assertNeutron(await post({ floating_network_id: network }), 400, 'BadRequest', /is not a valid external network/);
  const explicit = { ...to, floating_ip_address: '203.0.113.77' };
  assertNeutron(await post(explicit), 403, 'PolicyNotAuthorized', /create_floatingip:floating_ip_address\) is disallowed by policy/);
  const project_id = await rest.tenantId('red');
  assert.equal((await post({ ...explicit, project_id }, rest.admin)).status, 201);
  assertNeutron(await post({ ...explicit, project_id }, rest.admin), 409, 'IpAddressAlreadyAllocated', /already allocated/);
  const far = { ...to, project_id, floating_ip_address: '198.51.100.1' };
  assertNeutron(await post(far, rest.admin), 400, 'InvalidIpForNetwork', /not a valid IP/);
  assertNeutron(await post(to, rest.admin), 400, 'HTTPBadRequest', /'tenant_id' not specified/);
  assertNeutron(await post({ ...to, fixed_ip_address: address }), 400, 'BadRequest', /without a port_id/);
  assertNeutron(await post({ ...to, port_id: NOWHERE }), 404, 'PortNotFound', /could not be found/);
  assertNeutron(await post({ ...to, port_id: port, fixed_ip_address: '10.0.0.99' }), 400, 'BadRequest', /does not have fixed ip/);
  assertNeutron(await post({ ...to, subnet_id: NOWHERE }), 404, 'SubnetNotFound', /could not be found/);
  const quiet = await make(red, 'networks', 'network', {});
  await make(red, 'subnets', 'subnet', { network_id: quiet['id'], ip_version: 4, cidr: '10.9.0.0/24', gateway_ip: null });
  const unserved = await make(red, 'ports', 'port', { network_id: quiet['id'] });
  assertNeutron(await post({ ...to, port_id: unserved['id'] }), 404, 'ExternalGatewayForFloatingIPNotFound', /is not reachable/);
  const asAdmin = await post({ ...to, port_id: port }, rest.admin);
  assert.equal((asAdmin.body['floatingip'] as Json)['tenant_id'], project_id, 'an administrator who names a port means its project');
  assertNeutron(await post({ ...to, port_id: port }), 409, 'FloatingIPPortAlreadyAssociated', /already has a floating IP/);
  assertNeutron(await put(red, NOWHERE, {}), 404, 'FloatingIPNotFound', /could not be found/);
  const [first] = listOf((await red('GET', '/v2.0/floatingips')).body['floatingips']);
  assertNeutron(await put(red, first?.['id'], { floating_ip_address: '203.0.113.9' }), 400, 'HTTPBadRequest', /read-only/);
  assertNeutron(await red('GET', '/v2.0/floatingips?bogus=1'), 400, 'HTTPBadRequest', /invalid attribute for filtering/);
  const rest10 = Array.from({ length: 10 }, () => post(to));
  const last = (await Promise.all(rest10)).find(({ status }) => status === 409);
  assert.ok(last !== undefined);
  assertNeutron(last, 409, 'IpAddressGenerationFailure', /No more IP addresses/);
});

test('port forwardings lie below their floating IP, as single ports and as ranges', async () => {
  await using rig = await openRig();
  const { rest, red, outside, port, address } = rig;
  const { id } = await floating(red, { floating_network_id: outside });
  const at = `/v2.0/floatingips/${String(id)}/port_forwardings`;
  const target = { internal_port_id: port, internal_ip_address: address };
  const created = await red('POST', at, { port_forwarding: { ...target, protocol: 'TCP', external_port: '8080', internal_port: 80 } });
  assert.equal(created.status, 201, created.raw);
  const single = created.body['port_forwarding'] as Json;
  assert.deepEqual(single, {
    id: single['id'],
    protocol: 'tcp',
    external_port: 8080,
    external_port_range: '8080:8080',
    internal_port_id: port,
    internal_ip_address: address,
    internal_port: 80,
    internal_port_range: '80:80',
    description: '',
  });
  const range = { ...target, protocol: 'udp', external_port_range: '9000:9009', internal_port_range: '5000:5009' };
  const wide = (await red('POST', at, { port_forwarding: range })).body['port_forwarding'] as Json;
  assert.deepEqual([wide['external_port'], wide['external_port_range'], wide['internal_port_range']], [null, '9000:9009', '5000:5009']);
  const listed = await red('GET', `${at}?protocol=udp`);
  assert.deepEqual(listed.body['port_forwardings'], [wide]);
  const shown = ((await red('GET', `/v2.0/floatingips/${String(id)}`)).body['floatingip'] as Json)['port_forwardings'];
  assert.deepEqual(listOf(shown)[0], {
    id: single['id'],
    protocol: 'tcp',
    internal_ip_address: address,
    internal_port_id: port,
    internal_port: 80,
    external_port: 8080,
  });
  const one = `${at}/${String(single['id'])}`;
  const changed = await red('PUT', one, { port_forwarding: { external_port: 8081, description: 'web' } });
  const { external_port, internal_port, description } = changed.body['port_forwarding'] as Json;
  assert.deepEqual([external_port, internal_port, description], [8081, 80, 'web']);
  assertNeutron(await put(red, id, { port_id: port }), 409, 'FipInUseByPortForwarding', /in use by Port Forwarding/);
  assertNeutron(await red('DELETE', `/v2.0/floatingips/${String(id)}`), 409, 'FipInUseByPortForwarding', /in use by/);
  const blue = await rest.as('blue');
  assertNeutron(await blue('GET', at), 404, 'FloatingIPNotFound', /could not be found/);
  assertNeutron(await blue('DELETE', one), 404, 'FloatingIPNotFound', /could not be found/);
  const other = await floating(red, { floating_network_id: outside });
  const elsewhere = `/v2.0/floatingips/${String(other['id'])}/port_forwardings/${String(single['id'])}`;
  assertNeutron(await red('GET', elsewhere), 404, 'PortForwardingNotFound', /could not be found/);
  assert.equal((await red('DELETE', one)).status, 204);
  assertNeutron(await red('GET', one), 404, 'PortForwardingNotFound', /could not be found/);
  assertNeutron(await red('PATCH', one, {}), 405, 'HTTPMethodNotAllowed', /PATCH/);
});

test('port forwardings are refused in Neutron’s words', async () => {
  await using rig = await openRig();
  const { rest, red, outside, port, address } = rig;
  const { id } = await floating(red, { floating_network_id: outside });
  const at = `/v2.0/floatingips/${String(id)}/port_forwardings`;
  const good = { internal_port_id: port, internal_ip_address: address, protocol: 'tcp', external_port: 80, internal_port: 80 };
  const refuse = async (changed: object, status: number, type: string, message: RegExp): Promise<void> =>
    assertNeutron(await red('POST', at, { port_forwarding: { ...good, ...changed } }), status, type, message);
  await refuse({ protocol: 'icmp' }, 400, 'HTTPBadRequest', /'icmp' is not in \[tcp, udp\]/);
  await refuse({ external_port: 0 }, 400, 'HTTPBadRequest', /not in the range/);
  await refuse({ external_port: 70_000 }, 400, 'HTTPBadRequest', /not in the range/);
  await refuse({ external_port: null, external_port_range: '9:8' }, 400, 'HTTPBadRequest', /ends before it begins/);
  await refuse({ external_port: null, external_port_range: 'a:b' }, 400, 'HTTPBadRequest', /not a valid port range/);
  await refuse({ external_port_range: '81:82' }, 400, 'HTTPBadRequest', /say different ports/);
  await refuse({ external_port: null }, 400, 'HTTPBadRequest', /'external_port' not specified/);
  await refuse({ internal_port: null }, 400, 'HTTPBadRequest', /'internal_port' not specified/);
  await refuse({ external_port: null, external_port_range: '80:81' }, 400, 'BadRequest', /differ in length/);
  await refuse({ internal_ip_address: '10.0.0.99' }, 400, 'BadRequest', /does not have address/);
  await refuse({ internal_port_id: NOWHERE }, 404, 'PortNotFound', /could not be found/);
  await refuse({ project_id: await rest.tenantId('red') }, 400, 'HTTPBadRequest', /Unrecognized attribute/);
  assert.equal((await red('POST', at, { port_forwarding: good })).status, 201);
  await refuse({ internal_port: 81 }, 400, 'BadRequest', /tcp port 80 of 203\.0\.113\.\d+ is forwarded already/);
  await refuse({ external_port: 81 }, 400, 'BadRequest', /is reached by port forwarding/);
  const { id: whole } = await floating(red, { floating_network_id: outside });
  assertNeutron(await put(red, whole, { port_id: port }), 409, 'PortHasPortForwarding', /leads there already/);
  assertNeutron(await red('POST', at, {}), 400, 'HTTPBadRequest', /Unable to find 'port_forwarding'/);
});

test('several forwardings in one request are all made, or none', async () => {
  await using rig = await openRig();
  const { red, outside, port, address } = rig;
  const { id } = await floating(red, { floating_network_id: outside });
  const at = `/v2.0/floatingips/${String(id)}/port_forwardings`;
  const wish = (n: number): Json => ({
    internal_port_id: port,
    internal_ip_address: address,
    protocol: 'tcp',
    external_port: n,
    internal_port: n,
  });
  assert.equal((await red('POST', at, { port_forwardings: [wish(1), wish(1)] })).status, 400);
  assert.deepEqual((await red('GET', at)).body, { port_forwardings: [] });
  const made = await red('POST', at, { port_forwardings: [wish(1), wish(2)] });
  assert.deepEqual([made.status, listOf(made.body['port_forwardings']).length], [201, 2]);
});

test('SSH reach is switched by the tenant, and instances say where', async () => {
  await using rig = await openRig();
  const { rest, red, port } = rig;
  const id = await rest.tenantId('red');
  const instance = (await red('POST', '/v1/instances', { command: ['x'], port_id: port })).body;
  const where = async (): Promise<readonly unknown[]> => {
    const { ssh_ip, ssh_port } = (await red('GET', `/v1/instances/${String(instance['id'])}`)).body;
    return [ssh_ip, ssh_port];
  };
  assert.deepEqual(await where(), [null, null]);
  const on = await red('PUT', `/v1/tenants/${id}`, { ssh_reach: true });
  assert.deepEqual([on.status, on.body['ssh_reach']], [200, true]);
  const [concentrator] = listOf((await red('GET', '/v1/concentrators')).body['concentrators']);
  const [ip, sshPort] = await where();
  assert.equal(ip, concentrator?.['uplink_address']);
  assert.ok(Number(sshPort) >= 30_000 && Number(sshPort) <= 30_999);
  await red('PUT', `/v1/tenants/${id}`, { ssh_reach: false });
  assert.deepEqual(await where(), [null, null]);
  const blue = await rest.as('blue');
  assertProblem(await blue('PUT', `/v1/tenants/${id}`, { ssh_reach: true }), 404, 'not_found', /could not be found/);
  assertProblem(await red('PUT', `/v1/tenants/${id}`, { ssh_reach: 'yes' }), 400, 'bad_request', /not valid/);
});

test('pools say how much of an external network is used, to administrators', async () => {
  await using rig = await openRig();
  const { rest, red, outside } = rig;
  const made = await floating(red, { floating_network_id: outside });
  const [uplink] = listOf((await red('GET', '/v1/concentrators')).body['concentrators']);
  const used = /\.2\d$/.test(String(uplink?.['uplink_address'])) ? 2 : 1;
  const [pool] = listOf((await rest.admin('GET', '/v1/pools')).body['pools']);
  const { id, ...view } = pool ?? {};
  assert.deepEqual(view, {
    name: 'pool',
    network_id: outside,
    network_name: 'outside',
    cidr: '203.0.113.0/24',
    total: 10,
    used,
    free: 10 - used,
  });
  await red('DELETE', `/v2.0/floatingips/${String(made['id'])}`);
  assert.equal((await rest.admin('GET', `/v1/pools/${String(id)}`)).body['used'], used - 1);
  assertProblem(await rest.admin('GET', `/v1/pools/${NOWHERE}`), 404, 'not_found', /could not be found/);
  assertProblem(await red('GET', '/v1/pools'), 403, 'forbidden', /only administrators/);
});

test('a concentrator moves on demand to a connected network node, and says why it cannot', async () => {
  await using rig = await openRig();
  const { rest, red } = rig;
  await placeAll(rest);
  connect(rest, 2);
  const [before] = listOf((await red('GET', '/v1/concentrators')).body['concentrators']);
  const path = `/v1/concentrators/${String(before?.['id'])}/move`;
  const move = (body?: object, call = rest.admin): Promise<Reply> => call('POST', path, body);
  assertProblem(await move(), 409, 'no_network_node', /no other network node/);
  assertProblem(await move({ node_id: nodeId(2) }), 409, 'same_node', /is on node node2 already/);
  assertProblem(await move({ node_id: nodeId(1) }), 409, 'not_a_network_node', /node1 hosts no concentrators: its roles are compute/);
  assertProblem(await move({ node_id: NOWHERE }), 404, 'not_found', /could not be found/);
  assertProblem(await move({}, red), 403, 'forbidden', /only administrators/);
  assertProblem(await move({}, await rest.as('blue')), 404, 'not_found', /could not be found/);
  assertProblem(await move({ nodeid: 'x' }), 400, 'bad_request', /not valid/);
  rest.link.stats(3, { roles: ['network'] });
  await settle();
  assertProblem(await move({ node_id: nodeId(3) }), 409, 'no_network_node', /node3 is not connected/);
  connect(rest, 3);
  const moved = await move();
  assert.deepEqual([moved.status, moved.body['node_id'], moved.body['generation']], [200, nodeId(3), 2], moved.raw);
  const added = { instance_uuid: before?.['id'], concentrator_ip: '10.88.0.2', concentrator_mac: '02:00:00:00:00:01' };
  rest.link.event(3, { concentrator_instance_added: { ...added, node_uuid: nodeId(2) } });
  const [after] = listOf((await red('GET', '/v1/concentrators')).body['concentrators']);
  assert.equal(after?.['status'], 'building', 'the old node’s word does not count any more');
  assert.equal((await move({ node_id: nodeId(2) })).body['generation'], 3);
  rest.link.stats(4, { roles: ['concentrator'] });
  await settle();
  connect(rest, 4);
  assert.equal((await move({ node_id: nodeId(4) })).body['node_id'], nodeId(4), 'a machine for concentrators');
  const { body } = await rest.admin('GET', `/v1/nodes/${nodeId(4)}`);
  assert.deepEqual(body['roles'], ['concentrator']);
});
