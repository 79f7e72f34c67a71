import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { poolContains } from '../address-pool.ts';
import { cidrHosts, cidrOf } from '../cidr.ts';
import { ipv4FromNumber, ipv4ToNumber, parseIpv4 } from '../ipv4.ts';
import type { Network } from '../resource.ts';
import type { Ipv4 } from '../ipv4.ts';
import type { AllocationPool } from '../subnet.ts';
import type { NetworkId, SubnetId } from '../uuid.ts';
import { WeftError } from '../weft-error.ts';
import { deleteSubnet, updateSubnet } from './subnet.ts';
import { assertRefused, TestCluster, testId } from './test-support.ts';

function withNetwork(): Readonly<{ cluster: TestCluster; network: Network }> {
  const cluster = new TestCluster();
  return { cluster, network: cluster.network(cluster.tenant().id) };
}

const pool = (start: string, end: string): AllocationPool => ({ start: parseIpv4(start), end: parseIpv4(end) });

test('a subnet has its first host as gateway and all the others to give away, unless the request says otherwise', () => {
  const { cluster, network } = withNetwork();
  const plain = cluster.subnet(network, '10.0.0.0/24');
  assert.equal(plain.gatewayIp, '10.0.0.1');
  assert.deepEqual(plain.allocationPools, [pool('10.0.0.2', '10.0.0.254')]);
  const middle = cluster.subnet(network, '10.0.1.0/24', { gatewayIp: parseIpv4('10.0.1.100') });
  assert.deepEqual(middle.allocationPools, [pool('10.0.1.1', '10.0.1.99'), pool('10.0.1.101', '10.0.1.254')]);
  const none = cluster.subnet(network, '10.0.2.0/24', { gatewayIp: null });
  assert.equal(none.gatewayIp, undefined);
  assert.deepEqual(none.allocationPools, [pool('10.0.2.1', '10.0.2.254')]);
  const own = cluster.subnet(network, '10.0.3.0/24', { allocationPools: [pool('10.0.3.10', '10.0.3.20')] });
  assert.deepEqual(own.allocationPools, [pool('10.0.3.10', '10.0.3.20')]);
  assert.equal(own.tenantId, network.tenantId);
});

test('a subnet is a change of its network', () => {
  const { cluster, network } = withNetwork();
  const subnet = cluster.subnet(network, '10.0.0.0/24');
  assert.equal(cluster.state.networks.get(network.id)?.revision, network.revision + 1);
  cluster.do(deleteSubnet(cluster.state, cluster.context, subnet.id));
  assert.equal(cluster.state.networks.get(network.id)?.revision, network.revision + 2);
  assert.equal(cluster.state.subnets.size, 0);
});

test('subnets of one network do not overlap, nor those that one gateway serves; those of other tenants may', () => {
  const { cluster, network } = withNetwork();
  cluster.subnet(network, '10.0.0.0/24');
  for (const cidr of ['10.0.0.0/24', '10.0.0.128/25', '10.0.0.0/16', '10.0.0.4/30']) {
    assertRefused(cluster, () => cluster.tryToSubnet(network, cidr), 'subnet_overlap', new RegExp(`cidr: ${cidr} .* overlaps`));
  }
  cluster.subnet(network, '10.0.1.0/24');
  const sibling = cluster.network(network.tenantId);
  assertRefused(cluster, () => cluster.tryToSubnet(sibling, '10.0.0.0/16'), 'subnet_overlap', /of network .* which has the same gateway/);
  cluster.subnet(sibling, '10.0.0.0/24', { gatewayIp: null });
  cluster.subnet(cluster.network(cluster.tenant().id), '10.0.0.0/24');
  assert.equal(cluster.state.subnets.size, 4);
});

