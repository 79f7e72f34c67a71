import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseCidr } from '../cidr.ts';
import { parseIp } from '../ip.ts';
import type { IpAddress } from '../ip.ts';
import { parseIpv4 } from '../ipv4.ts';
import { parseMac } from '../mac.ts';
import type { Network, Port } from '../resource.ts';
import { deleteNetwork, updateNetwork } from './network.ts';
import { deletePort, updatePort } from './port.ts';
import type { UpdatePort } from './port.ts';
import { addRouterInterface } from './router-interface.ts';
import { createRouter } from './router.ts';
import type { CreateSubnet } from './subnet.ts';
import { deleteSubnet, updateSubnet } from './subnet.ts';
import { assertRefused, TestCluster } from './test-support.ts';

const SLAAC = { raMode: 'slaac', addressMode: 'slaac' } as const;
const STATEFUL = { raMode: 'dhcpv6-stateful', addressMode: 'dhcpv6-stateful' } as const;
const MAC = parseMac('02:00:00:00:00:01');

function withNetwork(): Readonly<{ cluster: TestCluster; network: Network }> {
  const cluster = new TestCluster();
  return { cluster, network: cluster.network(cluster.tenant().id) };
}

const addresses = (port: Port): readonly IpAddress[] => port.fixedIps.map(({ address }) => address);

function update(cluster: TestCluster, port: Port, request: UpdatePort): Port {
  return cluster.do(updatePort(cluster.state, cluster.context, port.id, request)).port;
}

test('an IPv6 subnet has ::1 as gateway, and gives all but the routers’ anycast address', () => {
  const { cluster, network } = withNetwork();
  const plain = cluster.subnet(network, 'fd00:1::/64');
  assert.equal(plain.gatewayIp, 'fd00:1::1');
  assert.deepEqual(plain.allocationPools, [{ start: 'fd00:1::2', end: 'fd00:1::ffff:ffff:ffff:ffff' }]);
  const none = cluster.subnet(network, 'fd00:2::/120', { gatewayIp: null, enableDhcp: false });
  assert.deepEqual([none.gatewayIp, none.allocationPools], [undefined, [{ start: 'fd00:2::1', end: 'fd00:2::ff' }]]);
  const pair = cluster.subnet(network, 'fd00:3::/127', { enableDhcp: false });
  assert.deepEqual([pair.gatewayIp, pair.allocationPools], ['fd00:3::', [{ start: 'fd00:3::1', end: 'fd00:3::1' }]]);
});

const at = parseIp;
const pool = (start: string, end: string): CreateSubnet['allocationPools'] => [{ start: at(start), end: at(end) }];

const ROWS: readonly (readonly [why: string, cidr: string, request: Partial<CreateSubnet>, code: string, message: RegExp])[] = [
  ['a mode of IPv4', '10.0.0.0/24', { raMode: 'slaac' }, 'invalid_ipv6_mode', /ipv6_ra_mode is not valid when ip_version is 4/],
  ['a mode of IPv4', '10.0.0.0/24', { addressMode: 'slaac' }, 'invalid_ipv6_mode', /ipv6_address_mode is not valid/],
  ['two modes', 'fd00::/64', { raMode: 'slaac', addressMode: 'dhcpv6-stateful' }, 'invalid_ipv6_mode', /must be the same value/],
  ['SLAAC by less than a /64', 'fd00::/80', SLAAC, 'invalid_ipv6_mode', /requires the prefix to be \/64/],
  ['stateless by more than a /64', 'fd00::/48', { addressMode: 'dhcpv6-stateless' }, 'invalid_ipv6_mode', /to be \/64/],
  ['a mode without DHCP', 'fd00::/64', { ...STATEFUL, enableDhcp: false }, 'invalid_ipv6_mode', /enable_dhcp is set to False/],
  ['the anycast address as gateway', 'fd00::/64', { gatewayIp: at('fd00::') }, 'invalid_gateway', /Gateway fd00:: is not valid/],
  ['a gateway elsewhere', 'fd00::/64', { gatewayIp: at('fd01::1') }, 'invalid_gateway', /not valid on subnet/],
  ['a gateway of IPv4', 'fd00::/64', { gatewayIp: at('10.0.0.1') }, 'invalid_gateway', /not valid on subnet/],
  ['a name server of IPv4', 'fd00::/64', { dnsNameservers: [at('9.9.9.9')] }, 'invalid_name_server', /not match the ip_version '6'/],
  ['a name server of IPv6', '10.0.0.0/24', { dnsNameservers: [at('fd00::9')] }, 'invalid_name_server', /not match the ip_version '4'/],
  ['a pool of IPv4', 'fd00::/64', { allocationPools: pool('10.0.0.1', '10.0.0.2') }, 'invalid_allocation_pool', /is not valid/],
  ['a pool of both', 'fd00::/64', { allocationPools: pool('10.0.0.1', 'fd00::2') }, 'invalid_allocation_pool', /is not valid/],
  ['a reversed pool', 'fd00::/64', { allocationPools: pool('fd00::9', 'fd00::2') }, 'invalid_allocation_pool', /is not valid/],
  ['a pool elsewhere', 'fd00::/64', { allocationPools: pool('fd01::1', 'fd01::2') }, 'out_of_bounds_allocation_pool', /spans beyond/],
  ['multicast', 'ff02::/64', {}, 'invalid_cidr', /multicast/],
  ['link-local', 'fe80::/64', {}, 'invalid_cidr', /link-local/],
  ['loopback', '::/64', {}, 'invalid_cidr', /loopback/],
  ['no room for DHCP', 'fd00::/127', {}, 'invalid_cidr', /no room for DHCP/],
  [
    'host routes',
    'fd00::/64',
    { hostRoutes: [{ destination: parseCidr('10.0.0.0/8'), nexthop: parseIpv4('10.0.0.1') }] },
    'host_routes_of_ipv6',
    /host_routes/,
  ],
];

