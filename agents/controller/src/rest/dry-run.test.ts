import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DryRunView } from '@weft/api/dry-run';
import { Status } from '@weft/ssntp/operands';
import { nodeId, settle } from '../test-support.ts';
import { assertProblem, openRest } from './rest-support.ts';
import { registeredRoutes } from './routes.testing.ts';
import type { Call, Reply, TestRest } from './rest-support.ts';

type Made = Record<string, string>;
/** One write, as it is made after those before it; `keep` is what the id of its answer is called by those after. */
type Write = Readonly<{
  route: string;
  url: (made: Made) => string;
  body?: (made: Made) => unknown;
  keep?: string;
  as?: 'admin';
  next?: 'place';
}>;

const at =
  (path: string, name: string, more = '') =>
  (made: Made): string =>
    `${path}/${made[name]}${more}`;
const collection = (path: string) => (): string => path;
const FORWARDINGS = '/v2.0/floatingips/:id/port_forwardings';

const tagWrites = (path: string, name: string): readonly Write[] => {
  const tags = { route: `PUT /v2.0/${path}/:id/tags`, url: at(`/v2.0/${path}`, name, '/tags'), body: () => ({ tags: ['a'] }) };
  const tag = { route: `PUT /v2.0/${path}/:id/tags/:child`, url: at(`/v2.0/${path}`, name, '/tags/b') };
  return [tags, tag, { ...tag, route: `DELETE /v2.0/${path}/:id/tags/:child` }, { route: `DELETE /v2.0/${path}/:id/tags`, url: tags.url }];
};

