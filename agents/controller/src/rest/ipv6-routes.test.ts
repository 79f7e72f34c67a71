import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertNeutron, make, makeNetwork, openRest } from './rest-support.ts';
import type { Call } from './rest-support.ts';

type Body = Readonly<Record<string, unknown>>;
const id = (object: Body): string => String(object['id']);

const subnet6 = (call: Call, network: string, cidr: string, more: object = {}): Promise<Body> =>
  make(call, 'subnets', 'subnet', { network_id: network, ip_version: 6, cidr, ...more });

async function idsOf(call: Call, url: string): Promise<readonly string[]> {
  const reply = await call('GET', url);
  const [list] = Object.values(reply.body) as unknown as readonly Body[][];
  return (list ?? []).map(id);
}

test('an IPv6 subnet is shown as it was made, in canonical form, with what follows from it', async () => {
  await using rest = await openRest();
  const call = await rest.as('red');
  const { network } = await makeNetwork(call);
  const modes = { ipv6_ra_mode: 'dhcpv6-stateful', ipv6_address_mode: 'dhcpv6-stateful' };
  const made = await subnet6(call, network, 'FD00:0009:0::5/64', { ...modes, dns_nameservers: ['fd00:9:0:0::53'] });
  const { ip_version, cidr, gateway_ip, allocation_pools, ipv6_ra_mode, ipv6_address_mode, dns_nameservers, host_routes } = made;
  assert.deepEqual(
    { ip_version, cidr, gateway_ip, allocation_pools, ipv6_ra_mode, ipv6_address_mode, dns_nameservers, host_routes },
    {
      ip_version: 6,
      cidr: 'fd00:9::/64',
      gateway_ip: 'fd00:9::1',
      allocation_pools: [{ start: 'fd00:9::2', end: 'fd00:9::ffff:ffff:ffff:ffff' }],
      ...modes,
      dns_nameservers: ['fd00:9::53'],
      host_routes: [],
    },
  );
  const changed = await call('PUT', `/v2.0/subnets/${id(made)}`, { subnet: { gateway_ip: 'fd00:9::a', allocation_pools: [] } });
  const { gateway_ip: gateway, allocation_pools: pools } = changed.body['subnet'] as Body;
  assert.deepEqual([changed.status, gateway, pools], [200, 'fd00:9::a', []]);
  const plain = await subnet6(call, network, 'fd00:a::/64');
  assert.deepEqual([plain['ipv6_ra_mode'], plain['ipv6_address_mode']], [null, null]);
});

test('subnets and ports are found by addresses of any form, and by IP version', async () => {
  await using rest = await openRest();
  const call = await rest.as('red');
  const { network, subnet } = await makeNetwork(call);
  const six = id(await subnet6(call, network, 'fd00:9::/64', { ipv6_ra_mode: 'slaac', ipv6_address_mode: 'slaac' }));
  const port = await make(call, 'ports', 'port', { network_id: network, mac_address: '02:00:00:00:00:01' });
  assert.deepEqual((port['fixed_ips'] as unknown as readonly Body[])[1], { subnet_id: six, ip_address: 'fd00:9::ff:fe00:1' });
  assert.deepEqual(await idsOf(call, '/v2.0/subnets?ip_version=6'), [six]);
  assert.deepEqual(await idsOf(call, '/v2.0/subnets?ip_version=4'), [subnet]);
  assert.deepEqual(await idsOf(call, '/v2.0/subnets?ipv6_ra_mode=slaac'), [six]);
  assert.deepEqual(await idsOf(call, '/v2.0/subnets?gateway_ip=FD00:9:0::1'), [six]);
  assert.deepEqual(await idsOf(call, '/v2.0/subnets?cidr=fd00:0009::/64'), [six]);
  assert.deepEqual(await idsOf(call, '/v2.0/ports?fixed_ips=ip_address=FD00:9:0:0:0:ff:fe00:1'), [id(port)]);
  assert.deepEqual(await idsOf(call, '/v2.0/ports?fixed_ips=ip_address=fd00:9::ff:fe00:2'), []);
  assert.deepEqual(await idsOf(call, '/v2.0/ports?fixed_ips=ip_address_substr=fe00:1'), [id(port)]);
});