test('prefixes that no workload can use are refused, also if they only contain such addresses', () => {
  const { cluster, network } = withNetwork();
  const rows = [
    ['0.0.0.0/0', /not a usable network/],
    ['0.0.0.0/1', /not a usable network/],
    ['0.1.0.0/24', /not a usable network/],
    ['127.0.0.0/8', /loopback/],
    ['127.5.0.0/24', /loopback/],
    ['126.0.0.0/7', /loopback/],
    ['64.0.0.0/2', /loopback/],
    ['224.0.0.0/24', /multicast/],
    ['240.0.0.0/8', /multicast/],
    ['128.0.0.0/1', /multicast/],
    ['192.0.0.0/2', /multicast/],
    ['255.255.255.255/32', /multicast/],
  ] as const;
  for (const [cidr, message] of rows) assertRefused(cluster, () => cluster.tryToSubnet(network, cidr), 'invalid_cidr', message);
  for (const cidr of ['1.0.0.0/8', '126.0.0.0/8', '128.0.0.0/2', '223.255.255.0/24']) cluster.subnet(network, cidr);
});

test('DHCP needs a prefix with room for it, when the subnet is made and later', () => {
  const { cluster, network } = withNetwork();
  for (const cidr of ['10.0.0.0/31', '10.0.0.0/32'])
    assertRefused(cluster, () => cluster.tryToSubnet(network, cidr), 'invalid_cidr', /room for DHCP/);
  const tiny = cluster.subnet(network, '10.0.0.0/31', { enableDhcp: false });
  assert.equal(tiny.gatewayIp, '10.0.0.0');
  assert.deepEqual(tiny.allocationPools, [pool('10.0.0.1', '10.0.0.1')]);
  assertRefused(
    cluster,
    () => updateSubnet(cluster.state, cluster.context, tiny.id, { enableDhcp: true }),
    'invalid_cidr',
    /room for DHCP/,
  );
  assert.equal(cluster.do(updateSubnet(cluster.state, cluster.context, tiny.id, { name: 'tiny' })).subnet.enableDhcp, false);
});

test('a gateway is a host address of its subnet', () => {
  const { cluster, network } = withNetwork();
  for (const gateway of ['10.0.1.1', '10.0.0.0', '10.0.0.255', '192.168.0.1']) {
    const request = { gatewayIp: parseIpv4(gateway) };
    assertRefused(cluster, () => cluster.tryToSubnet(network, '10.0.0.0/24', request), 'invalid_gateway', new RegExp(`Gateway ${gateway}`));
  }
});

const POOL_ROWS = [
  ['gateway_conflict_with_allocation_pools', [pool('10.0.0.1', '10.0.0.9')], /Gateway ip 10\.0\.0\.1 .* 10\.0\.0\.1-10\.0\.0\.9/],
  ['invalid_allocation_pool', [pool('10.0.0.9', '10.0.0.8')], /10\.0\.0\.9-10\.0\.0\.8/],
  ['out_of_bounds_allocation_pool', [pool('10.0.0.2', '10.0.1.4')], /spans beyond the subnet cidr 10\.0\.0\.0\/24/],
  ['out_of_bounds_allocation_pool', [pool('9.255.255.255', '10.0.0.4')], /spans beyond/],
  ['out_of_bounds_allocation_pool', [pool('10.0.0.2', '10.0.0.255')], /spans beyond/],
  [
    'overlapping_allocation_pools',
    [pool('10.0.0.2', '10.0.0.9'), pool('10.0.0.9', '10.0.0.12')],
    /10\.0\.0\.2-10\.0\.0\.9 10\.0\.0\.9-10\.0\.0\.12/,
  ],
  ['overlapping_allocation_pools', [pool('10.0.0.5', '10.0.0.6'), pool('10.0.0.2', '10.0.0.9')], /overlapping/],
  ['overlapping_allocation_pools', [pool('10.0.0.5', '10.0.0.6'), pool('10.0.0.5', '10.0.0.6')], /overlapping/],
] as const;

