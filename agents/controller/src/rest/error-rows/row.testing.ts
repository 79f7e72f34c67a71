/**
 * The error rows of the reference (neutron-api.md) as data: what is asked in which world, and the status, type and text that clients
 * branch on. A row is one line in the file of its section; `error-rows.test.ts` asks each, and finds the types that no row asks for.
 *
 *     { at: '§5.2', when: 'an address is outside the network', ask: (w) => post('port', { … }), status: 400, type: 'InvalidIpForNetwork', text: /…/ }
 */
import { Status } from '@weft/ssntp/operands';
import assert from 'node:assert/strict';
import { settle } from '../../test-support.ts';
import { ADMIN_TOKEN, make, makeNetwork, nodeId, openRest } from '../rest-support.ts';
import type { Call, TestRest } from '../rest-support.ts';

/** What is sent; `text` in place of `body`: as it is, JSON or not. */
export type Ask = Readonly<{ method: string; url: string; body?: unknown; text?: string; headers?: Readonly<Record<string, string>> }>;

/**
 * The project red, which owns most of the world, and its neighbour, by their fixed tokens; a member and a reader of red who logged in;
 * the administrator; and who has no token.
 */
export type Asker = 'red' | 'blue' | 'member' | 'reader' | 'admin' | 'nobody';

export type ErrorRow = Readonly<{
  /** The section of the reference that demands it. */
  at: string;
  /** What is wrong, to complete "refused because …". Together with `at` it names the row. */
  when: string;
  /** Default: red. */
  as?: Asker;
  /** What must be there first is made here, and then a promise returned; only what it returns is judged, and must change nothing. */
  ask: (world: World) => Ask | Promise<Ask>;
  status: number;
  /** Under /v2.0 the exception's name. Answers in Keystone's form (all of /v3, and 401) have none: there it is the title. */
  type: string;
  text: RegExp | string;
}>;

/** No object has this id. */
export const NOWHERE = '99999999-0000-4000-8000-000000000000';

/**
 * A small cluster. Red has `network` with `subnet` (10.0.0.0/24) and `port` (10.0.0.50, MAC 02:00:00:00:00:50) behind its automatic
 * gateway; `routed` with `routedSubnet` (10.1.0.0/24) and `routedPort` behind `router`, whose gateway is on `outside`; the group `group`
 * with `rule`, and its `defaultGroup`; `floatingIp` on `routedPort`, `freeFloatingIp` on nothing, and `forwarded` with `forwarding` to
 * `port`, TCP 8080 to 80. Blue has `blueNetwork` with `blueSubnet` and `bluePort`. The operator has `outside` with `outsideSubnet`
 * (203.0.113.0/24, of which .20 to .29 are given away). Values are ids.
 */
export type World = Readonly<Record<(typeof NAMES)[number], string>> &
  Readonly<{ rest: TestRest; red: Call; blue: Call; admin: Call; redProject: string; users: Map<Asker, string> }>;

const NAMES = [
  'network',
  'subnet',
  'port',
  'routed',
  'routedSubnet',
  'routedPort',
  'router',
  'interfacePort',
  'group',
  'defaultGroup',
  'rule',
  'floatingIp',
  'freeFloatingIp',
  'forwarded',
  'forwarding',
  'blueNetwork',
  'blueSubnet',
  'bluePort',
  'outside',
  'outsideSubnet',
] as const;

