/** Networks of more than one project: who sees what, and who may do what (neutron-api.md §1.3, §4, §5.1, §12). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertNeutron, assertProblem, make, openRest } from './rest-support.ts';
import { Status } from '@weft/ssntp/operands';
import { nodeId, settle } from '../test-support.ts';
import type { Call, Reply, TestRest } from './rest-support.ts';

type Json = Record<string, never>;
type Rig = Readonly<{ rest: TestRest; red: Call; blue: Call; network: string; subnet: string; blueId: string }>;

/** Red's network 10.0.0.0/24, which red shares with blue; green may use nothing of it. */
async function withShared(run: (rig: Rig) => Promise<void>): Promise<void> {
  await using rest = await openRest();
  const [red, blue, blueId] = [await rest.as('red'), await rest.as('blue'), await rest.tenantId('blue')];
  const network = String((await make(red, 'networks', 'network', { name: 'n' }))['id']);
  const subnet = String((await make(red, 'subnets', 'subnet', { network_id: network, ip_version: 4, cidr: '10.0.0.0/24' }))['id']);
  await make(red, 'rbac-policies', 'rbac_policy', shareWith(network, blueId));
  await run({ rest, red, blue, network, subnet, blueId });
}

const shareWith = (network: string, target: string, more: object = {}): object => ({
  object_type: 'network',
  object_id: network,
  action: 'access_as_shared',
  target_tenant: target,
  ...more,
});
const listed = async (call: Call, collection: string, query = ''): Promise<Json[]> =>
  (await call('GET', `/v2.0/${collection}${query}`)).body[collection.replace('-', '_')] as Json[];
const ids = async (call: Call, collection: string, query = ''): Promise<unknown[]> =>
  (await listed(call, collection, query)).map(({ id }) => id);

void test('a shared network and its subnets are seen by those that it is shared with, and changed by their project only', async () => {
  await withShared(async ({ rest, red, blue, network, subnet }) => {
    const green = await rest.as('green');
    assert.deepEqual([await ids(blue, 'networks'), await ids(blue, 'subnets')], [[network], [subnet]]);
    assert.deepEqual([await ids(green, 'networks'), await ids(green, 'subnets')], [[], []]);
    const [seen] = await listed(blue, 'networks', '?shared=true');
    assert.deepEqual([seen?.['shared'], seen?.['subnets']], [true, [subnet]]);
    assert.deepEqual(await ids(blue, 'networks', '?shared=false'), []);
    assert.deepEqual([await ids(blue, 'subnets', '?shared=1'), await ids(blue, 'subnets', '?shared=no')], [[subnet], []]);
    const [own] = await listed(red, 'networks');
    assert.equal(own?.['shared'], false, 'its own project sees that it is not for everybody');
    for (const [call, status, types] of [
      [blue, 403, ['PolicyNotAuthorized', 'PolicyNotAuthorized']],
      [green, 404, ['NetworkNotFound', 'SubnetNotFound']],
    ] as const) {
      const what = /is disallowed by policy|could not be found/;
      assertNeutron(await call('PUT', `/v2.0/networks/${network}`, { network: { name: 'x' } }), status, types[0], what);
      assertNeutron(await call('DELETE', `/v2.0/networks/${network}`), status, types[0], what);
      assertNeutron(await call('PUT', `/v2.0/subnets/${subnet}`, { subnet: { name: 'x' } }), status, types[1], what);
      assertNeutron(await call('DELETE', `/v2.0/subnets/${subnet}`), status, types[1], what);
      const body = { network_id: network, ip_version: 4, cidr: '10.9.0.0/24' };
      assertNeutron(await call('POST', '/v2.0/subnets', { subnet: body }), status, types[0], what);
      assert.equal((await call('PUT', `/v2.0/networks/${network}/tags/x`)).status, status);
    }
    assert.equal((await green('POST', '/v2.0/ports', { port: { network_id: network } })).status, 404);
  });
});

