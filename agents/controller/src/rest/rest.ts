/**
 * The REST border: HTTP in, commands and views out. One request's life:
 *
 *     token ──▶ caller ──▶ body and query parsed by the tables of `api` ──▶ command, or view ──▶ durable ──▶ answer
 *
 * Every answer carries `X-Openstack-Request-Id`; whatever goes wrong is answered in the form of the path that was asked (/v2.0, /v1).
 */
import type { ServerOptions } from 'node:https';
import type { Caller } from '@weft/api/caller';
import { isAnswerable, keystoneAnswer, neutronAnswer, problemAnswer } from '@weft/api/error-table';
import type { ErrorAnswer } from '@weft/api/error-table';
import { BadRequest, BodyTooLarge, Forbidden, MethodNotAllowed, UnknownPath } from '@weft/api/request-error';
import type { HealthView } from '@weft/api/v1';
import { WeftError } from '@weft/core/weft-error';
import type { Logger } from '@weft/ssntp/logger';
import Fastify from 'fastify';
import { ROUTERS } from '@weft/api/routers';
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { AuditSink } from '../audit-log.ts';
import type { Controller } from '../controller.ts';
import { ExternalKeystone } from '../identity/external-keystone.ts';
import type { Identity } from '../identity/identity.ts';
import { auditWrites } from './audit.ts';
import { authenticate, authenticateIdentity } from './authenticate.ts';
import { collections } from './collections.ts';
import { discoveryRoutes, extensionRoutes } from './discovery-routes.ts';
import { documentRoutes } from './document-routes.ts';
import { translateProjects } from './external-projects.ts';
import { identityRoutes } from './identity/identity-routes.ts';
import { loginRoutes } from './identity/auth-routes.ts';
import type { IdentityCaller, IdentityContext } from './identity/identity-context.ts';
import { allowOrigins } from './cors.ts';
import type { CorsOptions } from './cors.ts';
import { createDecider, DryRunAnswer } from './dry-run.ts';
import { operatorRoutes } from './operator-routes.ts';
import { baseUrl, pathOf } from './rest-context.ts';
import { routerRoutes } from './router-routes.ts';
import { portForwardingRoutes } from './port-forwarding-routes.ts';
import { autoTopologyRoutes } from './auto-topology-routes.ts';
import { quotaRoutes } from './quota-routes.ts';
import type { RestContext } from './rest-context.ts';
import { routesOfV1 } from './v1-routes.ts';
import { routesOfV2 } from './v2-routes.ts';

export type RestOptions = Readonly<{
  /** SHA-256 of the administrator's token, hex. */
  adminTokenHash: string;
  /** Certificate, key and authority; absent: plain HTTP, for tests by injection. */
  https?: ServerOptions;
  /** Addresses and prefixes of proxies; of all others X-Forwarded-* is not believed. Default: there are none. */
  trustedProxies?: readonly string[];
  /** Of which other origins browsers may let pages use the API; absent: of none. */
  cors?: CorsOptions;
  /** How long a client may take to send a request. Default 30000. */
  slowClientMs?: number;
}>;

export type RestDeps = Readonly<{
  controller: Controller;
  /** The embedded identity service, or one outside; then there is no /v3 here. */
  identity: Identity | ExternalKeystone;
  randomUuid: () => string;
  randomBytes: (count: number) => Uint8Array;
  wallMs: () => number;
  /** Where the line of each write goes; absent: nowhere. */
  audit?: AuditSink;
  log: Logger;
}>;

const BODY_LIMIT_BYTES = 1024 * 1024;
/** A tag of 255 characters, each of them four bytes in percent encoding. */
const MAX_PARAM_LENGTH = 255 * 12;
const SLOW_CLIENT_MS = 30_000;
const READING = new Set(['GET', 'HEAD']);
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'PATCH'] as const;

