import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertNeutron, make, makeNetwork, openRest } from './rest-support.ts';
import type { Call, Reply, TestRest } from './rest-support.ts';

type View = Readonly<Record<string, unknown>>;
type Scene = Readonly<{ rest: TestRest; call: Call; network: string; subnet: string; port: string }>;

async function openScene(): Promise<Scene & AsyncDisposable> {
  const rest = await openRest();
  const call = await rest.as('red');
  const made = await makeNetwork(call);
  const port = String((await make(call, 'ports', 'port', { network_id: made.network }))['id']);
  return { rest, call, ...made, port, [Symbol.asyncDispose]: () => rest[Symbol.asyncDispose]() };
}

const put =
  (port: object, who: 'call' | 'admin' = 'call') =>
  ({ rest, call, port: id }: Scene): Promise<Reply> =>
    (who === 'admin' ? rest.admin : call)('PUT', `/v2.0/ports/${id}`, { port });
const post =
  (port: object) =>
  ({ call, network }: Scene): Promise<Reply> =>
    call('POST', '/v2.0/ports', { port: { network_id: network, ...port } });
const view = async (reply: Promise<Reply>): Promise<View> => {
  const { body, raw } = await reply;
  assert.ok(body['port'] !== undefined, raw);
  return body['port'] as View;
};
const option = (opt_name: string, opt_value: unknown, more: object = {}): object => ({
  extra_dhcp_opts: [{ opt_name, opt_value, ...more }],
});

type Refusal = readonly [act: (scene: Scene) => Promise<Reply>, status: number, type: string, message: RegExp];

