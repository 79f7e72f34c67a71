import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertProblem, make, makeNetwork, openRest } from './rest-support.ts';

const RULES = '/v1/firewall-rules';
const MAIL = { direction: 'outbound', action: 'deny', protocol: 'tcp', port_min: 25, port_max: 25 };

test('a tenant makes, sees, changes and deletes its own firewall rules, in the order in which they are asked', async () => {
  await using rest = await openRest();
  const [red, blue] = [await rest.as('red'), await rest.as('blue')];
  const made = await red('POST', RULES, MAIL);
  assert.equal(made.status, 201, made.raw);
  const { id, created_at, updated_at } = made.body;
  const rest_ = { port_id: null, remote_cidr: null, priority: 32_768, description: '', created_at, updated_at };
  assert.deepEqual(made.body, { id, tenant_id: await rest.tenantId('red'), ...MAIL, ...rest_ });
  const first = (await red('POST', RULES, { ...MAIL, action: 'allow', remote_cidr: '198.51.100.7/24', priority: 10 })).body;
  assert.equal(first['remote_cidr'], '198.51.100.0/24');
  assert.deepEqual((await red('GET', RULES)).body['firewall_rules'], [first, made.body]);
  assert.deepEqual((await red('GET', `${RULES}?action=deny`)).body['firewall_rules'], [made.body]);
  assert.deepEqual((await blue('GET', RULES)).body['firewall_rules'], []);
  assert.deepEqual(((await rest.admin('GET', RULES)).body['firewall_rules'] as unknown[]).length, 2);
  const path = `${RULES}/${String(id)}`;
  for (const [method, body] of [['GET'], ['PUT', {}], ['DELETE']] as const) {
    assertProblem(await blue(method, path, body), 404, 'not_found', /firewallRule/);
  }
  const changed = await red('PUT', path, { port_min: null, port_max: null, protocol: null });
  assert.deepEqual([changed.status, changed.body['protocol'], changed.body['action']], [200, null, 'deny'], changed.raw);
  assert.deepEqual((await red('GET', path)).body, changed.body);
  assert.equal((await red('DELETE', path)).status, 204);
  assertProblem(await red('DELETE', path), 404, 'not_found', /firewallRule/);
});

test('a firewall rule that cannot be is refused with the reason, and nobody makes one for another tenant’s port', async () => {
  await using rest = await openRest();
  const [red, blue] = [await rest.as('red'), await rest.as('blue')];
  const { network } = await makeNetwork(red);
  const port_id = String((await make(red, 'ports', 'port', { network_id: network }))['id']);
  assertProblem(await blue('POST', RULES, { ...MAIL, port_id }), 404, 'not_found', /^port /);
  assert.equal((await rest.admin('POST', RULES, { ...MAIL, port_id })).body['tenant_id'], await rest.tenantId('red'));
  assertProblem(await red('POST', RULES, { ...MAIL, port_id }), 409, 'firewall_rule_exists', /already denies that at priority 32768/);
  assertProblem(await red('POST', RULES, { ...MAIL, protocol: 'icmp' }), 422, 'invalid_firewall_rule', /only tcp and udp/);
  assertProblem(await red('POST', RULES, { ...MAIL, port_min: 30 }), 422, 'invalid_firewall_rule', /30-25 ends before it begins/);
  assertProblem(await red('POST', RULES, { ...MAIL, remote_cidr: 'here' }), 400, 'invalid_value', /remote_cidr/);
  assertProblem(await rest.admin('POST', RULES, MAIL), 400, 'bad_request', /whose firewall rule/);
});
