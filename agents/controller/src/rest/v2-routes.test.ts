import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ADMIN_TOKEN, assertNeutron, make, makeNetwork, openRest } from './rest-support.ts';
import type { Call } from './rest-support.ts';
import { settle } from '../test-support.ts';

const NOWHERE = '99999999-0000-4000-8000-000000000000';

test('a network, a subnet and a port have the shape of the Neutron API', async () => {
  await using rest = await openRest();
  const call = await rest.as('red');
  const project = await rest.tenantId('red');
  const stamps = { created_at: '2026-11-20T09:00:00Z', updated_at: '2026-11-20T09:00:00Z' };
  const owned = { tenant_id: project, project_id: project, description: '', tags: [] };
  const network = await make(call, 'networks', 'network', { name: 'n' });
  assert.deepEqual(network, {
    id: network['id'],
    ...owned,
    name: 'n',
    admin_state_up: true,
    status: 'ACTIVE',
    subnets: [],
    shared: false,
    'router:external': false,
    is_default: false,
    mtu: 1450,
    port_security_enabled: true,
    dns_domain: '',
    'weft:topology': 'mesh',
    revision_number: 1,
    ...stamps,
  });
  const subnet = await make(call, 'subnets', 'subnet', { network_id: network['id'], ip_version: 4, cidr: '10.0.0.7/24' });
  assert.deepEqual(subnet, {
    id: subnet['id'],
    ...owned,
    name: '',
    network_id: network['id'],
    ip_version: 4,
    cidr: '10.0.0.0/24',
    subnetpool_id: null,
    gateway_ip: '10.0.0.1',
    allocation_pools: [{ start: '10.0.0.2', end: '10.0.0.254' }],
    enable_dhcp: true,
    dns_nameservers: [],
    host_routes: [],
    service_types: [],
    ipv6_ra_mode: null,
    ipv6_address_mode: null,
    revision_number: 1,
    ...stamps,
  });
  const group = listOf((await call('GET', '/v2.0/security-groups?name=default')).body['security_groups'])[0] ?? {};
  const port = await make(call, 'ports', 'port', {
    network_id: network['id'],
    fixed_ips: [{ ip_address: '10.0.0.9' }],
    mac_address: '02:00:00:00:00:AA',
  });
  assert.deepEqual(port, {
    id: port['id'],
    ...owned,
    name: '',
    network_id: network['id'],
    admin_state_up: true,
    status: 'DOWN',
    mac_address: '02:00:00:00:00:aa',
    fixed_ips: [{ subnet_id: subnet['id'], ip_address: '10.0.0.9' }],
    device_id: '',
    device_owner: '',
    security_groups: [group['id']],
    port_security_enabled: true,
    allowed_address_pairs: [],
    extra_dhcp_opts: [],
    dns_name: '',
    dns_domain: '',
    dns_assignment: [{ ip_address: '10.0.0.9', hostname: 'host-10-0-0-9', fqdn: 'host-10-0-0-9.weft.internal.' }],
    'binding:vnic_type': 'normal',
    'weft:ingress_kbps': null,
    'weft:egress_kbps': null,
    revision_number: 1,
    ...stamps,
  });
  const again = await call('GET', `/v2.0/networks/${network['id']}`);
  assert.deepEqual((again.body['network'] as Record<string, unknown>)['subnets'], [subnet['id']]);
  const asAdmin = (await rest.admin('GET', `/v2.0/ports/${port['id']}`)).body['port'] as Record<string, unknown>;
  assert.deepEqual([asAdmin['binding:host_id'], asAdmin['binding:vif_type']], ['', 'unbound']);
});

