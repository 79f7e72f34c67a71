import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertNeutron, make, openRest } from './rest-support.ts';
import type { Reply } from './rest-support.ts';

const NOWHERE = '99999999-0000-4000-8000-000000000000';

void test('an RBAC policy is made, shown, listed, given to another project and taken back', async () => {
  await using rest = await openRest();
  const [red, blue] = [await rest.as('red'), await rest.as('blue')];
  const [redId, blueId] = [await rest.tenantId('red'), await rest.tenantId('blue')];
  const { id: network } = await make(red, 'networks', 'network', {});
  const wish = { object_type: 'network', object_id: network, action: 'access_as_shared', target_tenant: blueId };
  const policy = await make(red, 'rbac-policies', 'rbac_policy', wish);
  assert.deepEqual(policy, { id: policy['id'], tenant_id: redId, project_id: redId, ...wish, target_project: blueId });
  const path = `/v2.0/rbac-policies/${String(policy['id'])}`;
  assert.deepEqual((await red('GET', path)).body, { rbac_policy: policy });
  for (const query of ['', `?object_id=${String(network)}`, `?target_tenant=${blueId}`, '?object_type=network&action=access_as_shared'])
    assert.deepEqual((await red('GET', `/v2.0/rbac-policies${query}`)).body['rbac_policies'], [policy], query);
  assert.deepEqual((await blue('GET', '/v2.0/rbac-policies')).body['rbac_policies'], [], 'a target sees the network, not the policy');
  const missing = /not found/;
  assertNeutron(await blue('GET', path), 404, 'RbacPolicyNotFound', missing);
  assertNeutron(await blue('PUT', path, { rbac_policy: { target_tenant: redId } }), 404, 'RbacPolicyNotFound', missing);
  assertNeutron(await blue('DELETE', path), 404, 'RbacPolicyNotFound', missing);
  const given = await red('PUT', path, { rbac_policy: { target_project: 'a project of another service' } });
  assert.deepEqual(
    [given.status, (given.body['rbac_policy'] as Record<string, unknown>)['target_tenant']],
    [200, 'a project of another service'],
  );
  assertNeutron(
    await red('PUT', path, { rbac_policy: { action: 'access_as_external' } }),
    400,
    'HTTPBadRequest',
    /read-only attribute action/,
  );
  assert.equal((await red('DELETE', path)).status, 204);
  assertNeutron(await red('GET', path), 404, 'RbacPolicyNotFound', missing);
});

void test('an RBAC policy that cannot be is refused, and changes nothing', async () => {
  await using rest = await openRest();
  const [red, blue] = [await rest.as('red'), await rest.as('blue')];
  const blueId = await rest.tenantId('blue');
  const { id: network } = await make(red, 'networks', 'network', {});
  const wish = { object_type: 'network', object_id: network, action: 'access_as_shared', target_tenant: blueId };
  const create = (more: object, call = red): Promise<Reply> => call('POST', '/v2.0/rbac-policies', { rbac_policy: { ...wish, ...more } });
  const refused = /is disallowed by policy/;
  const before = rest.store.model.revision;
  assertNeutron(await create({ target_tenant: '*' }), 403, 'PolicyNotAuthorized', refused);
  assertNeutron(await create({ action: 'access_as_external' }), 403, 'PolicyNotAuthorized', refused);
  assertNeutron(await create({ object_type: 'zzz' }), 400, 'InvalidInput', /'zzz' is not a valid RBAC object type/);
  assertNeutron(await create({ action: 'zzz' }), 400, 'InvalidInput', /Invalid action 'zzz' for object type 'network'/);
  assertNeutron(await create({ object_id: NOWHERE }), 404, 'NetworkNotFound', /could not be found/);
  assertNeutron(await create({ object_id: 'zzz' }), 400, 'HTTPBadRequest', /'zzz' is not a valid UUID/);
  assertNeutron(await create({ target_tenant: '' }), 400, 'HTTPBadRequest', /is not a project/);
  assertNeutron(await create({ target_tenant: undefined }), 400, 'HTTPBadRequest', /Required attribute 'target_tenant' not specified/);
  assertNeutron(await create({ tenant_id: blueId }, rest.admin), 400, 'HTTPBadRequest', /is that project's/);
  assertNeutron(await create({}, blue), 404, 'NetworkNotFound', /could not be found/);
  assert.equal(rest.store.model.revision, before);
  const { id } = await make(red, 'rbac-policies', 'rbac_policy', wish);
  assertNeutron(await create({}), 409, 'DuplicateRbacPolicy', 'An RBAC policy already exists with those values.');
  assertNeutron(
    await create({ target_tenant: 'x' }, blue),
    400,
    'InvalidInput',
    /Only admins can manipulate policies on objects they do not own/,
  );
  const path = `/v2.0/rbac-policies/${String(id)}`;
  assertNeutron(await red('PUT', path, { rbac_policy: { target_tenant: '*' } }), 403, 'PolicyNotAuthorized', refused);
  await make(red, 'rbac-policies', 'rbac_policy', { ...wish, target_tenant: 'x' });
  assertNeutron(await red('PUT', path, { rbac_policy: { target_tenant: 'x' } }), 409, 'DuplicateRbacPolicy', /already exists/);
  await make(blue, 'ports', 'port', { network_id: network });
  assertNeutron(await red('DELETE', path), 409, 'RbacPolicyInUse', /cannot be removed because other objects depend on it/);
  assertNeutron(await red('PUT', path, { rbac_policy: { target_tenant: 'y' } }), 409, 'RbacPolicyInUse', /depend on it/);
  assertNeutron(await red('DELETE', `/v2.0/networks/${String(network)}`), 409, 'NetworkInUse', /ports still in use/);
});

void test('a project has only so many policies; those for everybody are the operator’s', async () => {
  await using rest = await openRest();
  const red = await rest.as('red');
  const redId = await rest.tenantId('red');
  const { id: network } = await make(red, 'networks', 'network', {});
  const wish = { object_type: 'network', object_id: network, action: 'access_as_shared' };
  assert.equal((await rest.admin('PUT', `/v2.0/quotas/${redId}`, { quota: { rbac_policy: 1 } })).status, 200);
  await make(rest.admin, 'rbac-policies', 'rbac_policy', { ...wish, target_tenant: '*' });
  await make(red, 'rbac-policies', 'rbac_policy', { ...wish, target_tenant: 'a' });
  const more = await red('POST', '/v2.0/rbac-policies', { rbac_policy: { ...wish, target_tenant: 'b' } });
  assertNeutron(more, 409, 'OverQuota', "Quota exceeded for resources: ['rbac_policy'].");
});
