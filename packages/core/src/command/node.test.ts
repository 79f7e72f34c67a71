import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseIpv4 } from '../ipv4.ts';
import type { Node } from '../resource.ts';
import type { NodeId } from '../uuid.ts';
import { placeConcentrator } from './concentrator.ts';
import { deleteInstance, placeInstance } from './instance.ts';
import { deleteNode, reportNode } from './node.ts';
import type { ReportNode } from './node.ts';
import { assertRefused, TestCluster, testId } from './test-support.ts';

const report = (n: number, ...addresses: readonly string[]): ReportNode => ({
  id: testId<NodeId>(n),
  hostname: `n${n}`,
  roles: ['network', 'compute'],
  addresses: addresses.map((address) => parseIpv4(address)),
});

function reported(cluster: TestCluster, request: ReportNode): Node | undefined {
  cluster.do(reportNode(cluster.state, cluster.context, request));
  return cluster.state.nodes.get(request.id);
}

test('a node’s VTEP is its address in a compute network', () => {
  const cluster = new TestCluster();
  assert.equal(reported(cluster, report(1, '192.168.0.3', '10.88.0.3', '10.88.0.4'))?.vtep, '10.88.0.3');
  assert.equal(reported(cluster, report(2, '192.168.0.4'))?.vtep, undefined);
  assert.equal(cluster.state.nodeByVtep(parseIpv4('10.88.0.3'))?.id, testId(1));
});

test('a report that says nothing new changes nothing, in whatever order it says it', () => {
  const cluster = new TestCluster();
  reported(cluster, report(1, '10.88.0.3', '10.88.0.4'));
  const same = [
    report(1, '10.88.0.3', '10.88.0.4'),
    report(1, '10.88.0.4', '10.88.0.3'),
    { ...report(1, '10.88.0.3'), roles: ['compute', 'network'] as const },
    report(1),
  ];
  for (const request of same) assert.deepEqual(reportNode(cluster.state, cluster.context, request), { put: [], remove: [] });
});

test('a node that moved to another address is found there, and no longer at the old one', () => {
  const cluster = new TestCluster();
  reported(cluster, report(1, '10.88.0.3'));
  const moved = reported(cluster, report(1, '10.88.0.5'));
  assert.deepEqual([moved?.vtep, moved?.revision], ['10.88.0.5', 2]);
  assert.equal(cluster.state.nodeByVtep(parseIpv4('10.88.0.3')), undefined);
  const renamed = reported(cluster, { ...report(1), hostname: 'renamed', roles: ['compute'] });
  assert.deepEqual([renamed?.hostname, renamed?.roles, renamed?.vtep], ['renamed', ['compute'], '10.88.0.5']);
});

test('of several addresses the node says which one it is, as long as it is one of its own in a compute network', () => {
  const cluster = new TestCluster();
  const both = report(1, '10.88.0.3', '10.88.0.4', '192.168.0.3');
  const named = (vtep: string): string | undefined => reported(cluster, { ...both, vtep: parseIpv4(vtep) })?.vtep;
  assert.equal(named('10.88.0.4'), '10.88.0.4');
  assert.equal(named('10.88.0.3'), '10.88.0.3');
  for (const wrong of ['192.168.0.3', '10.88.0.9']) assert.equal(named(wrong), '10.88.0.3', wrong);
});

test('two nodes with one tunnel end are refused, the second of them', () => {
  const cluster = new TestCluster();
  reported(cluster, report(1, '10.88.0.3'));
  assertRefused(cluster, () => reportNode(cluster.state, cluster.context, report(2, '10.88.0.3')), 'vtep_in_use', /10\.88\.0\.3 .* n1/);
  reported(cluster, report(2, '10.88.0.4'));
  assertRefused(cluster, () => reportNode(cluster.state, cluster.context, report(2, '10.88.0.3')), 'vtep_in_use');
});

test('a node that runs something stays', () => {
  const cluster = new TestCluster();
  const id = cluster.node(1);
  const network = cluster.network(cluster.tenant().id);
  cluster.subnet(network, '10.0.0.0/24');
  const instance = cluster.instance(cluster.port(network).id);
  cluster.do(placeInstance(cluster.state, cluster.context, instance.id, id));
  assertRefused(cluster, () => deleteNode(cluster.state, id), 'node_in_use', /instances/);
  cluster.do(deleteInstance(cluster.state, cluster.context, instance.id));
  const concentrator = cluster.state.concentratorOf(network.tenantId);
  assert.ok(concentrator !== undefined);
  cluster.do(placeConcentrator(cluster.state, cluster.context, concentrator.id, id));
  assertRefused(cluster, () => deleteNode(cluster.state, id), 'node_in_use', /concentrators/);
  cluster.do(placeConcentrator(cluster.state, cluster.context, concentrator.id, cluster.node(2)));
  cluster.do(deleteNode(cluster.state, id));
  assert.equal(cluster.state.nodeByVtep(parseIpv4('10.88.0.1')), undefined);
  assertRefused(cluster, () => deleteNode(cluster.state, id), 'not_found', /^node ffffffff/);
});