for (const [why, cidr, request, code, message] of ROWS) {
  test(`a subnet with ${why} is refused: ${message.source}`, () => {
    const { cluster, network } = withNetwork();
    assertRefused(cluster, () => cluster.tryToSubnet(network, cidr, request), code, message);
  });
}

test('a network with an IPv6 subnet carries packets of 1280 bytes, whichever came first', () => {
  const { cluster, network } = withNetwork();
  const small = cluster.network(network.tenantId, { mtu: 1279 });
  assertRefused(cluster, () => cluster.tryToSubnet(small, 'fd00::/64'), 'mtu_too_small', /minimum is 1280/);
  cluster.subnet(network, 'fd00::/64');
  const shrink = (mtu: number) => () => updateNetwork(cluster.state, cluster.context, network.id, { mtu });
  assertRefused(cluster, shrink(1279), 'mtu_too_small', /minimum is 1280/);
  assert.equal(cluster.do(shrink(1280)()).network.mtu, 1280);
});

test('overlap is looked for within a family', () => {
  const { cluster, network } = withNetwork();
  cluster.subnet(network, 'fd00::/64');
  cluster.subnet(network, '10.0.0.0/24');
  assertRefused(cluster, () => cluster.tryToSubnet(network, 'fd00::/48'), 'subnet_overlap', /overlaps with another subnet/);
  const other = cluster.network(network.tenantId);
  assertRefused(cluster, () => cluster.tryToSubnet(other, 'fd00::/80', { enableDhcp: false }), 'subnet_overlap', /same gateway/);
});

test('the modes hold enable_dhcp on; all else of a subnet changes within its family', () => {
  const { cluster, network } = withNetwork();
  const subnet = cluster.subnet(network, 'fd00::/64', STATEFUL);
  const wish = (request: Parameters<typeof updateSubnet>[3]) => () => updateSubnet(cluster.state, cluster.context, subnet.id, request);
  assertRefused(cluster, wish({ enableDhcp: false }), 'invalid_ipv6_mode', /enable_dhcp/);
  assertRefused(cluster, wish({ gatewayIp: at('10.0.0.1') }), 'invalid_gateway');
  assertRefused(cluster, wish({ dnsNameservers: [at('10.0.0.1')] }), 'invalid_name_server');
  assertRefused(cluster, wish({ allocationPools: pool('10.0.0.2', '10.0.0.3')! }), 'invalid_allocation_pool');
  assertRefused(cluster, wish({ allocationPools: pool('fd00::1', 'fd00::3')! }), 'gateway_conflict_with_allocation_pools');
  const servers = [at('fd00::53')];
  const { subnet: changed } = cluster.do(
    wish({ dnsNameservers: servers, gatewayIp: at('fd00::9'), allocationPools: pool('fd00::10', 'fd00::20')! })(),
  );
  assert.deepEqual(
    [changed.dnsNameservers, changed.gatewayIp, changed.allocationPools],
    [servers, 'fd00::9', pool('fd00::10', 'fd00::20')],
  );
  assert.equal(cluster.do(wish({ gatewayIp: null })()).subnet.gatewayIp, undefined);
  assert.deepEqual(wish({ name: '' })().put, [], 'what says nothing new changes nothing');
});

test('a port has one address of each family, and one that its MAC makes on every subnet for that', () => {
  const { cluster, network } = withNetwork();
  const four = cluster.subnet(network, '10.0.0.0/24');
  const given = cluster.subnet(network, 'fd00:1::/64', STATEFUL);
  const [a, b] = ['fd00:a::/64', 'fd00:b::/64'].map((cidr) => cluster.subnet(network, cidr, SLAAC));
  const port = cluster.port(network, { mac: MAC });
  assert.deepEqual(
    port.fixedIps.map(({ subnetId }) => subnetId),
    [four.id, given.id, a!.id, b!.id],
  );
  assert.deepEqual(addresses(port).slice(2), ['fd00:a::ff:fe00:1', 'fd00:b::ff:fe00:1']);
  assert.deepEqual(addresses(cluster.port(network, { fixedIps: [] })), [], 'none is none');
  const one = update(cluster, port, { fixedIps: [{ subnetId: undefined, address: at('10.0.0.9') }] });
  assert.deepEqual(addresses(one), ['10.0.0.9', 'fd00:a::ff:fe00:1', 'fd00:b::ff:fe00:1'], 'what its MAC makes it keeps');
  const bare = update(cluster, port, { fixedIps: [] });
  assert.deepEqual(addresses(bare), ['fd00:a::ff:fe00:1', 'fd00:b::ff:fe00:1'], 'nor can it be taken away');
});

