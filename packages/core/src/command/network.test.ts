import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { Network } from '../resource.ts';
import type { NetworkId, TenantId } from '../uuid.ts';
import { createNetwork, deleteNetwork, updateNetwork } from './network.ts';
import { deletePort } from './port.ts';
import { assertRefused, TestCluster, testId } from './test-support.ts';

const WISH = {
  name: '',
  description: '',
  adminStateUp: true,
  portSecurityEnabled: true,
  external: false,
  topology: undefined,
  mtu: undefined,
} as const;

test('a network has the cluster’s topology and the largest MTU, unless the request says otherwise', () => {
  const cluster = new TestCluster();
  const tenantId = cluster.tenant().id;
  const plain = cluster.network(tenantId);
  assert.deepEqual([plain.topology, plain.mtu], ['mesh', 1450]);
  const own = cluster.network(tenantId, { topology: 'concentrator', mtu: 1400 });
  assert.deepEqual([own.topology, own.mtu], ['concentrator', 1400]);
  assert.equal(cluster.network(tenantId, { mtu: 0 }).mtu, 1450);
  assert.equal(cluster.state.networkByVni.get(own.vni), own);
});

test('a network’s MTU is between 68 and what the underlay leaves', () => {
  const cluster = new TestCluster();
  const network = cluster.network(cluster.tenant().id);
  const create = (mtu: number) => () => createNetwork(cluster.state, cluster.context, { ...WISH, tenantId: network.tenantId, mtu });
  const update = (mtu: number) => () => updateNetwork(cluster.state, cluster.context, network.id, { mtu });
  for (const command of [create, update]) {
    assertRefused(cluster, command(1451), 'mtu_too_big', /maximum is 1450/);
    assertRefused(cluster, command(67), 'mtu_too_small', /minimum is 68/);
    assertRefused(cluster, command(-1), 'mtu_too_small');
  }
  assert.equal(cluster.do(update(68)()).network.mtu, 68);
  assert.equal(cluster.do(update(0)()).network.mtu, 1450);
  const renamed = cluster.do(updateNetwork(cluster.state, cluster.context, network.id, { name: 'renamed' })).network;
  assert.deepEqual([renamed.name, renamed.mtu, renamed.revision], ['renamed', 1450, 4]);
});

test('VNIs are given out once each, run out exactly, and are free again with their network', () => {
  const words = fc.infiniteStream(fc.uint8Array({ minLength: 6, maxLength: 6 }));
  fc.assert(
    fc.property(words, fc.array(fc.nat(), { minLength: 1, maxLength: 20 }), (chance, picks) => {
      const random = (bytes: number): Uint8Array => {
        const next = chance.next();
        return (next.done === true ? new Uint8Array(6) : next.value).subarray(0, bytes);
      };
      const cluster = new TestCluster({ random, cluster: { vniRange: { first: 10_005, last: 10_010 } } });
      const tenantId = cluster.tenant().id;
      const networks: Network[] = Array.from({ length: 6 }, () => cluster.network(tenantId));
      for (const pick of picks) {
        assert.deepEqual(new Set(networks.map(({ vni }) => vni)), new Set([10_005, 10_006, 10_007, 10_008, 10_009, 10_010]));
        assertRefused(cluster, () => createNetwork(cluster.state, cluster.context, { ...WISH, tenantId }), 'no_network_available');
        const [gone] = networks.splice(pick % networks.length, 1);
        assert.ok(gone !== undefined);
        cluster.do(deleteNetwork(cluster.state, gone.id));
        networks.push(cluster.network(tenantId));
      }
    }),
    { numRuns: 30 },
  );
});

test('a network goes with its subnets, once no port is left on it', () => {
  const cluster = new TestCluster();
  const network = cluster.network(cluster.tenant().id);
  cluster.subnet(network, '10.0.0.0/24');
  const port = cluster.port(network);
  assertRefused(cluster, () => deleteNetwork(cluster.state, network.id), 'network_in_use', new RegExp(port.id));
  cluster.do(deletePort(cluster.state, cluster.context, port.id));
  cluster.do(deleteNetwork(cluster.state, network.id));
  assert.equal(cluster.state.networks.size + cluster.state.subnets.size, 0);
  assert.equal(cluster.state.networkByVni.size, 0);
});

test('an unknown network or tenant is said to be unknown', () => {
  const cluster = new TestCluster();
  const unknown = testId<NetworkId>(1);
  assertRefused(cluster, () => deleteNetwork(cluster.state, unknown), 'not_found', /^network ffffffff/);
  assertRefused(cluster, () => updateNetwork(cluster.state, cluster.context, unknown, {}), 'not_found');
  const create = (): ReturnType<typeof createNetwork> =>
    createNetwork(cluster.state, cluster.context, { ...WISH, tenantId: testId<TenantId>(1) });
  assertRefused(cluster, create, 'not_found', /^tenant ffffffff/);
});