/** Every write that the API knows, in an order in which all are possible. */
const WRITES: readonly Write[] = [
  { route: 'POST /v1/tenants', url: collection('/v1/tenants'), body: () => ({ name: 'green' }), keep: 'tenant', as: 'admin' },
  { route: 'PUT /v1/tenants/:id', url: at('/v1/tenants', 'red'), body: () => ({ ssh_reach: true }) },
  { route: 'DELETE /v1/tenants/:id', url: at('/v1/tenants', 'tenant'), as: 'admin' },
  {
    route: 'POST /v2.0/networks',
    url: collection('/v2.0/networks'),
    body: () => ({ network: { name: 'outside', 'router:external': true } }),
    keep: 'outside',
    as: 'admin',
  },
  {
    route: 'POST /v2.0/subnets',
    url: collection('/v2.0/subnets'),
    body: ({ outside }) => ({ subnet: { network_id: outside, ip_version: 4, cidr: '203.0.113.0/24', enable_dhcp: false } }),
    as: 'admin',
  },
  { route: 'POST /v2.0/networks', url: collection('/v2.0/networks'), body: () => ({ network: { name: 'n' } }), keep: 'network' },
  { route: 'PUT /v2.0/networks/:id', url: at('/v2.0/networks', 'network'), body: () => ({ network: { name: 'front' } }) },
  {
    route: 'POST /v2.0/subnets',
    url: collection('/v2.0/subnets'),
    body: ({ network }) => ({ subnet: { network_id: network, ip_version: 4, cidr: '10.0.0.0/24' } }),
    keep: 'subnet',
  },
  { route: 'PUT /v2.0/subnets/:id', url: at('/v2.0/subnets', 'subnet'), body: () => ({ subnet: { name: 's' } }) },
  {
    route: 'POST /v2.0/ports',
    url: collection('/v2.0/ports'),
    body: ({ network }) => ({ ports: [{ network_id: network }, { network_id: network }] }),
    keep: 'port',
  },
  { route: 'PUT /v2.0/ports/:id', url: at('/v2.0/ports', 'port'), body: () => ({ port: { name: 'web' } }) },
  {
    route: 'POST /v1/instances',
    url: collection('/v1/instances'),
    body: ({ port }) => ({ command: ['true'], port_id: port }),
    keep: 'instance',
    next: 'place',
  },
  {
    route: 'POST /v1/concentrators/:id/move',
    url: at('/v1/concentrators', 'concentrator', '/move'),
    body: () => ({ node_id: nodeId(3) }),
    as: 'admin',
  },
  {
    route: 'POST /v2.0/floatingips',
    url: collection('/v2.0/floatingips'),
    body: ({ outside }) => ({ floatingip: { floating_network_id: outside } }),
    keep: 'floating',
  },
  { route: 'PUT /v2.0/floatingips/:id', url: at('/v2.0/floatingips', 'floating'), body: ({ port }) => ({ floatingip: { port_id: port } }) },
  { route: 'PUT /v2.0/floatingips/:id', url: at('/v2.0/floatingips', 'floating'), body: () => ({ floatingip: { port_id: null } }) },
  {
    route: `POST ${FORWARDINGS}`,
    url: at('/v2.0/floatingips', 'floating', '/port_forwardings'),
    body: ({ port, address }) => ({
      port_forwarding: { protocol: 'tcp', external_port: 8080, internal_port: 80, internal_port_id: port, internal_ip_address: address },
    }),
    keep: 'forwarding',
  },
  {
    route: `PUT ${FORWARDINGS}/:child`,
    url: ({ floating, forwarding }) => `/v2.0/floatingips/${floating}/port_forwardings/${forwarding}`,
    body: () => ({ port_forwarding: { external_port: 8081 } }),
  },
  {
    route: `DELETE ${FORWARDINGS}/:child`,
    url: ({ floating, forwarding }) => `/v2.0/floatingips/${floating}/port_forwardings/${forwarding}`,
  },
  ...tagWrites('floatingips', 'floating'),
  { route: 'DELETE /v2.0/floatingips/:id', url: at('/v2.0/floatingips', 'floating') },
  {
    route: 'POST /v1/firewall-rules',
    url: collection('/v1/firewall-rules'),
    body: () => ({ direction: 'outbound', action: 'deny', protocol: 'tcp', port_min: 25, port_max: 25 }),
    keep: 'rule',
  },
  { route: 'PUT /v1/firewall-rules/:id', url: at('/v1/firewall-rules', 'rule'), body: () => ({ action: 'allow' }) },
  { route: 'DELETE /v1/firewall-rules/:id', url: at('/v1/firewall-rules', 'rule') },
  {
    route: 'POST /v1/nat-rules',
    url: collection('/v1/nat-rules'),
    body: () => ({ direction: 'outbound', protocol: 'tcp', port_min: 25, port_max: 25 }),
    keep: 'nat',
  },
  { route: 'PUT /v1/nat-rules/:id', url: at('/v1/nat-rules', 'nat'), body: () => ({ priority: 7 }) },
  { route: 'DELETE /v1/nat-rules/:id', url: at('/v1/nat-rules', 'nat') },
  {
    route: 'POST /v2.0/security-groups',
    url: collection('/v2.0/security-groups'),
    body: () => ({ security_group: { name: 'web' } }),
    keep: 'group',
  },
  { route: 'PUT /v2.0/security-groups/:id', url: at('/v2.0/security-groups', 'group'), body: () => ({ security_group: { name: 'www' } }) },
  {
    route: 'POST /v2.0/security-group-rules',
    url: collection('/v2.0/security-group-rules'),
    body: ({ group }) => ({ security_group_rule: { security_group_id: group, direction: 'ingress', protocol: 'tcp' } }),
    keep: 'group rule',
  },
  { route: 'DELETE /v2.0/security-group-rules/:id', url: at('/v2.0/security-group-rules', 'group rule') },
  ...tagWrites('security-groups', 'group'),
  ...tagWrites('networks', 'network'),
  ...tagWrites('subnets', 'subnet'),
  ...tagWrites('ports', 'port'),
  { route: 'DELETE /v2.0/security-groups/:id', url: at('/v2.0/security-groups', 'group') },
  { route: 'DELETE /v1/instances/:id', url: at('/v1/instances', 'instance') },
  { route: 'DELETE /v2.0/ports/:id', url: at('/v2.0/ports', 'port') },
  { route: 'DELETE /v2.0/ports/:id', url: at('/v2.0/ports', 'port 1') },
  { route: 'POST /v2.0/routers', url: collection('/v2.0/routers'), body: () => ({ router: { name: 'r' } }), keep: 'router' },
  {
    route: 'PUT /v2.0/routers/:id/add_router_interface',
    url: at('/v2.0/routers', 'router', '/add_router_interface'),
    body: ({ subnet }) => ({ subnet_id: subnet }),
  },
  ...(['add', 'remove'] as const).map((verb) => ({
    route: `PUT /v2.0/routers/:id/${verb}_extraroutes`,
    url: at('/v2.0/routers', 'router', `/${verb}_extraroutes`),
    body: () => ({ router: { routes: [{ destination: '172.16.0.0/12', nexthop: '10.0.0.200' }] } }),
  })),
  {
    route: 'PUT /v2.0/routers/:id/remove_router_interface',
    url: at('/v2.0/routers', 'router', '/remove_router_interface'),
    body: ({ subnet }) => ({ subnet_id: subnet }),
  },
  { route: 'PUT /v2.0/routers/:id', url: at('/v2.0/routers', 'router'), body: () => ({ router: { admin_state_up: false } }) },
  ...tagWrites('routers', 'router'),
  {
    route: 'POST /v2.0/rbac-policies',
    url: collection('/v2.0/rbac-policies'),
    body: ({ network }) => ({
      rbac_policy: { object_type: 'network', object_id: network, action: 'access_as_shared', target_tenant: 'somebody' },
    }),
    keep: 'policy',
  },
  {
    route: 'PUT /v2.0/rbac-policies/:id',
    url: at('/v2.0/rbac-policies', 'policy'),
    body: () => ({ rbac_policy: { target_tenant: 'somebody else' } }),
  },
  { route: 'DELETE /v2.0/rbac-policies/:id', url: at('/v2.0/rbac-policies', 'policy') },
  { route: 'DELETE /v2.0/routers/:id', url: at('/v2.0/routers', 'router') },
  { route: 'DELETE /v2.0/subnets/:id', url: at('/v2.0/subnets', 'subnet') },
  { route: 'DELETE /v2.0/networks/:id', url: at('/v2.0/networks', 'network') },
  {
    route: 'POST /v2.0/subnetpools',
    url: collection('/v2.0/subnetpools'),
    body: () => ({ subnetpool: { name: 'p', prefixes: ['10.8.0.0/16'] } }),
    keep: 'pool',
  },
  { route: 'PUT /v2.0/subnetpools/:id', url: at('/v2.0/subnetpools', 'pool'), body: () => ({ subnetpool: { name: 'q' } }) },
  ...tagWrites('subnetpools', 'pool'),
  { route: 'DELETE /v2.0/subnetpools/:id', url: at('/v2.0/subnetpools', 'pool') },
  { route: 'DELETE /v2.0/auto-allocated-topology/:id', url: () => '/v2.0/auto-allocated-topology/None' },
  { route: 'PUT /v2.0/quotas/:id', url: at('/v2.0/quotas', 'red'), body: () => ({ quota: { port: 9 } }), as: 'admin' },
  { route: 'DELETE /v2.0/quotas/:id', url: at('/v2.0/quotas', 'red'), as: 'admin' },
  { route: 'DELETE /v1/nodes/:id', url: at('/v1/nodes', 'node'), as: 'admin' },
];

