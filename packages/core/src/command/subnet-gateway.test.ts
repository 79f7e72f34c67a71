import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseIpv4 } from '../ipv4.ts';
import type { Ipv4 } from '../ipv4.ts';
import type { Changes, Network } from '../resource.ts';
import type { Subnet } from '../subnet.ts';
import type { SubnetId } from '../uuid.ts';
import { createFloatingIp } from './floating-ip.ts';
import { addRouterInterface, removeRouterInterface } from './router-interface.ts';
import { createRouter } from './router.ts';
import { updateSubnet } from './subnet.ts';
import { assertRefused, TestCluster } from './test-support.ts';

const ip = parseIpv4;

function withSubnet(): Readonly<{ cluster: TestCluster; network: Network; subnet: Subnet }> {
  const cluster = new TestCluster();
  const network = cluster.network(cluster.tenant().id);
  return { cluster, network, subnet: cluster.subnet(network, '10.0.0.0/24', { allocationPools: [] }) };
}

const move = (cluster: TestCluster, id: SubnetId, gatewayIp: Ipv4 | null): Changes & Readonly<{ subnet: Subnet }> =>
  updateSubnet(cluster.state, cluster.context, id, { gatewayIp });

test('the gateway of a subnet moves, goes and comes back', () => {
  const { cluster, subnet } = withSubnet();
  assert.equal(cluster.do(move(cluster, subnet.id, ip('10.0.0.9'))).subnet.gatewayIp, '10.0.0.9');
  assert.equal(cluster.do(move(cluster, subnet.id, null)).subnet.gatewayIp, undefined);
  const back = cluster.do(move(cluster, subnet.id, ip('10.0.0.1'))).subnet;
  assert.deepEqual([back.gatewayIp, back.revision], ['10.0.0.1', subnet.revision + 3]);
});

test('the first gateway of a tenant brings its concentrator along', () => {
  const cluster = new TestCluster();
  const network = cluster.network(cluster.tenant().id);
  const subnet = cluster.subnet(network, '10.0.0.0/24', { gatewayIp: null, allocationPools: [] });
  assert.equal(cluster.state.concentratorOf(network.tenantId), undefined);
  cluster.do(move(cluster, subnet.id, ip('10.0.0.1')));
  assert.notEqual(cluster.state.concentratorOf(network.tenantId), undefined);
});

test('a gateway is an address of the subnet that nobody has and no pool gives away', () => {
  const { cluster, network, subnet } = withSubnet();
  cluster.port(network, { fixedIps: [{ subnetId: subnet.id, address: ip('10.0.0.9') }] });
  const pooled = cluster.subnet(network, '10.0.1.0/24');
  for (const [id, address, code, message] of [
    [subnet.id, '10.0.0.9', 'ip_address_in_use', /IP address 10\.0\.0\.9 is in use/],
    [subnet.id, '10.0.0.255', 'invalid_gateway', /Gateway 10\.0\.0\.255 is not valid/],
    [pooled.id, '10.0.1.7', 'gateway_conflict_with_allocation_pools', /10\.0\.1\.7 conflicts/],
  ] as const) {
    assertRefused(cluster, () => move(cluster, id, ip(address)), code, message);
  }
});

test('a gateway that would make two subnets of one gateway overlap is refused', () => {
  const { cluster, network } = withSubnet();
  const other = cluster.subnet(cluster.network(network.tenantId), '10.0.0.0/25', { gatewayIp: null, allocationPools: [] });
  assertRefused(cluster, () => move(cluster, other.id, ip('10.0.0.1')), 'subnet_overlap', /same gateway/);
});

test('an address that a router’s interface has stays the gateway until the interface is gone', () => {
  const { cluster, network, subnet } = withSubnet();
  const wish = { name: '', description: '', adminStateUp: true, externalGateway: undefined };
  const { router } = cluster.do(createRouter(cluster.state, cluster.context, { ...wish, tenantId: network.tenantId }));
  const at = { subnetId: subnet.id, portId: undefined };
  cluster.do(addRouterInterface(cluster.state, cluster.context, router.id, at));
  for (const wanted of [ip('10.0.0.9'), null]) {
    assertRefused(cluster, () => move(cluster, subnet.id, wanted), 'gateway_ip_in_use', /already in use by port .*Unable to update/);
  }
  cluster.do(removeRouterInterface(cluster.state, cluster.context, router.id, at));
  assert.equal(cluster.do(move(cluster, subnet.id, ip('10.0.0.9'))).subnet.gatewayIp, '10.0.0.9');
});

test('a router that meets a subnet outside follows its gateway, and keeps it from going', () => {
  const { cluster, network } = withSubnet();
  const outside = cluster.network(network.tenantId, { external: true });
  const subnet = cluster.subnet(outside, '198.51.100.0/24', { enableDhcp: false });
  const externalGateway = { networkId: outside.id, enableSnat: undefined, fixedIps: undefined };
  const wish = { name: '', description: '', adminStateUp: true, externalGateway };
  const { router } = cluster.do(createRouter(cluster.state, cluster.context, { ...wish, tenantId: network.tenantId }));
  const request = { gatewayIp: ip('198.51.100.254'), allocationPools: [] };
  cluster.do(updateSubnet(cluster.state, cluster.context, subnet.id, request));
  assert.equal(cluster.state.concentratorOfRouter(router.id)?.uplink?.gateway, '198.51.100.254');
  assertRefused(cluster, () => move(cluster, subnet.id, null), 'gateway_ip_in_use', /next hop of router/);
});

test('a subnet with a public address behind the automatic gateway keeps a gateway', () => {
  const { cluster, network, subnet } = withSubnet();
  const outside = cluster.network(network.tenantId, { external: true });
  cluster.subnet(outside, '198.51.100.0/24', { enableDhcp: false });
  const port = cluster.port(network, { fixedIps: [{ subnetId: subnet.id, address: ip('10.0.0.9') }] });
  const wish = { tenantId: network.tenantId, description: '', subnetId: undefined, address: undefined, floatingNetworkId: outside.id };
  cluster.do(createFloatingIp(cluster.state, cluster.context, { ...wish, target: { portId: port.id, fixedIp: undefined } }));
  assertRefused(cluster, () => move(cluster, subnet.id, null), 'gateway_ip_in_use', /required by floating IP/);
  assert.equal(cluster.do(move(cluster, subnet.id, ip('10.0.0.2'))).subnet.gatewayIp, '10.0.0.2');
});

test('ports of other owners avoid a subnet that is kept for some, unless they name it', () => {
  const cluster = new TestCluster();
  const network = cluster.network(cluster.tenant().id);
  const kept = cluster.subnet(network, '10.0.0.0/24', { serviceTypes: ['compute:nova'] });
  const addresses = (deviceOwner: string): unknown => cluster.port(network, { deviceOwner }).fixedIps.map(({ subnetId }) => subnetId);
  assert.deepEqual(addresses('compute:nova'), [kept.id]);
  assertRefused(cluster, () => cluster.tryToPort(network), 'no_matching_subnet', /No valid service subnet/);
  const plain = cluster.subnet(network, '10.0.1.0/24');
  assert.deepEqual([addresses(''), addresses('compute:nova')], [[plain.id], [kept.id]]);
  assert.equal(cluster.port(network, { fixedIps: [{ subnetId: kept.id, address: undefined }] }).fixedIps[0]?.subnetId, kept.id);
  cluster.do(updateSubnet(cluster.state, cluster.context, kept.id, { serviceTypes: [] }));
  assert.equal(cluster.state.subnets.get(kept.id)?.serviceTypes, undefined);
});
