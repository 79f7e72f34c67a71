import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertNeutron, make, makeNetwork, openRest } from './rest-support.ts';
import type { Call, Reply, TestRest } from './rest-support.ts';

type Scene = Readonly<{ rest: TestRest; call: Call; network: string; subnet: string }>;

const ROUTE = { destination: '172.16.0.0/12', nexthop: '10.0.0.9' };
const put =
  (subnet: object) =>
  ({ call, subnet: id }: Scene): Promise<Reply> =>
    call('PUT', `/v2.0/subnets/${id}`, { subnet });
const post =
  (subnet: object) =>
  ({ call, network }: Scene): Promise<Reply> =>
    call('POST', '/v2.0/subnets', { subnet: { network_id: network, ip_version: 4, cidr: '10.5.0.0/24', ...subnet } });

/** Rows of neutron-api.md §4.2, each with what it must leave unchanged. */
const REFUSALS: Readonly<Record<string, readonly [(scene: Scene) => Promise<Reply>, number, string, RegExp]>> = {
  'no cidr': [post({ cidr: undefined }), 400, 'BadRequest', /a subnetpool must be specified in the absence of a cidr/],
  'another cidr': [put({ cidr: '10.1.0.0/24' }), 400, 'HTTPBadRequest', /Cannot update read-only attribute cidr/],
  'another ip_version': [put({ ip_version: 4 }), 400, 'HTTPBadRequest', /Cannot update read-only attribute ip_version/],
  'another network': [put({ network_id: 'x' }), 400, 'HTTPBadRequest', /Cannot update read-only attribute network_id/],
  'a broadcast address for gateway': [
    post({ gateway_ip: '10.5.0.255' }),
    400,
    'InvalidInput',
    /Gateway 10\.5\.0\.255 is not valid on subnet/,
  ],
  'a gateway inside a pool': [put({ gateway_ip: '10.0.0.7' }), 409, 'GatewayConflictWithAllocationPools', /10\.0\.0\.7 conflicts/],
  'a pool outside the cidr': [
    put({ allocation_pools: [{ start: '10.0.0.2', end: '10.0.1.9' }] }),
    400,
    'OutOfBoundsAllocationPool',
    /spans beyond the subnet cidr/,
  ],
  'a pool from end to start': [
    put({ allocation_pools: [{ start: '10.0.0.9', end: '10.0.0.2' }] }),
    400,
    'InvalidAllocationPool',
    /is not valid/,
  ],
  'overlapping pools': [
    put({
      allocation_pools: [
        { start: '10.0.0.2', end: '10.0.0.9' },
        { start: '10.0.0.9', end: '10.0.0.12' },
      ],
    }),
    409,
    'OverlappingAllocationPools',
    /overlapping allocation pools/,
  ],
  'six name servers': [
    put({ dns_nameservers: [1, 2, 3, 4, 5, 6].map((n) => `9.9.9.${n}`) }),
    400,
    'DNSNameServersExhausted',
    /More than 5 DNS nameservers/,
  ],
  'a name server twice': [put({ dns_nameservers: ['9.9.9.9', '9.9.9.9'] }), 400, 'HTTPBadRequest', /Duplicate nameserver/],
  'twenty-one host routes': [
    put({ host_routes: Array.from({ length: 21 }, (_, n) => ({ ...ROUTE, destination: `172.16.${n}.0/24` })) }),
    400,
    'HostRoutesExhausted',
    /More than 20 host routes/,
  ],
  'a host route twice': [put({ host_routes: [ROUTE, ROUTE] }), 400, 'HTTPBadRequest', /Duplicate hostroute/],
  'half a host route': [put({ host_routes: [{ nexthop: '10.0.0.9' }] }), 400, 'HTTPBadRequest', /Invalid data format for hostroute/],
  'a host route with more in it': [put({ host_routes: [{ ...ROUTE, metric: 1 }] }), 400, 'HTTPBadRequest', /'metric' is not expected/],
  'a host route to no prefix': [put({ host_routes: [{ ...ROUTE, destination: 'x' }] }), 400, 'HTTPBadRequest', /not a valid IP subnet/],
  'service types of a member': [put({ service_types: ['compute:nova'] }), 403, 'PolicyNotAuthorized', /update_subnet:service_types/],
  'service types of a member’s new subnet': [
    post({ service_types: ['compute:nova'] }),
    403,
    'PolicyNotAuthorized',
    /create_subnet:service_types/,
  ],
  'a service type that is no owner': [
    ({ rest, subnet }) => rest.admin('PUT', `/v2.0/subnets/${subnet}`, { subnet: { service_types: ['web'] } }),
    400,
    'InvalidSubnetServiceType',
    /web does not correspond to a valid device owner/,
  ],
};

