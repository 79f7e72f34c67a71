import { NotFound } from '@weft/core/command/context';
import { assignmentOf, grantRole, withdrawRole } from '@weft/core/command/identity';
import type { Grant } from '@weft/core/command/identity';
import type { ClusterState } from '@weft/core/cluster-state';
import { ROLES } from '@weft/core/identity';
import type { RoleAssignment } from '@weft/core/identity';
import { DEFAULT_DOMAIN } from '@weft/api/identity';
import type { FastifyInstance } from 'fastify';
import { baseUrl, pathOf } from '../rest-context.ts';
import { checkAdmin, collection, matching, projectOf, roleOf, userOf } from './identity-context.ts';
import type { IdentityContext, Query, WithId } from './identity-context.ts';
import { roleView } from './views.ts';

/** Without a project: in the whole system. */
type Assigned = { Params: { project?: string; user: string; role: string } };

/** Roles, which are fixed, and who has which where. */
export function roleRoutes(scope: FastifyInstance, { controller, caller }: IdentityContext): void {
  const { cluster } = controller;
  const { state } = cluster;
  const views = ROLES.map((role) => ({ ...roleView(role), domain_id: null, description: null, options: {} }));

  scope.route<{ Querystring: Query }>({
    method: 'GET',
    url: '/roles',
    handler: (request) => collection('roles', matching(views, request.query), `${baseUrl(request)}/v3/roles`),
  });

  scope.route<WithId>({
    method: 'GET',
    url: '/roles/:id',
    handler: (request) => ({ role: views[ROLES.indexOf(roleOf(request.params.id))] }),
  });

  assignmentRoutes('/projects/:project/users/:user/roles');
  assignmentRoutes('/system/users/:user/roles');

  function assignmentRoutes(url: string): void {
    scope.route<Assigned>({
      method: 'GET',
      url,
      handler: async (request) => {
        checkAdmin(caller(request), 'list_grants');
        const { tenantId, userId } = placeOf(state, request.params);
        const direct = [...state.identity.assignmentsOf(userId)].filter((one) => one.tenantId === tenantId);
        await cluster.settled();
        return collection(
          'roles',
          direct.map(({ role }) => roleView(role)),
          `${baseUrl(request)}${pathOf(request)}`,
        );
      },
    });
    scope.route<Assigned>({
      method: 'PUT',
      url: `${url}/:role`,
      handler: async (request, reply) => {
        checkAdmin(caller(request), 'create_grant');
        await cluster.decide((present, context) => grantRole(present, context, grantOf(present, request.params)));
        return reply.status(204).send();
      },
    });
    scope.route<Assigned>({
      method: 'HEAD',
      url: `${url}/:role`,
      handler: async (request, reply) => {
        checkAdmin(caller(request), 'check_grant');
        const grant = grantOf(state, request.params);
        if (assignmentOf(state, grant) === undefined) throw new NotFound('roleAssignment', grant.role);
        await cluster.settled();
        return reply.status(204).send();
      },
    });
    scope.route<Assigned>({
      method: 'DELETE',
      url: `${url}/:role`,
      handler: async (request, reply) => {
        checkAdmin(caller(request), 'revoke_grant');
        await cluster.decide((present) => withdrawRole(present, grantOf(present, request.params)));
        return reply.status(204).send();
      },
    });
  }

  scope.route<{ Querystring: Query }>({
    method: 'GET',
    url: '/role_assignments',
    handler: async (request) => {
      checkAdmin(caller(request), 'list_role_assignments');
      const { query } = request;
      const withNames = 'include_names' in query && !/^(0|false)$/i.test(String(query['include_names']));
      const wanted = (key: string, value: string | undefined): boolean => query[key] === undefined || query[key] === value;
      const found = [...state.identity.roleAssignments.values()].filter(
        (one) =>
          wanted('user.id', one.userId) &&
          wanted('scope.project.id', one.tenantId) &&
          wanted('role.id', roleView(one.role).id) &&
          (query['scope.system'] === undefined || one.tenantId === undefined),
      );
      await cluster.settled();
      return collection(
        'role_assignments',
        found.map((one) => assignmentView(state, one, withNames)),
        `${baseUrl(request)}/v3/role_assignments`,
      );
    },
  });
}

function placeOf(state: ClusterState, { project, user }: Assigned['Params']): Omit<Grant, 'role'> {
  return { tenantId: project === undefined ? undefined : projectOf(state, project).id, userId: userOf(state, user).id };
}

function grantOf(state: ClusterState, params: Assigned['Params']): Grant {
  return { ...placeOf(state, params), role: roleOf(params.role) };
}

function assignmentView(state: ClusterState, { userId, tenantId, role }: RoleAssignment, withNames: boolean): object {
  const named = (id: string, name: string | undefined): object => (withNames ? { id, name, domain: DEFAULT_DOMAIN } : { id });
  const { id, name } = roleView(role);
  return {
    user: named(userId, state.identity.users.get(userId)?.name),
    role: withNames ? { id, name } : { id },
    scope: tenantId === undefined ? { system: { all: true } } : { project: named(tenantId, state.tenants.get(tenantId)?.name) },
    links: {},
  };
}