test('address pairs are shown as they were given, with the port’s MAC where none was', async () => {
  await using rest = await openRest();
  const call = await rest.as('red');
  const network = await make(call, 'networks', 'network', { name: 'vips' });
  const given = [{ ip_address: '10.9.8.7/16' }, { ip_address: '10.0.0.9', mac_address: '02:00:5E:00:01:01' }];
  const port = await make(call, 'ports', 'port', { network_id: network['id'], allowed_address_pairs: given });
  assert.deepEqual(port['allowed_address_pairs'], [
    { ip_address: '10.9.8.7/16', mac_address: port['mac_address'] },
    { ip_address: '10.0.0.9', mac_address: '02:00:5e:00:01:01' },
  ]);
  const put = async (pairsWanted: unknown) =>
    (await call('PUT', `/v2.0/ports/${String(port['id'])}`, { port: { allowed_address_pairs: pairsWanted } })).body['port'] as typeof port;
  assert.deepEqual((await put(port['allowed_address_pairs']))['allowed_address_pairs'], port['allowed_address_pairs']);
  assert.deepEqual((await put([]))['allowed_address_pairs'], []);
});

test('every tenant has a default group with four rules, which can be read', async () => {
  await using rest = await openRest();
  const call = await rest.as('red');
  const [group] = listOf((await call('GET', '/v2.0/security-groups')).body['security_groups']);
  assert.deepEqual([group?.['name'], listOf(group?.['security_group_rules']).length], ['default', 4]);
  const ingress = await call(
    'GET',
    `/v2.0/security-group-rules?direction=ingress&ethertype=IPv4&security_group_id=${String(group?.['id'])}`,
  );
  const [rule] = listOf(ingress.body['security_group_rules']);
  assert.deepEqual([rule?.['remote_group_id'], rule?.['protocol']], [group?.['id'], null]);
  assert.equal((await call('GET', `/v2.0/security-groups/${String(group?.['id'])}`)).status, 200);
  assert.equal((await call('GET', `/v2.0/security-group-rules/${String(rule?.['id'])}`)).status, 200);
  assertNeutron(
    await call('GET', `/v2.0/security-groups/${NOWHERE}`),
    404,
    'SecurityGroupNotFound',
    `Security group ${NOWHERE} does not exist`,
  );
  assertNeutron(await call('PUT', `/v2.0/security-group-rules/${String(rule?.['id'])}`, {}), 405, 'HTTPMethodNotAllowed', /PUT/);
});

test('what is updated and deleted is seen so', async () => {
  await using rest = await openRest();
  const call = await rest.as('red');
  const { network, subnet } = await makeNetwork(call);
  const port = await make(call, 'ports', 'port', { network_id: network });
  const updated = await call('PUT', `/v2.0/ports/${port['id']}`, { port: { name: 'new', admin_state_up: 'false' } });
  const view = updated.body['port'] as Record<string, unknown>;
  assert.deepEqual([updated.status, view['name'], view['admin_state_up'], view['revision_number']], [200, 'new', false, 2]);
  assert.equal((await call('PUT', `/v2.0/networks/${network}`, { network: { mtu: 1400 } })).status, 200);
  assert.equal((await call('PUT', `/v2.0/subnets/${subnet}`, { subnet: { dns_nameservers: ['9.9.9.9'] } })).status, 200);
  assertNeutron(await call('DELETE', `/v2.0/subnets/${subnet}`), 409, 'SubnetInUse', /One or more ports/);
  assertNeutron(await call('DELETE', `/v2.0/networks/${network}`), 409, 'NetworkInUse', /There are one or more ports still in use/);
  for (const path of [`ports/${port['id']}`, `subnets/${subnet}`, `networks/${network}`]) {
    const reply = await call('DELETE', `/v2.0/${path}`);
    assert.deepEqual([reply.status, reply.raw], [204, '']);
    assert.equal((await call('GET', `/v2.0/${path}`)).status, 404);
    assert.equal((await call('DELETE', `/v2.0/${path}`)).status, 404);
  }
});

