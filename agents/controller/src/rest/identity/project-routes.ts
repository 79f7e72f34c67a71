import { CreateProjectBody, DEFAULT_DOMAIN, UpdateProjectBody } from '@weft/api/identity';
import { BadRequest } from '@weft/api/request-error';
import { NotFound } from '@weft/core/command/context';
import { createTenant, deleteTenant, updateTenant } from '@weft/core/command/tenant';
import type { FastifyInstance } from 'fastify';
import type { TenantId } from '@weft/core/uuid';
import { idOf } from '../../identity/identity.ts';
import { baseUrl } from '../rest-context.ts';
import { domainView } from './auth-routes.ts';
import { checkAdmin, checkDomain, collection, matching, projectOf } from './identity-context.ts';
import type { IdentityContext, Query, WithId } from './identity-context.ts';
import { projectView } from './views.ts';

/** Projects, which are Weft's tenants, and the one domain that they are in. */
export function projectRoutes(scope: FastifyInstance, { controller, caller }: IdentityContext): void {
  const { cluster } = controller;
  const { state } = cluster;

  scope.route<{ Querystring: Query }>({
    method: 'GET',
    url: '/projects',
    handler: async (request) => {
      checkAdmin(caller(request), 'list_projects');
      const base = baseUrl(request);
      const views = matching(
        [...state.tenants.values()].map((tenant) => projectView(tenant, base)),
        request.query,
      );
      await cluster.settled();
      return collection('projects', views, `${base}/v3/projects`);
    },
  });

  scope.route<WithId>({
    method: 'GET',
    url: '/projects/:id',
    handler: async (request) => {
      const who = caller(request);
      // Members may know their own projects; of others they learn nothing, not even whether they are there.
      const isOwn =
        who.authenticated !== undefined && state.identity.tenantsOf(who.authenticated.user.id).has(idOf<TenantId>(request.params.id));
      if (!isOwn) checkAdmin(who, 'get_project');
      const tenant = projectOf(state, request.params.id);
      await cluster.settled();
      return { project: projectView(tenant, baseUrl(request)) };
    },
  });

  scope.route<{ Body: CreateProjectBody }>({
    method: 'POST',
    url: '/projects',
    schema: { body: CreateProjectBody },
    handler: async (request, reply) => {
      checkAdmin(caller(request), 'create_project');
      const { name, description, enabled, domain_id, parent_id, is_domain } = request.body.project;
      checkDomain(domain_id);
      if (is_domain === true || (parent_id !== undefined && parent_id !== null && parent_id !== DEFAULT_DOMAIN.id)) {
        throw new BadRequest('Projects are all in the domain default, side by side.', { remedy: 'Leave out is_domain and parent_id.' });
      }
      const wanted = { name, tokenHash: '', description: description ?? '', enabled: enabled ?? true, automaticGateway: false };
      const { tenant } = await cluster.decide((present, context) => createTenant(present, context, wanted));
      return reply.status(201).send({ project: projectView(tenant, baseUrl(request)) });
    },
  });

  scope.route<WithId & { Body: UpdateProjectBody }>({
    method: 'PATCH',
    url: '/projects/:id',
    schema: { body: UpdateProjectBody },
    handler: async (request) => {
      checkAdmin(caller(request), 'update_project');
      const { name, description, enabled, domain_id } = request.body.project;
      checkDomain(domain_id);
      const change = {
        ...(name === undefined ? {} : { name }),
        ...(description === undefined ? {} : { description: description ?? '' }),
        ...(enabled === undefined ? {} : { enabled }),
      };
      const { tenant } = await cluster.decide((present, context) =>
        updateTenant(present, context, projectOf(present, request.params.id).id, change),
      );
      return { project: projectView(tenant, baseUrl(request)) };
    },
  });

  scope.route<WithId>({
    method: 'DELETE',
    url: '/projects/:id',
    handler: async (request, reply) => {
      checkAdmin(caller(request), 'delete_project');
      await cluster.decide((present) => deleteTenant(present, projectOf(present, request.params.id).id));
      return reply.status(204).send();
    },
  });

  scope.route<{ Querystring: Query }>({
    method: 'GET',
    url: '/domains',
    handler: (request) => {
      const base = baseUrl(request);
      return collection('domains', matching([domainView(base)], request.query), `${base}/v3/domains`);
    },
  });

  scope.route<WithId>({
    method: 'GET',
    url: '/domains/:id',
    handler: (request) => {
      if (request.params.id !== DEFAULT_DOMAIN.id) throw new NotFound('domain', request.params.id);
      return { domain: domainView(baseUrl(request)) };
    },
  });
}
