import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertNeutron, assertProblem, make, makeNetwork, openRest } from './rest-support.ts';
import type { Call, TestRest } from './rest-support.ts';

const RULES = '/v1/nat-rules';

type Rig = Readonly<{ red: Call; blue: Call; port_id: string; floating_ip_id: string; foreign: string }>;

/** Red has a workload's port and a public address, blue has an address. */
async function rig(rest: TestRest): Promise<Rig> {
  const [red, blue] = [await rest.as('red'), await rest.as('blue')];
  const { network } = await makeNetwork(red);
  const port_id = String((await make(red, 'ports', 'port', { network_id: network }))['id']);
  const outside = String((await make(rest.admin, 'networks', 'network', { name: 'outside', 'router:external': true }))['id']);
  await make(rest.admin, 'subnets', 'subnet', { network_id: outside, ip_version: 4, cidr: '203.0.113.0/24', enable_dhcp: false });
  const address = async (call: Call): Promise<string> =>
    String((await make(call, 'floatingips', 'floatingip', { floating_network_id: outside }))['id']);
  return { red, blue, port_id, floating_ip_id: await address(red), foreign: await address(blue) };
}

test('a tenant makes, sees, changes and deletes its own NAT rules, in the order in which they are asked', async () => {
  await using rest = await openRest();
  const { red, blue, port_id, floating_ip_id } = await rig(rest);
  const inbound = { direction: 'inbound', protocol: 'tcp', port_min: 8080, port_max: 8089, port_id, floating_ip_id };
  const made = await red('POST', RULES, inbound);
  assert.equal(made.status, 201, made.raw);
  const { id, created_at, updated_at } = made.body;
  const defaults = { remote_cidr: null, to_port: null, priority: 32_768, description: '', created_at, updated_at };
  assert.deepEqual(made.body, { id, tenant_id: await rest.tenantId('red'), ...inbound, ...defaults });
  const outbound = (await red('POST', RULES, { direction: 'outbound', floating_ip_id, remote_cidr: '198.51.100.7/24', priority: 10 })).body;
  assert.deepEqual([outbound['remote_cidr'], outbound['port_id'], outbound['protocol']], ['198.51.100.0/24', null, null]);
  assert.deepEqual((await red('GET', RULES)).body['nat_rules'], [outbound, made.body]);
  assert.deepEqual((await red('GET', `${RULES}?direction=inbound`)).body['nat_rules'], [made.body]);
  assert.deepEqual((await blue('GET', RULES)).body['nat_rules'], []);
  assert.deepEqual(((await rest.admin('GET', RULES)).body['nat_rules'] as unknown[]).length, 2);
  const path = `${RULES}/${String(id)}`;
  for (const [method, body] of [['GET'], ['PUT', {}], ['DELETE']] as const) {
    assertProblem(await blue(method, path, body), 404, 'not_found', /natRule/);
  }
  const changed = await red('PUT', path, { floating_ip_id: null, to_port: 80 });
  const seen = [changed.status, changed.body['floating_ip_id'], changed.body['to_port'], changed.body['port_max']];
  assert.deepEqual(seen, [200, null, 80, 8089], changed.raw);
  assert.deepEqual((await red('GET', path)).body, changed.body);
  assert.equal((await red('DELETE', path)).status, 204);
  assertProblem(await red('DELETE', path), 404, 'not_found', /natRule/);
});

test('a NAT rule that cannot be is refused with the reason, and nobody uses another tenant’s port or address', async () => {
  await using rest = await openRest();
  const { red, blue, port_id, floating_ip_id, foreign } = await rig(rest);
  const rule = { direction: 'inbound', protocol: 'tcp', port_min: 80, port_max: 80, port_id, floating_ip_id };
  assertProblem(await red('POST', RULES, { ...rule, floating_ip_id: foreign }), 404, 'not_found', /^floatingIp /);
  assertProblem(await blue('POST', RULES, { ...rule, floating_ip_id: foreign }), 404, 'not_found', /^port /);
  assertProblem(await red('POST', RULES, { ...rule, port_id: null }), 422, 'invalid_nat_rule', /leads to a workload/);
  assertProblem(await red('POST', RULES, { ...rule, port_max: 79 }), 422, 'invalid_nat_rule', /80-79 ends before it begins/);
  assertProblem(await red('POST', RULES, { direction: 'outbound', to_port: 80 }), 422, 'invalid_nat_rule', /leads to no port/);
  assertProblem(await red('POST', RULES, { ...rule, port_min: 0 }), 400, 'bad_request', /port_min/);
  assertProblem(await red('POST', RULES, { ...rule, remote_cidr: 'here' }), 400, 'invalid_value', /remote_cidr/);
  assertProblem(await rest.admin('POST', RULES, { direction: 'outbound' }), 400, 'bad_request', /whose NAT rule/);
  const made = await rest.admin('POST', RULES, rule);
  assert.equal(made.body['tenant_id'], await rest.tenantId('red'), made.raw);
  assertProblem(await red('POST', RULES, { ...rule, to_port: 81 }), 409, 'nat_rule_exists', /already translates that at priority 32768/);
  assertProblem(
    await red('PUT', `${RULES}/${String(made.body['id'])}`, { direction: 'outbound' }),
    400,
    'bad_request',
    /additional properties: 'direction'\./,
  );
});

test('a public address that a NAT rule uses stays until the rule goes', async () => {
  await using rest = await openRest();
  const { red, floating_ip_id } = await rig(rest);
  const { body } = await red('POST', RULES, { direction: 'outbound', floating_ip_id });
  const path = `/v2.0/floatingips/${floating_ip_id}`;
  assertNeutron(await red('DELETE', path), 409, 'Conflict', new RegExp(`in use by NAT rule ${String(body['id'])}`));
  assert.equal((await red('DELETE', `${RULES}/${String(body['id'])}`)).status, 204);
  assert.equal((await red('DELETE', path)).status, 204);
});