/** The API's server, not listening yet: `await rest.listen({ host, port })`, `rest.inject(…)`, `rest.close()`. */
export function createRest(options: RestOptions, deps: RestDeps): FastifyInstance {
  const { controller, identity, randomUuid, randomBytes, wallMs, log } = deps;
  const { trustedProxies = [], slowClientMs = SLOW_CLIENT_MS } = options;
  // Else it would be seen only by the next look of a timer of its own.
  const server = { connectionsCheckingInterval: slowClientMs, headersTimeout: slowClientMs, requestTimeout: slowClientMs };
  const app = Fastify({
    ...(options.https === undefined ? { http: server } : { https: { ...server, ...options.https } }),
    requestTimeout: slowClientMs,
    trustProxy: trustedProxies.length === 0 ? false : [...trustedProxies],
    logger: false,
    bodyLimit: BODY_LIMIT_BYTES,
    genReqId: () => `req-${randomUuid()}`,
    requestIdHeader: false,
    // Nobody's idle connection delays the end of the process.
    forceCloseConnections: 'idle',
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: MAX_PARAM_LENGTH },
    // Old clients write `networks.json`; a tag may end so, too.
    rewriteUrl: (request) => (request.url ?? '/').replace(/^(\/v2\.0\/(?![^?]*\/tags\/)[^?]*)\.json(?=\?|$)/, '$1'),
    ajv: { customOptions: { coerceTypes: false, useDefaults: false, removeAdditional: false, allErrors: false } },
  }) as unknown as FastifyInstance;

  const { cluster } = controller;
  const users = new WeakMap<FastifyRequest, IdentityCaller>();
  const callers = new WeakMap<FastifyRequest, Caller>();
  const caller = (request: FastifyRequest): Caller => callers.get(request) ?? raise('not authenticated');
  const audit = auditWrites(app, {
    sink: deps.audit,
    wallMs,
    caller: (request) => callers.get(request),
    identityCaller: (request) => users.get(request),
  });
  const context: RestContext = { controller, decider: createDecider(cluster, caller, audit), randomBytes, caller };

  app.addHook('onRequest', async (request, reply) => {
    void reply.header('x-openstack-request-id', request.id);
  });
  if (options.cors !== undefined) allowOrigins(app, options.cors);
  app.removeAllContentTypeParsers();
  // Whatever a client calls its body, it is JSON or nothing.
  app.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => {
    if (body === '') return done(null, undefined);
    try {
      done(null, JSON.parse(String(body)));
    } catch (cause) {
      done(new BadRequest('Body contains invalid data', { remedy: 'Send a JSON object.', cause }));
    }
  });
  app.setErrorHandler(answerError);
  app.setNotFoundHandler((request, reply) => {
    const allowed = allowedMethods(app, request);
    if (allowed.length === 0) throw new UnknownPath();
    void reply.header('allow', allowed.join(', '));
    throw new MethodNotAllowed(request.method);
  });

  app.route({
    method: 'GET',
    url: '/healthz',
    handler: (): HealthView => ({ status: 'ok', scheduler: controller.schedulerConnected ? 'connected' : 'disconnected' }),
  });
  discoveryRoutes(app);
  documentRoutes(app, { identity: !(identity instanceof ExternalKeystone) });
  const authenticated = (routes: (scope: FastifyInstance) => void) => async (scope: FastifyInstance) => {
    scope.addHook('onRequest', async (request) => {
      const who = await authenticate(cluster.state, identity, options.adminTokenHash, request.headers['x-auth-token']);
      callers.set(request, who);
      if (who.kind === 'tenant' && who.readOnly === true && !READING.has(request.method)) {
        throw new Forbidden('the role reader is disallowed by policy to change anything');
      }
    });
    if (identity instanceof ExternalKeystone) translateProjects(scope, cluster.state);
    routes(scope);
  };
  void app.register(
    authenticated((scope) => {
      const all = collections(controller);
      routesOfV2(scope, context, all);
      const routers = all.find(({ names }) => names === ROUTERS);
      if (routers !== undefined) routerRoutes(scope, context, routers);
      portForwardingRoutes(scope, context);
      quotaRoutes(scope, context);
      autoTopologyRoutes(scope, context);
      operatorRoutes(scope, context);
      extensionRoutes(scope);
    }),
    { prefix: '/v2.0' },
  );
  void app.register(
    authenticated((scope) => routesOfV1(scope, context)),
    { prefix: '/v1' },
  );
  if (identity instanceof ExternalKeystone) return app;
  const identityContext: IdentityContext = {
    controller,
    identity,
    randomBytes,
    wallMs,
    caller: (request) => users.get(request) ?? raise('not authenticated'),
  };
  void app.register(async (scope) => loginRoutes(scope, identityContext), { prefix: '/v3' });
  void app.register(
    async (scope) => {
      scope.addHook('onRequest', async (request) => {
        users.set(request, authenticateIdentity(cluster.state, identity, options.adminTokenHash, request.headers['x-auth-token']));
      });
      identityRoutes(scope, identityContext);
    },
    { prefix: '/v3' },
  );
  return app;

  async function answerError(thrown: unknown, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    if (thrown instanceof DryRunAnswer) return reply.status(200).send(thrown.view);
    const error = await durable(ownError(thrown));
    if (!isAnswerable(error)) {
      log.error({ requestId: request.id, method: request.method, path: pathOf(request), err: error }, 'request failed');
    }
    audit.refused(request, isAnswerable(error) ? error.code : 'internal');
    const authUrl = identity instanceof ExternalKeystone ? identity.url : `${baseUrl(request)}/v3`;
    const answer = answerFor(error, request, authUrl);
    return reply
      .status(answer.status)
      .headers({ 'content-type': 'application/json', ...answer.headers })
      .send(JSON.stringify(answer.body));
  }

  /** A refusal may rest on a decision that is not durable yet, like the deletion of what was asked for. */
  async function durable(error: unknown): Promise<unknown> {
    if (!isAnswerable(error)) return error;
    try {
      await controller.cluster.settled();
      return error;
    } catch (unavailable) {
      return unavailable;
    }
  }
}

