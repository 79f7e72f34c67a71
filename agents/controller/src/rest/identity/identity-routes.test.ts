import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openRest } from '../rest-support.ts';
import type { Reply, TestRest } from '../rest-support.ts';

type Json = Readonly<Record<string, never>>;
type Login = Readonly<{ user?: string; password?: string; scope?: unknown }>;

const PASSWORD = 'first password';
const byPassword = (name: string, password: string): object => ({
  methods: ['password'],
  password: { user: { name, domain: { id: 'default' }, password } },
});
const toProject = (name: string): object => ({ project: { name, domain: { name: 'Default' } } });

/** A cluster with the first administrator, and a member, a reader and nobody in the project red. */
class Rig {
  readonly rest: TestRest;
  readonly ids: Record<string, string> = {};
  admin = '';

  constructor(rest: TestRest) {
    this.rest = rest;
  }

  static async open(): Promise<Rig> {
    const rig = new Rig(await openRest());
    await rig.rest.identity.bootstrap(PASSWORD);
    rig.admin = await rig.token({ user: 'admin', password: PASSWORD, scope: toProject('admin') });
    rig.ids['red'] = (await rig.made('POST', '/v3/projects', 'project', { project: { name: 'red' } }))['id'] ?? '';
    const roles = (await rig.call(rig.admin, 'GET', '/v3/roles')).body['roles'] as readonly { id: string; name: string }[];
    for (const { id, name } of roles) rig.ids[`role ${name}`] = id;
    for (const name of ['member', 'reader', 'nobody']) {
      rig.ids[name] = (await rig.made('POST', '/v3/users', 'user', { user: { name, password: `${name}’s` } }))['id'] ?? '';
      if (name === 'nobody') continue;
      const grant = await rig.call(rig.admin, 'PUT', rig.#grantPath(name, name));
      assert.equal(grant.status, 204, grant.raw);
    }
    return rig;
  }

  #grantPath(user: string, role: string): string {
    return `/v3/projects/${this.ids['red']}/users/${this.ids[user]}/roles/${this.ids[`role ${role}`]}`;
  }

  call(token: string | undefined, method: string, url: string, body?: unknown, headers: Record<string, string> = {}): Promise<Reply> {
    const text = body === undefined ? {} : { text: JSON.stringify(body) };
    return this.rest.send({ method, url, ...(token === undefined ? {} : { token }), headers, ...text });
  }

  login(identity: object, scope?: unknown): Promise<Reply> {
    return this.call(undefined, 'POST', '/v3/auth/tokens', { auth: { identity, ...(scope === undefined ? {} : { scope }) } });
  }

  async token({ user = 'member', password = `${user}’s`, scope = toProject('red') }: Login = {}): Promise<string> {
    const reply = await this.login(byPassword(user, password), scope);
    assert.equal(reply.status, 201, reply.raw);
    return String(reply.headers['x-subject-token']);
  }

  async made(method: string, url: string, key: string, body: unknown, token = this.admin): Promise<Record<string, string>> {
    const reply = await this.call(token, method, url, body);
    assert.equal(reply.status, method === 'POST' ? 201 : 200, reply.raw);
    return reply.body[key] as Record<string, string>;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve(this.rest[Symbol.asyncDispose]());
  }
}

function assertKeystone(reply: Reply, status: number, message: RegExp): void {
  const error = (reply.body['error'] ?? {}) as Json;
  assert.deepEqual([reply.status, error['code']], [status, status], reply.raw);
  assert.match(String(error['message']), message);
  assert.equal(typeof error['title'], 'string');
}

