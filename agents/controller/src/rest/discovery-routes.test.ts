import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EXTENSIONS } from '@weft/api/extensions';
import { assertNeutron, make, makeNetwork, openRest } from './rest-support.ts';
import type { Call, Reply, TestRest } from './rest-support.ts';

test('the versions, the resources and the health are there without a token', async () => {
  await using rest = await openRest();
  const get = (url: string): Promise<Reply> => rest.send({ method: 'GET', url, headers: { host: 'weft.example' } });
  const link = (path: string): unknown => [{ rel: 'self', href: `http://weft.example${path}` }];
  assert.deepEqual((await get('/')).body, { versions: [{ id: 'v2.0', status: 'CURRENT', links: link('/v2.0/') }] });
  const names = [
    ['subnet', 'subnets'],
    ['network', 'networks'],
    ['port', 'ports'],
  ] as const;
  const resources = names.map(([name, collection]) => ({ name, collection, links: link(`/v2.0/${collection}`) }));
  for (const url of ['/v2.0', '/v2.0/']) assert.deepEqual((await get(url)).body, { resources }, url);
  assert.deepEqual([(await get('/healthcheck')).raw, (await get('/v3')).status], ['OK', 200]);
});

test('extensions are listed and shown to any token, and one that is not obeyed is unknown', async () => {
  await using rest = await openRest();
  const call = await rest.as('red');
  const { extensions } = (await call('GET', '/v2.0/extensions')).body as { extensions: { alias: string }[] };
  assert.deepEqual(extensions.map(({ alias }) => alias).toSorted(), [...EXTENSIONS.keys()].toSorted());
  assert.deepEqual((await call('GET', '/v2.0/extensions/sorting')).body, { extension: EXTENSIONS.get('sorting') });
  const unknown = await call('GET', '/v2.0/extensions/qos');
  assert.deepEqual([unknown.status, Object.keys(unknown.body)], [404, ['code', 'title', 'message']]);
  assert.equal((await rest.send({ method: 'GET', url: '/v2.0/extensions' })).status, 401);
});

type Scene = Readonly<{ rest: TestRest; call: Call; network: string; port: Record<string, unknown>; fip: Record<string, unknown> }>;
type Proof = (scene: Scene) => Promise<void>;

/** An object of the scene has the attributes. */
const shows =
  (path: (scene: Scene) => string, ...attributes: readonly string[]): Proof =>
  async (scene) => {
    const object = Object.values((await scene.call('GET', `/v2.0/${path(scene)}`)).body)[0] as object;
    for (const attribute of attributes) assert.ok(Object.hasOwn(object, attribute), `${path(scene)} has ${attribute}`);
  };
const network = ({ network: id }: Scene): string => `networks/${id}`;
const port = ({ port: { id } }: Scene): string => `ports/${String(id)}`;
const floating = ({ fip: { id } }: Scene): string => `floatingips/${String(id)}`;
const finds =
  (query: (scene: Scene) => string, nothing: string): Proof =>
  async (scene) => {
    const count = async (text: string): Promise<number> =>
      ((await scene.call('GET', `/v2.0/ports?${text}`)).body['ports'] as unknown[]).length;
    assert.deepEqual([await count(query(scene)), await count(nothing)], [1, 0]);
  };
const forwards: Proof = async ({ call, port: { id, fixed_ips }, fip }) => {
  const [fixed] = fixed_ips as readonly { ip_address: string }[];
  const body = { protocol: 'tcp', internal_port_id: id, internal_ip_address: fixed?.ip_address, description: 'd' };
  const at = `/v2.0/floatingips/${String(fip['id'])}/port_forwardings`;
  const made = await call('POST', at, { port_forwarding: { ...body, external_port_range: '80:81', internal_port_range: '80:81' } });
  assert.equal(made.status, 201, made.raw);
  const { id: forwarding, description } = made.body['port_forwarding'] as Record<string, string>;
  assert.equal(description, 'd');
  assert.equal((await call('DELETE', `${at}/${forwarding}`)).status, 204);
};
const updates =
  (path: (scene: Scene) => string, body: object, expected = 200): Proof =>
  async (scene) => {
    const reply = await scene.call('PUT', `/v2.0/${path(scene)}`, body);
    assert.equal(reply.status, expected, reply.raw);
  };