void test('`shared` is an administrator’s, for everybody, and the policy * of the list', async () => {
  await using rest = await openRest();
  const [red, blue] = [await rest.as('red'), await rest.as('blue')];
  const refused = /network:shared\) is disallowed by policy/;
  assertNeutron(await red('POST', '/v2.0/networks', { network: { shared: true } }), 403, 'PolicyNotAuthorized', refused);
  const { id } = await make(red, 'networks', 'network', { shared: false });
  assertNeutron(await red('PUT', `/v2.0/networks/${String(id)}`, { network: { shared: true } }), 403, 'PolicyNotAuthorized', refused);
  assert.deepEqual(await ids(blue, 'networks'), []);
  const share = (shared: boolean) => rest.admin('PUT', `/v2.0/networks/${String(id)}`, { network: { shared } });
  assert.equal(((await share(true)).body['network'] as Json)['shared'], true);
  assert.deepEqual(await ids(blue, 'networks', '?shared=true'), [id]);
  const [policy] = await listed(rest.admin, 'rbac-policies');
  assert.deepEqual(
    [policy?.['object_id'], policy?.['action'], policy?.['target_tenant'], policy?.['target_project']],
    [id, 'access_as_shared', '*', '*'],
  );
  const port = await make(blue, 'ports', 'port', { network_id: id });
  const message = `Unable to reconfigure sharing settings for network ${String(id)}. Multiple tenants are using it.`;
  assertNeutron(await share(false), 409, 'InvalidSharedSetting', message);
  assertNeutron(await rest.admin('DELETE', `/v2.0/rbac-policies/${String(policy?.['id'])}`), 409, 'RbacPolicyInUse', /depend on it/);
  assert.equal((await blue('DELETE', `/v2.0/ports/${String(port['id'])}`)).status, 204);
  assert.equal((await share(false)).status, 200);
  assert.deepEqual([await ids(blue, 'networks'), await ids(rest.admin, 'rbac-policies')], [[], []]);
  const made = await make(rest.admin, 'networks', 'network', { tenant_id: await rest.tenantId('red'), shared: true });
  assert.deepEqual(await ids(blue, 'networks'), [made['id']]);
});

void test('a guest’s port is its own project’s: its groups, its quota; the network’s project sees and deletes it, and does nothing else', async () => {
  await withShared(async ({ rest, red, blue, network, subnet, blueId }) => {
    const [group] = await listed(blue, 'security-groups');
    const port = await make(blue, 'ports', 'port', { network_id: network, fixed_ips: [{ subnet_id: subnet }] });
    const path = `/v2.0/ports/${String(port['id'])}`;
    assert.deepEqual([port['project_id'], port['security_groups']], [blueId, [group?.['id']]]);
    const own = await make(red, 'ports', 'port', { network_id: network });
    assert.deepEqual(new Set(await ids(red, 'ports')), new Set([port['id'], own['id']]));
    assert.deepEqual(await ids(blue, 'ports'), [port['id']], 'a guest does not see the ports of others');
    assertNeutron(await blue('GET', `/v2.0/ports/${String(own['id'])}`), 404, 'PortNotFound', /could not be found/);
    assertNeutron(await red('PUT', path, { port: { name: 'x' } }), 403, 'PolicyNotAuthorized', /update_port is disallowed/);
    assert.equal((await red('PUT', `${path}/tags/x`)).status, 403);
    assertProblem(await red('POST', '/v1/instances', { command: ['true'], port_id: port['id'] }), 403, 'forbidden', /update_port/);
    const [foreign] = await listed(red, 'security-groups');
    for (const call of [blue, rest.admin]) {
      const wish = { port: { security_groups: [foreign?.['id']] } };
      assertNeutron(await call('PUT', path, wish), 404, 'SecurityGroupNotFound', /does not exist/);
    }
    assert.equal((await rest.admin('PUT', `/v2.0/quotas/${blueId}`, { quota: { port: 1 } })).status, 200);
    assertNeutron(await blue('POST', '/v2.0/ports', { port: { network_id: network } }), 409, 'OverQuota', /'port'/);
    assert.equal((await red('GET', path)).status, 200);
    assert.equal((await red('DELETE', path)).status, 204);
    assert.deepEqual(await ids(blue, 'ports'), []);
  });
});