test('a bulk request makes all of its objects in one commit, or none', async () => {
  await using rest = await openRest();
  const call = await rest.as('red');
  const { network } = await makeNetwork(call);
  const before = rest.store.model.revision;
  const made = await call('POST', '/v2.0/ports', { ports: [{ network_id: network }, { network_id: network, name: 'b' }] });
  assert.deepEqual([made.status, listOf(made.body['ports']).length, rest.store.model.revision], [201, 2, before + 1]);
  const taken = [{ network_id: network, fixed_ips: [{ ip_address: '10.0.0.77' }] }];
  assertNeutron(
    await call('POST', '/v2.0/ports', { ports: [...taken, ...taken] }),
    409,
    'IpAddressAlreadyAllocated',
    /10\.0\.0\.77 already allocated/,
  );
  assert.equal(rest.store.model.revision, before + 1);
  assert.equal(listOf((await call('GET', '/v2.0/ports')).body['ports']).length, 2);
  assertNeutron(await call('POST', '/v2.0/ports', { ports: [] }), 400, 'HTTPBadRequest', 'Resources required');
  const overlap = { ip_version: 4, cidr: '10.9.0.0/24', network_id: network };
  assertNeutron(await call('POST', '/v2.0/subnets', { subnets: [overlap, overlap] }), 400, 'InvalidInput', /overlaps with another subnet/);
});

function listOf(value: unknown): readonly Record<string, unknown>[] {
  assert.ok(Array.isArray(value));
  return value as Record<string, unknown>[];
}

test("another tenant's objects are not there, for any verb and as parts of others", async () => {
  await using rest = await openRest();
  const red = await rest.as('red');
  const blue = await rest.as('blue');
  const { network, subnet } = await makeNetwork(red);
  const port = await make(red, 'ports', 'port', { network_id: network });
  const own = await makeNetwork(blue, '10.0.0.0/24');
  const before = rest.store.model.revision;
  for (const [path, singular, type] of [
    [`networks/${network}`, 'network', 'NetworkNotFound'],
    [`subnets/${subnet}`, 'subnet', 'SubnetNotFound'],
    [`ports/${port['id']}`, 'port', 'PortNotFound'],
  ] as const) {
    assertNeutron(await blue('GET', `/v2.0/${path}`), 404, type, /could not be found/);
    assertNeutron(await blue('PUT', `/v2.0/${path}`, { [singular]: { name: 'mine' } }), 404, type, /could not be found/);
    assertNeutron(await blue('DELETE', `/v2.0/${path}`), 404, type, /could not be found/);
    const listed = (await blue('GET', `/v2.0/${path.split('/')[0]}`)).body as Record<string, { id: string }[]>;
    assert.ok(Object.values(listed)[0]?.every(({ id }) => id !== path.split('/')[1]));
  }
  assertNeutron(await blue('POST', '/v2.0/ports', { port: { network_id: network } }), 404, 'NetworkNotFound', /could not be found/);
  const foreign = { network_id: own.network, fixed_ips: [{ subnet_id: subnet }] };
  assertNeutron(await blue('POST', '/v2.0/ports', { port: foreign }), 404, 'SubnetNotFound', /could not be found/);
  const groups = port['security_groups'];
  assertNeutron(
    await blue('POST', '/v2.0/ports', { port: { network_id: own.network, security_groups: groups } }),
    404,
    'SecurityGroupNotFound',
    /does not exist/,
  );
  const subnetBody = { network_id: network, ip_version: 4, cidr: '10.7.0.0/24' };
  assertNeutron(await blue('POST', '/v2.0/subnets', { subnet: subnetBody }), 404, 'NetworkNotFound', /could not be found/);
  assert.equal(rest.store.model.revision, before);
  assert.equal(listOf((await rest.admin('GET', '/v2.0/networks')).body['networks']).length, 2);
});

