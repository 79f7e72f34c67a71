import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TenantId } from '../uuid.ts';
import { deleteNetwork } from './network.ts';
import { createTenant, defaultGroupOf, deleteTenant, updateTenant } from './tenant.ts';
import type { UpdateTenant } from './tenant.ts';
import { assertRefused, TestCluster, testId } from './test-support.ts';

test('a tenant has a default group: everything out, from the group itself in', () => {
  const cluster = new TestCluster();
  const tenant = cluster.tenant('a');
  assert.equal(cluster.state.tenantByTokenHash.get('hash of a'), tenant);
  assert.equal(tenant.automaticGateway, true);
  const group = defaultGroupOf(cluster.state, tenant.id);
  assert.ok(group !== undefined);
  const rules = [...cluster.state.rulesOf(group.id)].map(({ direction, ethertype, remoteGroupId }) => [
    direction,
    ethertype,
    remoteGroupId,
  ]);
  assert.deepEqual(rules, [
    ['egress', 'IPv4', undefined],
    ['egress', 'IPv6', undefined],
    ['ingress', 'IPv4', group.id],
    ['ingress', 'IPv6', group.id],
  ]);
});

test('a name is needed and taken once', () => {
  const cluster = new TestCluster();
  cluster.tenant('a');
  const create = (name: string) => () => createTenant(cluster.state, cluster.context, { name, tokenHash: 'x' });
  assertRefused(cluster, create('a'), 'tenant_exists', /named a /);
  assertRefused(cluster, create(''), 'invalid_name');
});

test('a tenant goes with its groups, rules and concentrator, once it has no network', () => {
  const cluster = new TestCluster();
  const other = cluster.tenant('other');
  const kept = cluster.records();
  const tenant = cluster.tenant('a');
  const network = cluster.network(tenant.id);
  cluster.subnet(network, '10.0.0.0/24');
  assertRefused(cluster, () => deleteTenant(cluster.state, tenant.id), 'tenant_in_use', new RegExp(network.id));
  cluster.do(deleteNetwork(cluster.state, network.id));
  cluster.do(deleteTenant(cluster.state, tenant.id));
  assert.deepEqual(cluster.records(), kept);
  assert.deepEqual([...cluster.state.tenantByTokenHash.values()], [other]);
});

test('an unknown tenant is said to be unknown, and has no default group', () => {
  const cluster = new TestCluster();
  assertRefused(cluster, () => deleteTenant(cluster.state, testId<TenantId>(1)), 'not_found', /^tenant ffffffff/);
  assert.equal(defaultGroupOf(cluster.state, testId<TenantId>(1)), undefined);
});

test('a tenant’s SSH reach is switched where the cluster has ports for it, and refused where not', () => {
  const cluster = new TestCluster();
  const { id } = cluster.tenant();
  const update = (given: TestCluster, tenantId: TenantId, sshReach: boolean) => () =>
    updateTenant(given.state, given.context, tenantId, { sshReach });
  assert.equal(cluster.do(update(cluster, id, true)()).tenant.sshReach, true);
  assert.equal(cluster.do(update(cluster, id, false)()).tenant.sshReach, false);
  assertRefused(cluster, update(cluster, testId<TenantId>(1), true), 'not_found', /^tenant ffffffff/);
  const without = new TestCluster({ cluster: { sshPorts: undefined } });
  const other = without.tenant();
  assertRefused(without, update(without, other.id, true), 'no_ssh_ports', /no ports for SSH/);
  without.do(update(without, other.id, false)());
});

test('a tenant’s limits are changed without touching what else holds for it', () => {
  const cluster = new TestCluster();
  const { id } = cluster.tenant();
  const update = (request: UpdateTenant) => cluster.do(updateTenant(cluster.state, cluster.context, id, request)).tenant;
  update({ sshReach: true });
  const limited = update({ rateLimit: { ingressKbps: 1000, egressKbps: 64 } });
  assert.deepEqual([limited.sshReach, limited.rateLimit], [true, { ingressKbps: 1000, egressKbps: 64 }]);
  assert.deepEqual(update({ sshReach: false }).rateLimit, limited.rateLimit);
  assert.equal(update({ rateLimit: { ingressKbps: null, egressKbps: null } }).rateLimit, undefined);
});
