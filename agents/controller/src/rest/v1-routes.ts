import type { Caller } from '@weft/api/caller';
import { maySee } from '@weft/api/caller';
import { Forbidden } from '@weft/api/request-error';
import {
  ConcentratorView,
  CreateInstanceBody,
  CreateTenantBody,
  InstanceView,
  MoveConcentratorBody,
  NodeView,
  PoolView,
  TenantView,
  UpdateTenantBody,
} from '@weft/api/v1';
import type { AcceptedView, NewTenantView } from '@weft/api/v1';
import { Conflict, NotFound } from '@weft/core/command/context';
import { moveConcentrator } from '@weft/core/command/concentrator';
import { createInstance, deleteInstance } from '@weft/core/command/instance';
import { deleteNode } from '@weft/core/command/node';
import { createTenant, deleteTenant, updateTenant } from '@weft/core/command/tenant';
import type { Node, Tenant } from '@weft/core/resource';
import type { InstanceId, NodeId, PortId, TenantId } from '@weft/core/uuid';
import type { FastifyInstance } from 'fastify';
import { tokenHash } from './authenticate.ts';
import { visible } from './visibility.ts';
import { eventRoutes } from './event-routes.ts';
import { DryRunAnswer, isDryRun, NO_CHANGES } from './dry-run.ts';
import { filtered } from './filtered.ts';
import { firewallRoutes } from './firewall-routes.ts';
import { natRoutes } from './nat-routes.ts';
import type { RestContext } from './rest-context.ts';
import { whyRoutes } from './why-routes.ts';
import { concentratorView, instanceView, nodeView, poolViews, tenantView } from './v1-views.ts';

type WithId = { Params: { id: string } };
type Query = Readonly<Record<string, unknown>>;

/** Weft's own resources. */
export function routesOfV1(scope: FastifyInstance, context: RestContext): void {
  tenantRoutes(scope, context);
  nodeRoutes(scope, context);
  instanceRoutes(scope, context);
  concentratorRoutes(scope, context);
  poolRoutes(scope, context);
  firewallRoutes(scope, context);
  natRoutes(scope, context);
  whyRoutes(scope, context);
  eventRoutes(scope, context);
}

function tenantRoutes(scope: FastifyInstance, { controller, decider, caller, randomBytes }: RestContext): void {
  const { cluster } = controller;
  const find = (who: Caller, id: string): Tenant => {
    const tenant = cluster.state.tenants.get(id.toLowerCase() as TenantId);
    if (tenant === undefined || (who.kind === 'tenant' && who.tenantId !== tenant.id)) throw new NotFound('tenant', id);
    return tenant;
  };

  scope.route({
    method: 'GET',
    url: '/tenants',
    handler: async (request) => {
      const who = caller(request);
      const all = who.kind === 'admin' ? [...cluster.state.tenants.values()] : [find(who, who.tenantId)];
      return await settled({ tenants: filtered(all.map(tenantView), request.query as Query, TenantView) });
    },
  });

  scope.route<WithId>({
    method: 'GET',
    url: '/tenants/:id',
    handler: async (request) => settled(tenantView(find(caller(request), request.params.id))),
  });

  scope.route<{ Body: CreateTenantBody }>({
    method: 'POST',
    url: '/tenants',
    schema: { body: CreateTenantBody },
    handler: async (request, reply) => {
      checkAdmin(caller(request), 'create tenants');
      const token = Buffer.from(randomBytes(32)).toString('base64url');
      const { tenant } = await decider.decide(request, (state, command) =>
        createTenant(state, command, { name: request.body.name, tokenHash: tokenHash(token) }),
      );
      const view: NewTenantView = { ...tenantView(tenant), token };
      return reply.status(201).send(view);
    },
  });

  scope.route<WithId & { Body: UpdateTenantBody }>({
    method: 'PUT',
    url: '/tenants/:id',
    schema: { body: UpdateTenantBody },
    handler: async (request) => {
      const who = caller(request);
      return decider.decideAndShow(
        request,
        (state, command) => {
          const { id } = find(who, request.params.id);
          const { ssh_reach: sshReach, ingress_kbps: ingressKbps, egress_kbps: egressKbps } = request.body;
          if (ingressKbps !== undefined || egressKbps !== undefined) checkAdmin(who, 'limit how fast a tenant may be');
          return updateTenant(state, command, id, {
            ...(sshReach === undefined ? {} : { sshReach }),
            rateLimit: { ...(ingressKbps === undefined ? {} : { ingressKbps }), ...(egressKbps === undefined ? {} : { egressKbps }) },
          });
        },
        ({ tenant }) => tenantView(tenant),
      );
    },
  });

  scope.route<WithId>({
    method: 'DELETE',
    url: '/tenants/:id',
    handler: async (request, reply) => {
      const who = caller(request);
      await decider.decide(request, (state) => {
        const tenant = find(who, request.params.id);
        checkAdmin(who, 'delete tenants');
        return deleteTenant(state, tenant.id);
      });
      return reply.status(204).send();
    },
  });

  async function settled<T>(view: T): Promise<T> {
    await cluster.settled();
    return view;
  }
}