test('an administrator acts for a project, and chooses topologies', async () => {
  await using rest = await openRest();
  const project = await rest.tenantId('red');
  const network = await make(rest.admin, 'networks', 'network', { tenant_id: project, 'weft:topology': 'concentrator' });
  assert.deepEqual([network['project_id'], network['weft:topology'], network['provider:network_type']], [project, 'concentrator', 'vxlan']);
  assertNeutron(
    await rest.admin('POST', '/v2.0/networks', { network: {} }),
    400,
    'HTTPBadRequest',
    "Failed to parse request. Required attribute 'tenant_id' not specified",
  );
  assertNeutron(
    await rest.admin('POST', '/v2.0/networks', { network: { project_id: NOWHERE } }),
    404,
    'ProjectNotFound',
    /could not be found/,
  );
  const other = { network_id: network['id'], tenant_id: NOWHERE };
  assertNeutron(await rest.admin('POST', '/v2.0/ports', { port: other }), 404, 'ProjectNotFound', /could not be found/);
  const blue = { network_id: network['id'], tenant_id: await rest.tenantId('blue') };
  assertNeutron(await rest.admin('POST', '/v2.0/ports', { port: blue }), 400, 'BadRequest', /is not shared with project/);
  const subnet = { ...blue, ip_version: 4, cidr: '10.0.0.0/24' };
  assertNeutron(await rest.admin('POST', '/v2.0/subnets', { subnet }), 400, 'HTTPBadRequest', /belongs to it is that project/);
  const port = await make(rest.admin, 'ports', 'port', { network_id: network['id'] });
  assert.equal((await rest.admin('PUT', `/v2.0/ports/${port['id']}`, { port: { mac_address: '02:00:00:00:00:01' } })).status, 200);
});

test('lists are filtered, cut to fields and paged with links', async () => {
  await using rest = await openRest(undefined, { trustedProxies: ['127.0.0.1'] });
  const call = await rest.as('red');
  for (const name of ['a', 'b', 'c']) await make(call, 'networks', 'network', { name });
  const names = async (query: string): Promise<unknown> =>
    ((await call('GET', `/v2.0/networks${query}`)).body['networks'] as { name: string }[]).map(({ name }) => name);
  assert.deepEqual(await names('?name=a&name=c&admin_state_up=True'), ['a', 'c']);
  assert.deepEqual(await names('?router%3Aexternal=False&sort_key=name&sort_dir=desc'), ['c', 'b', 'a']);
  assert.deepEqual((await call('GET', '/v2.0/networks.json?name=a&fields=name')).body, { networks: [{ name: 'a' }] });
  assert.equal((await call('GET', '/v2.0/networks/')).status, 200);
  const page = await rest.send({
    method: 'GET',
    url: '/v2.0/networks?limit=2&sort_key=name',
    token: ADMIN_TOKEN,
    headers: { 'x-forwarded-proto': 'https', 'x-forwarded-host': 'api.example' },
  });
  const links = page.body['networks_links'] as { rel: string; href: string }[];
  assert.match(links[0]?.href ?? '', /^https:\/\/api\.example\/v2\.0\/networks\?limit=2&sort_key=name&marker=[0-9a-f-]{36}$/);
  assert.deepEqual(await names(links[0]?.href.slice(links[0].href.indexOf('?')) ?? ''), ['c']);
});

test('filters by fixed addresses: of one key any, and every key of one and the same address', async () => {
  await using rest = await openRest();
  const call = await rest.as('red');
  const network = await make(call, 'networks', 'network', { name: 'n' });
  const subnets = ['10.0.0.0/24', '10.0.1.0/24'].map((cidr) =>
    make(call, 'subnets', 'subnet', { network_id: network['id'], ip_version: 4, cidr }),
  );
  const [first, second] = await Promise.all(subnets);
  const port = (name: string, addresses: readonly string[]): Promise<unknown> =>
    make(call, 'ports', 'port', { network_id: network['id'], name, fixed_ips: addresses.map((ip_address) => ({ ip_address })) });
  await port('low', ['10.0.0.9']);
  await port('high', ['10.0.1.9']);
  await port('both', ['10.0.0.10', '10.0.1.10']);
  const found = async (...filters: readonly string[]): Promise<unknown[]> => {
    const query = filters.map((filter) => `fixed_ips=${encodeURIComponent(filter)}`).join('&');
    const reply = await call('GET', `/v2.0/ports?${query}`);
    assert.equal(reply.status, 200, reply.raw);
    return listOf(reply.body['ports'])
      .map(({ name }) => String(name))
      .toSorted((a, b) => (a < b ? -1 : 1));
  };
  assert.deepEqual(await found(`subnet_id=${first!['id']}`), ['both', 'low']);
  assert.deepEqual(await found(`subnet_id=${first!['id']}`, `subnet_id=${second!['id']}`), ['both', 'high', 'low']);
  assert.deepEqual(await found(`subnet_id=${first!['id']}`, 'ip_address=10.0.0.9'), ['low']);
  assert.deepEqual(await found(`subnet_id=${first!['id']}`, 'ip_address=10.0.0.9', 'ip_address=10.0.0.10'), ['both', 'low']);
  assert.deepEqual(await found(`subnet_id=${second!['id']}`, 'ip_address=10.0.0.10'), [], 'it has both, but not in one address');
  assert.deepEqual(await found('ip_address_substr=0.1.', `subnet_id=${second!['id']}`), ['both', 'high']);
  assertNeutron(await call('GET', '/v2.0/ports?fixed_ips=mac=1'), 400, 'HTTPBadRequest', /'mac=1' is not ip_address=/);
});

