import assert from 'node:assert/strict';
import { DocumentCheck } from '@weft/api/openapi/document-check.testing';
import type { FastifyInstance } from 'fastify';
import type { AuditSink } from '../audit-log.ts';
import type { ExternalKeystone } from '../identity/external-keystone.ts';
import { Identity } from '../identity/identity.ts';
import { countedRandomness, nodeId, openController, settle } from '../test-support.ts';
import type { TestController } from '../test-support.ts';
import { tokenHash } from './authenticate.ts';
import { createRest } from './rest.ts';
import type { RestOptions } from './rest.ts';

export const ADMIN_TOKEN = 'admin-token';

export type Reply = Readonly<{ status: number; body: Record<string, unknown>; headers: Readonly<Record<string, unknown>>; raw: string }>;

/** One way to call the API: `call('GET', '/v2.0/networks')`. */
export type Call = (method: string, url: string, body?: unknown) => Promise<Reply>;

export type TestRest = TestController &
  Readonly<{
    app: FastifyInstance;
    identity: Identity;
    /** With any token, or none, and any text as the body. */
    send: (
      options: Readonly<{ method: string; url: string; token?: string; text?: string; headers?: Record<string, string> }>,
    ) => Promise<Reply>;
    admin: Call;
    /** A tenant of that name, made on first use. */
    as: (name: string) => Promise<Call>;
    tenantId: (name: string) => Promise<string>;
    /** That tenant's fixed token. */
    tokenOf: (name: string) => Promise<string>;
  }>;

/** The API over a controller with nodes 1 (compute) and 2 (compute, network). `outside`: who says what tokens are worth, if not it itself. */
export async function openRest(
  audit?: AuditSink,
  options: Partial<RestOptions> = {},
  outside?: (rig: TestController) => ExternalKeystone,
): Promise<TestRest> {
  const rig = await openController();
  const more = { wallMs: () => rig.clock.wallMs(), ...countedRandomness() };
  const identity = new Identity({}, { cluster: rig.controller.cluster, ...more });
  const deps = {
    controller: rig.controller,
    identity: outside?.(rig) ?? identity,
    log: rig.log,
    ...more,
    ...(audit === undefined ? {} : { audit }),
  };
  const app = createRest({ adminTokenHash: tokenHash(ADMIN_TOKEN), ...options }, deps);
  rig.link.stats(1);
  rig.link.stats(2, { roles: ['compute', 'network'] });
  await settle();

  const document = new DocumentCheck();
  const send: TestRest['send'] = async ({ method, url, token, text, headers }) => {
    const response = await app.inject({
      method: method as 'GET',
      url,
      headers: { ...(token === undefined ? {} : { 'x-auth-token': token }), ...headers },
      ...(text === undefined ? {} : { payload: text }),
    });
    const { statusCode: status, payload: raw } = response;
    document.check({ method, url, status, contentType: response.headers['content-type']?.toString(), raw });
    return { status, raw, headers: response.headers, body: raw.startsWith('{') ? (JSON.parse(raw) as Reply['body']) : {} };
  };
  const callWith =
    (token: string): Call =>
    (method, url, body) =>
      send({
        method,
        url,
        token,
        headers: { 'content-type': 'application/json' },
        ...(body === undefined ? {} : { text: JSON.stringify(body) }),
      });
  const admin = callWith(ADMIN_TOKEN);
  const made = new Map<string, Promise<Readonly<{ id: string; token: string }>>>();
  const make = async (name: string): Promise<Readonly<{ id: string; token: string }>> => {
    const reply = await admin('POST', '/v1/tenants', { name });
    assert.equal(reply.status, 201, reply.raw);
    return reply.body as unknown as { id: string; token: string };
  };
  const tenant = (name: string): Promise<Readonly<{ id: string; token: string }>> => {
    const known = made.get(name) ?? make(name);
    made.set(name, known);
    return known;
  };
  return {
    ...rig,
    app,
    identity,
    send,
    admin,
    as: async (name) => callWith((await tenant(name)).token),
    tenantId: async (name) => (await tenant(name)).id,
    tokenOf: async (name) => (await tenant(name)).token,
    async [Symbol.asyncDispose]() {
      await app.close();
      await rig.controller.close();
    },
  };
}

/** Makes an object of /v2.0 and returns it. */
export async function make(call: Call, collection: string, singular: string, body: object): Promise<Record<string, never>> {
  const reply = await call('POST', `/v2.0/${collection}`, { [singular]: body });
  assert.equal(reply.status, 201, reply.raw);
  return reply.body[singular] as Record<string, never>;
}

/** A network with a subnet. */
export async function makeNetwork(call: Call, cidr = '10.0.0.0/24'): Promise<Readonly<{ network: string; subnet: string }>> {
  const network = String((await make(call, 'networks', 'network', { name: 'n' }))['id']);
  const subnet = String((await make(call, 'subnets', 'subnet', { network_id: network, ip_version: 4, cidr }))['id']);
  return { network, subnet };
}

/** Asserts a /v2.0 error. */
export function assertNeutron(reply: Reply, status: number, type: string, message: RegExp | string): void {
  const { type: actualType, message: actualMessage, detail } = (reply.body['NeutronError'] ?? {}) as Record<string, unknown>;
  assert.deepEqual([reply.status, actualType, detail], [status, type, ''], reply.raw);
  if (typeof message === 'string') assert.equal(actualMessage, message);
  else assert.match(String(actualMessage), message);
}

/** Asserts a /v1 problem. */
export function assertProblem(reply: Reply, status: number, code: string, detail: RegExp): void {
  const problem = reply.body;
  assert.deepEqual([reply.status, problem['status'], problem['code']], [status, status, code], reply.raw);
  assert.match(String(problem['detail']), detail);
  assert.match(String(reply.headers['content-type']), /^application\/problem\+json/);
  assert.equal(problem['requestId'], reply.headers['x-openstack-request-id']);
}

export { nodeId };
