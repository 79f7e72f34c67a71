import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseIpv4 } from '../ipv4.ts';
import type { Port } from '../resource.ts';
import type { InstanceId, NodeId, PortId, TenantId } from '../uuid.ts';
import { createInstance, deleteInstance, placeInstance } from './instance.ts';
import type { CreateInstance } from './instance.ts';
import { reportNode } from './node.ts';
import { assertRefused, TestCluster, testId } from './test-support.ts';

function withPort(): Readonly<{ cluster: TestCluster; port: Port; request: CreateInstance }> {
  const cluster = new TestCluster();
  const network = cluster.network(cluster.tenant().id);
  const port = cluster.port(network);
  const request = {
    tenantId: port.tenantId,
    name: 'web',
    command: ['sleep', '1'],
    portId: port.id,
    addressing: 'dhcp',
    nodeId: undefined,
  } as const;
  return { cluster, port, request };
}

test('a new instance is placed nowhere, and its port knows it', () => {
  const { cluster, port, request } = withPort();
  const { instance } = cluster.do(createInstance(cluster.state, cluster.context, request));
  assert.deepEqual([instance.nodeId, instance.generation], [undefined, 0]);
  assert.equal(cluster.state.instanceOfPort(port.id), instance);
  const used = cluster.state.ports.get(port.id);
  assert.deepEqual([used?.deviceId, used?.deviceOwner, used?.revision], [instance.id, 'compute:weft', 2]);
});

test('what cannot run is refused', () => {
  const { cluster, port, request } = withPort();
  const create = (changed: Partial<CreateInstance>) => () => createInstance(cluster.state, cluster.context, { ...request, ...changed });
  const network = testId<NodeId>(9);
  cluster.do(
    reportNode(cluster.state, cluster.context, { id: network, hostname: 'n', roles: ['network'], addresses: [parseIpv4('10.88.0.9')] }),
  );
  assertRefused(cluster, create({ portId: testId<PortId>(1) }), 'not_found', /^port ffffffff/);
  assertRefused(cluster, create({ tenantId: testId<TenantId>(1) }), 'not_found', new RegExp(`^port ${port.id}`));
  assertRefused(cluster, create({ command: [] }), 'invalid_command');
  assertRefused(cluster, create({ nodeId: testId<NodeId>(1) }), 'not_found', /^node ffffffff/);
  assertRefused(cluster, create({ nodeId: network }), 'not_found', /^node ffffffff/);
  const { instance } = cluster.do(create({ nodeId: cluster.node(1) })());
  assert.equal(instance.requestedNodeId, testId(1));
  assertRefused(cluster, create({}), 'port_in_use', new RegExp(instance.id));
});

test('every placement is a new generation; the same answer twice changes nothing', () => {
  const { cluster, port, request } = withPort();
  const { id } = cluster.do(createInstance(cluster.state, cluster.context, request)).instance;
  const [a, b] = [cluster.node(1), cluster.node(2)];
  const place = (nodeId: NodeId): void => void cluster.do(placeInstance(cluster.state, cluster.context, id, nodeId));
  place(a);
  assert.equal(cluster.state.nodeOfPort(port.id), a);
  assert.deepEqual(placeInstance(cluster.state, cluster.context, id, a), { put: [], remove: [] });
  place(b);
  assert.equal(cluster.state.nodeOfPort(port.id), b);
  assert.equal(cluster.state.instances.get(id)?.generation, 2);
  assert.deepEqual([...cluster.state.instancesOn(a)], []);
});

test('a deleted instance leaves its port, free for another', () => {
  const { cluster, port, request } = withPort();
  const { instance } = cluster.do(createInstance(cluster.state, cluster.context, request));
  cluster.do(placeInstance(cluster.state, cluster.context, instance.id, cluster.node(1)));
  cluster.do(deleteInstance(cluster.state, cluster.context, instance.id));
  const free = cluster.state.ports.get(port.id);
  assert.deepEqual([free?.deviceId, free?.deviceOwner], ['', '']);
  assert.equal(cluster.state.nodeOfPort(port.id), undefined);
  assert.notEqual(cluster.do(createInstance(cluster.state, cluster.context, request)).instance.id, instance.id);
});

test('an unknown instance or node is said to be unknown', () => {
  const { cluster, request } = withPort();
  const unknown = testId<InstanceId>(1);
  const node = cluster.node(1);
  assertRefused(cluster, () => placeInstance(cluster.state, cluster.context, unknown, node), 'not_found', /^instance ffffffff/);
  assertRefused(cluster, () => deleteInstance(cluster.state, cluster.context, unknown), 'not_found', /^instance ffffffff/);
  const { id } = cluster.do(createInstance(cluster.state, cluster.context, request)).instance;
  assertRefused(cluster, () => placeInstance(cluster.state, cluster.context, id, testId<NodeId>(5)), 'not_found', /^node ffffffff/);
});

test('every workload has a port of its own for SSH, unique in its tenant, while there are any', () => {
  const cluster = new TestCluster({ cluster: { sshPorts: { first: 30_000, last: 30_002 } } });
  const [red, blue] = [cluster.network(cluster.tenant().id), cluster.network(cluster.tenant().id)];
  const make = (): number | undefined => cluster.instance(cluster.port(red).id).sshPort;
  const ports = [make(), make(), make()];
  assert.deepEqual(new Set(ports), new Set([30_000, 30_001, 30_002]));
  assert.equal(make(), undefined, 'SSH is a convenience: without a free port the workload runs all the same');
  assert.ok(cluster.instance(cluster.port(blue).id).sshPort !== undefined, 'another tenant has another gateway');
  const [gone] = cluster.state.instances.values();
  cluster.do(deleteInstance(cluster.state, cluster.context, gone!.id));
  assert.equal(make(), gone?.sshPort);
  const none = new TestCluster({ cluster: { sshPorts: undefined } });
  assert.equal(none.instance(none.port(none.network(none.tenant().id)).id).sshPort, undefined);
});
