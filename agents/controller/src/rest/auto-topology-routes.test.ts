import assert from 'node:assert/strict';
import { test } from 'node:test';
import { settle } from '../test-support.ts';
import { assertNeutron, make, openRest } from './rest-support.ts';
import type { Call, Reply, TestRest } from './rest-support.ts';

const URL = '/v2.0/auto-allocated-topology';

/** With what the administrator says once for all. */
async function founded(): Promise<TestRest> {
  const rest = await openRest();
  const external = await make(rest.admin, 'networks', 'network', { name: 'out', 'router:external': true, is_default: true });
  await make(rest.admin, 'subnets', 'subnet', { network_id: external['id'], ip_version: 4, cidr: '203.0.113.0/24', enable_dhcp: false });
  await make(rest.admin, 'subnetpools', 'subnetpool', {
    name: 'default',
    prefixes: ['10.8.0.0/16'],
    default_prefixlen: 24,
    is_default: true,
    shared: true,
  });
  return rest;
}

const idOf = (reply: Reply): string => (reply.body['auto_allocated_topology'] as { id: string }).id;
const count = async (call: Call, collection: string): Promise<number> => {
  const { body } = await call('GET', `/v2.0/${collection}`);
  return (body[collection] as { 'router:external'?: boolean }[]).filter((each) => each['router:external'] !== true).length;
};

test('64 callers at once get one topology, which leads outside, and it can be taken down and made again', async () => {
  await using rest = await founded();
  const call = await rest.as('red');
  const replies = await Promise.all(Array.from({ length: 64 }, () => call('GET', `${URL}/None`)));
  for (const reply of replies) assert.equal(reply.status, 200, reply.raw);
  const [id] = [...new Set(replies.map(idOf))];
  assert.equal(new Set(replies.map(idOf)).size, 1);
  assert.deepEqual([await count(call, 'networks'), await count(call, 'routers')], [1, 1]);
  const { network } = (await call('GET', `/v2.0/networks/${id}`)).body as { network: { name: string; subnets: string[] } };
  const { subnet } = (await call('GET', `/v2.0/subnets/${network.subnets[0]}`)).body as { subnet: Record<string, unknown> };
  assert.deepEqual([network.name, subnet['name'], subnet['cidr']], ['auto_allocated_network', 'auto_allocated_subnet_v4', '10.8.0.0/24']);
  const { routers } = (await call('GET', '/v2.0/routers')).body as { routers: { name: string; external_gateway_info: object }[] };
  assert.deepEqual([routers[0]?.name, routers[0]?.external_gateway_info === null], ['auto_allocated_router', false]);
  const project = await rest.tenantId('red');
  assert.deepEqual((await rest.admin('GET', `${URL}/${project}`)).body, {
    auto_allocated_topology: { id, tenant_id: project, project_id: project },
  });

  const { port } = (await call('POST', '/v2.0/ports', { port: { network_id: id } })).body as { port: { id: string } };
  assertNeutron(await call('DELETE', `${URL}/None`), 409, 'NetworkInUse', /ports still in use/);
  assert.equal(await count(call, 'routers'), 1, 'nothing of it is gone');
  assert.equal((await call('DELETE', `/v2.0/ports/${port.id}`)).status, 204);
  assert.equal((await call('DELETE', `${URL}/None`)).status, 204);
  assert.equal((await call('DELETE', `${URL}/None`)).status, 204, 'there is none');
  assert.deepEqual([await count(call, 'networks'), await count(call, 'routers'), await count(call, 'subnets')].slice(0, 2), [0, 0]);
  assert.notEqual(idOf(await call('GET', `${URL}/None`)), id);
});

test('a dry run says whether it could be made, and makes nothing', async () => {
  await using rest = await founded();
  const call = await rest.as('red');
  const project = await rest.tenantId('red');
  await settle();
  const { revision } = rest.store.model;
  for (const url of [`${URL}/None?fields=dry-run`, `${URL}/${project}?fields=id&fields=dry-run`]) {
    const reply = await call('GET', url);
    assert.deepEqual([reply.status, idOf(reply)], [200, 'dry-run=pass'], reply.raw);
  }
  await settle();
  assert.equal(rest.store.model.revision, revision);
});

test('what the administrator has not said yet is named, and another project’s is not given', async () => {
  await using rest = await openRest();
  const call = await rest.as('red');
  const refused = async (message: RegExp): Promise<void> => {
    for (const url of [`${URL}/None`, `${URL}/None?fields=dry-run`])
      assertNeutron(await call('GET', url), 409, 'AutoAllocationFailure', message);
  };
  await refused(/^Deployment error: No default router:external network\.$/);
  const external = await make(rest.admin, 'networks', 'network', { name: 'out', 'router:external': true, is_default: true });
  await refused(/^Deployment error: No default subnetpools defined\.$/);
  await make(rest.admin, 'subnetpools', 'subnetpool', { name: 'd', prefixes: ['10.8.0.0/16'], default_prefixlen: 24, is_default: true });
  // Without a subnet outside there is no address for the router; and of what was decided before it nothing is left.
  assertNeutron(await call('GET', `${URL}/None`), 409, 'AutoAllocationFailure', new RegExp(String(external['id'])));
  assert.deepEqual([await count(call, 'networks'), await count(call, 'routers')], [0, 0]);
  const other = await rest.tenantId('blue');
  assertNeutron(await call('GET', `${URL}/${other}`), 403, 'NotAuthorized', /Not authorized/);
  assertNeutron(await call('DELETE', `${URL}/${other}`), 403, 'NotAuthorized', /Not authorized/);
  assertNeutron(await rest.admin('GET', `${URL}/None`), 400, 'HTTPBadRequest', /of no project/);
  const unknown = '99999999-0000-4000-8000-000000000000';
  assertNeutron(await rest.admin('GET', `${URL}/${unknown}`), 404, 'ProjectNotFound', new RegExp(unknown));
});

test('quotas hold for what is made by itself', async () => {
  await using rest = await founded();
  const call = await rest.as('red');
  await rest.admin('PUT', `/v2.0/quotas/${await rest.tenantId('red')}`, { quota: { router: 0 } });
  assertNeutron(await call('GET', `${URL}/None`), 409, 'OverQuota', /router/);
  assert.equal(await count(call, 'networks'), 0);
});
