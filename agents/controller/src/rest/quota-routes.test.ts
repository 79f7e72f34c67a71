import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertNeutron, makeNetwork, openRest } from './rest-support.ts';

const DEFAULTS = {
  network: 100,
  subnet: 100,
  subnetpool: -1,
  port: 500,
  router: 10,
  floatingip: 50,
  rbac_policy: 10,
  security_group: 10,
  security_group_rule: 100,
};

test('an administrator sets, lists and resets limits; a tenant sees its own, and what it uses', async () => {
  await using rest = await openRest();
  const red = await rest.as('red');
  const id = await rest.tenantId('red');
  assert.deepEqual((await red('GET', `/v2.0/quotas/${id}`)).body, { quota: DEFAULTS });
  assert.deepEqual((await rest.admin('GET', '/v2.0/quotas')).body, { quotas: [] });
  const changed = { ...DEFAULTS, port: 3, network: -1 };
  const body = { quota: { port: 3, network: -1, tenant_id: id, force: true } };
  assert.deepEqual((await rest.admin('PUT', `/v2.0/quotas/${id}`, body)).body, { quota: changed });
  assert.deepEqual((await red('GET', `/v2.0/quotas/${id}`)).body, { quota: changed });
  assert.deepEqual((await red('GET', `/v2.0/quotas/${id}/default`)).body, { quota: DEFAULTS });
  assert.deepEqual((await rest.admin('GET', '/v2.0/quotas')).body, { quotas: [{ ...changed, tenant_id: id, project_id: id }] });
  const { network } = await makeNetwork(red);
  await red('POST', '/v2.0/ports', { port: { network_id: network } });
  const { quota } = (await red('GET', `/v2.0/quotas/${id}/details.json`)).body as { quota: Record<string, unknown> };
  assert.deepEqual(quota['port'], { limit: 3, used: 1, reserved: 0 });
  assert.deepEqual(quota['security_group_rule'], { limit: 100, used: 4, reserved: 0 }, 'those of the default group');
  assert.deepEqual(quota['router'], { limit: 10, used: 0, reserved: 0 });
  for (const name of ['tenant', 'project'])
    assert.deepEqual((await red('GET', `/v2.0/quotas/${name}`)).body, { tenant: { tenant_id: id } });
  assert.equal((await rest.admin('DELETE', `/v2.0/quotas/${id}`)).status, 204);
  assert.deepEqual((await red('GET', `/v2.0/quotas/${id}`)).body, { quota: DEFAULTS });
});

test('what is over quota is refused, also as part of many, and nothing of it is made', async () => {
  await using rest = await openRest();
  const red = await rest.as('red');
  const { network } = await makeNetwork(red);
  await rest.admin('PUT', `/v2.0/quotas/${await rest.tenantId('red')}`, { quota: { port: 2, network: 1 } });
  const port = { network_id: network };
  const over = "Quota exceeded for resources: ['port'].";
  assertNeutron(await red('POST', '/v2.0/ports', { ports: [port, port, port] }), 409, 'OverQuota', over);
  assert.deepEqual((await red('GET', '/v2.0/ports')).body, { ports: [] });
  assert.equal((await red('POST', '/v2.0/ports', { ports: [port, port] })).status, 201);
  assertNeutron(await red('POST', '/v2.0/ports', { port }), 409, 'OverQuota', over);
  assertNeutron(await red('POST', '/v2.0/ports?dry_run=true', { port }), 409, 'OverQuota', over);
  assertNeutron(await red('POST', '/v2.0/networks', { network: {} }), 409, 'OverQuota', "Quota exceeded for resources: ['network'].");
  const blue = await rest.as('blue');
  assert.equal((await blue('POST', '/v2.0/networks', { network: {} })).status, 201, 'another tenant has its own');
});

test('of many at once exactly as many succeed as the quota has room for', async () => {
  await using rest = await openRest();
  const red = await rest.as('red');
  const { network } = await makeNetwork(red);
  await rest.admin('PUT', `/v2.0/quotas/${await rest.tenantId('red')}`, { quota: { port: 5 } });
  const replies = await Promise.all(Array.from({ length: 20 }, () => red('POST', '/v2.0/ports', { port: { network_id: network } })));
  assert.deepEqual(
    [201, 409].map((status) => replies.filter((reply) => reply.status === status).length),
    [5, 15],
  );
});

test('limits that cannot be, and those who may not set them, are refused', async () => {
  await using rest = await openRest();
  const [red, blue] = [await rest.as('red'), await rest.as('blue')];
  const at = `/v2.0/quotas/${await rest.tenantId('red')}`;
  for (const quota of [{ port: -2 }, { port: '5' }, { port: null }, { port: 1.5 }, { port: 2 ** 31 }, { bogus: 1 }]) {
    assertNeutron(await rest.admin('PUT', at, { quota }), 400, 'HTTPBadRequest', /not a limit|Unrecognized/);
  }
  assertNeutron(await rest.admin('PUT', at, {}), 400, 'HTTPBadRequest', /Unable to find 'quota'/);
  const below = { quota: { security_group: 0, check_limit: true } };
  assertNeutron(await rest.admin('PUT', at, below), 400, 'HTTPBadRequest', /security_group cannot be 0: 1 are in use/);
  assert.equal((await rest.admin('PUT', at, { quota: { security_group: 0 } })).status, 200, 'without a check it is');
  for (const [method, url, body] of [
    ['GET', '/v2.0/quotas'],
    ['PUT', at, { quota: { port: 1 } }],
    ['DELETE', at],
  ] as const) {
    assertNeutron(await red(method, url, body), 403, 'PolicyNotAuthorized', /quota is disallowed by policy/);
  }
  for (const more of ['', '/default', '/details'])
    assertNeutron(await blue('GET', `${at}${more}`), 403, 'PolicyNotAuthorized', /get_quota/);
  const nowhere = '/v2.0/quotas/99999999-0000-4000-8000-000000000000';
  assertNeutron(await rest.admin('PUT', nowhere, { quota: { port: 1 } }), 404, 'ProjectNotFound', /9999/);
  assertNeutron(await rest.admin('DELETE', nowhere), 404, 'ProjectNotFound', /9999/);
});