test('a SLAAC subnet gives ports their address in the same step, which a dry run tells, and takes it along', async () => {
  await using rest = await openRest();
  const call = await rest.as('red');
  const { network } = await makeNetwork(call);
  const port = id(await make(call, 'ports', 'port', { network_id: network, mac_address: '02:00:00:00:00:01' }));
  const addresses = async (): Promise<readonly unknown[]> => {
    const { body } = await call('GET', `/v2.0/ports/${port}`);
    return ((body['port'] as Body)['fixed_ips'] as readonly Body[]).map((fixed) => fixed['ip_address']);
  };
  const before = await addresses();
  const wish = { network_id: network, ip_version: 6, cidr: 'fd00:9::/64', ipv6_ra_mode: 'slaac', ipv6_address_mode: 'slaac' };
  const asked = await call('POST', '/v2.0/subnets?dry_run=true', { subnet: wish });
  assert.match(asked.raw, new RegExp(port), 'the port is among what would change');
  assert.deepEqual(await addresses(), before);
  const subnet = id(await make(call, 'subnets', 'subnet', wish));
  assert.deepEqual(await addresses(), [...before, 'fd00:9::ff:fe00:1']);
  assert.equal((await call('DELETE', `/v2.0/subnets/${subnet}`)).status, 204);
  assert.deepEqual(await addresses(), before);
});

test('an address pair may be of IPv6, and is shown as it was written', async () => {
  await using rest = await openRest();
  const call = await rest.as('red');
  const { network } = await makeNetwork(call);
  const port = await make(call, 'ports', 'port', {
    network_id: network,
    mac_address: '02:00:00:00:00:01',
    allowed_address_pairs: [{ ip_address: 'fd00:9::5' }, { ip_address: 'fd00:8::/64' }],
  });
  assert.deepEqual(port['allowed_address_pairs'], [
    { ip_address: 'fd00:9::5', mac_address: '02:00:00:00:00:01' },
    { ip_address: 'fd00:8::/64', mac_address: '02:00:00:00:00:01' },
  ]);
});

test('all IPv6 subnets of a network are on one interface of a router, and leave it one by one', async () => {
  await using rest = await openRest();
  const call = await rest.as('red');
  const { network, subnet: four } = await makeNetwork(call);
  const [a, b] = [id(await subnet6(call, network, 'fd00:a::/64')), id(await subnet6(call, network, 'fd00:b::/64'))];
  const router = id(await make(call, 'routers', 'router', { name: 'r' }));
  const act = async (action: string, body: object): Promise<Body> => {
    const reply = await call('PUT', `/v2.0/routers/${router}/${action}_router_interface`, body);
    assert.equal(reply.status, 200, reply.raw);
    return reply.body;
  };
  const [first, second, third] = [
    await act('add', { subnet_id: four }),
    await act('add', { subnet_id: a }),
    await act('add', { subnet_id: b }),
  ];
  assert.notEqual(first['port_id'], second['port_id']);
  assert.equal(second['port_id'], third['port_id']);
  assert.deepEqual([third['subnet_id'], third['subnet_ids']], [b, [b]]);
  const port = `/v2.0/ports/${String(second['port_id'])}`;
  const fixed = async (): Promise<unknown> => ((await call('GET', port)).body['port'] as Body)['fixed_ips'];
  assert.deepEqual(await fixed(), [
    { subnet_id: a, ip_address: 'fd00:a::1' },
    { subnet_id: b, ip_address: 'fd00:b::1' },
  ]);
  const routes = [{ destination: 'fd99::/48', nexthop: 'fd00:b::9' }];
  const routed = await call('PUT', `/v2.0/routers/${router}`, { router: { routes } });
  assert.deepEqual((routed.body['router'] as Body)['routes'], routes);
  await act('remove', { subnet_id: a });
  assert.deepEqual(await fixed(), [{ subnet_id: b, ip_address: 'fd00:b::1' }]);
  const held = await call('PUT', `/v2.0/routers/${router}/remove_router_interface`, { subnet_id: b });
  assertNeutron(held, 409, 'RouterInterfaceInUseByRoute', /required by one or more routes/);
  await call('PUT', `/v2.0/routers/${router}`, { router: { routes: [] } });
  assert.deepEqual((await act('remove', { port_id: second['port_id'] }))['subnet_ids'], [b]);
  assert.equal((await call('GET', port)).status, 404);
});
