import { AuthBody, DEFAULT_DOMAIN } from '@weft/api/identity';
import type { DomainView } from '@weft/api/identity';
import { Forbidden, Unauthenticated } from '@weft/api/request-error';
import { NotFound } from '@weft/core/command/context';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Authenticated } from '../../identity/identity.ts';
import { baseUrl } from '../rest-context.ts';
import { collection } from './identity-context.ts';
import type { IdentityContext } from './identity-context.ts';
import { catalogView, projectView, tokenView } from './views.ts';

const VERSION = { id: 'v3.14', status: 'stable', updated: '2020-04-07T00:00:00Z' };

/** `V` of discovery (neutron-api.md §13.1). */
export function versionView(base: string): object {
  return {
    ...VERSION,
    links: [{ rel: 'self', href: `${base}/v3/` }],
    'media-types': [{ base: 'application/json', type: 'application/vnd.openstack.identity-v3+json' }],
  };
}

/** What needs no token: finding the service, and logging in. */
export function loginRoutes(scope: FastifyInstance, { identity }: IdentityContext): void {
  scope.route({ method: 'GET', url: '/', handler: (request) => ({ version: versionView(baseUrl(request)) }) });

  scope.route<{ Body: AuthBody; Querystring: Record<string, string> }>({
    method: 'POST',
    url: '/auth/tokens',
    schema: { body: AuthBody },
    handler: async (request, reply) => {
      const { text, authenticated } = await identity.login(request.body, request.ip);
      const catalog = 'nocatalog' in request.query ? undefined : catalogView(baseUrl(request));
      return reply
        .status(201)
        .headers({ 'x-subject-token': text, vary: 'X-Auth-Token' })
        .send({ token: tokenView(authenticated, catalog) });
    },
  });
}

/** What a token says of its holder, and the end of it. */
export function tokenRoutes(scope: FastifyInstance, context: IdentityContext): void {
  const { controller, identity, caller } = context;
  const { state } = controller.cluster;

  /** Its own token everybody may look at; others' administrators and services. */
  const subject = (request: FastifyRequest): Readonly<{ text: string; authenticated: Authenticated }> => {
    const text = request.headers['x-subject-token'];
    if (typeof text !== 'string') throw new NotFound('token', '');
    const who = caller(request);
    const isOther = text !== request.headers['x-auth-token'];
    if (isOther && !who.isAdmin && who.authenticated?.roles.includes('service') !== true) {
      throw new Forbidden('You are not authorized to perform the requested action: identity:validate_token.');
    }
    const authenticated = identity.verify(text);
    if (authenticated === undefined) throw new NotFound('token', '');
    return { text, authenticated };
  };
  const holder = (request: FastifyRequest): Authenticated => {
    const { authenticated } = caller(request);
    if (authenticated === undefined) throw new Unauthenticated();
    return authenticated;
  };

  scope.route<{ Querystring: Record<string, string> }>({
    method: 'GET',
    url: '/auth/tokens',
    handler: async (request, reply) => {
      const { text, authenticated } = subject(request);
      const catalog = 'nocatalog' in request.query ? undefined : catalogView(baseUrl(request));
      return reply.headers({ 'x-subject-token': text, vary: 'X-Auth-Token' }).send({ token: tokenView(authenticated, catalog) });
    },
  });

  scope.route({
    method: 'DELETE',
    url: '/auth/tokens',
    handler: async (request, reply) => {
      await identity.revoke(subject(request).authenticated);
      return reply.status(204).send();
    },
  });

  scope.route({
    method: 'GET',
    url: '/auth/projects',
    handler: (request) => {
      const { user } = holder(request);
      const base = baseUrl(request);
      const own = [...state.identity.tenantsOf(user.id)].flatMap((id) => state.tenants.get(id) ?? []).filter(({ enabled }) => enabled);
      return collection(
        'projects',
        own.map((tenant) => projectView(tenant, base)),
        `${base}/v3/auth/projects`,
      );
    },
  });

  scope.route({ method: 'GET', url: '/auth/catalog', handler: (request) => ({ catalog: catalogView(baseUrl(request)) }) });

  scope.route({
    method: 'GET',
    url: '/auth/domains',
    handler: (request) => {
      const { user } = holder(request);
      const isAnywhere = state.identity.rolesOf(user.id, undefined).length > 0;
      return collection('domains', isAnywhere ? [domainView(baseUrl(request))] : [], `${baseUrl(request)}/v3/auth/domains`);
    },
  });
}

export function domainView(base: string): DomainView {
  return {
    ...DEFAULT_DOMAIN,
    description: 'The only domain',
    enabled: true,
    tags: [],
    options: {},
    links: { self: `${base}/v3/domains/${DEFAULT_DOMAIN.id}` },
  };
}
