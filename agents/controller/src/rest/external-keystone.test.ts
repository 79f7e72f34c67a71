/** The network API with an identity service that stands outside. Our own embedded one, over HTTP, plays the part of it. */
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { ExternalKeystone } from '../identity/external-keystone.ts';
import type { ExternalKeystoneOptions } from '../identity/external-keystone.ts';
import { sightProject } from '../identity/project-sighting.ts';
import type { TestController } from '../test-support.ts';
import { ADMIN_TOKEN, assertNeutron, assertProblem, openRest } from './rest-support.ts';
import type { Reply, TestRest } from './rest-support.ts';

const PASSWORD = 'a password';
const SERVICE = { username: 'weft', password: PASSWORD, userDomain: 'Default', project: 'service', projectDomain: 'Default' };
const CACHE_MS = 30_000;

type Server = AsyncDisposable & Readonly<{ url: string; close: () => Promise<void> }>;

/** The embedded identity service of a cluster of its own, on a port of the loopback. */
class Keystone implements AsyncDisposable {
  readonly rest: TestRest;
  url = '';
  #admin = '';
  readonly #roles = new Map<string, string>();

  constructor(rest: TestRest) {
    this.rest = rest;
  }

  /** With the project red, the users that are named like their roles there, and ourselves as a service. */
  static async open(): Promise<Keystone> {
    const keystone = new Keystone(await openRest());
    const { rest } = keystone;
    await rest.identity.bootstrap(PASSWORD);
    keystone.url = `${await rest.app.listen({ host: '127.0.0.1', port: 0 })}/v3`;
    keystone.#admin = await keystone.token('admin', 'admin');
    const { roles } = (await keystone.#call('GET', '/v3/roles')).body as { roles: { id: string; name: string }[] };
    for (const { id, name } of roles) keystone.#roles.set(name, id);
    const [red, service] = [await keystone.#made('project', { name: 'red' }), await keystone.#made('project', { name: 'service' })];
    for (const role of ['member', 'reader']) await keystone.#user(role, red, role);
    await keystone.#user('weft', service, 'service');
    return keystone;
  }

  async token(user: string, project: string | undefined): Promise<string> {
    const scope = project === undefined ? 'unscoped' : { project: { name: project, domain: { id: 'default' } } };
    const identity = { methods: ['password'], password: { user: { name: user, domain: { id: 'default' }, password: PASSWORD } } };
    const reply = await this.rest.send({ method: 'POST', url: '/v3/auth/tokens', text: JSON.stringify({ auth: { identity, scope } }) });
    assert.equal(reply.status, 201, reply.raw);
    return String(reply.headers['x-subject-token']);
  }

  revoke(token: string): Promise<Reply> {
    return this.rest.send({ method: 'DELETE', url: '/v3/auth/tokens', token, headers: { 'x-subject-token': token } });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.rest[Symbol.asyncDispose]();
  }

  #call(method: string, url: string, body?: object): Promise<Reply> {
    return this.rest.send({ method, url, token: this.#admin, ...(body === undefined ? {} : { text: JSON.stringify(body) }) });
  }

  async #made(kind: 'project' | 'user', body: object): Promise<string> {
    const reply = await this.#call('POST', `/v3/${kind}s`, { [kind]: body });
    assert.equal(reply.status, 201, reply.raw);
    return (reply.body[kind] as { id: string }).id;
  }

  async #user(name: string, project: string, role: string): Promise<void> {
    const user = await this.#made('user', { name, password: PASSWORD });
    const { status } = await this.#call('PUT', `/v3/projects/${project}/users/${user}/roles/${this.#roles.get(role)}`);
    assert.equal(status, 204);
  }
}

/** The network API whose tokens are worth what the service at `url` says; its clock goes with `wallMs`. */
function openWith(url: string, wallMs: () => number, options: Partial<ExternalKeystoneOptions> = {}): Promise<TestRest> {
  const outside = ({ controller, log }: TestController): ExternalKeystone =>
    new ExternalKeystone(
      { url, login: SERVICE, cacheMs: CACHE_MS, ...options },
      { wallMs, log, sighted: (project) => sightProject(controller.cluster, project) },
    );
  return openRest(undefined, {}, outside);
}

async function withKeystone(action: (rest: TestRest, keystone: Keystone) => Promise<void>): Promise<void> {
  await using keystone = await Keystone.open();
  await using rest = await openWith(keystone.url, () => keystone.rest.clock.wallMs());
  await action(rest, keystone);
}

const networks = (rest: TestRest, token: string, query = ''): Promise<Reply> =>
  rest.send({ method: 'GET', url: `/v2.0/networks${query}`, token });
const create = (rest: TestRest, token: string, body: object = { name: 'n' }): Promise<Reply> =>
  rest.send({ method: 'POST', url: '/v2.0/networks', token, text: JSON.stringify({ network: body }) });

test('a project of the service outside becomes a tenant when it is first seen, without an automatic gateway', async () => {
  await withKeystone(async (rest, keystone) => {
    const made = await create(rest, await keystone.token('member', 'red'));
    assert.equal(made.status, 201, made.raw);
    const { tenants } = (await rest.admin('GET', '/v1/tenants')).body as {
      tenants: { id: string; name: string; automatic_gateway: boolean }[];
    };
    assert.deepEqual(
      tenants.map(({ name, automatic_gateway }) => [name, automatic_gateway]),
      [['red', false]],
    );
    assert.equal((made.body['network'] as { project_id: string }).project_id, tenants[0]?.id);
    assert.equal((await create(rest, await keystone.token('member', 'red'))).status, 201, 'a second token of the same project');
    assert.equal(rest.controller.cluster.state.tenants.size, 1);
  });
});

test('roles there are roles here: members work, readers look, administrators see all, and no role lets nobody in', async () => {
  await withKeystone(async (rest, keystone) => {
    const [member, reader, admin] = [
      await keystone.token('member', 'red'),
      await keystone.token('reader', 'red'),
      await keystone.token('admin', 'admin'),
    ];
    assert.equal((await create(rest, member)).status, 201);
    assert.equal((await networks(rest, reader)).status, 200);
    assertNeutron(await create(rest, reader), 403, 'PolicyNotAuthorized', /role reader/);
    assert.equal((await rest.send({ method: 'GET', url: '/v1/nodes', token: admin })).status, 200);
    assert.equal((await rest.send({ method: 'GET', url: '/v1/nodes', token: member })).status, 403);
    for (const token of [await keystone.token('weft', 'service'), await keystone.token('member', undefined)]) {
      assert.equal((await networks(rest, token)).status, 401);
    }
  });
});

test('a token that is worth nothing is refused, and the refusal says where to log in', async () => {
  await withKeystone(async (rest, keystone) => {
    for (const token of ['nonsense', 'x'.repeat(5000), 'gAAAAA with space']) {
      const { status, headers } = await networks(rest, token);
      assert.deepEqual([status, headers['www-authenticate']], [401, `Keystone uri="${keystone.url}"`], token.slice(0, 20));
    }
    assert.equal((await rest.send({ method: 'GET', url: '/v2.0/networks' })).status, 401);
    assert.equal(rest.controller.cluster.state.tenants.size, 0);
  });
});

test('there is no identity service here then, and the document has none', async () => {
  await withKeystone(async (rest, keystone) => {
    assert.equal((await rest.app.inject({ method: 'POST', url: '/v3/auth/tokens', payload: {} })).statusCode, 404);
    assert.equal(
      (await rest.app.inject({ method: 'GET', url: '/v3/', headers: { 'x-auth-token': await keystone.token('admin', 'admin') } }))
        .statusCode,
      404,
    );
    const { paths } = (await rest.app.inject({ method: 'GET', url: '/openapi.json' })).json<{ paths: object }>();
    assert.deepEqual(
      Object.keys(paths).filter((path) => path.startsWith('/v3')),
      [],
    );
  });
});

test('a revoked token is good for as long as its worth is remembered, and no longer', async () => {
  await withKeystone(async (rest, keystone) => {
    const token = await keystone.token('member', 'red');
    assert.equal((await networks(rest, token)).status, 200);
    assert.equal((await keystone.revoke(token)).status, 204);
    keystone.rest.clock.advance(CACHE_MS - 1);
    assert.equal((await networks(rest, token)).status, 200);
    keystone.rest.clock.advance(1);
    assert.equal((await networks(rest, token)).status, 401);
  });
});

test('a token that ends while its worth is remembered ends all the same; our own is renewed', async () => {
  await withKeystone(async (rest, keystone) => {
    // Our own token is of now, and ends with the hour.
    assert.equal((await networks(rest, 'nonsense')).status, 401);
    keystone.rest.clock.advance(1000);
    const token = await keystone.token('member', 'red');
    keystone.rest.clock.advance(3600_000 - 1000);
    assert.equal((await networks(rest, token)).status, 200);
    keystone.rest.clock.advance(1000);
    assert.equal((await networks(rest, token)).status, 401);
    assert.equal((await networks(rest, await keystone.token('member', 'red'))).status, 200);
  });
});

test('while the service does not answer nobody is let in but who is remembered, and the fixed tokens', async () => {
  await using keystone = await Keystone.open();
  await using rest = await openWith(keystone.url, () => keystone.rest.clock.wallMs());
  const [seen, unseen] = [await keystone.token('member', 'red'), await keystone.token('member', 'red')];
  assert.equal((await networks(rest, seen)).status, 200);
  await keystone.rest.app.close();
  assert.equal((await networks(rest, seen)).status, 200);
  assertNeutron(await networks(rest, unseen), 503, 'ServiceUnavailable', /cannot say what the token is worth: it cannot be reached/);
  const problem = await rest.send({ method: 'GET', url: '/v1/tenants', token: unseen });
  assertProblem(problem, 503, 'identity_unavailable', /cannot be reached/);
  assert.equal(problem.headers['retry-after'], '5');
  keystone.rest.clock.advance(CACHE_MS);
  assertNeutron(await networks(rest, seen), 503, 'ServiceUnavailable', /cannot be reached/);
  assert.equal((await networks(rest, ADMIN_TOKEN)).status, 200);
});

test('a wrong secret of ours is the operator’s to mend: 503, and a line in the log', async () => {
  await using keystone = await Keystone.open();
  await using rest = await openWith(keystone.url, () => keystone.rest.clock.wallMs(), { login: { ...SERVICE, password: 'wrong' } });
  assertNeutron(await networks(rest, await keystone.token('member', 'red')), 503, 'ServiceUnavailable', /wrong user or secret/);
  assert.deepEqual(
    rest.log.lines.filter(({ level }) => level === 'error').map(({ message }) => message),
    ['identity service does not answer'],
  );
});

const HEX = '0123456789abcdef0123456789abcdef';
type Said = Readonly<{ status?: number; token?: object; raw?: string }>;

/** A Keystone that says whatever it is told to, and counts how often it is asked about tokens. */
async function fakeKeystone(say: (token: string) => Said): Promise<Server & { asked: number }> {
  const handler: RequestListener = (request, response) => {
    if (request.method === 'POST') {
      response.writeHead(201, { 'x-subject-token': 'ours' }).end(JSON.stringify({ token: { expires_at: '2100-01-01T00:00:00.000000Z' } }));
      return;
    }
    server.asked += 1;
    const { status = 200, token, raw } = say(String(request.headers['x-subject-token']));
    response.writeHead(status, { 'content-type': 'application/json' }).end(raw ?? JSON.stringify({ token }));
  };
  const http = createServer(handler);
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  const close = async (): Promise<void> => {
    http.closeAllConnections();
    await new Promise((resolve) => http.close(resolve));
  };
  const url = `http://127.0.0.1:${(http.address() as AddressInfo).port}/v3`;
  const server = { asked: 0, url, close, [Symbol.asyncDispose]: close };
  return server;
}

const tokenOf = (project: object, role = 'member'): object => ({
  user: { id: 'f'.repeat(32), name: 'u' },
  project,
  roles: [{ id: '1', name: role }],
  expires_at: '2099-01-01T00:00:00.000000Z',
});

test('clients see and say a project’s id as the service outside writes it', async () => {
  const long = 'a project of a federation, with an id of its own';
  await using keystone = await fakeKeystone((token) => ({
    token: tokenOf(
      token === 'hex' ? { id: HEX, name: 'red', domain: { name: 'Default' } } : { id: long, name: 'red', domain: { name: 'Partner' } },
      token === 'admin' ? 'admin' : 'member',
    ),
  }));
  await using rest = await openWith(keystone.url, () => 0);
  for (const [token, id] of [
    ['hex', HEX],
    ['long', long],
  ] as const) {
    const made = (await create(rest, token, { name: 'n', project_id: id })).body['network'] as {
      id: string;
      project_id: string;
      tenant_id: string;
    };
    assert.deepEqual([made.project_id, made.tenant_id], [id, id]);
    const found = await networks(rest, token, `?project_id=${encodeURIComponent(id)}`);
    assert.deepEqual(
      (found.body['networks'] as { id: string; project_id: string }[]).map((network) => [network.id, network.project_id]),
      [[made.id, id]],
    );
    assert.equal((await rest.send({ method: 'GET', url: `/v2.0/quotas/${encodeURIComponent(id)}`, token })).status, 200);
    assert.equal(
      (await rest.send({ method: 'GET', url: `/v2.0/networks/${made.id}`, token: token === 'hex' ? 'long' : 'hex' })).status,
      404,
    );
  }
  const { tenants } = (await rest.admin('GET', '/v1/tenants')).body as { tenants: { name: string }[] };
  assert.deepEqual(
    tenants.map(({ name }) => name).toSorted(),
    ['red', 'red@Partner'],
    'names are unique here, in Keystone only in a domain',
  );
  const asAdmin = await networks(rest, 'admin', `?project_id=${HEX}`);
  assert.equal((asAdmin.body['networks'] as unknown[]).length, 1);
});

test('a project that has the id of a tenant made here does not become it', async () => {
  const ids: string[] = [];
  await using keystone = await fakeKeystone(() => ({ token: tokenOf({ id: ids[0]?.replaceAll('-', ''), name: 'mine' }) }));
  await using rest = await openWith(keystone.url, () => 0);
  ids.push(await rest.tenantId('blue'));
  assertNeutron(await networks(rest, 't'), 503, 'ServiceUnavailable', /has the id of a tenant that was made here/);
});

test('many requests with one token at the same time are one question', async () => {
  await using keystone = await fakeKeystone(() => ({ token: tokenOf({ id: HEX, name: 'red' }) }));
  await using rest = await openWith(keystone.url, () => 0);
  const replies = await Promise.all(Array.from({ length: 50 }, () => networks(rest, 'one')));
  assert.deepEqual(new Set(replies.map(({ status }) => status)), new Set([200]));
  assert.equal(keystone.asked, 1);
  assert.equal(rest.controller.cluster.state.tenants.size, 1);
});

test('whatever else the service outside says lets nobody in', async () => {
  const past = { ...tokenOf({ id: HEX, name: 'red' }), expires_at: '1960-01-01T00:00:00Z' };
  const cases: readonly (readonly [string, Said, number])[] = [
    ['an error of its own', { status: 500 }, 503],
    ['it may not tell us', { status: 403 }, 503],
    ['our token is never right', { status: 401 }, 503],
    ['something else sits there', { raw: '<html>' }, 503],
    ['a token without a holder', { token: { expires_at: '2099-01-01T00:00:00Z' } }, 503],
    ['a token without an end', { token: { ...tokenOf({ id: HEX }), expires_at: 'never' } }, 503],
    ['a token that has ended', { token: past }, 401],
    ['a token of no project', { token: { ...tokenOf({}), project: undefined } }, 401],
    ['roles that are not ours', { token: tokenOf({ id: HEX, name: 'red' }, 'swiftoperator') }, 401],
    ['roles that are no list', { token: { ...tokenOf({ id: HEX }), roles: { name: 'admin' } } }, 401],
    ['no token', { status: 404 }, 401],
  ];
  const said = new Map(cases.map(([name, answer], index) => [`t${index}`, { name, answer }]));
  await using keystone = await fakeKeystone((token) => said.get(token)?.answer ?? { status: 404 });
  await using rest = await openWith(keystone.url, () => 0);
  for (const [index, [name, , status]] of cases.entries()) assert.equal((await networks(rest, `t${index}`)).status, status, name);
  assert.equal(rest.controller.cluster.state.tenants.size, 0);
});

test('a service that takes too long is as good as none', async () => {
  const http = createServer(() => {});
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  const { port } = http.address() as AddressInfo;
  await using rest = await openWith(`http://127.0.0.1:${port}/v3`, () => 0, { timeoutMs: 50 });
  assertNeutron(await networks(rest, 't'), 503, 'ServiceUnavailable', /did not answer within 50 ms/);
  http.closeAllConnections();
  await new Promise((resolve) => http.close(resolve));
});