/** `METHOD /pattern` of every registered write, but for those of the identity service, of which no packet depends. */
function writeRoutes({ app }: TestRest): string[] {
  return registeredRoutes(app).filter((route) => !/^(GET|HEAD) /.test(route) && !route.includes(' /v3'));
}

const snapshot = ({ controller: { cluster } }: TestRest): unknown => [
  cluster.revision,
  [...cluster.state.all()].map((record) => JSON.stringify(record)),
];

async function place(rest: TestRest, made: Made): Promise<void> {
  for (const payload of rest.link.take('COMMAND START')) {
    const { start } = payload as { start: { instance_uuid: string; requirements: { network_node: boolean } } };
    const { network_node } = start.requirements;
    if (network_node) made['concentrator'] = start.instance_uuid;
    rest.link.routed(nodeId(9), Status.Reply, { instance_uuid: start.instance_uuid, node_uuid: nodeId(network_node ? 2 : 1) });
  }
  await settle();
}

/** How many records of each kind and action a write really changed. */
function really(before: ReadonlyMap<string, string>, rest: TestRest): string[] {
  const now = recordsOf(rest);
  return [...new Set([...before.keys(), ...now.keys()])]
    .flatMap((key) => {
      if (before.get(key) === now.get(key) || key.startsWith('address_hold/')) return [];
      const action = !before.has(key) ? 'create' : !now.has(key) ? 'delete' : 'update';
      return `${action} ${key.split('/')[0]}${action === 'create' ? '' : ` ${key.split('/')[1]}`}`;
    })
    .toSorted();
}