void test('how a guest’s port is known on the segment, and what it may do there, the network’s project says', async () => {
  await withShared(async ({ rest, red, blue, network, subnet, blueId }) => {
    const wishes: readonly (readonly [name: string, wish: object])[] = [
      ['mac_address', { mac_address: '02:00:00:00:00:07' }],
      ['fixed_ips:ip_address', { fixed_ips: [{ ip_address: '10.0.0.77' }] }],
      ['fixed_ips:ip_address', { fixed_ips: [{ subnet_id: subnet, ip_address: '10.0.0.77' }] }],
      ['port_security_enabled', { port_security_enabled: false }],
      ['allowed_address_pairs', { allowed_address_pairs: [{ ip_address: '10.0.0.78' }] }],
      ['device_owner', { device_owner: 'network:local_ip' }],
    ];
    const harmless = { port_security_enabled: true, allowed_address_pairs: [], device_owner: 'compute:nova' };
    const { id, fixed_ips } = await make(blue, 'ports', 'port', { network_id: network, ...harmless });
    const path = `/v2.0/ports/${String(id)}`;
    for (const [name, wish] of wishes) {
      assertNeutron(
        await blue('POST', '/v2.0/ports', { port: { network_id: network, ...wish } }),
        403,
        'PolicyNotAuthorized',
        `(rule:create_port and rule:create_port:${name}) is disallowed by policy`,
      );
      assertNeutron(await blue('PUT', path, { port: wish }), 403, 'PolicyNotAuthorized', new RegExp(`update_port:${name}`));
    }
    assert.equal((await blue('PUT', path, { port: { fixed_ips, ...harmless } })).status, 200, 'what holds already may be said');
    for (const [name, wish] of wishes) {
      const port = { network_id: network, ...wish, ...(name === 'port_security_enabled' ? { security_groups: [] } : {}) };
      const { id: own } = await make(red, 'ports', 'port', port);
      assert.equal((await red('DELETE', `/v2.0/ports/${String(own)}`)).status, 204);
      const { id: given, project_id: project } = await make(rest.admin, 'ports', 'port', { ...port, tenant_id: blueId });
      assert.equal(project, blueId);
      assert.equal((await blue('DELETE', `/v2.0/ports/${String(given)}`)).status, 204);
    }
  });
});