/** With a router on a subnet of its own. */
const routed =
  (prove: (scene: Scene, id: string, routes: readonly object[]) => Promise<void>): Proof =>
  async (scene) => {
    const id = String((await make(scene.call, 'routers', 'router', {}))['id']);
    const net = await make(scene.call, 'networks', 'network', {});
    const subnet = await make(scene.call, 'subnets', 'subnet', { network_id: net['id'], ip_version: 4, cidr: '10.7.0.0/24' });
    const added = await scene.call('PUT', `/v2.0/routers/${id}/add_router_interface`, { subnet_id: subnet['id'] });
    assert.equal(added.status, 200, added.raw);
    await prove(scene, id, [{ destination: '192.0.2.0/24', nexthop: '10.7.0.9' }]);
  };

/** What each alias obliges, tried. */
const PROOFS: Readonly<Record<string, Proof>> = {
  agent: async ({ rest }) => assert.equal(((await rest.admin('GET', '/v2.0/agents')).body['agents'] as unknown[]).length, 2),
  'allowed-address-pairs': updates(port, { port: { allowed_address_pairs: [{ ip_address: '10.0.0.99' }] } }),
  'auto-allocated-topology': async ({ rest, call }) => {
    const { id } = await make(rest.admin, 'subnetpools', 'subnetpool', {
      name: 'd',
      prefixes: ['10.99.0.0/16'],
      default_prefixlen: 24,
      is_default: true,
    });
    const made = await call('GET', '/v2.0/auto-allocated-topology/None');
    const { id: network } = made.body['auto_allocated_topology'] as { id: string };
    assert.equal((await call('GET', `/v2.0/networks/${network}`)).status, 200, made.raw);
    assert.equal((await call('DELETE', '/v2.0/auto-allocated-topology/None')).status, 204);
    assert.equal((await rest.admin('DELETE', `/v2.0/subnetpools/${String(id)}`)).status, 204);
  },
  availability_zone: async ({ call }) =>
    assert.equal(((await call('GET', '/v2.0/availability_zones')).body['availability_zones'] as unknown[]).length, 1),
  'default-subnetpools': async ({ rest, call }) => {
    const { id } = await make(rest.admin, 'subnetpools', 'subnetpool', { name: 'd', prefixes: ['10.98.0.0/16'], is_default: true });
    const net = await make(call, 'networks', 'network', {});
    const wish = { network_id: net['id'], ip_version: 4, use_default_subnetpool: true, prefixlen: 24 };
    assert.equal((await make(call, 'subnets', 'subnet', wish))['subnetpool_id'], id);
    assert.equal((await rest.admin('PUT', `/v2.0/subnetpools/${String(id)}`, { subnetpool: { is_default: false } })).status, 200);
  },
  binding: async ({ rest, port: { id } }) => {
    const reply = await rest.admin('PUT', `/v2.0/ports/${String(id)}`, { port: { 'binding:host_id': 'node1' } });
    assert.equal((reply.body['port'] as Record<string, unknown>)['binding:vif_type'], 'tap', reply.raw);
  },
  'dns-domain-ports': updates(port, { port: { dns_name: 'web', dns_domain: 'red.example.' } }),
  'dns-integration': async ({ call, network: id }) => {
    assert.equal((await call('PUT', `/v2.0/networks/${id}`, { network: { dns_domain: 'red.example.' } })).status, 200);
    const { dns_assignment } = await make(call, 'ports', 'port', { network_id: id, dns_name: 'web' });
    assert.match(JSON.stringify(dns_assignment), /web\.red\.example\./);
  },
  'empty-string-filtering': finds(() => 'name=', 'device_id=x&name='),
  'expose-port-forwarding-in-fip': shows(floating, 'port_forwardings'),
  'ext-gw-mode': async ({ rest, call }) => {
    const { id } = await make(call, 'routers', 'router', {});
    const [outside] = (await call('GET', '/v2.0/networks?router:external=true')).body['networks'] as { id: string }[];
    const gateway = { network_id: outside?.id, enable_snat: false };
    const reply = await rest.admin('PUT', `/v2.0/routers/${String(id)}`, { router: { external_gateway_info: gateway } });
    assert.equal(
      (reply.body['router'] as { external_gateway_info: { enable_snat: boolean } }).external_gateway_info.enable_snat,
      false,
      reply.raw,
    );
  },
  'external-net': async ({ rest, network: id }) => {
    assert.equal((await rest.admin('PUT', `/v2.0/networks/${id}`, { network: { 'router:external': true } })).status, 409, 'with a port');
    const { id: empty } = await make(rest.admin, 'networks', 'network', { tenant_id: await rest.tenantId('external-net') });
    const reply = await rest.admin('PUT', `/v2.0/networks/${String(empty)}`, { network: { 'router:external': true } });
    assert.equal((reply.body['network'] as Record<string, unknown>)['router:external'], true, reply.raw);
  },
  extra_dhcp_opt: updates(port, { port: { extra_dhcp_opts: [{ opt_name: 'mtu', opt_value: '1400' }] } }),
  extraroute: routed(async ({ call }, id, routes) => {
    const reply = await call('PUT', `/v2.0/routers/${id}`, { router: { routes } });
    assert.deepEqual((reply.body['router'] as { routes: unknown }).routes, routes, reply.raw);
  }),
  'extraroute-atomic': routed(async ({ call }, id, routes) => {
    const reply = await call('PUT', `/v2.0/routers/${id}/add_extraroutes`, { router: { routes } });
    assert.deepEqual((reply.body['router'] as { routes: unknown }).routes, routes, reply.raw);
    assert.equal((await call('PUT', `/v2.0/routers/${id}/remove_extraroutes`, { router: { routes } })).status, 200);
  }),
  'filter-validation': async ({ call }) =>
    assertNeutron(await call('GET', '/v2.0/ports?bogus=1'), 400, 'HTTPBadRequest', "['bogus'] is invalid attribute for filtering"),
  'fip-port-details': shows(floating, 'port_details'),
  'floating-ip-port-forwarding': forwards,
  'floating-ip-port-forwarding-description': forwards,
  'floating-ip-port-forwarding-port-ranges': forwards,
  'ip-substring-filtering': finds(() => 'fixed_ips=ip_address_substr=10.0.0.', 'fixed_ips=ip_address_substr=99.'),
  'l3-port-ip-change-not-allowed': routed(async ({ call }, id) => {
    const { ports } = (await call('GET', `/v2.0/ports?device_id=${id}`)).body as { ports: { id: string }[] };
    const reply = await call('PUT', `/v2.0/ports/${ports[0]?.id}`, { port: { fixed_ips: [{ ip_address: '10.7.0.9' }] } });
    assertNeutron(reply, 400, 'BadRequest', /IP updates for port .* are not allowed/);
  }),
  'net-mtu': shows(network, 'mtu'),
  'net-mtu-writable': updates(network, { network: { mtu: 1400 } }),
  'network-ip-availability': async ({ rest, network: id }) =>
    assert.equal((await rest.admin('GET', `/v2.0/network-ip-availabilities/${id}`)).status, 200),
  pagination: async ({ call }) => {
    const { body } = await call('GET', '/v2.0/networks?limit=1');
    assert.ok(Array.isArray(body['networks_links']));
  },
  'port-mac-address-regenerate': async ({ rest, port: { id, mac_address: old } }) => {
    const reply = await rest.admin('PUT', `/v2.0/ports/${String(id)}`, { port: { mac_address: null } });
    assert.equal(reply.status, 200, reply.raw);
    assert.notEqual((reply.body['port'] as Record<string, unknown>)['mac_address'], old);
  },
  'port-security': updates(port, { port: { port_security_enabled: false, security_groups: [] } }),
  'port-security-groups-filtering': finds(
    (scene) => `security_groups=${String((scene.port['security_groups'] as string[])[0])}`,
    'security_groups=99999999-0000-4000-8000-000000000000',
  ),
  'project-id': shows(network, 'project_id', 'tenant_id'),
  provider: async ({ rest }) => {
    const given = { 'provider:network_type': 'vxlan', 'provider:segmentation_id': 10_998 };
    const project = await rest.tenantId('provider');
    const made = await make(rest.admin, 'networks', 'network', { tenant_id: project, ...given });
    assert.equal(made['provider:segmentation_id'], 10_998);
  },
  'quota-check-limit': async ({ rest, port: { project_id: project } }) => {
    const reply = await rest.admin('PUT', `/v2.0/quotas/${String(project)}`, { quota: { port: 0, check_limit: true } });
    assert.equal(reply.status, 400, reply.raw);
  },
  quota_details: async ({ call, port: { project_id: project } }) => {
    const { quota } = (await call('GET', `/v2.0/quotas/${String(project)}/details`)).body as { quota: Record<string, { used: number }> };
    assert.equal(quota['port']?.used, 1);
  },
  quotas: async ({ rest, call, network: id, port: { project_id: project } }) => {
    assert.equal((await rest.admin('PUT', `/v2.0/quotas/${String(project)}`, { quota: { port: 1 } })).status, 200);
    assertNeutron(await call('POST', '/v2.0/ports', { port: { network_id: id } }), 409, 'OverQuota', /port/);
  },
  'rbac-policies': async ({ rest, call, network: id }) => {
    const policy = { object_type: 'network', object_id: id, action: 'access_as_shared', target_tenant: await rest.tenantId('quotas') };
    await make(call, 'rbac-policies', 'rbac_policy', policy);
    const { networks } = (await (await rest.as('quotas'))('GET', `/v2.0/networks?id=${id}`)).body as { networks: { shared: boolean }[] };
    assert.deepEqual(
      networks.map(({ shared }) => shared),
      [true],
    );
  },
  'revision-if-match': async ({ rest, call, network: id }) => {
    const tag = await call('PUT', `/v2.0/networks/${id}/tags/x`);
    assert.equal(tag.status, 201);
    const headers = { 'if-match': 'revision_number=0' };
    const reply = await rest.send({ method: 'DELETE', url: `/v2.0/networks/${id}`, token: 'admin-token', headers });
    assert.equal(reply.status, 412, reply.raw);
  },
  router: routed(async ({ call }, id) => assert.equal((await call('GET', `/v2.0/routers/${id}`)).status, 200)),
  'security-group': shows(port, 'security_groups'),
  'security-groups-normalized-cidr': async ({ call }) => {
    const { id } = await make(call, 'security-groups', 'security_group', { name: 'g' });
    const rule = { security_group_id: id, direction: 'ingress', remote_ip_prefix: '10.0.0.7/24' };
    assert.equal((await make(call, 'security-group-rules', 'security_group_rule', rule))['normalized_cidr'], '10.0.0.0/24');
  },
  sorting: async ({ call }) => assert.equal((await call('GET', '/v2.0/ports?sort_key=name&sort_dir=desc')).status, 200),
  'standard-attr-description': updates(network, { network: { description: 'd' } }),
  'standard-attr-revisions': shows(network, 'revision_number'),
  'standard-attr-tag': shows(network, 'tags'),
  'standard-attr-timestamp': shows(network, 'created_at', 'updated_at'),
  'stateful-security-group': async ({ call }) =>
    assert.equal((await make(call, 'security-groups', 'security_group', { name: 's', stateful: false }))['stateful'], false),
  subnet_allocation: async ({ call }) => {
    const pool = await make(call, 'subnetpools', 'subnetpool', { name: 'p', prefixes: ['10.97.0.0/16'], default_prefixlen: '26' });
    const net = await make(call, 'networks', 'network', {});
    const made = await make(call, 'subnets', 'subnet', { network_id: net['id'], ip_version: 4, subnetpool_id: pool['id'] });
    assert.equal(made['cidr'], '10.97.0.0/26');
  },
  'subnet-service-types': async ({ rest, network: id }) => {
    const subnet = { network_id: id, ip_version: 4, cidr: '10.6.0.0/24', service_types: ['compute:nova'] };
    assert.deepEqual((await make(rest.admin, 'subnets', 'subnet', subnet))['service_types'], ['compute:nova']);
  },
  'tag-ports-during-bulk-creation': async ({ call, network: id }) => {
    const { body } = await call('POST', '/v2.0/ports', { ports: [{ network_id: id, tags: ['a'] }] });
    assert.deepEqual((body['ports'] as { tags: unknown }[])[0]?.tags, ['a']);
  },
};

test('each extension that is advertised is obeyed', async (t) => {
  await using rest = await openRest();
  assert.deepEqual(Object.keys(PROOFS).toSorted(), [...EXTENSIONS.keys()].toSorted());
  const external = await make(rest.admin, 'networks', 'network', { name: 'out', 'router:external': true });
  await make(rest.admin, 'subnets', 'subnet', { network_id: external['id'], ip_version: 4, cidr: '203.0.113.0/24', enable_dhcp: false });
  await rest.admin('PUT', `/v2.0/networks/${String(external['id'])}`, { network: { is_default: true } });
  for (const [alias, proof] of Object.entries(PROOFS)) {
    await t.test(alias, async () => {
      const call = await rest.as(alias);
      const { network: id } = await makeNetwork(call);
      const made = await make(call, 'ports', 'port', { network_id: id });
      const fip = await make(call, 'floatingips', 'floatingip', { floating_network_id: external['id'] });
      await proof({ rest, call, network: id, port: made, fip });
    });
  }
});
