import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseIpv4 } from '../ipv4.ts';
import type { Concentrator } from '../resource.ts';
import type { ConcentratorId, NodeId } from '../uuid.ts';
import { placeConcentrator } from './concentrator.ts';
import { deleteNetwork } from './network.ts';
import { deleteTenant } from './tenant.ts';
import { assertRefused, TEST_CONFIG, TestCluster, testId } from './test-support.ts';

function gateway(cluster: TestCluster): Concentrator {
  const network = cluster.network(cluster.tenant().id);
  cluster.subnet(network, '10.0.0.0/24');
  const concentrator = cluster.state.concentratorOf(network.tenantId);
  assert.ok(concentrator !== undefined);
  return concentrator;
}

/** Addresses .8 to .11 with the provider's router, .10, among them: room for three. */
function smallUplink(): TestCluster {
  assert.ok(TEST_CONFIG.uplink !== undefined);
  const [router, first, last] = ['203.0.113.10', '203.0.113.8', '203.0.113.11'].map((text) => parseIpv4(text));
  assert.ok(router !== undefined && first !== undefined && last !== undefined);
  return new TestCluster({ cluster: { uplink: { ...TEST_CONFIG.uplink, gateway: router, first, last } } });
}

test('each concentrator has an uplink address of its own until there is none left, never the router', () => {
  const cluster = smallUplink();
  const addresses = [gateway(cluster), gateway(cluster), gateway(cluster)].map((concentrator) => concentrator.uplink?.address);
  assert.deepEqual(new Set(addresses), new Set(['203.0.113.8', '203.0.113.9', '203.0.113.11']));
  const network = cluster.network(cluster.tenant().id);
  assertRefused(cluster, () => cluster.tryToSubnet(network, '10.0.0.0/24'), 'uplink_exhausted', /203\.0\.113\.8-203\.0\.113\.11/);
  cluster.subnet(network, '10.0.0.0/24', { gatewayIp: null });
});

test('an uplink address is free again once its tenant is gone', () => {
  const cluster = smallUplink();
  const [first] = [gateway(cluster), gateway(cluster), gateway(cluster)];
  assert.ok(first !== undefined);
  for (const network of cluster.state.networksOf(first.tenantId)) cluster.do(deleteNetwork(cluster.state, network.id));
  cluster.do(deleteTenant(cluster.state, first.tenantId));
  assert.equal(gateway(cluster).uplink?.address, first.uplink?.address);
});

test('without an uplink a concentrator is made without one', () => {
  assert.equal(gateway(new TestCluster({ cluster: { uplink: undefined } })).uplink, undefined);
});

test('every placement is a new generation; the same answer twice changes nothing', () => {
  const cluster = new TestCluster();
  const { id } = gateway(cluster);
  const [a, b] = [cluster.node(1), cluster.node(2)];
  const place = (nodeId: NodeId): void => void cluster.do(placeConcentrator(cluster.state, cluster.context, id, nodeId));
  place(a);
  assert.deepEqual(placeConcentrator(cluster.state, cluster.context, id, a), { put: [], remove: [] });
  place(b);
  place(a);
  const placed = cluster.state.concentrators.get(id);
  assert.deepEqual([placed?.nodeId, placed?.generation], [a, 3]);
});

test('an unknown concentrator or node is said to be unknown', () => {
  const cluster = new TestCluster();
  const { id } = gateway(cluster);
  const node = cluster.node(1);
  const place = (concentratorId: ConcentratorId, nodeId: NodeId) => () =>
    placeConcentrator(cluster.state, cluster.context, concentratorId, nodeId);
  assertRefused(cluster, place(testId(7), node), 'not_found', /^concentrator ffffffff/);
  assertRefused(cluster, place(id, testId(7)), 'not_found', /^node ffffffff/);
});
