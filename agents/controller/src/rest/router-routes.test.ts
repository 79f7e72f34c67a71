import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertNeutron, make, makeNetwork, nodeId, openRest } from './rest-support.ts';
import type { Call, Reply, TestRest } from './rest-support.ts';
import { settle } from '../test-support.ts';
import { Status } from '@weft/ssntp/operands';

const NOBODY = '00000000-0000-4000-8000-00000000dead';
type Body = Readonly<Record<string, unknown>>;

const id = (object: Readonly<Record<string, unknown>>): string => String(object['id']);
const router = (call: Call, body: object = {}): Promise<string> => make(call, 'routers', 'router', { name: 'r', ...body }).then(id);
const put = (call: Call, routerId: string, body: object): Promise<Reply> => call('PUT', `/v2.0/routers/${routerId}`, { router: body });
const act = (call: Call, routerId: string, action: string, body: object): Promise<Reply> =>
  call('PUT', `/v2.0/routers/${routerId}/${action}`, body);
const add = (call: Call, routerId: string, subnet: string): Promise<Reply> =>
  act(call, routerId, 'add_router_interface', { subnet_id: subnet });
const remove = (call: Call, routerId: string, subnet: string): Promise<Reply> =>
  act(call, routerId, 'remove_router_interface', { subnet_id: subnet });

async function outside(rest: TestRest, cidr = '203.0.113.0/24', more: object = {}): Promise<Readonly<{ network: string; subnet: string }>> {
  const network = id(await make(rest.admin, 'networks', 'network', { name: 'outside', 'router:external': true }));
  const subnet = { network_id: network, ip_version: 4, cidr, enable_dhcp: false, ...more };
  return { network, subnet: id(await make(rest.admin, 'subnets', 'subnet', subnet)) };
}

/** Answers all that waits for a place. */
async function place(rest: TestRest): Promise<void> {
  for (const payload of rest.link.take('COMMAND START')) {
    const { start } = payload as { start: { instance_uuid: string } };
    rest.link.routed(nodeId(9), Status.Reply, { instance_uuid: start.instance_uuid, node_uuid: nodeId(2) });
  }
  await settle();
}

test('a router is made, gets an interface and a gateway, loses them and is deleted', async () => {
  await using rest = await openRest();
  const call = await rest.as('red');
  const { network, subnet } = await makeNetwork(call);
  const ext = await outside(rest);
  const routerId = await router(call, { external_gateway_info: { network_id: ext.network } });
  const shown = (await call('GET', `/v2.0/routers/${routerId}`)).body['router'] as Body;
  const gateway = shown['external_gateway_info'] as Readonly<{ enable_snat: boolean; external_fixed_ips: readonly Body[] }>;
  assert.deepEqual([gateway.enable_snat, gateway.external_fixed_ips[0]?.['subnet_id']], [true, ext.subnet]);
  assert.deepEqual([shown['routes'], shown['admin_state_up'], shown['flavor_id']], [[], true, null]);
  const added = await add(call, routerId, subnet);
  assert.deepEqual(
    [added.status, added.body['subnet_ids'], added.body['network_id'], added.body['id']],
    [200, [subnet], network, routerId],
  );
  const port = (await call('GET', `/v2.0/ports/${String(added.body['port_id'])}`)).body['port'] as Body;
  const { device_owner, device_id, fixed_ips, security_groups, port_security_enabled } = port;
  assert.deepEqual([device_owner, device_id, security_groups, port_security_enabled], ['network:router_interface', routerId, [], false]);
  assert.deepEqual(fixed_ips, [{ subnet_id: subnet, ip_address: '10.0.0.1' }]);
  assert.equal((await remove(call, routerId, subnet)).status, 200);
  assert.equal((await call('GET', `/v2.0/ports/${String(added.body['port_id'])}`)).status, 404);
  for (const clear of [{}, null]) {
    const cleared = await put(call, routerId, { external_gateway_info: clear });
    assert.equal((cleared.body['router'] as Body)['external_gateway_info'], null);
  }
  assert.equal((await call('DELETE', `/v2.0/routers/${routerId}`)).status, 204);
  assertNeutron(await call('GET', `/v2.0/routers/${routerId}`), 404, 'RouterNotFound', /could not be found/);
});