/** Makes the world anew. */
export async function openWorld(): Promise<World> {
  const rest = await openRest();
  const [red, blue, admin] = [await rest.as('red'), await rest.as('blue'), rest.admin];
  const id = async (call: Call, singular: string, body: object): Promise<string> =>
    String((await make(call, pathOf(singular), singular, body))['id']);
  const outside = await id(admin, 'network', { name: 'outside', 'router:external': true });
  const outsidePool = { allocation_pools: [{ start: '203.0.113.20', end: '203.0.113.29' }], enable_dhcp: false };
  const outsideSubnet = await id(admin, 'subnet', { network_id: outside, ip_version: 4, cidr: '203.0.113.0/24', ...outsidePool });
  const { network, subnet } = await makeNetwork(red);
  const fixed = { fixed_ips: [{ ip_address: '10.0.0.50' }], mac_address: '02:00:00:00:00:50' };
  const port = await id(red, 'port', { network_id: network, name: 'p', ...fixed });
  const { network: routed, subnet: routedSubnet } = await makeNetwork(red, '10.1.0.0/24');
  const router = await id(red, 'router', { name: 'r', external_gateway_info: { network_id: outside } });
  const added = await red('PUT', `/v2.0/routers/${router}/add_router_interface`, { subnet_id: routedSubnet });
  assert.equal(added.status, 200, added.raw);
  const routedPort = await id(red, 'port', { network_id: routed });
  const group = await id(red, 'security_group', { name: 'web' });
  const rule = await id(red, 'security_group_rule', { security_group_id: group, direction: 'ingress', protocol: 'tcp' });
  const groups = (await red('GET', '/v2.0/security-groups?name=default')).body['security_groups'] as readonly Readonly<{ id: string }>[];
  await placeAll(rest);
  const floatingIp = await id(red, 'floatingip', { floating_network_id: outside, port_id: routedPort });
  const freeFloatingIp = await id(red, 'floatingip', { floating_network_id: outside });
  const forwarded = await id(red, 'floatingip', { floating_network_id: outside });
  const forward = { protocol: 'tcp', external_port: 8080, internal_port: 80, internal_port_id: port, internal_ip_address: '10.0.0.50' };
  const made = await red('POST', `/v2.0/floatingips/${forwarded}/port_forwardings`, { port_forwarding: forward });
  assert.equal(made.status, 201, made.raw);
  const { network: blueNetwork, subnet: blueSubnet } = await makeNetwork(blue);
  const bluePort = await id(blue, 'port', { network_id: blueNetwork });
  await placeAll(rest);
  return {
    rest,
    red,
    blue,
    admin,
    redProject: await rest.tenantId('red'),
    users: new Map(),
    network,
    subnet,
    port,
    routed,
    routedSubnet,
    routedPort,
    router,
    interfacePort: String(added.body['port_id']),
    group,
    defaultGroup: String(groups[0]?.id),
    rule,
    floatingIp,
    freeFloatingIp,
    forwarded,
    forwarding: (made.body['port_forwarding'] as Readonly<{ id: string }>).id,
    blueNetwork,
    blueSubnet,
    bluePort,
    outside,
    outsideSubnet,
  };
}

/** Puts what waits for a place on node 2. */
export async function placeAll(rest: TestRest): Promise<void> {
  for (const payload of rest.link.take('COMMAND START')) {
    const { start } = payload as { start: { instance_uuid: string } };
    rest.link.routed(nodeId(9), Status.Reply, { instance_uuid: start.instance_uuid, node_uuid: nodeId(2) });
  }
  await settle();
}

/** The token of an asker; members and readers are made on first use, and log in. */
export async function tokenOf({ rest, redProject, users }: World, as: Asker): Promise<string | undefined> {
  if (as === 'nobody') return undefined;
  if (as === 'admin') return ADMIN_TOKEN;
  if (as !== 'member' && as !== 'reader') return rest.tokenOf(as);
  const token = users.get(as) ?? (await logIn(rest, redProject, as));
  users.set(as, token);
  return token;
}

/** What members and readers log in with; their name is their role. */
export const PASSWORD = 'pass word';

async function logIn(rest: TestRest, project: string, role: 'member' | 'reader'): Promise<string> {
  const user = await rest.admin('POST', '/v3/users', { user: { name: role, password: PASSWORD } });
  const { id } = user.body['user'] as Readonly<{ id: string }>;
  const roles = (await rest.admin('GET', `/v3/roles?name=${role}`)).body['roles'] as readonly Readonly<{ id: string }>[];
  await rest.admin('PUT', `/v3/projects/${project}/users/${id}/roles/${String(roles[0]?.id)}`);
  const identity = { methods: ['password'], password: { user: { id, password: PASSWORD } } };
  const text = JSON.stringify({ auth: { identity, scope: { project: { id: project } } } });
  const reply = await rest.send({ method: 'POST', url: '/v3/auth/tokens', text });
  assert.equal(reply.status, 201, reply.raw);
  return String(reply.headers['x-subject-token']);
}

/** The path of a collection of /v2.0 by what one of its objects is called. */
export function pathOf(singular: string): string {
  return `${singular.replace(/y$/, 'ie')}s`.replaceAll('_', '-');
}

/** `post('port', { … })`: the request that makes one, below its wrapper key. */
export const post = (singular: string, body: unknown): Ask => ({
  method: 'POST',
  url: `/v2.0/${pathOf(singular)}`,
  body: { [singular]: body },
});

/** `put('port', id, { … })`: the request that changes one. */
export const put = (singular: string, id: string, body: unknown): Ask => ({
  method: 'PUT',
  url: `/v2.0/${pathOf(singular)}/${id}`,
  body: { [singular]: body },
});

/** `get('ports/…?fields=id')`, below /v2.0. */
export const get = (path: string): Ask => ({ method: 'GET', url: `/v2.0/${path}` });

/** `remove('ports/…')`, below /v2.0. */
export const remove = (path: string): Ask => ({ method: 'DELETE', url: `/v2.0/${path}` });

/** Makes what a row needs, and returns its id. */
export async function made(call: Call, singular: string, body: object): Promise<string> {
  return String((await make(call, pathOf(singular), singular, body))['id']);
}