const recordsOf = ({ controller }: TestRest): Map<string, string> =>
  new Map([...controller.cluster.state.all()].map((record) => [`${snake(record.kind)}/${record.id}`, JSON.stringify(record)]));
const snake = (text: string): string => text.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
const dry = (url: string): string => `${url}?dry_run=true`;

test('every write can be asked what it would do: it answers what it then does, and changes nothing before', async () => {
  await using rest = await openRest();
  rest.link.stats(3, { roles: ['compute', 'network'] });
  rest.link.stats(4);
  await settle();
  for (const n of [1, 2, 3]) rest.link.nodeConnected(nodeId(n));
  const red = await rest.as('red');
  const made: Made = { red: await rest.tenantId('red'), node: nodeId(4) };
  for (const { route, url, body, keep, as, next } of WRITES) {
    const call = as === 'admin' ? rest.admin : red;
    const [method = ''] = route.split(' ');
    const [path, content] = [url(made), body?.(made)];
    const [before, records] = [snapshot(rest), recordsOf(rest)];
    const asked = await call(method, dry(path), content);
    assert.equal(asked.status, 200, `${route}: ${asked.raw}`);
    assert.equal(asked.body['dry_run'], true, route);
    assert.doesNotMatch(asked.raw, /token/, route);
    assert.deepEqual(snapshot(rest), before, `${route} changed something`);
    const done = await call(method, path, content);
    assert.ok(done.status >= 200 && done.status < 300, `${route}: ${done.raw}`);
    const { changes } = asked.body as unknown as DryRunView;
    const foretold = changes.map(({ action, kind, id }) => `${action} ${kind}${action === 'create' ? '' : ` ${id}`}`).toSorted();
    assert.deepEqual(foretold, really(records, rest), route);
    if (keep !== undefined) keepIds(made, keep, done);
    if (next === 'place') await place(rest, made);
  }
});

function keepIds(made: Made, name: string, { body }: Reply): void {
  const inner = 'id' in body ? body : Object.values(body)[0];
  for (const [index, item] of [inner].flat().entries()) {
    const { id, fixed_ips } = item as { id: string; fixed_ips?: readonly { ip_address: string }[] };
    made[index === 0 ? name : `${name} ${index}`] = id;
    if (fixed_ips !== undefined && index === 0) made['address'] = fixed_ips[0]?.ip_address ?? '';
  }
}

test('no write is without a dry run', async () => {
  await using rest = await openRest();
  await rest.app.ready();
  const accept = 'POST /v1/nodes/:id/accept';
  assert.deepEqual(writeRoutes(rest).toSorted(), [...new Set([...WRITES.map(({ route }) => route), accept])].toSorted());
});

test('a held plan is not accepted by asking about it', async () => {
  await using rest = await openRest();
  const url = dry(`/v1/nodes/${nodeId(1)}/accept`);
  assertProblem(await rest.admin('POST', url), 409, 'node_not_connected', /is not connected/);
  rest.link.nodeConnected(nodeId(1));
  assertProblem(await rest.admin('POST', url), 409, 'nothing_held', /holds no plan back/);
  rest.link.synced(nodeId(1), {
    epoch: 'old',
    revision: 9,
    held: { reason: 'unknown_epoch', epoch: rest.controller.cluster.epoch, revision: 1, ports: 3 },
  });
  rest.link.syncs(nodeId(1));
  const asked = await rest.admin('POST', url);
  assert.deepEqual([asked.status, asked.body['changes'], rest.link.syncs(nodeId(1))], [200, [], []], asked.raw);
});

