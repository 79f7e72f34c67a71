import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseMac } from '../mac.ts';
import { bindingOf } from '../port-binding.ts';
import type { Port } from '../resource.ts';
import type { NodeId, PortId } from '../uuid.ts';
import type { BindingChange } from './bind-port.ts';
import { createInstance, placeInstance } from './instance.ts';
import { deleteNode, reportNode } from './node.ts';
import { updatePort } from './port.ts';
import { assertRefused, TestCluster, testId } from './test-support.ts';

function withPort(binding: BindingChange = {}): Readonly<{ cluster: TestCluster; id: PortId; nodes: readonly [NodeId, NodeId] }> {
  const cluster = new TestCluster();
  const nodes = [cluster.node(1), cluster.node(2)] as const;
  const network = cluster.network(cluster.tenant().id);
  cluster.subnet(network, '10.0.0.0/24');
  return { cluster, id: cluster.port(network, { binding }).id, nodes };
}

const portOf = (cluster: TestCluster, id: PortId): Port => {
  const port = cluster.state.ports.get(id);
  assert.ok(port !== undefined);
  return port;
};
const shown = (cluster: TestCluster, id: PortId): unknown => {
  const { host, vifType, vnicType } = bindingOf(cluster.state, portOf(cluster, id));
  return `${host} ${vifType} ${vnicType}`;
};
const bind = (cluster: TestCluster, id: PortId, binding: BindingChange): ReturnType<typeof updatePort> =>
  updatePort(cluster.state, cluster.context, id, { binding });
const instance = (cluster: TestCluster, id: PortId, nodeId?: NodeId): ReturnType<typeof createInstance> => {
  const wish = { tenantId: portOf(cluster, id).tenantId, name: '', command: ['true'], portId: id, addressing: 'static' } as const;
  return createInstance(cluster.state, cluster.context, { ...wish, nodeId });
};

test('a port is bound to a compute node by its host name or id, and to nothing else', () => {
  const { cluster, id, nodes } = withPort();
  assert.equal(shown(cluster, id), ' unbound normal');
  const rows = [
    [{ host: 'n1' }, 'n1 tap normal'],
    [{ host: nodes[1].toUpperCase() }, `${nodes[1].toUpperCase()} tap normal`],
    [{ host: 'elsewhere' }, 'elsewhere binding_failed normal'],
    [{ host: 'n1', vnicType: 'direct' }, 'n1 binding_failed direct'],
    [{ vnicType: 'normal' }, 'n1 tap normal'],
    [{ host: '' }, ' unbound normal'],
  ] as const;
  for (const [change, expected] of rows) {
    cluster.do(bind(cluster, id, change));
    assert.equal(shown(cluster, id), expected, JSON.stringify(change));
  }
  assert.equal(portOf(cluster, id).binding, undefined, 'nothing is left');
});

test('a binding fails as soon as its node is gone, or no longer for workloads, and holds again when it is back', () => {
  const { cluster, id, nodes } = withPort({ host: 'n1' });
  cluster.do(deleteNode(cluster.state, nodes[0]));
  assert.equal(shown(cluster, id), 'n1 binding_failed normal');
  cluster.node(1);
  assert.equal(shown(cluster, id), 'n1 tap normal');
  cluster.do(reportNode(cluster.state, cluster.context, { id: nodes[0], hostname: 'n1', roles: ['network'], addresses: [] }));
  assert.equal(shown(cluster, id), 'n1 binding_failed normal');
});

test('an instance runs where its port is bound, and is what the port then says', () => {
  const { cluster, id, nodes } = withPort({ host: 'n2' });
  assertRefused(cluster, () => instance(cluster, id, nodes[0]), 'port_bound', /bound to 'n2' as normal/);
  const made = cluster.do(instance(cluster, id)).instance;
  assert.equal(made.requestedNodeId, nodes[1]);
  cluster.do(placeInstance(cluster.state, cluster.context, made.id, nodes[1]));
  assert.equal(shown(cluster, id), 'n2 tap normal');
  for (const change of [{ host: 'n1' }, { host: '' }, { vnicType: 'direct' }] as const) {
    assertRefused(cluster, () => bind(cluster, id, change), 'port_bound', /already bound to instance/);
  }
  cluster.do(bind(cluster, id, { host: nodes[1], profile: '{"a":1}' }));
  assert.equal(shown(cluster, id), 'n2 tap normal');
});

test('no instance can have a port that is bound where none can run, or as what none can have', () => {
  for (const binding of [{ host: 'elsewhere' }, { vnicType: 'direct' }] as const) {
    const { cluster, id } = withPort(binding);
    assertRefused(cluster, () => instance(cluster, id), 'port_bound', /no instance of this cluster can have it there/);
  }
  const { cluster, id, nodes } = withPort();
  assert.equal(instance(cluster, id, nodes[0]).instance.requestedNodeId, nodes[0], 'one that is bound nowhere runs anywhere');
});

test('a port that is bound keeps its MAC, one whose binding failed need not', () => {
  const { cluster, id } = withPort({ host: 'n1' });
  const renew = (): ReturnType<typeof updatePort> => updatePort(cluster.state, cluster.context, id, { mac: parseMac('02:00:00:00:00:99') });
  assertRefused(cluster, renew, 'port_bound', /MAC address cannot change/);
  cluster.do(bind(cluster, id, { host: testId(99) }));
  assert.equal(cluster.do(renew()).port.mac, '02:00:00:00:00:99');
});