test('what a subnet cannot be is refused in the words of the API, and changes nothing', async (t) => {
  await using rest = await openRest();
  const call = await rest.as('red');
  const scene = { rest, call, ...(await makeNetwork(call)) };
  for (const [name, [act, status, type, message]] of Object.entries(REFUSALS)) {
    await t.test(name, async () => {
      const { revision } = rest.store.model;
      assertNeutron(await act(scene), status, type, message);
      assert.equal(rest.store.model.revision, revision, 'nothing was written');
    });
  }
});

test('host routes and service types are kept, shown and taken away', async () => {
  await using rest = await openRest();
  const call = await rest.as('red');
  const scene = { rest, call, ...(await makeNetwork(call)) };
  const view = async (reply: Promise<Reply>): Promise<Record<string, unknown>> => (await reply).body['subnet'] as Record<string, unknown>;
  const made = await view(post({ host_routes: [ROUTE], service_types: [] })(scene));
  assert.deepEqual([made['host_routes'], made['service_types']], [[ROUTE], []]);
  assert.deepEqual((await view(put({ host_routes: [ROUTE] })(scene)))['host_routes'], [ROUTE]);
  assert.deepEqual((await view(put({ host_routes: null })(scene)))['host_routes'], []);
  const asAdmin = { ...scene, call: rest.admin };
  assert.deepEqual((await view(put({ service_types: ['compute:nova'] })(asAdmin)))['service_types'], ['compute:nova']);
  assertNeutron(
    await call('POST', '/v2.0/ports', { port: { network_id: scene.network, fixed_ips: [{ subnet_id: scene.subnet }] } }).then((reply) =>
      reply.status === 201 ? call('DELETE', `/v2.0/subnets/${scene.subnet}`) : reply,
    ),
    409,
    'SubnetInUse',
    /One or more ports have an IP allocation/,
  );
});

test('a network whose subnets are all kept for others has no address for a port', async () => {
  await using rest = await openRest();
  const call = await rest.as('red');
  const { network, subnet } = await makeNetwork(call);
  await rest.admin('PUT', `/v2.0/subnets/${subnet}`, { subnet: { service_types: ['compute:nova'] } });
  const refused = await call('POST', '/v2.0/ports', { port: { network_id: network } });
  assertNeutron(refused, 409, 'IpAddressGenerationFailureNoMatchingSubnet', /No valid service subnet/);
  const port = await make(call, 'ports', 'port', { network_id: network, device_owner: 'compute:nova' });
  assert.match(JSON.stringify(port['fixed_ips']), new RegExp(subnet));
});

test('the gateway moves while nobody holds it, and is in use while a router’s interface has it', async () => {
  await using rest = await openRest();
  const call = await rest.as('red');
  const network = String((await make(call, 'networks', 'network', {}))['id']);
  const pools = [{ start: '10.0.0.100', end: '10.0.0.200' }];
  const made = await make(call, 'subnets', 'subnet', { network_id: network, ip_version: 4, cidr: '10.0.0.0/24', allocation_pools: pools });
  const path = `/v2.0/subnets/${String(made['id'])}`;
  const moved = await call('PUT', path, { subnet: { gateway_ip: '10.0.0.254' } });
  assert.deepEqual([moved.status, (moved.body['subnet'] as Record<string, unknown>)['gateway_ip']], [200, '10.0.0.254']);
  await make(call, 'ports', 'port', { network_id: network, fixed_ips: [{ ip_address: '10.0.0.9' }] });
  assertNeutron(await call('PUT', path, { subnet: { gateway_ip: '10.0.0.9' } }), 409, 'IpAddressInUse', /10\.0\.0\.9 is in use/);
  const router = String((await make(call, 'routers', 'router', {}))['id']);
  assert.equal((await call('PUT', `/v2.0/routers/${router}/add_router_interface`, { subnet_id: made['id'] })).status, 200);
  for (const gateway_ip of ['10.0.0.7', null]) {
    assertNeutron(await call('PUT', path, { subnet: { gateway_ip } }), 409, 'GatewayIpInUse', /10\.0\.0\.254 already in use by port/);
  }
});