test('a subnet on a router leaves the automatic gateway in the same commit, and comes back', async () => {
  await using rest = await openRest();
  const call = await rest.as('red');
  const { network, subnet } = await makeNetwork(call);
  const { state } = rest.controller.cluster;
  const served = (): string | undefined => state.gatewayOfSubnet(subnet as never)?.routerId;
  const routerId = await router(call);
  assert.equal(served(), undefined);
  await add(call, routerId, subnet);
  assert.equal(served(), routerId);
  assert.equal([...state.gatewaysOf(state.networks.get(network as never)!)].length, 1, 'one gateway, not two');
  await remove(call, routerId, subnet);
  assert.deepEqual([served(), state.gatewayOfSubnet(subnet as never) !== undefined], [undefined, true]);
});

test('a floating IP leads through the router between its port’s subnet and its network, and says so', async () => {
  await using rest = await openRest();
  const call = await rest.as('red');
  const { network, subnet } = await makeNetwork(call);
  const ext = await outside(rest);
  const routerId = await router(call);
  await add(call, routerId, subnet);
  const port = id(await make(call, 'ports', 'port', { network_id: network }));
  const wish = { floatingip: { floating_network_id: ext.network, port_id: port } };
  assertNeutron(await call('POST', '/v2.0/floatingips', wish), 404, 'ExternalGatewayForFloatingIPNotFound', /not reachable from subnet/);
  assert.equal((await put(call, routerId, { external_gateway_info: { network_id: ext.network } })).status, 200);
  await place(rest);
  const floating = (await call('POST', '/v2.0/floatingips', wish)).body['floatingip'] as Body;
  assert.equal(floating['router_id'], routerId);
  const listed = await call('GET', `/v2.0/floatingips?router_id=${routerId}`);
  assert.equal((listed.body['floatingips'] as readonly unknown[]).length, 1);
  assertNeutron(await remove(call, routerId, subnet), 409, 'RouterInterfaceInUseByFloatingIP', /required by one or more floating IPs/);
  assertNeutron(
    await put(call, routerId, { external_gateway_info: null }),
    409,
    'RouterExternalGatewayInUseByFloatingIp',
    /required by one or more floating IPs/,
  );
  const concentrator = [...rest.controller.cluster.state.concentrators.values()].find((each) => each.routerId === routerId);
  assert.equal(concentrator?.nodeId, nodeId(2), 'its own concentrator is placed as any');
  await call('PUT', `/v2.0/floatingips/${id(floating)}`, { floatingip: { port_id: null } });
  assert.equal((await remove(call, routerId, subnet)).status, 200);
});