test('addresses of IPv6 are asked for, given and exhausted as those of IPv4', () => {
  const { cluster, network } = withNetwork();
  const subnet = cluster.subnet(network, 'fd00::/126', { enableDhcp: false });
  const wish = (address: string) => () => cluster.tryToPort(network, { fixedIps: [{ subnetId: subnet.id, address: at(address) }] });
  assertRefused(cluster, wish('fd00::'), 'invalid_ip_for_subnet');
  assertRefused(cluster, wish('fd00::4'), 'invalid_ip_for_subnet');
  assertRefused(cluster, wish('fd00::1'), 'ip_address_already_allocated');
  const inNone = { subnetId: undefined, address: at('fd01::1') };
  assertRefused(cluster, () => cluster.tryToPort(network, { fixedIps: [inNone] }), 'invalid_ip_for_network');
  const named = cluster.do(wish('fd00::2')()).port;
  assertRefused(cluster, wish('fd00::2'), 'ip_address_already_allocated');
  assert.deepEqual(addresses(cluster.port(network)), ['fd00::3']);
  assertRefused(cluster, () => cluster.tryToPort(network), 'ip_address_generation_failure');
  cluster.do(deletePort(cluster.state, cluster.context, named.id));
  assert.deepEqual(addresses(cluster.port(network)), ['fd00::2']);
});

test('on a subnet where MACs make the addresses another one is refused, and that one is given to who names the subnet', () => {
  const { cluster, network } = withNetwork();
  const subnet = cluster.subnet(network, 'fd00::/64', SLAAC);
  const wish = (address?: string) => () =>
    cluster.tryToPort(network, {
      mac: MAC,
      fixedIps: [{ subnetId: subnet.id, address: address === undefined ? undefined : at(address) }],
    });
  assertRefused(cluster, wish('fd00::5'), 'address_of_other_mac', /configured for automatic addresses/);
  assert.deepEqual(addresses(wish()().port), ['fd00::ff:fe00:1']);
  assert.deepEqual(addresses(cluster.do(wish('fd00::ff:fe00:1')()).port), ['fd00::ff:fe00:1']);
});

test('with its MAC a port’s own-made addresses move', () => {
  const { cluster, network } = withNetwork();
  cluster.subnet(network, '10.0.0.0/24');
  cluster.subnet(network, 'fd00::/64', SLAAC);
  const port = cluster.port(network, { mac: MAC });
  const moved = update(cluster, port, { mac: parseMac('02:00:00:00:00:02') });
  assert.deepEqual(addresses(moved), [addresses(port)[0], 'fd00::ff:fe00:2']);
});

test('a new subnet where MACs make the addresses gives every port but a router’s one, and takes it along', () => {
  const { cluster, network } = withNetwork();
  const four = cluster.subnet(network, '10.0.0.0/24');
  const plain = { name: '', description: '', adminStateUp: true, externalGateway: undefined };
  const { router } = cluster.do(createRouter(cluster.state, cluster.context, { tenantId: network.tenantId, ...plain }));
  const { port: routed } = cluster.do(
    addRouterInterface(cluster.state, cluster.context, router.id, { subnetId: four.id, portId: undefined }),
  );
  const port = cluster.port(network, { mac: MAC });
  const subnet = cluster.subnet(network, 'fd00::/64', SLAAC);
  const now = (id: Port['id']): readonly IpAddress[] => addresses(cluster.state.ports.get(id)!);
  assert.deepEqual(now(port.id), [...addresses(port), 'fd00::ff:fe00:1']);
  assert.deepEqual(now(routed.id), ['10.0.0.1']);
  assert.equal(cluster.state.ports.get(port.id)?.revision, port.revision + 1);
  cluster.do(deleteSubnet(cluster.state, cluster.context, subnet.id));
  assert.deepEqual(now(port.id), addresses(port));
  const again = cluster.subnet(network, 'fd00::/64', SLAAC);
  cluster.do(addRouterInterface(cluster.state, cluster.context, router.id, { subnetId: again.id, portId: undefined }));
  assertRefused(cluster, () => deleteSubnet(cluster.state, cluster.context, again.id), 'subnet_in_use', /One or more ports/);
  assertRefused(cluster, () => deleteNetwork(cluster.state, network.id), 'network_in_use');
});