/** Nodes are the administrators' business: others are not told that there are any. */
function nodeRoutes(scope: FastifyInstance, { controller, decider, caller }: RestContext): void {
  const { cluster, nodes } = controller;
  const find = (who: Caller, id: string): Node => {
    const node = who.kind === 'admin' ? cluster.state.nodes.get(id.toLowerCase() as NodeId) : undefined;
    if (node === undefined) throw new NotFound('node', id);
    return node;
  };

  scope.route({
    method: 'GET',
    url: '/nodes',
    handler: async (request) => {
      checkAdmin(caller(request), 'list nodes');
      const all = [...cluster.state.nodes.values()].toSorted((a, b) => (a.hostname < b.hostname ? -1 : 1));
      const views = all.map((node) => nodeView(node, nodes.observe(node.id)));
      await cluster.settled();
      return { nodes: filtered(views, request.query as Query, NodeView) };
    },
  });

  scope.route<WithId>({
    method: 'GET',
    url: '/nodes/:id',
    handler: async (request) => {
      const node = find(caller(request), request.params.id);
      const view = nodeView(node, nodes.observe(node.id));
      await cluster.settled();
      return view;
    },
  });

  scope.route<WithId>({
    method: 'POST',
    url: '/nodes/:id/accept',
    handler: async (request): Promise<AcceptedView> => {
      const { id } = find(caller(request), request.params.id);
      if (isDryRun(request)) {
        nodes.checkHeld(id);
        throw new DryRunAnswer(NO_CHANGES);
      }
      return { id, ...nodes.accept(id) };
    },
  });

  scope.route<WithId>({
    method: 'DELETE',
    url: '/nodes/:id',
    handler: async (request, reply) => {
      await decider.decide(request, (state) => {
        const { id, hostname } = find(caller(request), request.params.id);
        if (nodes.observe(id)?.connected === true) {
          throw new Conflict('node_connected', `node ${hostname} is connected: it would be back at its next report`, {
            remedy: 'Stop the launcher of that node first.',
          });
        }
        return deleteNode(state, id);
      });
      return reply.status(204).send();
    },
  });
}