test('every refusal of an interface has the status and type that clients branch on, and changes nothing', async () => {
  await using rest = await openRest();
  const [call, blue] = [await rest.as('red'), await rest.as('blue')];
  const { network, subnet } = await makeNetwork(call);
  const other = await makeNetwork(call, '10.1.0.0/24');
  const foreign = await makeNetwork(blue);
  const [routerId, second] = [await router(call), await router(call)];
  const added = await add(call, routerId, subnet);
  const port = id(await make(call, 'ports', 'port', { network_id: other.network }));
  const used = id(await make(call, 'ports', 'port', { network_id: other.network, device_id: 'somebody' }));
  const bare = id(await make(call, 'ports', 'port', { network_id: other.network, fixed_ips: [] }));
  const two = id(
    await make(call, 'ports', 'port', { network_id: other.network, fixed_ips: [{ subnet_id: other.subnet }, { subnet_id: other.subnet }] }),
  );
  const noGateway = id(
    await make(call, 'subnets', 'subnet', { network_id: network, ip_version: 4, cidr: '10.3.0.0/24', gateway_ip: null }),
  );
  // On the other router, so that the automatic gateway does not have both.
  await add(call, second, other.subnet);
  const inner = await makeNetwork(call, '10.0.0.0/25');
  const cases: readonly (readonly [action: string, body: object, status: number, type: string, message: RegExp])[] = [
    ['add', {}, 400, 'BadRequest', /Either subnet_id or port_id/],
    ['add', { subnet_id: subnet, port_id: port }, 400, 'BadRequest', /both/],
    ['add', { nonsense: 1 }, 400, 'HTTPBadRequest', /nonsense/],
    ['add', { subnet_id: 'x' }, 400, 'HTTPBadRequest', /not a valid UUID/],
    ['add', { subnet_id: subnet }, 400, 'BadRequest', /already has a port on subnet/],
    ['add', { subnet_id: inner.subnet }, 400, 'BadRequest', /overlaps with cidr 10\.0\.0\.0\/24/],
    ['add', { subnet_id: noGateway }, 400, 'BadRequest', /must have a gateway IP/],
    ['add', { subnet_id: other.subnet }, 409, 'IpAddressAlreadyAllocated', /10\.1\.0\.1 already allocated/],
    ['add', { subnet_id: NOBODY }, 404, 'SubnetNotFound', /could not be found/],
    ['add', { subnet_id: foreign.subnet }, 404, 'SubnetNotFound', /could not be found/],
    ['add', { port_id: NOBODY }, 404, 'PortNotFound', /could not be found/],
    ['add', { port_id: used }, 409, 'PortInUse', /already has an attached device/],
    ['add', { port_id: bare }, 400, 'BadRequest', /at least one fixed IP/],
    ['add', { port_id: two }, 400, 'BadRequest', /multiple IPv4 subnets/],
    ['remove', {}, 400, 'BadRequest', /Either subnet_id or port_id/],
    ['remove', { subnet_id: NOBODY }, 404, 'SubnetNotFound', /could not be found/],
    ['remove', { subnet_id: other.subnet }, 404, 'RouterInterfaceNotFoundForSubnet', /no interface on subnet/],
    ['remove', { port_id: port }, 404, 'RouterInterfaceNotFound', /does not have an interface/],
    ['remove', { port_id: added.body['port_id'], subnet_id: other.subnet }, 400, 'SubnetMismatchForPort', /does not match/],
  ];
  const before = JSON.stringify([...rest.controller.cluster.state.all()]);
  for (const [action, body, status, type, message] of cases)
    assertNeutron(await act(call, routerId, `${action}_router_interface`, body), status, type, message);
  assertNeutron(await call('DELETE', `/v2.0/routers/${routerId}`), 409, 'RouterInUse', /has ports still attached/);
  assertNeutron(await blue('DELETE', `/v2.0/routers/${routerId}`), 404, 'RouterNotFound', /could not be found/);
  assertNeutron(await add(blue, routerId, foreign.subnet), 404, 'RouterNotFound', /could not be found/);
  assert.equal(JSON.stringify([...rest.controller.cluster.state.all()]), before);
  assert.equal((await act(call, second, 'remove_router_interface', { subnet_id: other.subnet })).status, 200);
  assert.equal((await act(call, second, 'add_router_interface', { port_id: port })).status, 200, 'a port of one’s own');
});

test('off its router a subnet must not overlap with another one of the automatic gateway', async () => {
  await using rest = await openRest();
  const call = await rest.as('red');
  const { subnet } = await makeNetwork(call);
  const routerId = await router(call);
  await add(call, routerId, subnet);
  await makeNetwork(call, '10.0.0.0/25');
  assertNeutron(await remove(call, routerId, subnet), 409, 'Conflict', /would overlap with subnet .* \(10\.0\.0\.0\/25\)/);
});

test('a router’s port is neither deleted, moved nor forged', async () => {
  await using rest = await openRest();
  const [call, blue] = [await rest.as('red'), await rest.as('blue')];
  const { subnet } = await makeNetwork(call);
  const foreign = await makeNetwork(blue);
  const routerId = await router(call);
  const port = `/v2.0/ports/${String((await add(call, routerId, subnet)).body['port_id'])}`;
  assertNeutron(await call('DELETE', port), 409, 'ServicePortInUse', /cannot be deleted directly via the port API/);
  const moved = { port: { fixed_ips: [{ ip_address: '10.0.0.9' }] } };
  assertNeutron(await call('PUT', port, moved), 400, 'BadRequest', /IP updates for port .* are not allowed/);
  assertNeutron(await call('PUT', port, { port: { device_id: '' } }), 400, 'BadRequest', /stays an interface of router/);
  const forged = { network_id: foreign.network, device_owner: 'network:router_interface', device_id: routerId };
  assertNeutron(await blue('POST', '/v2.0/ports', { port: forged }), 400, 'BadRequest', /cannot be set/);
  assert.equal((await call('PUT', port, { port: { name: 'leg' } })).status, 200);
});