test('what a write would refuse, its dry run refuses with the same words', async () => {
  await using rest = await openRest();
  const [red, blue] = [await rest.as('red'), await rest.as('blue')];
  const { body } = await red('POST', '/v2.0/networks', { network: { name: 'n' } });
  const { id } = body['network'] as { id: string };
  const before = snapshot(rest);
  const subnet = { network_id: id, ip_version: 4, cidr: '10.0.0.0/24' };
  const wrong: readonly (readonly [Call, string, string, unknown])[] = [
    [blue, 'DELETE', `/v2.0/networks/${id}`, undefined],
    [red, 'PUT', `/v2.0/networks/${id}`, { network: { mtu: 'much' } }],
    [red, 'PUT', `/v2.0/networks/${id}`, { network: { 'router:external': true } }],
    // The second of them cannot be, so the first is not, either.
    [red, 'POST', '/v2.0/subnets', { subnets: [subnet, subnet] }],
    [red, 'POST', '/v1/tenants', { name: 'mine' }],
    [rest.admin, 'POST', '/v1/tenants', { name: 'red' }],
    [rest.admin, 'POST', '/v1/tenants', { nonsense: 1 }],
    [red, 'POST', '/v1/firewall-rules', { direction: 'inbound', action: 'deny', protocol: 'icmp', port_min: 1, port_max: 1 }],
    [rest.admin, 'DELETE', `/v1/nodes/${id}`, undefined],
  ];
  const words = ({ status, body: answer }: Reply): unknown => [status, { ...answer, requestId: undefined }];
  for (const [call, method, url, content] of wrong) {
    const asked = await call(method, dry(url), content);
    assert.ok(asked.status >= 400, `${method} ${url}: ${asked.raw}`);
    assert.deepEqual(words(asked), words(await call(method, url, content)), `${method} ${url}`);
    assert.deepEqual(snapshot(rest), before, `${method} ${url} changed something`);
  }
});

test('what is neither yes nor no is refused, and not taken for a no', async () => {
  await using rest = await openRest();
  const red = await rest.as('red');
  const before = snapshot(rest);
  for (const query of ['dry_run=yes', 'dry_run=', 'dry_run=true&dry_run=false']) {
    assertProblem(
      await red('POST', `/v1/firewall-rules?${query}`, { direction: 'inbound', action: 'deny' }),
      400,
      'bad_request',
      /neither true nor false/,
    );
  }
  assert.deepEqual(snapshot(rest), before);
  assert.equal((await red('POST', '/v1/firewall-rules?dry_run=false', { direction: 'inbound', action: 'deny' })).status, 201);
});

test('a dry run says what would open and close, and tells nodes to administrators only', async () => {
  await using rest = await openRest();
  const red = await rest.as('red');
  const made: Made = { red: await rest.tenantId('red'), node: nodeId(4) };
  for (const { url, body, keep, as, next, route } of WRITES.slice(3, 12)) {
    const done = await (as === 'admin' ? rest.admin : red)(route.split(' ')[0] ?? '', url(made), body?.(made));
    if (keep !== undefined) keepIds(made, keep, done);
    if (next === 'place') await place(rest, made);
  }
  const from = { port_id: made['port'], address: made['address'], except: [] };
  const deny = { direction: 'outbound', action: 'deny', protocol: 'tcp', port_min: 25, port_max: 26 };
  const asked = (await red('POST', dry('/v1/firewall-rules'), deny)).body as unknown as DryRunView;
  const rule = asked.changes[0];
  assert.deepEqual([rule?.action, rule?.kind, rule?.before, rule?.after?.['port_min']], ['create', 'firewall_rule', null, 25]);
  assert.deepEqual(asked.reachability, {
    opens: [],
    closes: [
      {
        from,
        to: { port_id: null, address: '0.0.0.0/0', except: [] },
        protocol: 'tcp',
        ports: '25-26',
        before: 'delivered to the outside',
        after: `firewall_rule ${rule?.id}`,
      },
    ],
    truncated: false,
  });
  assert.deepEqual(asked.affected_nodes, []);
  for (const [call, sees] of [
    [red, false],
    [rest.admin, true],
  ] as const) {
    const { changes } = (await call('PUT', dry(`/v2.0/networks/${made['network']}`), { network: { name: 'x' } }))
      .body as unknown as DryRunView;
    const { name, vni } = changes[0]?.after ?? {};
    assert.deepEqual([name, vni !== undefined], ['x', sees], 'a VNI is the operators’ business');
  }
  const tenant = { ...deny, tenant_id: made['red'] };
  const { affected_nodes } = (await rest.admin('POST', dry('/v1/firewall-rules'), tenant)).body as unknown as DryRunView;
  assert.deepEqual(affected_nodes, [
    {
      id: nodeId(2),
      hostname: affected_nodes[0]?.hostname,
      resources: [{ kind: 'firewall', key: made['concentrator'], action: 'create' }],
    },
  ]);
});
