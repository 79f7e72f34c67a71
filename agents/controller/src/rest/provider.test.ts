import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertNeutron, make, openRest } from './rest-support.ts';

const OUTSIDE = { 'router:external': true };
const VXLAN = { 'provider:network_type': 'vxlan' };

void test('an administrator chooses the segmentation id of a network, within the cluster’s range and once; others do not see it', async () => {
  await using rest = await openRest();
  const red = await rest.as('red');
  const project = await rest.tenantId('red');
  const create = (more: object) => rest.admin('POST', '/v2.0/networks', { network: { tenant_id: project, ...more } });
  const { 'provider:segmentation_id': any } = await make(rest.admin, 'networks', 'network', { tenant_id: project, ...VXLAN });
  assert.equal(typeof any, 'number');
  const wanted = 10_123;
  const made = await make(rest.admin, 'networks', 'network', { tenant_id: project, ...VXLAN, 'provider:segmentation_id': wanted });
  const shown = [made['provider:network_type'], made['provider:physical_network'], made['provider:segmentation_id']];
  assert.deepEqual(shown, ['vxlan', null, wanted]);
  const found = await rest.admin('GET', `/v2.0/networks?provider:segmentation_id=${wanted}&fields=id`);
  assert.deepEqual(found.body['networks'], [{ id: made['id'] }]);

  const taken = await create({ ...VXLAN, 'provider:segmentation_id': String(wanted) });
  assertNeutron(taken, 409, 'TunnelIdInUse', `Unable to create the network. The tunnel ID ${wanted} is in use.`);
  const far = await create({ ...VXLAN, 'provider:segmentation_id': 16_000_000 });
  assertNeutron(far, 400, 'InvalidInput', /segmentation_id 16000000 is not in the range of this cluster/);
  const other = await create({ 'provider:network_type': 'zzz' });
  assertNeutron(other, 400, 'InvalidInput', "Invalid input for operation: network_type value 'zzz' not supported.");
  const bare = await create({ 'provider:segmentation_id': 10_124 });
  assertNeutron(bare, 400, 'InvalidInput', 'Invalid input for operation: network_type required.');
  const physical = await create({ ...VXLAN, 'provider:physical_network': 'eth0' });
  assertNeutron(physical, 400, 'InvalidInput', /provider:physical_network specified for vxlan network/);

  const { id } = made;
  const update = (network: object) => rest.admin('PUT', `/v2.0/networks/${String(id)}`, { network });
  assert.equal((await update({ ...VXLAN, 'provider:segmentation_id': wanted, 'provider:physical_network': null })).status, 200);
  assertNeutron(await update({ 'provider:segmentation_id': wanted + 1 }), 400, 'InvalidInput', /cannot be changed/);
  assertNeutron(await update({ 'provider:network_type': 'vlan' }), 400, 'InvalidInput', /'vlan' not supported/);

  for (const more of [VXLAN, { 'provider:segmentation_id': 10_200 }, { 'provider:physical_network': 'x' }]) {
    const [name] = Object.keys(more);
    assertNeutron(
      await red('POST', '/v2.0/networks', { network: more }),
      403,
      'PolicyNotAuthorized',
      `(rule:create_network and rule:create_network:${name}) is disallowed by policy`,
    );
    assertNeutron(
      await red('PUT', `/v2.0/networks/${String(id)}`, { network: more }),
      403,
      'PolicyNotAuthorized',
      /update_network:provider/,
    );
  }
  const seen = (await red('GET', `/v2.0/networks/${String(id)}`)).body['network'] as object;
  assert.deepEqual(
    Object.keys(seen).filter((key) => key.startsWith('provider:')),
    [],
  );
  assertNeutron(
    await red('GET', `/v2.0/networks?provider:segmentation_id=${wanted}`),
    400,
    'HTTPBadRequest',
    /invalid attribute for filtering/,
  );
});

void test('of the external networks one at most is the default, and administrators say which', async () => {
  await using rest = await openRest();
  const red = await rest.as('red');
  const first = await make(rest.admin, 'networks', 'network', { ...OUTSIDE, is_default: true });
  assert.equal(first['is_default'], true);
  const second = await rest.admin('POST', '/v2.0/networks', { network: { ...OUTSIDE, is_default: true } });
  assertNeutron(second, 409, 'DefaultExternalNetworkExists', `A default external network already exists: ${String(first['id'])}.`);
  const other = await make(rest.admin, 'networks', 'network', OUTSIDE);
  const update = (id: unknown, network: object) => rest.admin('PUT', `/v2.0/networks/${String(id)}`, { network });
  assertNeutron(await update(other['id'], { is_default: true }), 409, 'DefaultExternalNetworkExists', /already exists/);
  assert.equal((await update(first['id'], { is_default: true })).status, 200, 'said again');
  assert.equal((await update(first['id'], { is_default: false })).status, 200);
  assert.equal((await update(other['id'], { is_default: true })).status, 200);
  const listed = await red('GET', '/v2.0/networks?is_default=true&fields=id');
  assert.deepEqual(listed.body['networks'], [{ id: other['id'] }]);

  const inside = await update(other['id'], { 'router:external': false, is_default: true });
  assertNeutron(inside, 400, 'BadRequest', /is_default is for external networks/);
  const { network } = (await update(other['id'], { 'router:external': false })).body as { network: Record<string, unknown> };
  assert.deepEqual([network['router:external'], network['is_default']], [false, false]);
  assertNeutron(
    await red('POST', '/v2.0/networks', { network: { is_default: true } }),
    403,
    'PolicyNotAuthorized',
    '(rule:create_network and rule:create_network:is_default) is disallowed by policy',
  );
  const own = await make(red, 'networks', 'network', { is_default: false });
  assertNeutron(
    await red('PUT', `/v2.0/networks/${String(own['id'])}`, { network: { is_default: true } }),
    403,
    'PolicyNotAuthorized',
    /is_default/,
  );
});

void test('an external network becomes internal only when no gateway and no floating IP is of it', async () => {
  await using rest = await openRest();
  const red = await rest.as('red');
  const { id } = await make(rest.admin, 'networks', 'network', OUTSIDE);
  await make(rest.admin, 'subnets', 'subnet', { network_id: id, ip_version: 4, cidr: '203.0.113.0/24', enable_dhcp: false });
  const unmake = () => rest.admin('PUT', `/v2.0/networks/${String(id)}`, { network: { 'router:external': false } });
  const fip = await make(red, 'floatingips', 'floatingip', { floating_network_id: id });
  assertNeutron(await unmake(), 409, 'ExternalNetworkInUse', /floating IP/);
  assert.equal((await red('DELETE', `/v2.0/floatingips/${String(fip['id'])}`)).status, 204);
  const router = await make(red, 'routers', 'router', { external_gateway_info: { network_id: id } });
  assertNeutron(await unmake(), 409, 'ExternalNetworkInUse', /external gateway of router/);
  assert.equal((await red('DELETE', `/v2.0/routers/${String(router['id'])}`)).status, 204);
  assert.equal((await unmake()).status, 200);
  assertNeutron(await red('PUT', `/v2.0/networks/${String(id)}`, { network: OUTSIDE }), 404, 'NetworkNotFound', /could not be found/);
  const own = await make(red, 'networks', 'network', {});
  assertNeutron(
    await red('PUT', `/v2.0/networks/${String(own['id'])}`, { network: OUTSIDE }),
    403,
    'PolicyNotAuthorized',
    /router:external/,
  );
});