test('gateways: what cannot be is refused, and how it looks outside is the operator’s', async () => {
  await using rest = await openRest();
  const call = await rest.as('red');
  const { network } = await makeNetwork(call);
  const pool = [{ start: '203.0.113.20', end: '203.0.113.20' }];
  const ext = await outside(rest, '203.0.113.0/24', { allocation_pools: pool });
  const [first, second] = [await router(call), await router(call)];
  const gateway = (routerId: string, info: object, who = call): Promise<Reply> => put(who, routerId, { external_gateway_info: info });
  assertNeutron(await gateway(first, { network_id: network }), 400, 'BadRequest', /is not an external network/);
  assertNeutron(await gateway(first, { network_id: NOBODY }), 404, 'NetworkNotFound', /could not be found/);
  assertNeutron(await gateway(first, { enable_snat: true }), 400, 'HTTPBadRequest', /network_id/);
  const told = { network_id: ext.network, enable_snat: false };
  assertNeutron(await gateway(first, told), 403, 'PolicyNotAuthorized', /enable_snat/);
  const fixed = { network_id: ext.network, external_fixed_ips: [{ ip_address: '203.0.113.77' }] };
  assertNeutron(await gateway(first, fixed), 403, 'PolicyNotAuthorized', /external_fixed_ips/);
  assert.equal((await gateway(first, told, rest.admin)).status, 200);
  assertNeutron(await gateway(second, { network_id: ext.network }), 400, 'ExternalIpAddressExhausted', /Unable to find any IP address/);
  assert.equal((await gateway(second, fixed, rest.admin)).status, 200, 'an address outside the pools that the operator names');
  const taken = { network_id: ext.network, external_fixed_ips: [{ ip_address: '203.0.113.77' }] };
  assertNeutron(await gateway(first, taken, rest.admin), 409, 'IpAddressAlreadyAllocated', /already allocated/);
  assertNeutron(await rest.admin('DELETE', `/v2.0/networks/${ext.network}`), 409, 'ExternalNetworkInUse', /external gateway of router/);
  assertNeutron(await rest.admin('DELETE', `/v2.0/subnets/${ext.subnet}`), 409, 'SubnetInUse', /IP allocation from this subnet/);
  const changed = { 'router:external': false };
  assertNeutron(
    await rest.admin('PUT', `/v2.0/networks/${ext.network}`, { network: changed }),
    409,
    'ExternalNetworkInUse',
    /cannot become/,
  );
});

test('static routes: all at once, some more and some less, by next hops on subnets of the router', async () => {
  await using rest = await openRest();
  const call = await rest.as('red');
  const { subnet } = await makeNetwork(call);
  const routerId = await router(call);
  await add(call, routerId, subnet);
  const [a, b] = ['172.16.0.0/12', '192.0.2.0/24'].map((destination) => ({ destination, nexthop: '10.0.0.9' }));
  const routes = (reply: Reply): unknown => (reply.body['router'] as Body)['routes'];
  assert.deepEqual(routes(await put(call, routerId, { routes: [a] })), [a]);
  assert.deepEqual(routes(await act(call, routerId, 'add_extraroutes', { router: { routes: [a, b] } })), [a, b], 'identical is fine');
  assertNeutron(await remove(call, routerId, subnet), 409, 'RouterInterfaceInUseByRoute', /required by one or more routes/);
  assert.deepEqual(routes(await act(call, routerId, 'remove_extraroutes', { router: { routes: [a] } })), [b]);
  assert.deepEqual(routes(await act(call, routerId, 'remove_extraroutes', { router: { routes: [a, b] } })), [], 'absent is fine');
  const bad: readonly (readonly [object, number, string, RegExp])[] = [
    [{ destination: '172.16.0.0/12', nexthop: '10.9.0.9' }, 400, 'InvalidRoutes', /not connected with router/],
    [{ destination: '172.16.0.0/12', nexthop: '10.0.0.1' }, 400, 'InvalidRoutes', /used by router/],
    [{ destination: '0.0.0.0/0', nexthop: '10.0.0.9' }, 400, 'InvalidRoutes', /external gateway/],
    [{ destination: '10.0.0.0/24', nexthop: '10.0.0.9' }, 400, 'InvalidRoutes', /a subnet of the router/],
    [{ destination: '172.16.0.0/12' }, 400, 'HTTPBadRequest', /nexthop/],
  ];
  for (const [route, status, type, message] of bad) assertNeutron(await put(call, routerId, { routes: [route] }), status, type, message);
  const many = Array.from({ length: 31 }, (_, n) => ({ destination: `172.16.${n}.0/24`, nexthop: '10.0.0.9' }));
  assertNeutron(await put(call, routerId, { routes: many }), 400, 'RoutesExhausted', /exceeds the maximum 30/);
});