/** Rows of neutron-api.md §5.1 to §5.3, each with what it must leave unchanged. */
const REFUSALS: Readonly<Record<string, Refusal>> = {
  'a host name that is none': [
    post({ dns_name: 'a_b' }),
    400,
    'HTTPBadRequest',
    /Invalid input for dns_name.*'a_b' not a valid PQDN or FQDN/,
  ],
  'a host name with a newline': [put({ dns_name: 'a\nb' }), 400, 'HTTPBadRequest', /not a valid PQDN or FQDN/],
  'a whole name of another domain': [
    put({ dns_name: 'web.example.' }),
    400,
    'BadRequest',
    /must be equal to the dns_domain, 'weft\.internal\.'/,
  ],
  'a domain without a dot at its end': [put({ dns_domain: 'red.example' }), 400, 'HTTPBadRequest', /'red\.example' is not a FQDN/],
  'what names come to': [put({ dns_assignment: [] }), 400, 'HTTPBadRequest', /Cannot update read-only attribute dns_assignment/],
  'an option that nobody knows': [post(option('zebra', '1')), 400, 'ExtraDhcpOptBadData', /there is no option 'zebra'/],
  'an option with a newline': [put(option('bootfile-name', 'a\nb')), 400, 'ExtraDhcpOptBadData', /bootfile-name.*cannot have: U\+000A/],
  'an option with a comma in a text': [
    put(option('bootfile-name', 'a,b')),
    400,
    'ExtraDhcpOptBadData',
    /bootfile-name.*cannot have: U\+002C/,
  ],
  'an option without a name': [put({ extra_dhcp_opts: [{ opt_value: '1' }] }), 400, 'ExtraDhcpOptBadData', /has no opt_name/],
  'an option without a value': [put({ extra_dhcp_opts: [{ opt_name: 'mtu' }] }), 400, 'ExtraDhcpOptBadData', /option mtu has no opt_value/],
  'an option of IPv6': [put(option('dns-server', '::1', { ip_version: 6 })), 400, 'ExtraDhcpOptBadData', /options for IP version 4 alone/],
  'an option of IPv5': [put(option('mtu', '1400', { ip_version: 5 })), 400, 'HTTPBadRequest', /'5' is not in \[4, 6\]/],
  'an option with more in it': [put(option('mtu', '1400', { zzz: 1 })), 400, 'HTTPBadRequest', /'zzz' is not expected/],
  'a host by a member': [put({ 'binding:host_id': 'node1' }), 403, 'PolicyNotAuthorized', /update_port:binding:host_id/],
  'a host by a member at create': [post({ 'binding:host_id': 'node1' }), 403, 'PolicyNotAuthorized', /create_port:binding:host_id/],
  'a profile by a member': [put({ 'binding:profile': { a: 1 } }), 403, 'PolicyNotAuthorized', /update_port:binding:profile/],
  'a profile that is none': [put({ 'binding:profile': [] }, 'admin'), 400, 'HTTPBadRequest', /is not a dictionary/],
  'a profile of 4096 bytes': [
    put({ 'binding:profile': { a: 'x'.repeat(4088) } }, 'admin'),
    400,
    'HTTPBadRequest',
    /has 4096 bytes, and may have 4095/,
  ],
  'a vnic type that is none': [put({ 'binding:vnic_type': 'zzz' }), 400, 'HTTPBadRequest', /'zzz' is not in \[normal, direct/],
  'a vif type': [put({ 'binding:vif_type': 'tap' }, 'admin'), 400, 'HTTPBadRequest', /Cannot update read-only attribute/],
  'another MAC by a member': [put({ mac_address: '02:00:00:00:00:99' }), 403, 'PolicyNotAuthorized', /update_port:mac_address/],
  'a new MAC by a member': [put({ mac_address: null }), 403, 'PolicyNotAuthorized', /update_port:mac_address/],
  'a MAC that is none': [put({ mac_address: 'zz' }, 'admin'), 400, 'HTTPBadRequest', /'zz' is not a valid MAC address/],
  'another network': [put({ network_id: 'x' }), 400, 'HTTPBadRequest', /Cannot update read-only attribute network_id/],
  'a status': [put({ status: 'ACTIVE' }), 400, 'HTTPBadRequest', /Cannot update read-only attribute status/],
  'an address of no subnet': [
    put({ fixed_ips: [{ ip_address: '192.0.2.9' }] }),
    400,
    'InvalidIpForNetwork',
    /not a valid IP for any of the subnets/,
  ],
  'an address twice': [
    put({ fixed_ips: [{ ip_address: '10.0.0.77' }, { ip_address: '10.0.0.77' }] }),
    400,
    'HTTPBadRequest',
    /Duplicate IP address/,
  ],
  'a network’s own address': [
    post({ fixed_ips: [{ ip_address: '10.0.0.0' }] }),
    400,
    'InvalidIpForSubnet',
    /not a valid IP for the specified subnet/,
  ],
};

test('what a port cannot be is refused in the words of the API, and changes nothing', async (t) => {
  await using scene = await openScene();
  for (const [name, [act, status, type, message]] of Object.entries(REFUSALS)) {
    await t.test(name, async () => {
      const { revision } = scene.rest.store.model;
      assertNeutron(await act(scene), status, type, message);
      assert.equal(scene.rest.store.model.revision, revision, 'nothing was written');
    });
  }
});

test('a port has no address, or several, as asked; an exhausted subnet has none left', async () => {
  await using scene = await openScene();
  const { call, network } = scene;
  assert.deepEqual((await view(post({ fixed_ips: [] })(scene)))['fixed_ips'], []);
  const six = Array.from({ length: 6 }, (_, n) => ({ ip_address: `10.0.0.${100 + n}` }));
  assert.equal(((await view(put({ fixed_ips: six })(scene)))['fixed_ips'] as unknown[]).length, 6);
  const subnet = await make(call, 'subnets', 'subnet', {
    network_id: network,
    ip_version: 4,
    cidr: '10.8.0.0/24',
    allocation_pools: [{ start: '10.8.0.9', end: '10.8.0.9' }],
  });
  const wanted = { fixed_ips: [{ subnet_id: subnet['id'] }] };
  assert.equal((await post(wanted)(scene)).status, 201);
  assertNeutron(await post(wanted)(scene), 409, 'IpAddressGenerationFailure', /No more IP addresses available on network/);
  assert.equal((await post({ fixed_ips: [{ ip_address: '10.8.0.10' }] })(scene)).status, 201, 'outside the pools');
  const without = await make(call, 'networks', 'network', {});
  assert.deepEqual((await make(call, 'ports', 'port', { network_id: without['id'] }))['fixed_ips'], []);
});

test('an administrator gives a port another MAC, or lets one be made up', async () => {
  await using scene = await openScene();
  const first = await view(scene.call('GET', `/v2.0/ports/${scene.port}`));
  const second = await view(put({ mac_address: '02-00-00-00-00-99' }, 'admin')(scene));
  assert.equal(second['mac_address'], '02:00:00:00:00:99');
  const third = await view(put({ mac_address: null }, 'admin')(scene));
  assert.ok(![first['mac_address'], second['mac_address']].includes(third['mac_address']));
  assert.match(String(third['mac_address']), /^02:/);
});

test('names are lower-cased, told with their domain for each address, and the network’s domain counts until the port has its own', async () => {
  await using scene = await openScene();
  const fixed = { fixed_ips: [{ ip_address: '10.0.0.53' }, { ip_address: '10.0.0.54' }] };
  const plain = await view(post(fixed)(scene));
  assert.deepEqual([plain['dns_name'], plain['dns_domain']], ['', '']);
  assert.deepEqual(plain['dns_assignment'], [
    { ip_address: '10.0.0.53', hostname: 'host-10-0-0-53', fqdn: 'host-10-0-0-53.weft.internal.' },
    { ip_address: '10.0.0.54', hostname: 'host-10-0-0-54', fqdn: 'host-10-0-0-54.weft.internal.' },
  ]);
  const fqdn = async (): Promise<unknown> => {
    const { dns_assignment } = await view(scene.call('GET', `/v2.0/ports/${scene.port}`));
    return (dns_assignment as { fqdn: string }[])[0]?.fqdn;
  };
  assert.equal((await view(put({ dns_name: 'Web' })(scene)))['dns_name'], 'web');
  assert.equal(await fqdn(), 'web.weft.internal.');
  const domain = await scene.call('PUT', `/v2.0/networks/${scene.network}`, { network: { dns_domain: 'Red.example.' } });
  assert.equal((domain.body['network'] as View)['dns_domain'], 'red.example.');
  assert.equal(await fqdn(), 'web.red.example.');
  await put({ dns_domain: 'blue.example.' })(scene);
  assert.equal(await fqdn(), 'web.blue.example.');
  await put({ dns_name: 'www.blue.example.' })(scene);
  assert.equal(await fqdn(), 'www.blue.example.');
  const found = await scene.call('GET', '/v2.0/ports?dns_name=www.blue.example.');
  assert.equal((found.body['ports'] as unknown[]).length, 1);
  await put({ dns_name: '', dns_domain: '' })(scene);
  assert.match(String(await fqdn()), /^host-10-0-0-\d+\.red\.example\.$/);
});

test('DHCP options are merged by name, shown with their IP version, and null takes one away', async () => {
  await using scene = await openScene();
  const made = await view(post(option('mtu', '1400'))(scene));
  assert.deepEqual(made['extra_dhcp_opts'], [{ opt_name: 'mtu', opt_value: '1400', ip_version: 4 }]);
  const shown = async (body: object): Promise<unknown> => (await view(put(body)(scene)))['extra_dhcp_opts'];
  const mtu = { opt_name: 'mtu', opt_value: '1300', ip_version: 4 };
  assert.deepEqual(await shown(option('mtu', '1300')), [mtu]);
  const boot = { opt_name: 'bootfile-name', opt_value: 'pxelinux.0', ip_version: 4 };
  assert.deepEqual(await shown({ extra_dhcp_opts: [boot] }), [mtu, boot]);
  assert.deepEqual(await shown({ extra_dhcp_opts: [] }), [mtu, boot]);
  assert.deepEqual(await shown(option('mtu', null)), [boot]);
  assert.deepEqual(await shown(option('bootfile-name', null)), []);
});

test('a port of a router is not deleted, not given to others, and keeps its addresses', async () => {
  await using scene = await openScene();
  const { call, subnet } = scene;
  const router = String((await make(call, 'routers', 'router', {}))['id']);
  const added = await call('PUT', `/v2.0/routers/${router}/add_router_interface`, { subnet_id: subnet });
  const at = `/v2.0/ports/${String(added.body['port_id'])}`;
  assertNeutron(await call('DELETE', at), 409, 'ServicePortInUse', /cannot be deleted directly via the port API: has device owner/);
  const moved = { port: { fixed_ips: [{ ip_address: '10.0.0.99' }] } };
  assertNeutron(await call('PUT', at, moved), 400, 'BadRequest', /IP updates for port .* are not allowed/);
});

test('a port that goes leaves its floating IP, without a port, and takes its forwardings with it', async () => {
  await using scene = await openScene();
  const { rest, call, network, port } = scene;
  const outside = await make(rest.admin, 'networks', 'network', { 'router:external': true });
  await make(rest.admin, 'subnets', 'subnet', { network_id: outside['id'], ip_version: 4, cidr: '203.0.113.0/24', enable_dhcp: false });
  const floating = await make(call, 'floatingips', 'floatingip', { floating_network_id: outside['id'], port_id: port });
  assert.match(JSON.stringify(floating['port_details']), new RegExp(network));
  const other = await make(call, 'ports', 'port', { network_id: network, fixed_ips: [{ ip_address: '10.0.0.70' }] });
  const holder = await make(call, 'floatingips', 'floatingip', { floating_network_id: outside['id'] });
  const at = `/v2.0/floatingips/${String(holder['id'])}`;
  const to = { protocol: 'tcp', internal_port_id: other['id'], internal_ip_address: '10.0.0.70', external_port: 80, internal_port: 80 };
  assert.equal((await call('POST', `${at}/port_forwardings`, { port_forwarding: to })).status, 201);
  for (const id of [port, other['id']]) assert.equal((await call('DELETE', `/v2.0/ports/${String(id)}`)).status, 204);
  const left = (await call('GET', `/v2.0/floatingips/${String(floating['id'])}`)).body['floatingip'] as View;
  assert.deepEqual([left['port_id'], left['fixed_ip_address'], left['port_details']], [null, null, null]);
  const empty = (await call('GET', at)).body['floatingip'] as View;
  assert.deepEqual([empty['port_forwardings'], empty['router_id']], [[], null]);
});

test('a floating IP has a whole name in the tenant’s DNS from the first, or none', async () => {
  await using scene = await openScene();
  const { rest, call } = scene;
  const outside = await make(rest.admin, 'networks', 'network', { 'router:external': true });
  await make(rest.admin, 'subnets', 'subnet', { network_id: outside['id'], ip_version: 4, cidr: '203.0.113.0/24', enable_dhcp: false });
  const create = (more: object): Promise<Reply> =>
    call('POST', '/v2.0/floatingips', { floatingip: { floating_network_id: outside['id'], ...more } });
  assertNeutron(await create({ dns_name: 'shop' }), 400, 'BadRequest', /dns_name cannot be specified without a dns_domain/);
  assertNeutron(await create({ dns_domain: 'red.example.' }), 400, 'BadRequest', /dns_domain cannot be specified without a dns_name/);
  const made = (await create({ dns_name: 'Shop', dns_domain: 'red.example.' })).body['floatingip'] as View;
  assert.deepEqual([made['dns_name'], made['dns_domain']], ['shop', 'red.example.']);
  const changed = await call('PUT', `/v2.0/floatingips/${String(made['id'])}`, { floatingip: { dns_name: 'www' } });
  assertNeutron(changed, 400, 'HTTPBadRequest', /Cannot update read-only attribute dns_name/);
});

test('administrators bind ports, everybody sees of what kind they are, and nobody else where', async () => {
  await using scene = await openScene();
  const asAdmin = async (): Promise<View> => view(scene.rest.admin('GET', `/v2.0/ports/${scene.port}`));
  const profile = { pci_slot: '0000:03:10.1', numbers: [1, 2] };
  const bound = await view(put({ 'binding:host_id': 'node1', 'binding:profile': profile }, 'admin')(scene));
  assert.deepEqual(
    [bound['binding:host_id'], bound['binding:vif_type'], bound['binding:vif_details'], bound['binding:profile'], bound['status']],
    ['node1', 'tap', { port_filter: true, connectivity: 'l2' }, profile, 'DOWN'],
  );
  const mine = await view(put({ 'binding:vnic_type': 'direct' })(scene));
  assert.deepEqual(
    Object.keys(mine).filter((name) => name.startsWith('binding:')),
    ['binding:vnic_type'],
  );
  assert.deepEqual([mine['binding:vnic_type'], (await asAdmin())['binding:vif_type']], ['direct', 'binding_failed']);
  const found = async (query: string): Promise<number> =>
    ((await scene.rest.admin('GET', `/v2.0/ports?${query}`)).body['ports'] as unknown[]).length;
  assert.deepEqual([await found('binding%3Ahost_id=node1'), await found('binding%3Ahost_id=node2')], [1, 0]);
  await put({ 'binding:vnic_type': 'normal' })(scene);
  assert.equal((await view(put({ 'binding:host_id': 'nowhere' }, 'admin')(scene)))['binding:vif_type'], 'binding_failed');
  const none = await view(put({ 'binding:host_id': null, 'binding:profile': null }, 'admin')(scene));
  assert.deepEqual([none['binding:host_id'], none['binding:vif_type'], none['binding:profile']], ['', 'unbound', {}]);
  assert.equal((await post({ 'binding:vnic_type': 'normal', 'binding:host_id': '', 'binding:profile': {} })(scene)).status, 201);
});