test('discovery needs no token, logging in answers with catalog, roles and the token in a header', async () => {
  await using rig = await Rig.open();
  const version = (await rig.call(undefined, 'GET', '/v3')).body['version'] as Json;
  assert.equal(version['id'], 'v3.14');
  const reply = await rig.login(byPassword('member', 'member’s'), toProject('red'));
  assert.equal(reply.status, 201, reply.raw);
  const token = reply.body['token'] as Record<string, unknown>;
  assert.deepEqual(token['project'], { id: rig.ids['red'], name: 'red', domain: { id: 'default', name: 'Default' } });
  assert.deepEqual(
    (token['roles'] as readonly Json[]).map((role) => role['name']),
    ['member', 'reader'],
  );
  assert.deepEqual(token['methods'], ['password']);
  assert.match(String(token['expires_at']), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
  const catalog = token['catalog'] as readonly Record<string, unknown>[];
  const urls = catalog.map(({ type, endpoints }) => [type, (endpoints as readonly Json[] | undefined)?.[0]?.['url']]);
  assert.deepEqual(urls, [
    ['identity', 'http://localhost:80/v3'],
    ['network', 'http://localhost:80'],
  ]);
  assert.ok(!reply.raw.includes(String(reply.headers['x-subject-token'])), 'the token is not in the body');
});

test('whatever is wrong with a log-in is answered alike', async () => {
  await using rig = await Rig.open();
  const attempts: readonly (readonly [object, unknown?])[] = [
    [byPassword('member', 'wrong'), toProject('red')],
    [byPassword('stranger', 'x')],
    [byPassword('nobody', 'nobody’s'), toProject('red')],
    [byPassword('member', 'member’s'), toProject('blue')],
    [byPassword('member', 'member’s'), { system: { all: true } }],
    [{ methods: ['token'], token: { id: 'nonsense' } }],
    [{ methods: ['oauth'] }],
    [{ methods: ['password'] }],
    [{ methods: ['password'], password: { user: { name: 'member', domain: { id: 'other' }, password: 'member’s' } } }],
  ];
  const answers = new Set<string>();
  for (const [identity, scope] of attempts) {
    const reply = await rig.login(identity, scope);
    assertKeystone(reply, 401, /requires authentication/);
    assert.match(String(reply.headers['www-authenticate']), /^Keystone uri="http:\/\/localhost:80\/v3"$/);
    answers.add(reply.raw);
  }
  assert.equal(answers.size, 1);
  assertKeystone(await rig.login({ methods: [] }), 400, /not valid/);
});

test('a token opens the network API for its project and nothing else, and a reader changes nothing', async () => {
  await using rig = await Rig.open();
  const member = await rig.token();
  const made = await rig.call(member, 'POST', '/v2.0/networks', { network: { name: 'n' } });
  assert.equal(made.status, 201, made.raw);
  const network = made.body['network'] as Record<string, string>;
  assert.equal(network['project_id'], rig.ids['red']);
  const reader = await rig.token({ user: 'reader' });
  assert.equal((await rig.call(reader, 'GET', `/v2.0/networks/${network['id']}`)).status, 200);
  const refused = await rig.call(reader, 'DELETE', `/v2.0/networks/${network['id']}`);
  assert.deepEqual([refused.status, (refused.body['NeutronError'] as Json)['type']], [403, 'PolicyNotAuthorized']);
  assert.equal((await rig.call(reader, 'POST', '/v1/firewall-rules', { direction: 'inbound', action: 'deny' })).status, 403);
  const unscoped = await rig.token({ scope: 'unscoped' });
  assert.equal((await rig.call(unscoped, 'GET', '/v2.0/networks')).status, 401);
  assert.equal((await rig.call(rig.admin, 'GET', `/v2.0/networks/${network['id']}`)).status, 200);
});

test('a role that is withdrawn, a project or user that is switched off, and a new password end tokens at once', async () => {
  await using rig = await Rig.open();
  const grant = `/v3/projects/${rig.ids['red']}/users/${rig.ids['member']}/roles/${rig.ids['role member']}`;
  const isOpen = async (token: string): Promise<boolean> => (await rig.call(token, 'GET', '/v2.0/networks')).status === 200;
  const first = await rig.token();
  assert.equal(await isOpen(first), true);
  assert.equal((await rig.call(rig.admin, 'HEAD', grant)).status, 204);
  await rig.call(rig.admin, 'DELETE', grant);
  assert.equal((await rig.call(rig.admin, 'HEAD', grant)).status, 404);
  assert.equal(await isOpen(first), false);
  await rig.call(rig.admin, 'PUT', grant);
  assert.equal(await isOpen(first), true);

  await rig.made('PATCH', `/v3/projects/${rig.ids['red']}`, 'project', { project: { enabled: false } });
  assert.equal(await isOpen(first), false);
  await rig.made('PATCH', `/v3/projects/${rig.ids['red']}`, 'project', { project: { enabled: true } });
  assert.equal(await isOpen(first), true);

  rig.rest.clock.advance(1);
  const change = { user: { original_password: 'member’s', password: 'second' } };
  assertKeystone(
    await rig.call(first, 'POST', `/v3/users/${rig.ids['member']}/password`, { user: { ...change.user, original_password: 'x' } }),
    401,
    /requires/,
  );
  assert.equal((await rig.call(first, 'POST', `/v3/users/${rig.ids['member']}/password`, change)).status, 204);
  assert.equal(await isOpen(first), false);
  const second = await rig.token({ password: 'second' });
  assert.equal(await isOpen(second), true);
  rig.rest.clock.advance(1);
  await rig.made('PATCH', `/v3/users/${rig.ids['member']}`, 'user', { user: { enabled: false } });
  assert.equal(await isOpen(second), false);
  assertKeystone(await rig.login(byPassword('member', 'second')), 401, /requires/);
});

test('a token is validated by its holder and by administrators, revoked once, and expires', async () => {
  await using rig = await Rig.open();
  const [member, reader] = [await rig.token(), await rig.token({ user: 'reader' })];
  const validate = (caller: string, subject: string, method = 'GET'): Promise<Reply> =>
    rig.call(caller, method, '/v3/auth/tokens', undefined, { 'x-subject-token': subject });
  assert.equal(((await validate(member, member)).body['token'] as Json)['is_domain'], false);
  assert.equal((await validate(rig.admin, member)).headers['x-subject-token'], member);
  assert.equal((await validate(rig.admin, member, 'HEAD')).status, 200);
  assertKeystone(await validate(reader, member), 403, /validate_token/);
  assertKeystone(await validate(rig.admin, 'nonsense'), 404, /token/);
  assertKeystone(await validate('nonsense', member), 401, /requires/);

  const rescoped = await rig.login({ methods: ['token'], token: { id: member } }, toProject('red'));
  const child = String(rescoped.headers['x-subject-token']);
  assert.deepEqual((rescoped.body['token'] as Json)['methods'], ['password', 'token']);
  assert.equal((await validate(member, member, 'DELETE')).status, 204);
  assertKeystone(await validate(rig.admin, member), 404, /token/);
  assertKeystone(await validate(rig.admin, child), 404, /token/);
  assertKeystone(await validate(member, member, 'DELETE'), 401, /requires/);

  rig.rest.clock.advance(3600 * 1000);
  assertKeystone(await validate(reader, reader), 401, /requires/);
});

test('an application credential logs in for its project alone, and makes no others unless it is unrestricted', async () => {
  await using rig = await Rig.open();
  const member = await rig.token();
  const path = `/v3/users/${rig.ids['member']}/application_credentials`;
  const body = { application_credential: { name: 'ci', roles: [{ name: 'reader' }], expires_at: '2099-01-01T00:00:00' } };
  const made = await rig.made('POST', path, 'application_credential', body, member);
  assert.match(made['secret'] ?? '', /^[\w-]{43}$/);
  const { secret, id } = made as { secret: string; id: string };
  const identity = { methods: ['application_credential'], application_credential: { id, secret } };
  const reply = await rig.login(identity);
  assert.equal(reply.status, 201, reply.raw);
  const token = String(reply.headers['x-subject-token']);
  assert.equal((await rig.call(token, 'GET', '/v2.0/networks')).status, 200);
  assert.equal((await rig.call(token, 'POST', '/v2.0/networks', { network: {} })).status, 403, 'it is a reader’s only');
  const another = { application_credential: { name: 'more' } };
  assertKeystone(await rig.call(token, 'POST', path, another), 403, /unrestricted/);
  assertKeystone(await rig.login(identity, toProject('red')), 401, /requires/);
  const byName = { name: 'ci', secret, user: { name: 'member', domain: { id: 'default' } } };
  assert.equal((await rig.login({ methods: ['application_credential'], application_credential: byName })).status, 201);
  assertKeystone(await rig.call(rig.admin, 'POST', path, another), 403, /create_application_credential/);
  const bad = { application_credential: { name: 'late', expires_at: '1999-01-01T00:00:00Z' } };
  assertKeystone(await rig.call(member, 'POST', path, bad), 400, /in the past/);
  assertKeystone(await rig.call(member, 'POST', path, body), 409, /named ci/);
  assert.ok(!(await rig.call(member, 'GET', path)).raw.includes(secret));
  assert.equal((await rig.call(member, 'DELETE', `${path}/${id}`)).status, 204);
  assert.equal((await rig.call(token, 'GET', '/v2.0/networks')).status, 401);
  assertKeystone(await rig.login(identity), 401, /requires/);
});

test('guessing is slowed down: after five failures a name has to wait a minute, from that address', async () => {
  await using rig = await Rig.open();
  for (let n = 0; n < 5; n += 1) assert.equal((await rig.login(byPassword('member', `guess ${n}`))).status, 401);
  const refused = await rig.login(byPassword('member', 'member’s'));
  assertKeystone(refused, 429, /Too many/);
  assert.equal(refused.headers['retry-after'], '60');
  assert.equal((await rig.login(byPassword('reader', 'reader’s'))).status, 201);
  rig.rest.clock.advance(60_000);
  assert.equal((await rig.login(byPassword('member', 'member’s'))).status, 201);
});

test('projects, users and roles are an administrator’s to manage and their own to see', async () => {
  await using rig = await Rig.open();
  const member = await rig.token();
  for (const [method, path, body] of [
    ['GET', '/v3/projects'],
    ['GET', '/v3/users'],
    ['POST', '/v3/projects', { project: { name: 'x' } }],
    ['POST', '/v3/users', { user: { name: 'x' } }],
    ['DELETE', `/v3/users/${rig.ids['reader']}`],
    ['GET', `/v3/users/${rig.ids['reader']}`],
    ['GET', '/v3/role_assignments'],
  ] as const) {
    assertKeystone(await rig.call(member, method, path, body), 403, /not authorized/);
  }
  assert.equal(((await rig.call(member, 'GET', `/v3/users/${rig.ids['member']}`)).body['user'] as Json)['name'], 'member');
  assert.equal(((await rig.call(member, 'GET', `/v3/projects/${rig.ids['red']}`)).body['project'] as Json)['name'], 'red');
  const own = (await rig.call(member, 'GET', '/v3/auth/projects')).body['projects'] as readonly Json[];
  assert.deepEqual(
    own.map(({ name }) => name),
    ['red'],
  );
  const named = (await rig.call(rig.admin, 'GET', '/v3/users?name=member')).body['users'] as readonly Json[];
  assert.deepEqual(
    named.map(({ id }) => id),
    [rig.ids['member']],
  );
  const undashed = rig.ids['red']?.replaceAll('-', '') ?? '';
  assert.equal(((await rig.call(rig.admin, 'GET', `/v3/projects/${undashed}`)).body['project'] as Json)['name'], 'red');
  const assigned = await rig.call(rig.admin, 'GET', `/v3/role_assignments?include_names&scope.project.id=${rig.ids['red']}`);
  const names = (assigned.body['role_assignments'] as readonly { user: Json; role: Json }[]).map(({ user, role }) => [
    user['name'],
    role['name'],
  ]);
  assert.deepEqual(names, [
    ['member', 'member'],
    ['reader', 'reader'],
  ]);
  assertKeystone(await rig.call(rig.admin, 'POST', '/v3/projects', { project: { name: 'red' } }), 409, /named red/);
  assertKeystone(await rig.call(rig.admin, 'POST', '/v3/projects', { project: { name: 'x', domain_id: 'other' } }), 400, /no domain other/);
  assertKeystone(await rig.call(rig.admin, 'GET', '/v3/projects/red'), 404, /Project red/);
  assertKeystone(await rig.call(rig.admin, 'GET', '/v3/roles/wizard'), 404, /role: wizard/);
  assertKeystone(await rig.call(rig.admin, 'DELETE', '/v3/users/nope'), 404, /user: nope/);
  assert.equal((await rig.call(rig.admin, 'DELETE', `/v3/users/${rig.ids['member']}`)).status, 204);
  assert.equal((await rig.call(member, 'GET', '/v2.0/networks')).status, 401);
  assert.equal((await rig.call(rig.admin, 'DELETE', `/v3/projects/${rig.ids['red']}`)).status, 204);
});

test('the first administrator is made once, whatever the password later', async () => {
  await using rig = await Rig.open();
  await rig.rest.identity.bootstrap('another');
  assertKeystone(await rig.login(byPassword('admin', 'another')), 401, /requires/);
  assert.equal((await rig.login(byPassword('admin', PASSWORD), { system: { all: true } })).status, 201);
});

test('the fixed administrator’s token manages the identity service, too', async () => {
  await using rig = await Rig.open();
  const reply = await rig.rest.admin('GET', '/v3/projects?name=red');
  assert.equal((reply.body['projects'] as readonly Json[]).length, 1);
  assertKeystone(await (await rig.rest.as('blue'))('GET', '/v3/projects'), 401, /requires/);
});

test('administrators see services, endpoints and regions one by one, as the catalog has them', async () => {
  await using rig = await Rig.open();
  const listed = async (path: string): Promise<readonly Json[]> => {
    const reply = await rig.call(rig.admin, 'GET', `/v3/${path}`);
    assert.equal(reply.status, 200, reply.raw);
    return reply.body[path.split('?')[0]!] as readonly Json[];
  };
  const services = await listed('services');
  assert.deepEqual(
    services.map(({ type, name }) => [type, name]),
    [
      ['identity', 'keystone'],
      ['network', 'neutron'],
    ],
  );
  const endpoints = await listed(`endpoints?service_id=${services[1]!['id']}&interface=public`);
  assert.deepEqual(
    endpoints.map(({ url, region_id: region }) => [url, region]),
    [['http://localhost:80', 'RegionOne']],
  );
  assert.deepEqual(
    (await listed('regions')).map(({ id }) => id),
    ['RegionOne'],
  );
  assertKeystone(await rig.call(await rig.token(), 'GET', '/v3/services'), 403, /list_services/);
});