test('allocation pools lie in the subnet, beside the gateway and beside one another, when it is made and later', () => {
  const { cluster, network } = withNetwork();
  for (const [code, allocationPools, message] of POOL_ROWS) {
    assertRefused(cluster, () => cluster.tryToSubnet(network, '10.0.0.0/24', { allocationPools }), code, message);
  }
  const subnet = cluster.subnet(network, '10.0.0.0/24');
  for (const [code, allocationPools, message] of POOL_ROWS) {
    assertRefused(cluster, () => updateSubnet(cluster.state, cluster.context, subnet.id, { allocationPools }), code, message);
  }
  const allocationPools = [pool('10.0.0.2', '10.0.0.9'), pool('10.0.0.10', '10.0.0.12')];
  assert.deepEqual(
    cluster.do(updateSubnet(cluster.state, cluster.context, subnet.id, { allocationPools })).subnet.allocationPools,
    allocationPools,
  );
});

test('pools that are accepted are disjoint, inside and without the gateway', () => {
  const number = fc.integer({ min: -2, max: 18 });
  const base = ipv4ToNumber(parseIpv4('10.0.0.16'));
  const pools = fc.array(
    fc.tuple(number, number).map(([a, b]): AllocationPool<Ipv4> => ({ start: ipv4FromNumber(base + a), end: ipv4FromNumber(base + b) })),
    { maxLength: 3 },
  );
  fc.assert(
    fc.property(pools, (allocationPools) => {
      const { cluster, network } = withNetwork();
      const all = allocationPools.flatMap(({ start, end }) => {
        const first = ipv4ToNumber(start);
        return Array.from({ length: Math.max(0, ipv4ToNumber(end) - first + 1) }, (_, index) => first + index);
      });
      const { first, last } = cidrHosts(cidrOf(parseIpv4('10.0.0.16'), 28));
      const good =
        allocationPools.every(({ start, end }) => ipv4ToNumber(start) <= ipv4ToNumber(end)) &&
        all.every((address) => address > ipv4ToNumber(first) && address <= ipv4ToNumber(last)) &&
        new Set(all).size === all.length;
      try {
        const subnet = cluster.subnet(network, '10.0.0.16/28', { allocationPools });
        assert.ok(good && subnet.allocationPools.every((given) => !poolContains(given, first)), JSON.stringify(allocationPools));
      } catch (error) {
        assert.ok(error instanceof WeftError && !good, `${String(error)}: ${JSON.stringify(allocationPools)}`);
      }
    }),
  );
});

test('a subnet whose addresses are held stays; unknown ids are said to be unknown', () => {
  const { cluster, network } = withNetwork();
  const subnet = cluster.subnet(network, '10.0.0.0/24');
  cluster.port(network);
  assertRefused(cluster, () => deleteSubnet(cluster.state, cluster.context, subnet.id), 'subnet_in_use', /One or more ports/);
  const unknown = testId<SubnetId>(1);
  assertRefused(cluster, () => deleteSubnet(cluster.state, cluster.context, unknown), 'not_found', new RegExp(`subnet ${unknown}`));
  assertRefused(cluster, () => updateSubnet(cluster.state, cluster.context, unknown, {}), 'not_found');
  const networkId = testId<NetworkId>(1);
  assertRefused(cluster, () => cluster.tryToSubnet(network, '10.1.0.0/24', { networkId }), 'not_found', new RegExp(`network ${networkId}`));
});

test('a tenant gets its concentrator with the first subnet that has a gateway, and only one', () => {
  const { cluster, network } = withNetwork();
  cluster.subnet(network, '10.0.0.0/24', { gatewayIp: null });
  assert.equal(cluster.state.concentratorOf(network.tenantId), undefined);
  cluster.subnet(network, '10.0.1.0/24');
  const first = cluster.state.concentratorOf(network.tenantId);
  assert.deepEqual([first?.nodeId, first?.generation], [undefined, 0]);
  assert.deepEqual([first?.uplink?.prefixLength, first?.uplink?.gateway], [24, '203.0.113.1']);
  cluster.subnet(cluster.network(network.tenantId), '10.0.2.0/24');
  assert.equal(cluster.state.concentrators.size, 1);
});