/** Each API has errors of its own form. */
function answerFor(error: unknown, request: FastifyRequest, authUrl: string): ErrorAnswer {
  if (pathOf(request).startsWith('/v2.0')) return neutronAnswer(error, authUrl);
  return pathOf(request).startsWith('/v3') ? keystoneAnswer(error, authUrl) : problemAnswer(error, request.id);
}

/** Fastify's own refusals in our words; anything else stays what it is. */
function ownError(error: unknown): unknown {
  if (error instanceof WeftError) return error;
  const { code, validation, message } = error as Partial<FastifyError>;
  if (validation !== undefined) return new BadRequest(`The request is not valid: ${message ?? ''}${unknownField(validation)}.`);
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE') return new BodyTooLarge(BODY_LIMIT_BYTES);
  if (code === 'FST_ERR_CTP_INVALID_CONTENT_LENGTH' || code === 'FST_ERR_BAD_URL' || code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE') {
    return new BadRequest('The request cannot be read.');
  }
  return error;
}

/** `: 'zzz'`, where a field that there is not was refused. As much of its name as fits a message. */
function unknownField(validation: NonNullable<FastifyError['validation']>): string {
  const name = validation.find(({ keyword }) => keyword === 'additionalProperties')?.params['additionalProperty'];
  return typeof name === 'string' ? `: '${name.slice(0, LONGEST_NAME)}'` : '';
}

const LONGEST_NAME = 64;

function allowedMethods(app: FastifyInstance, request: FastifyRequest): readonly string[] {
  const url = pathOf(request);
  return METHODS.filter((method) => app.findRoute({ method, url }) !== null || matchesRoute(app, method, url));
}

/** `findRoute` knows patterns, not paths: try those with an id in any part, and with a child's id two parts on. */
function matchesRoute(app: FastifyInstance, method: (typeof METHODS)[number], url: string): boolean {
  const parts = url.split('/').filter((part) => part !== '');
  return parts.some((_, index) => {
    const patterns = [{ [index]: ':id' }, { [index]: ':id', [index + 2]: ':child' }];
    return patterns.some((names) => app.findRoute({ method, url: `/${parts.map((part, at) => names[at] ?? part).join('/')}` }) !== null);
  });
}

function raise(message: string): never {
  throw new Error(message);
}