function instanceRoutes(scope: FastifyInstance, { controller, decider, caller }: RestContext): void {
  const { cluster } = controller;

  scope.route({
    method: 'GET',
    url: '/instances',
    handler: async (request) => {
      const who = caller(request);
      const all = [...cluster.state.instances.values()].filter(({ tenantId }) => who.kind === 'admin' || tenantId === who.tenantId);
      const views = all.map((instance) => instanceView(instance, controller.statusSources));
      await cluster.settled();
      return { instances: filtered(views, request.query as Query, InstanceView) };
    },
  });

  scope.route<WithId>({
    method: 'GET',
    url: '/instances/:id',
    handler: async (request) => {
      const view = instanceView(visible(cluster.state, caller(request), 'instance', request.params.id), controller.statusSources);
      await cluster.settled();
      return view;
    },
  });

  scope.route<{ Body: CreateInstanceBody }>({
    method: 'POST',
    url: '/instances',
    schema: { body: CreateInstanceBody },
    handler: async (request, reply) => {
      const { name = '', command, port_id, addressing = 'static', node_id, user_data } = request.body;
      const view = await decider.decideAndShow(
        request,
        (state, given) => {
          const who = caller(request);
          const port = visible(state, who, 'port', port_id);
          // Whose the network is sees ports of others on it, and runs nothing there.
          if (!maySee(who, port)) throw new Forbidden('rule:update_port is disallowed by policy');
          return createInstance(state, given, {
            tenantId: port.tenantId,
            name,
            command,
            portId: port_id.toLowerCase() as PortId,
            addressing,
            nodeId: (node_id?.toLowerCase() as NodeId | undefined) ?? undefined,
            userData: user_data === null || user_data === '' ? undefined : user_data,
          });
        },
        ({ instance }) => instanceView(instance, controller.statusSources),
      );
      return reply.status(201).send(view);
    },
  });

  scope.route<WithId>({
    method: 'DELETE',
    url: '/instances/:id',
    handler: async (request, reply) => {
      await decider.decide(request, (state, given) => {
        visible(state, caller(request), 'instance', request.params.id);
        return deleteInstance(state, given, request.params.id.toLowerCase() as InstanceId);
      });
      return reply.status(204).send();
    },
  });
}

function concentratorRoutes(scope: FastifyInstance, { controller, decider, caller }: RestContext): void {
  const { cluster } = controller;

  scope.route({
    method: 'GET',
    url: '/concentrators',
    handler: async (request) => {
      const who = caller(request);
      const all = [...cluster.state.concentrators.values()].filter(({ tenantId }) => who.kind === 'admin' || tenantId === who.tenantId);
      const views = all.map((concentrator) => concentratorView(concentrator, controller.statusSources));
      await cluster.settled();
      return { concentrators: filtered(views, request.query as Query, ConcentratorView) };
    },
  });

  scope.route<WithId>({
    method: 'GET',
    url: '/concentrators/:id',
    handler: async (request) => {
      const concentrator = visible(cluster.state, caller(request), 'concentrator', request.params.id);
      const view = concentratorView(concentrator, controller.statusSources);
      await cluster.settled();
      return view;
    },
  });

  scope.route<WithId & { Body: MoveConcentratorBody | undefined }>({
    method: 'POST',
    url: '/concentrators/:id/move',
    schema: { body: MoveConcentratorBody },
    handler: async (request) => {
      const who = caller(request);
      const wanted = request.body?.node_id?.toLowerCase() as NodeId | undefined;
      return decider.decideAndShow(
        request,
        (state, given) => {
          const { id } = visible(state, who, 'concentrator', request.params.id);
          checkAdmin(who, 'move concentrators');
          const isReady = (nodeId: NodeId): boolean => controller.nodes.observe(nodeId)?.connected === true;
          return moveConcentrator(state, given, { id, nodeId: wanted, isReady });
        },
        () => concentratorView(visible(cluster.state, who, 'concentrator', request.params.id), controller.statusSources),
      );
    },
  });
}

/** How full the external networks are: the operator's business. */
function poolRoutes(scope: FastifyInstance, { controller, caller }: RestContext): void {
  const { cluster } = controller;

  scope.route({
    method: 'GET',
    url: '/pools',
    handler: async (request) => {
      checkAdmin(caller(request), 'see how many public addresses are used');
      const views = poolViews(cluster.state);
      await cluster.settled();
      return { pools: filtered(views, request.query as Query, PoolView) };
    },
  });

  scope.route<WithId>({
    method: 'GET',
    url: '/pools/:id',
    handler: async (request) => {
      checkAdmin(caller(request), 'see how many public addresses are used');
      const view = poolViews(cluster.state).find(({ id }) => id === request.params.id.toLowerCase());
      if (view === undefined) throw new NotFound('subnet', request.params.id);
      await cluster.settled();
      return view;
    },
  });
}

function checkAdmin(caller: Caller, what: string): void {
  if (caller.kind !== 'admin') throw new Forbidden(`only administrators may ${what}`);
}
