import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseCidr } from '../cidr.ts';
import { parseIpv4 } from '../ipv4.ts';
import type { Node } from '../resource.ts';
import type { NodeId } from '../uuid.ts';
import { placeConcentrator } from './concentrator.ts';
import { deleteInstance, placeInstance } from './instance.ts';
import { deleteNode, giveAddress, reportNode } from './node.ts';
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

const RANGE = { cidr: parseCidr('10.88.0.0/24'), first: parseIpv4('10.88.0.200'), last: parseIpv4('10.88.0.202') };

function machines(count: number, cluster = new TestCluster({ cluster: { concentratorAddresses: RANGE } })): TestCluster {
  for (let n = 1; n <= count; n += 1) reported(cluster, { ...report(n), roles: ['concentrator'] });
  return cluster;
}

test('each machine that asks gets an address of its own from the range, and the same one each time, until it is deleted', () => {
  const cluster = machines(4);
  const ask = (n: number): string => cluster.do(giveAddress(cluster.state, cluster.context, testId(n))).address;
  const given = [ask(1), ask(2), ask(3)];
  assert.deepEqual(given.toSorted(), ['10.88.0.200', '10.88.0.201', '10.88.0.202']);
  assert.deepEqual([ask(1), ask(2), ask(3)], given);
  assert.deepEqual(giveAddress(cluster.state, cluster.context, testId(1)).put, [], 'the second time changes nothing');
  assertRefused(
    cluster,
    () => giveAddress(cluster.state, cluster.context, testId(4)),
    'concentrator_addresses_exhausted',
    /10\.88\.0\.200/,
  );
  reported(cluster, { ...report(2, given[1] ?? ''), roles: ['concentrator'] });
  assert.equal(ask(2), given[1], 'a report does not take it away');
  cluster.do(deleteNode(cluster.state, testId(3)));
  assert.equal(ask(4), given[2]);
});

test('an address that a node has by itself is not given to another', () => {
  const cluster = machines(2);
  for (const [n, address] of [
    [8, '10.88.0.200'],
    [9, '10.88.0.202'],
  ] as const)
    reported(cluster, report(n, address));
  assert.equal(giveAddress(cluster.state, cluster.context, testId(1)).address, '10.88.0.201');
});

test('who has no business with the range, or finds none, is told so', () => {
  const cluster = machines(1);
  reported(cluster, report(2));
  assertRefused(cluster, () => giveAddress(cluster.state, cluster.context, testId(2)), 'no_address_for_node', /no machine/);
  assertRefused(cluster, () => giveAddress(cluster.state, cluster.context, testId(3)), 'no_address_for_node', /not reported/);
  const without = machines(1, new TestCluster());
  assertRefused(without, () => giveAddress(without.state, without.context, testId(1)), 'no_concentrator_addresses', /no addresses/);
});

test('a machine whose address is in the range no more gets another', () => {
  const cluster = machines(1);
  const { address } = cluster.do(giveAddress(cluster.state, cluster.context, testId(1)));
  const elsewhere = { ...RANGE, first: parseIpv4('10.88.0.210'), last: parseIpv4('10.88.0.210') };
  const context = { ...cluster.context, cluster: { ...cluster.context.cluster, concentratorAddresses: elsewhere } };
  assert.notEqual(giveAddress(cluster.state, context, testId(1)).address, address);
});
