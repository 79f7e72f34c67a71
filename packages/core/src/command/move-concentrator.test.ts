import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseIpv4 } from '../ipv4.ts';
import type { ConcentratorId, NodeId } from '../uuid.ts';
import { moveConcentrator, placeConcentrator } from './concentrator.ts';
import { reportNode } from './node.ts';
import { assertRefused, TestCluster, testId } from './test-support.ts';

type Rig = Readonly<{
  cluster: TestCluster;
  id: ConcentratorId;
  home: NodeId;
  move: (to?: NodeId, ready?: readonly NodeId[], id?: ConcentratorId) => ReturnType<typeof moveConcentrator>;
}>;

/** One concentrator on its home; `ready`: every node unless said. */
function rig(): Rig {
  const cluster = new TestCluster();
  const network = cluster.network(cluster.tenant().id);
  cluster.subnet(network, '10.0.0.0/24');
  const { id } = cluster.state.concentratorOf(network.tenantId)!;
  const home = cluster.node(1);
  cluster.do(placeConcentrator(cluster.state, cluster.context, id, home));
  const move: Rig['move'] = (nodeId, ready, which = id) =>
    moveConcentrator(cluster.state, cluster.context, { id: which, nodeId, isReady: (node) => ready?.includes(node) ?? true });
  return { cluster, id, home, move };
}

test('a concentrator moves to the node that is named, and its generation rises', () => {
  const { cluster, id, move } = rig();
  const away = cluster.node(2);
  cluster.do(move(away));
  const moved = cluster.state.concentrators.get(id);
  assert.deepEqual([moved?.nodeId, moved?.generation], [away, 2]);
});

test('without a name it goes to the ready network node with the fewest concentrators, never to where it is', () => {
  const { cluster, id, home, move } = rig();
  const [busy, idle, gone] = [cluster.node(2), cluster.node(3), cluster.node(4)];
  const other = cluster.network(cluster.tenant().id);
  cluster.subnet(other, '10.0.0.0/24');
  cluster.do(placeConcentrator(cluster.state, cluster.context, cluster.state.concentratorOf(other.tenantId)!.id, busy));
  cluster.do(move(undefined, [home, busy, idle]));
  assert.equal(cluster.state.concentrators.get(id)?.nodeId, idle);
  cluster.do(move(undefined, [idle, gone]));
  assert.equal(cluster.state.concentrators.get(id)?.nodeId, gone);
});

test('where it cannot go is refused by its reason', () => {
  const { cluster, home, move } = rig();
  assertRefused(cluster, () => move(), 'no_network_node', /no other network node/);
  assertRefused(cluster, () => move(home), 'same_node', /is on node n1 already/);
  assertRefused(cluster, () => move(testId<NodeId>(9)), 'not_found', /^node ffffffff/);
  assertRefused(cluster, () => move(home, [], testId<ConcentratorId>(9)), 'not_found', /^concentrator ffffffff/);
  const away = cluster.node(2);
  assertRefused(cluster, () => move(away, [home]), 'no_network_node', /n2 is not connected/);
  assertRefused(cluster, () => move(undefined, [home]), 'no_network_node', /no other network node/);
  const compute = testId<NodeId>(3);
  const report = { id: compute, hostname: 'n3', addresses: [parseIpv4('10.88.0.3')] };
  cluster.do(reportNode(cluster.state, cluster.context, { ...report, roles: ['compute'] }));
  assertRefused(cluster, () => move(compute), 'not_a_network_node', /n3 hosts no concentrators: its roles are compute/);
});

test('a machine for concentrators gets those that are moved there, and no other', () => {
  const { cluster, id, home, move } = rig();
  const machine = testId<NodeId>(3);
  const report = { id: machine, hostname: 'n3', addresses: [parseIpv4('10.88.0.3')] };
  cluster.do(reportNode(cluster.state, cluster.context, { ...report, roles: ['concentrator'] }));
  assertRefused(cluster, () => move(undefined), 'no_network_node', /no other network node/);
  cluster.do(move(machine));
  assert.equal(cluster.state.concentrators.get(id)?.nodeId, machine);
  cluster.do(move(undefined));
  assert.equal(cluster.state.concentrators.get(id)?.nodeId, home, 'back without a name');
});
