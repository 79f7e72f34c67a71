import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseIpv4 } from '../ipv4.ts';
import type { FloatingIp, Port } from '../resource.ts';
import type { FloatingIpId, PortForwardingId, PortId } from '../uuid.ts';
import { retireConcentrator } from './concentrator.ts';
import { createFloatingIp, updateFloatingIp } from './floating-ip.ts';
import { createPortForwarding, deletePortForwarding, LARGEST_FORWARDED_RANGE, updatePortForwarding } from './port-forwarding.ts';
import type { PortForwardingRequest } from './port-forwarding.ts';
import { deletePort } from './port.ts';
import { assertRefused, TestCluster, testId } from './test-support.ts';

type Rig = Readonly<{
  cluster: TestCluster;
  floating: FloatingIp;
  port: Port;
  request: PortForwardingRequest;
  tryTo: (changed?: Partial<PortForwardingRequest>, id?: FloatingIpId) => ReturnType<typeof createPortForwarding>;
}>;

function rig(): Rig {
  const cluster = new TestCluster();
  const outside = cluster.network(cluster.tenant('operator').id, { external: true });
  cluster.subnet(outside, '203.0.113.0/24');
  const network = cluster.network(cluster.tenant('red').id);
  cluster.subnet(network, '10.0.0.0/24');
  const port = cluster.port(network);
  const plain = { description: '', subnetId: undefined, address: undefined, target: undefined };
  const wish = { ...plain, tenantId: port.tenantId, floatingNetworkId: outside.id };
  const floating = cluster.do(createFloatingIp(cluster.state, cluster.context, wish)).floatingIp;
  const request: PortForwardingRequest = {
    description: '',
    protocol: 'tcp',
    externalFirst: 8000,
    externalLast: 8009,
    internalPortId: port.id,
    internalAddress: port.fixedIps[0]!.address,
    internalFirst: 80,
    internalLast: 89,
  };
  return {
    cluster,
    floating,
    port,
    request,
    tryTo: (changed = {}, id = floating.id) => createPortForwarding(cluster.state, cluster.context, id, { ...request, ...changed }),
  };
}

test('a forwarding is its address’s child: it changes the address’s revision', () => {
  const { cluster, floating, port, request, tryTo } = rig();
  const { portForwarding } = cluster.do(tryTo());
  assert.deepEqual([portForwarding.tenantId, portForwarding.internalFirst, portForwarding.externalLast], [port.tenantId, 80, 8009]);
  const revision = (): number | undefined => cluster.state.floatingIps.get(floating.id)?.revision;
  assert.equal(revision(), 2);
  const changed = updatePortForwarding(cluster.state, cluster.context, portForwarding.id, { ...request, protocol: 'udp' });
  assert.deepEqual([cluster.do(changed).portForwarding.protocol, revision()], ['udp', 3]);
  cluster.do(deletePortForwarding(cluster.state, cluster.context, portForwarding.id));
  assert.deepEqual([cluster.state.portForwardings.size, revision()], [0, 4]);
});

test('what cannot be forwarded is refused by its reason', () => {
  const { cluster, floating, port, tryTo } = rig();
  const network = cluster.state.networks.get(port.networkId)!;
  const bad = (changed: Partial<PortForwardingRequest>, why: RegExp): void =>
    assertRefused(cluster, () => tryTo(changed), 'invalid_port_forwarding', why);
  bad({ externalLast: 7000 }, /ends before it begins/);
  bad({ internalLast: 79 }, /ends before it begins/);
  bad({ internalLast: 80 }, /differ in length/);
  bad({ externalLast: 8000 + LARGEST_FORWARDED_RANGE, internalLast: 80 + LARGEST_FORWARDED_RANGE }, /at most 1024/);
  bad({ internalAddress: parseIpv4('10.0.0.200') }, /does not have address 10\.0\.0\.200/);
  const quiet = cluster.network(network.tenantId);
  cluster.subnet(quiet, '10.9.0.0/24', { gatewayIp: null });
  const unserved = cluster.port(quiet);
  bad({ internalPortId: unserved.id, internalAddress: unserved.fixedIps[0]!.address }, /has no gateway/);
  const blue = cluster.network(cluster.tenant('blue').id);
  cluster.subnet(blue, '10.0.0.0/24');
  for (const internalPortId of [testId<PortId>(1), cluster.port(blue).id]) {
    assertRefused(cluster, () => tryTo({ internalPortId }), 'not_found', /^port /);
  }
  assertRefused(cluster, () => tryTo({}, testId<FloatingIpId>(1)), 'not_found', /^floatingIp ffffffff/);
  const unknown = testId<PortForwardingId>(1);
  assertRefused(cluster, () => deletePortForwarding(cluster.state, cluster.context, unknown), 'not_found', /^portForwarding ffffffff/);
  const whole = { target: { portId: port.id, fixedIp: undefined } };
  cluster.do(updateFloatingIp(cluster.state, cluster.context, floating.id, whole));
  assertRefused(cluster, () => tryTo(), 'floating_ip_port_already_associated', /as a whole/);
});

test('two forwardings of one address share neither outer ports nor targets; protocols are apart', () => {
  const { cluster, request, tryTo } = rig();
  const { portForwarding } = cluster.do(tryTo());
  const overlapping = { externalFirst: 8009, externalLast: 8010, internalFirst: 200, internalLast: 201 };
  assertRefused(cluster, () => tryTo(overlapping), 'invalid_port_forwarding', /tcp port 8009 of 203\.0\.113\.\d+ is forwarded already/);
  const sameTarget = { externalFirst: 9000, externalLast: 9001, internalFirst: 89, internalLast: 90 };
  assertRefused(cluster, () => tryTo(sameTarget), 'invalid_port_forwarding', /tcp port 89 of 10\.0\.0\.\d+ is reached by/);
  cluster.do(tryTo({ protocol: 'udp' }));
  cluster.do(tryTo({ externalFirst: 8010, externalLast: 8010, internalFirst: 90, internalLast: 90 }));
  const grown = { ...request, externalLast: 8010, internalLast: 90 };
  assertRefused(cluster, () => updatePortForwarding(cluster.state, cluster.context, portForwarding.id, grown), 'invalid_port_forwarding');
  cluster.do(updatePortForwarding(cluster.state, cluster.context, portForwarding.id, { ...request, description: 'itself is no conflict' }));
});

test('a target that has a floating IP of its own is refused', () => {
  const { cluster, floating, port, tryTo } = rig();
  const plain = { description: '', subnetId: undefined, address: undefined, floatingNetworkId: floating.floatingNetworkId };
  const wish = { ...plain, tenantId: port.tenantId, target: { portId: port.id, fixedIp: undefined } };
  cluster.do(createFloatingIp(cluster.state, cluster.context, wish));
  assertRefused(cluster, () => tryTo(), 'port_has_binding_floating_ip', /already has floating IP/);
});

test('a forwarding goes with its port, and brings a gateway back that was retired', () => {
  const { cluster, port, tryTo } = rig();
  cluster.do(retireConcentrator(cluster.state, cluster.state.concentratorOf(port.tenantId)!.id));
  cluster.do(tryTo());
  const concentrator = cluster.state.concentratorOf(port.tenantId);
  assert.ok(concentrator !== undefined);
  assert.deepEqual(retireConcentrator(cluster.state, concentrator.id), { put: [], remove: [] }, 'it is used');
  cluster.do(deletePort(cluster.state, cluster.context, port.id));
  assert.equal(cluster.state.portForwardings.size, 0);
});
