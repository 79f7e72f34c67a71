import { ChangePasswordBody, CreateUserBody, UpdateUserBody } from '@weft/api/identity';
import { Unauthenticated } from '@weft/api/request-error';
import type { ClusterState } from '@weft/core/cluster-state';
import { createUser, deleteUser, updateUser } from '@weft/core/command/identity';
import type { UpdateUser } from '@weft/core/command/identity';
import type { FastifyInstance } from 'fastify';
import { baseUrl } from '../rest-context.ts';
import { checkAdmin, checkDomain, checkSelfOrAdmin, collection, matching, projectOf, userOf } from './identity-context.ts';
import type { IdentityContext, Query, WithId } from './identity-context.ts';
import { projectView, userView } from './views.ts';

/** Users: administrators manage them; everybody may see itself and change its own password. */
export function userRoutes(scope: FastifyInstance, { controller, identity, wallMs, caller }: IdentityContext): void {
  const { cluster } = controller;
  const { state } = cluster;

  /** The attributes that are said; the password becomes its hash. */
  const wishes = async (user: UpdateUserBody['user']): Promise<(present: ClusterState) => UpdateUser> => {
    checkDomain(user.domain_id);
    const { name, description, email, enabled, default_project_id: project, password } = user;
    const passwordHash = typeof password === 'string' ? await identity.hasher.hash(password) : undefined;
    return (present) => ({
      ...(name === undefined ? {} : { name }),
      ...(description === undefined ? {} : { description: description ?? '' }),
      ...(email === undefined ? {} : { email: email ?? undefined }),
      ...(enabled === undefined ? {} : { enabled }),
      ...(project === undefined ? {} : { defaultTenantId: project === null ? undefined : projectOf(present, project).id }),
      ...(password === undefined ? {} : { passwordHash }),
    });
  };

  scope.route<{ Querystring: Query }>({
    method: 'GET',
    url: '/users',
    handler: async (request) => {
      checkAdmin(caller(request), 'list_users');
      const base = baseUrl(request);
      const views = matching(
        [...state.identity.users.values()].map((user) => userView(user, base)),
        request.query,
      );
      await cluster.settled();
      return collection('users', views, `${base}/v3/users`);
    },
  });

  scope.route<WithId>({
    method: 'GET',
    url: '/users/:id',
    handler: async (request) => {
      checkSelfOrAdmin(caller(request), request.params.id, 'get_user');
      const view = userView(userOf(state, request.params.id), baseUrl(request));
      await cluster.settled();
      return { user: view };
    },
  });

  scope.route<WithId>({
    method: 'GET',
    url: '/users/:id/projects',
    handler: async (request) => {
      checkSelfOrAdmin(caller(request), request.params.id, 'list_user_projects');
      const base = baseUrl(request);
      const { id } = userOf(state, request.params.id);
      const views = [...state.identity.tenantsOf(id)]
        .flatMap((tenant) => state.tenants.get(tenant) ?? [])
        .map((tenant) => projectView(tenant, base));
      await cluster.settled();
      return collection('projects', views, `${base}/v3/users/${id}/projects`);
    },
  });

  scope.route<{ Body: CreateUserBody }>({
    method: 'POST',
    url: '/users',
    schema: { body: CreateUserBody },
    handler: async (request, reply) => {
      checkAdmin(caller(request), 'create_user');
      const { name, ...rest } = request.body.user;
      const wanted = await wishes(rest);
      const nothing = { description: '', email: undefined, enabled: true, defaultTenantId: undefined, passwordHash: undefined };
      const { user } = await cluster.decide((present, context) => createUser(present, context, { ...nothing, ...wanted(present), name }));
      return reply.status(201).send({ user: userView(user, baseUrl(request)) });
    },
  });

  scope.route<WithId & { Body: UpdateUserBody }>({
    method: 'PATCH',
    url: '/users/:id',
    schema: { body: UpdateUserBody },
    handler: async (request) => {
      checkAdmin(caller(request), 'update_user');
      const wanted = await wishes(request.body.user);
      const { user } = await cluster.decide((present, context) =>
        updateUser(present, context, userOf(present, request.params.id).id, wanted(present), wallMs()),
      );
      return { user: userView(user, baseUrl(request)) };
    },
  });

  scope.route<WithId & { Body: ChangePasswordBody }>({
    method: 'POST',
    url: '/users/:id/password',
    schema: { body: ChangePasswordBody },
    handler: async (request, reply) => {
      checkSelfOrAdmin(caller(request), request.params.id, 'change_password');
      const { original_password: old, password } = request.body.user;
      const user = userOf(state, request.params.id);
      if (!(await identity.hasher.verify(old, user.passwordHash))) throw new Unauthenticated();
      const passwordHash = await identity.hasher.hash(password);
      await cluster.decide((present, context) => updateUser(present, context, user.id, { passwordHash }, wallMs()));
      return reply.status(204).send();
    },
  });

  scope.route<WithId>({
    method: 'DELETE',
    url: '/users/:id',
    handler: async (request, reply) => {
      checkAdmin(caller(request), 'delete_user');
      await cluster.decide((present) => deleteUser(present, userOf(present, request.params.id).id));
      return reply.status(204).send();
    },
  });
}