test('without a valid token nothing is answered but 401 in Keystone form', async () => {
  await using rest = await openRest();
  for (const token of [undefined, '', 'wrong', ADMIN_TOKEN.slice(0, -1)]) {
    const reply = await rest.send({ method: 'GET', url: '/v2.0/networks', ...(token === undefined ? {} : { token }) });
    assert.deepEqual(reply.body['error'], {
      code: 401,
      title: 'Unauthorized',
      message: 'The request you have made requires authentication.',
    });
    assert.equal(reply.status, 401);
    assert.match(String(reply.headers['www-authenticate']), /^Keystone uri="http/);
    assert.match(String(reply.headers['x-openstack-request-id']), /^req-/);
  }
});

test('a body that is not JSON is refused, whatever it says it is', async () => {
  await using rest = await openRest();
  for (const type of ['application/json', 'text/plain', 'application/x-www-form-urlencoded']) {
    const reply = await rest.send({
      method: 'POST',
      url: '/v2.0/networks',
      token: ADMIN_TOKEN,
      text: '{"network":',
      headers: { 'content-type': type },
    });
    assertNeutron(reply, 400, 'HTTPBadRequest', 'Body contains invalid data');
  }
  const large = JSON.stringify({ network: { name: 'x'.repeat(1_100_000) } });
  const reply = await rest.send({
    method: 'POST',
    url: '/v2.0/networks',
    token: ADMIN_TOKEN,
    text: large,
    headers: { 'content-type': 'application/json' },
  });
  assertNeutron(reply, 413, 'HTTPRequestEntityTooLarge', /larger than 1048576 bytes/);
});

test('a read during a commit waits for it; when the commit fails both answer 503 and the process is told', async () => {
  await using rest = await openRest();
  const call = await rest.as('red');
  const existing = await make(call, 'networks', 'network', { name: 'old' });
  rest.store.holding = true;
  let answers = 0;
  const counted = async (reply: ReturnType<Call>): ReturnType<Call> => {
    await reply;
    answers += 1;
    return reply;
  };
  const create = counted(call('POST', '/v2.0/networks', { network: { name: 'new' } }));
  await settle();
  const paths = ['/v2.0/networks', `/v2.0/networks/${existing['id']}`, `/v2.0/networks/${NOWHERE}`];
  const reads = paths.map((path) => counted(call('GET', path)));
  await settle();
  assert.equal(answers, 0);
  rest.store.release();
  assert.equal((await create).status, 201);
  assert.deepEqual(
    (await Promise.all(reads)).map(({ status }) => status),
    [200, 200, 404],
  );

  const deletion = call('DELETE', `/v2.0/networks/${existing['id']}`);
  await settle();
  const pending = [deletion, call('GET', '/v2.0/networks')];
  await settle();
  rest.store.fail(new Error('no space left on /var/lib'));
  rest.store.release();
  for (const reply of await Promise.all(pending)) {
    assertNeutron(reply, 503, 'ServiceUnavailable', /cannot be written at present/);
    assert.equal(reply.headers['retry-after'], '5');
    assert.doesNotMatch(reply.raw, /space|var/);
  }
  assert.equal(rest.fatal.length, 1);
});
