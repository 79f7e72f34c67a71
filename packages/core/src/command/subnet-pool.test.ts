import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cidrsOverlap, parseCidr } from '../cidr.ts';
import type { Cidr } from '../cidr.ts';
import type { Tenant } from '../resource.ts';
import type { SubnetPool } from '../subnet-pool.ts';
import { deleteSubnet } from './subnet.ts';
import { createSubnetPool, deleteSubnetPool, updateSubnetPool } from './subnet-pool.ts';
import type { CreateSubnetPool } from './subnet-pool.ts';
import { deleteTenant } from './tenant.ts';
import { assertRefused, TestCluster } from './test-support.ts';

const cidrs = (...texts: readonly string[]): readonly Cidr[] => texts.map((text) => parseCidr(text));

class Scene {
  readonly cluster = new TestCluster();
  readonly tenant: Tenant = this.cluster.tenant();

  attempt(prefixes: readonly string[], request: Partial<CreateSubnetPool> = {}): ReturnType<typeof createSubnetPool> {
    const lengths = { minPrefixLength: undefined, maxPrefixLength: undefined, defaultPrefixLength: undefined, defaultQuota: undefined };
    const wish = { tenantId: this.tenant.id, name: 'p', description: '', prefixes: cidrs(...prefixes), ...lengths, isDefault: false };
    return createSubnetPool(this.cluster.state, this.cluster.context, { ...wish, shared: false, ...request });
  }

  pool(prefixes: readonly string[], request: Partial<CreateSubnetPool> = {}): SubnetPool {
    return this.cluster.do(this.attempt(prefixes, request)).pool;
  }

  /** On a network of its own. */
  tryFrom(pool: SubnetPool, given: string | number | undefined): ReturnType<TestCluster['tryToSubnet']> {
    const network = this.cluster.network(this.tenant.id);
    const cidr = typeof given === 'string' ? parseCidr(given) : undefined;
    const prefixLength = typeof given === 'number' ? given : undefined;
    return this.cluster.tryToSubnet(network, '10.0.0.0/24', { cidr, pool: { poolId: pool.id, prefixLength } });
  }

  from(pool: SubnetPool, given?: string | number): string {
    return this.cluster.do(this.tryFrom(pool, given)).subnet.cidr;
  }
}

test('subnets get the first free prefix of their length, beside explicit ones, and give it back', () => {
  const scene = new Scene();
  const pool = scene.pool(['10.8.1.0/24', '10.8.0.0/24'], { defaultPrefixLength: 26, minPrefixLength: 24 });
  assert.deepEqual(pool.prefixes, ['10.8.0.0/23']);
  assert.equal(scene.from(pool, '10.8.0.64/26'), '10.8.0.64/26');
  const given = [scene.from(pool), scene.from(pool), scene.from(pool, 25), scene.from(pool, 28)];
  assert.deepEqual(given, ['10.8.0.0/26', '10.8.0.128/26', '10.8.1.0/25', '10.8.0.192/28']);
  const all = [...scene.cluster.state.subnetsFrom(pool.id)];
  for (const [at, { cidr }] of all.entries())
    assert.ok(
      all.slice(at + 1).every((other) => !cidrsOverlap(other.cidr, cidr)),
      cidr,
    );
  const { state, context } = scene.cluster;
  scene.cluster.do(deleteSubnet(state, context, all.find(({ cidr }) => cidr === '10.8.0.0/26')!.id));
  assert.equal(scene.from(pool), '10.8.0.0/26');
});

