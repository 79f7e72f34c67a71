import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TenantId, TokenRevocationId, UserId } from '../uuid.ts';
import {
  createApplicationCredential,
  createUser,
  deleteApplicationCredential,
  deleteUser,
  grantRole,
  revokeToken,
  rotateTokenKey,
  updateUser,
  withdrawRole,
} from './identity.ts';
import type { CreateApplicationCredential, CreateUser } from './identity.ts';
import { deleteTenant } from './tenant.ts';
import { assertRefused, TestCluster, testId } from './test-support.ts';

const REQUEST: CreateUser = {
  name: 'ada',
  description: '',
  email: undefined,
  enabled: true,
  defaultTenantId: undefined,
  passwordHash: 'hash 1',
};

type Rig = Readonly<{ cluster: TestCluster; userId: UserId; tenantId: TenantId }>;

function rig(): Rig {
  const cluster = new TestCluster();
  const tenantId = cluster.tenant('red').id;
  const { user } = cluster.do(createUser(cluster.state, cluster.context, REQUEST));
  return { cluster, userId: user.id, tenantId };
}

function credential({ cluster, userId, tenantId }: Rig, changed: Partial<CreateApplicationCredential> = {}): CreateApplicationCredential {
  void cluster;
  return {
    userId,
    tenantId,
    name: 'ci',
    description: '',
    secretHash: 'hash',
    expiresAt: undefined,
    unrestricted: false,
    roles: undefined,
    ...changed,
  };
}

test('user names are unique and not empty, and a default project has to exist', () => {
  const { cluster, userId } = rig();
  const { state, context } = cluster;
  assertRefused(cluster, () => createUser(state, context, REQUEST), 'user_exists', /named ada/);
  assertRefused(cluster, () => createUser(state, context, { ...REQUEST, name: '' }), 'invalid_name', /needs a name/);
  assertRefused(cluster, () => createUser(state, context, { ...REQUEST, name: 'bob', defaultTenantId: testId(1) }), 'not_found', /tenant/);
  const { user } = cluster.do(createUser(state, context, { ...REQUEST, name: 'bob' }));
  assertRefused(cluster, () => updateUser(state, context, user.id, { name: 'ada' }, 5), 'user_exists', /named ada/);
  assert.equal(updateUser(state, context, userId, { name: 'ada', description: 'countess' }, 5).user.description, 'countess');
  assertRefused(cluster, () => updateUser(state, context, testId(9), {}, 5), 'not_found', /user/);
});

test('a new password and switching a user off void its tokens; anything else does not', () => {
  const { cluster, userId } = rig();
  const change = (request: Partial<CreateUser>): number =>
    updateUser(cluster.state, cluster.context, userId, request, 77).user.tokensValidFrom;
  assert.equal(change({ description: 'x' }), 0);
  assert.equal(change({ passwordHash: 'hash 1' }), 0);
  assert.equal(change({ passwordHash: 'hash 2' }), 77);
  assert.equal(change({ enabled: false }), 77);
});

test('a role is granted once and withdrawn once', () => {
  const { cluster, userId, tenantId } = rig();
  const { state, context } = cluster;
  const grant = { userId, tenantId, role: 'member' } as const;
  cluster.do(grantRole(state, context, grant));
  assert.deepEqual(grantRole(state, context, grant), { put: [], remove: [] });
  assert.deepEqual(state.identity.rolesOf(userId, tenantId), ['member', 'reader']);
  assert.deepEqual(state.identity.rolesOf(userId, undefined), []);
  cluster.do(withdrawRole(state, grant));
  assertRefused(cluster, () => withdrawRole(state, grant), 'not_found', /roleAssignment/);
  assertRefused(cluster, () => grantRole(state, context, { ...grant, tenantId: testId(1) }), 'not_found', /tenant/);
});

test('an application credential has no more roles than its user', () => {
  const the = rig();
  const { cluster, userId, tenantId } = the;
  const { state, context } = cluster;
  assertRefused(cluster, () => createApplicationCredential(state, context, credential(the)), 'role_not_held', /any role/);
  cluster.do(grantRole(state, context, { userId, tenantId, role: 'member' }));
  assertRefused(
    cluster,
    () => createApplicationCredential(state, context, credential(the, { roles: ['admin'] })),
    'role_not_held',
    /role admin/,
  );
  const made = cluster.do(createApplicationCredential(state, context, credential(the))).credential;
  assert.deepEqual(made.roles, ['member', 'reader']);
  assertRefused(cluster, () => createApplicationCredential(state, context, credential(the)), 'credential_exists', /named ci/);
  cluster.do(deleteApplicationCredential(state, made.id));
  assertRefused(cluster, () => deleteApplicationCredential(state, made.id), 'not_found', /applicationCredential/);
});

test('users and projects take roles and credentials along when they go', () => {
  for (const remove of [
    ({ cluster, userId }: Rig) => deleteUser(cluster.state, userId),
    ({ cluster, tenantId }: Rig) => deleteTenant(cluster.state, tenantId),
  ]) {
    const the = rig();
    const { cluster, userId, tenantId } = the;
    cluster.do(grantRole(cluster.state, cluster.context, { userId, tenantId, role: 'member' }));
    cluster.do(createApplicationCredential(cluster.state, cluster.context, credential(the)));
    cluster.do(remove(the));
    assert.equal(cluster.state.identity.roleAssignments.size + cluster.state.identity.applicationCredentials.size, 0);
  }
});

test('revoking a token twice is revoking it once, and records go when the tokens would have expired', () => {
  const { cluster } = rig();
  const { state, context } = cluster;
  const token = { auditId: testId<TokenRevocationId>(1), expiresAt: 100 };
  cluster.do(revokeToken(state, context, token, 50));
  assert.deepEqual(revokeToken(state, context, token, 60).put, []);
  cluster.do(revokeToken(state, context, { auditId: testId(2), expiresAt: 300 }, 200));
  assert.deepEqual([...state.identity.tokenRevocations.keys()], [testId(2)]);
});

test('an old signing key stays as long as a token that it signed may live', () => {
  const { cluster } = rig();
  const { state, context } = cluster;
  for (const now of [0, 1000, 2000]) cluster.do(rotateTokenKey(state, context, now, 5000));
  assert.equal(state.identity.tokenKeys.size, 3);
  // The first key signed until 1000, so its last token lived until 6000.
  cluster.do(rotateTokenKey(state, context, 6001, 5000));
  assert.deepEqual(
    state.identity.signingKeys().map(({ madeAt }) => madeAt),
    [6001, 2000, 1000],
  );
});
