import { CreateApplicationCredentialBody } from '@weft/api/identity';
import { BadRequest, Forbidden } from '@weft/api/request-error';
import type { ClusterState } from '@weft/core/cluster-state';
import { NotFound } from '@weft/core/command/context';
import { createApplicationCredential, deleteApplicationCredential } from '@weft/core/command/identity';
import type { ApplicationCredential, Role } from '@weft/core/identity';
import { ROLES } from '@weft/core/identity';
import type { ApplicationCredentialId } from '@weft/core/uuid';
import type { FastifyInstance } from 'fastify';
import { idOf } from '../../identity/identity.ts';
import { baseUrl } from '../rest-context.ts';
import { checkSelfOrAdmin, collection, matching, roleOf, userOf } from './identity-context.ts';
import type { IdentityCaller, IdentityContext, Query } from './identity-context.ts';
import { credentialView } from './views.ts';

type OfUser = { Params: { user: string } };
type One = { Params: { user: string; id: string } };

/** A user's application credentials. They are made by the user alone, for the project of the token that asks. */
export function credentialRoutes(scope: FastifyInstance, { controller, identity, randomBytes, wallMs, caller }: IdentityContext): void {
  const { cluster } = controller;
  const { state } = cluster;

  scope.route<OfUser & { Querystring: Query }>({
    method: 'GET',
    url: '/users/:user/application_credentials',
    handler: async (request) => {
      checkSelfOrAdmin(caller(request), request.params.user, 'list_application_credentials');
      const base = baseUrl(request);
      const { id } = userOf(state, request.params.user);
      const views = matching(
        [...state.identity.credentialsOf(id)].map((one) => credentialView(one, base)),
        request.query,
      );
      await cluster.settled();
      return collection('application_credentials', views, `${base}/v3/users/${id}/application_credentials`);
    },
  });

  scope.route<One>({
    method: 'GET',
    url: '/users/:user/application_credentials/:id',
    handler: async (request) => {
      checkSelfOrAdmin(caller(request), request.params.user, 'get_application_credential');
      const view = credentialView(find(state, request.params), baseUrl(request));
      await cluster.settled();
      return { application_credential: view };
    },
  });

  scope.route<OfUser & { Body: CreateApplicationCredentialBody }>({
    method: 'POST',
    url: '/users/:user/application_credentials',
    schema: { body: CreateApplicationCredentialBody },
    handler: async (request, reply) => {
      const who = caller(request);
      const { token, user } = who.authenticated ?? {};
      if (user === undefined || user.id !== userOf(state, request.params.user).id) {
        throw new Forbidden('You are not authorized to perform the requested action: identity:create_application_credential.');
      }
      checkUnrestricted(who);
      if (token?.tenantId === undefined) throw new BadRequest('The token is for no project: an application credential is made for one.');
      const { name, description, secret: given, expires_at, roles, unrestricted } = request.body.application_credential;
      const expiresAt = parseExpiry(expires_at, wallMs());
      const secret = given ?? Buffer.from(randomBytes(32)).toString('base64url');
      const wanted = {
        userId: user.id,
        tenantId: token.tenantId,
        name,
        description: description ?? '',
        secretHash: await identity.hasher.hash(secret),
        expiresAt,
        unrestricted: unrestricted ?? false,
        roles: roles?.map(namedRole),
      };
      const { credential } = await cluster.decide((present, context) => createApplicationCredential(present, context, wanted));
      return reply.status(201).send({ application_credential: { ...credentialView(credential, baseUrl(request)), secret } });
    },
  });

  scope.route<One>({
    method: 'DELETE',
    url: '/users/:user/application_credentials/:id',
    handler: async (request, reply) => {
      const who = caller(request);
      checkSelfOrAdmin(who, request.params.user, 'delete_application_credential');
      checkUnrestricted(who);
      await cluster.decide((present) => deleteApplicationCredential(present, find(present, request.params).id));
      return reply.status(204).send();
    },
  });
}

function find(state: ClusterState, { user, id }: One['Params']): ApplicationCredential {
  const credential = state.identity.applicationCredentials.get(idOf<ApplicationCredentialId>(id));
  if (credential === undefined || credential.userId !== userOf(state, user).id) throw new NotFound('applicationCredential', id);
  return credential;
}

/** A stolen credential must not be able to make more of its kind. */
function checkUnrestricted({ authenticated }: IdentityCaller): void {
  if (authenticated?.credential?.unrestricted === false) {
    throw new Forbidden(
      'You are not authorized to perform the requested action: application credentials are managed with an unrestricted one.',
    );
  }
}

function namedRole({ id, name }: Readonly<{ id?: string; name?: string }>): Role {
  if (id !== undefined) return roleOf(id);
  const role = ROLES.find((one) => one === name);
  if (role === undefined) throw new NotFound('role', name ?? '');
  return role;
}

function parseExpiry(text: string | null | undefined, now: number): number | undefined {
  if (text === undefined || text === null) return undefined;
  const at = Date.parse(/(Z|[+-]\d\d:?\d\d)$/i.test(text) ? text : `${text}Z`);
  if (Number.isNaN(at)) throw new BadRequest(`expires_at '${text}' is not a time.`, { remedy: 'Write it as 2027-01-31T12:00:00Z.' });
  if (at <= now) throw new BadRequest(`expires_at '${text}' is in the past.`);
  return at;
}