test('what a pool has not, or has given, is refused, and so are lengths that it does not give', () => {
  const scene = new Scene();
  const pool = scene.pool(['10.8.0.0/24'], { minPrefixLength: 24, maxPrefixLength: 28, defaultPrefixLength: 25 });
  const refused = (given: string | number | undefined, code: string, message?: RegExp): void => {
    const network = scene.cluster.network(scene.tenant.id);
    const cidr = typeof given === 'string' ? parseCidr(given) : undefined;
    const request = { cidr, pool: { poolId: pool.id, prefixLength: typeof given === 'number' ? given : undefined } };
    assertRefused(scene.cluster, () => scene.cluster.tryToSubnet(network, '10.0.0.0/24', request), code, message);
  };
  assert.equal(scene.from(pool, '10.8.0.0/25'), '10.8.0.0/25');
  refused('10.8.0.64/26', 'subnet_allocation_error', /available set of prefixes/);
  refused('10.9.0.0/26', 'subnet_allocation_error');
  refused(23, 'min_prefix_subnet_allocation', /minimum allowed prefix is 24/);
  refused(29, 'max_prefix_subnet_allocation', /maximum allowed prefix is 28/);
  refused(24, 'subnet_allocation_error', /Insufficient prefix space/);
  assert.equal(scene.from(pool), '10.8.0.128/25');
  refused(undefined, 'subnet_allocation_error', /Insufficient prefix space/);
});

test('a tenant gets no more addresses of a pool than its share', () => {
  const scene = new Scene();
  const pool = scene.pool(['10.8.0.0/16'], { defaultPrefixLength: 24, defaultQuota: 600 });
  scene.from(pool);
  scene.from(pool);
  const network = scene.cluster.network(scene.tenant.id);
  const request = { cidr: undefined, pool: { poolId: pool.id, prefixLength: undefined } };
  assertRefused(scene.cluster, () => scene.cluster.tryToSubnet(network, '10.0.0.0/24', request), 'subnet_pool_quota_exceeded');
});

test('a network’s subnets are of one pool, or of none', () => {
  const scene = new Scene();
  const pool = scene.pool(['10.8.0.0/16'], { defaultPrefixLength: 24 });
  const network = scene.cluster.network(scene.tenant.id);
  const request = { cidr: undefined, pool: { poolId: pool.id, prefixLength: undefined } };
  scene.cluster.subnet(network, '10.0.0.0/24', request);
  scene.cluster.subnet(network, '10.0.0.0/24', request);
  assertRefused(scene.cluster, () => scene.cluster.tryToSubnet(network, '10.0.0.0/24'), 'network_subnet_pool_affinity');
});

test('prefixes are added but not taken away, a pool that has given some is not deleted, and there is one default', () => {
  const scene = new Scene();
  const { cluster, tenant } = scene;
  const { state, context } = cluster;
  const pool = scene.pool(['10.8.0.0/24'], { isDefault: true });
  const change = (request: Parameters<typeof updateSubnetPool>[3]) => () => updateSubnetPool(state, context, pool.id, request);
  assertRefused(cluster, change({ prefixes: cidrs('10.8.0.0/25') }), 'subnet_pool_prefix_update');
  assertRefused(cluster, change({ prefixes: [] }), 'empty_subnet_pool_prefixes');
  assertRefused(cluster, change({ minPrefixLength: 30, maxPrefixLength: 29 }), 'subnet_pool_prefix_bounds');
  assertRefused(cluster, change({ defaultPrefixLength: 7 }), 'subnet_pool_prefix_bounds', /default_prefixlen=7, min_prefixlen=8/);
  cluster.do(change({ prefixes: cidrs('10.8.1.0/24', '10.8.0.0/24'), defaultQuota: 5 })());
  assert.deepEqual(state.subnetPools.get(pool.id)?.prefixes, ['10.8.0.0/23']);
  cluster.do(change({ defaultQuota: null })());
  assert.equal(state.subnetPools.get(pool.id)?.defaultQuota, undefined);
  assertRefused(cluster, () => scene.attempt(['10.9.0.0/24'], { isDefault: true }), 'default_subnet_pool_exists');
  scene.from(pool, 24);
  assertRefused(cluster, () => deleteSubnetPool(state, pool.id), 'subnet_pool_in_use');
  assertRefused(cluster, () => deleteTenant(state, tenant.id), 'tenant_in_use');
});