void test('what would lead to a guest by its own project’s gateway is refused, and so is a router of it on the network', async () => {
  await withShared(async ({ rest, blue, network, subnet }) => {
    const outside = await make(rest.admin, 'networks', 'network', { 'router:external': true });
    const external = { network_id: outside['id'], ip_version: 4, cidr: '203.0.113.0/24', enable_dhcp: false };
    await make(rest.admin, 'subnets', 'subnet', external);
    const port = await make(blue, 'ports', 'port', { network_id: network });
    const fip = await blue('POST', '/v2.0/floatingips', { floatingip: { floating_network_id: outside['id'], port_id: port['id'] } });
    assertNeutron(fip, 404, 'ExternalGatewayForFloatingIPNotFound', /is not reachable from subnet/);
    const router = await make(blue, 'routers', 'router', {});
    for (const wish of [{ subnet_id: subnet }, { port_id: port['id'] }]) {
      const reply = await blue('PUT', `/v2.0/routers/${String(router['id'])}/add_router_interface`, wish);
      assertNeutron(reply, 400, 'BadRequest', /of another project/);
    }
    const rule = { direction: 'inbound', action: 'deny', port_id: port['id'] };
    assertProblem(await blue('POST', '/v1/firewall-rules', rule), 422, 'invalid_firewall_rule', /another project's network/);
    const nat = { direction: 'outbound', port_id: port['id'] };
    assertProblem(await blue('POST', '/v1/nat-rules', nat), 422, 'invalid_nat_rule', /another project's network/);
    const home = await make(blue, 'networks', 'network', {});
    const twin = { network_id: home['id'], ip_version: 4, cidr: '10.0.0.0/25' };
    assertNeutron(await blue('POST', '/v2.0/subnets', { subnet: twin }), 400, 'InvalidInput', /one of the networks is shared/);
  });
});

void test('a project whose own network has the addresses of the shared one has no port there', async () => {
  await withShared(async ({ rest, blue, network, blueId }) => {
    const home = await make(blue, 'networks', 'network', {});
    const green = await make(await rest.as('green'), 'networks', 'network', {});
    // Green's is nobody's business.
    await make(await rest.as('green'), 'subnets', 'subnet', { network_id: green['id'], ip_version: 4, cidr: '10.0.0.0/24' });
    await make(blue, 'subnets', 'subnet', { network_id: home['id'], ip_version: 4, cidr: '10.0.0.0/24' });
    const reply = await blue('POST', '/v2.0/ports', { port: { network_id: network } });
    assertNeutron(reply, 409, 'Conflict', /security groups could not tell who of both is meant/);
    const share = await rest.admin('PUT', `/v2.0/networks/${String(home['id'])}`, { network: { shared: true } });
    assert.equal(share.status, 200, share.raw);
    assert.deepEqual(await ids(await rest.as('green'), 'networks', `?project_id=${blueId}`), [home['id']]);
  });
});

void test('an external network is seen without its subnets; nobody has a port on it; a policy may keep it to some', async () => {
  await using rest = await openRest();
  const [red, blue] = [await rest.as('red'), await rest.as('blue')];
  const { id } = await make(rest.admin, 'networks', 'network', { 'router:external': true });
  const subnet = { network_id: id, ip_version: 4, cidr: '203.0.113.0/24', enable_dhcp: false };
  const { id: inner } = await make(rest.admin, 'subnets', 'subnet', subnet);
  const [seen] = await listed(red, 'networks');
  assert.deepEqual([seen?.['router:external'], seen?.['shared'], seen?.['subnets']], [true, false, []]);
  assert.deepEqual(await ids(red, 'subnets'), []);
  assertNeutron(await red('GET', `/v2.0/subnets/${String(inner)}`), 404, 'SubnetNotFound', /could not be found/);
  assertNeutron(await red('POST', '/v2.0/ports', { port: { network_id: id } }), 403, 'HTTPForbidden', /is external/);
  const [all] = await listed(rest.admin, 'rbac-policies', '?action=access_as_external');
  assert.equal(all?.['target_tenant'], '*');
  const policy = shareWith(String(id), await rest.tenantId('red'), { action: 'access_as_external' });
  await make(rest.admin, 'rbac-policies', 'rbac_policy', policy);
  assert.equal((await rest.admin('DELETE', `/v2.0/rbac-policies/${String(all?.['id'])}`)).status, 204);
  assert.deepEqual([await ids(red, 'networks'), await ids(blue, 'networks')], [[id], []]);
  await make(red, 'floatingips', 'floatingip', { floating_network_id: id });
  const fip: Reply = await blue('POST', '/v2.0/floatingips', { floatingip: { floating_network_id: id } });
  assertNeutron(fip, 404, 'NetworkNotFound', /could not be found/);
  assertNeutron(
    await rest.admin('PUT', `/v2.0/networks/${String(id)}`, { network: { 'router:external': false } }),
    409,
    'ExternalNetworkInUse',
    /floating IP/,
  );
  // Shared as well, it is open inside: its subnets are seen.
  assert.equal((await rest.admin('PUT', `/v2.0/networks/${String(id)}`, { network: { shared: true } })).status, 200);
  assert.deepEqual(await ids(blue, 'subnets'), [inner]);
});

void test('a dry run on a shared network names no port that the asker may not know of', async () => {
  await withShared(async ({ rest, red, blue, network }) => {
    const own = await make(red, 'ports', 'port', { network_id: network });
    const mine = await make(blue, 'ports', 'port', { network_id: network });
    for (const [call, port_id] of [
      [red, own['id']],
      [blue, mine['id']],
    ] as const)
      assert.equal((await call('POST', '/v1/instances', { command: ['true'], port_id })).status, 201);
    for (const payload of rest.link.take('COMMAND START')) {
      const { start } = payload as { start: { instance_uuid: string; requirements: { network_node: boolean } } };
      const node_uuid = nodeId(start.requirements.network_node ? 2 : 1);
      rest.link.routed(nodeId(9), Status.Reply, { instance_uuid: start.instance_uuid, node_uuid });
    }
    await settle();
    const [group] = await listed(blue, 'security-groups');
    const rule = { security_group_id: group?.['id'], direction: 'ingress', protocol: 'tcp', port_range_min: 80, port_range_max: 80 };
    const ask = (call: Call): Promise<Reply> => call('POST', '/v2.0/security-group-rules?dry_run=true', { security_group_rule: rule });
    const all = await ask(rest.admin);
    assert.match(all.raw, new RegExp(String(own['id'])), 'an administrator is told who reaches the port by it');
    const asked = await ask(blue);
    assert.equal(asked.status, 200, asked.raw);
    assert.doesNotMatch(asked.raw, new RegExp(String(own['id'])));
  });
});
