import type { AutoTopologyView } from '@weft/api/auto-topology';
import type { Caller } from '@weft/api/caller';
import { BadRequest, Forbidden } from '@weft/api/request-error';
import { autoTopology, autoTopologyFoundation, autoTopologyOf, deleteAutoTopology } from '@weft/core/command/auto-topology';
import { NotFound } from '@weft/core/command/context';
import type { TenantId } from '@weft/core/uuid';
import { WeftError } from '@weft/core/weft-error';
import type { FastifyInstance } from 'fastify';
import type { RestContext } from './rest-context.ts';

type Of = { Params: { id: string }; Querystring: { fields?: string | string[] } };

/** How Neutron's clients say that it is their own: Python's word for nothing. */
const OWN = 'none';

/** A network for whoever describes none (neutron-api.md §10). The first GET makes it; `fields=dry-run` only asks whether that can be. */
export function autoTopologyRoutes(scope: FastifyInstance, { controller, decider, caller }: RestContext): void {
  const { cluster } = controller;
  scope.route<Of>({
    method: 'GET',
    url: '/auto-allocated-topology/:id',
    handler: async (request) => {
      const who = caller(request);
      const tenantId = projectOf(who, request.params.id);
      if ([request.query.fields].flat().includes('dry-run')) {
        if (!cluster.state.tenants.has(tenantId)) throw new NotFound('tenant', tenantId);
        if (autoTopologyOf(cluster.state, tenantId) === undefined) autoTopologyFoundation(cluster.state);
        await cluster.settled();
        return { auto_allocated_topology: view('dry-run=pass', tenantId) };
      }
      const networkId = await decider.decideAndShow(
        request,
        (state, context) => {
          const isThere = autoTopologyOf(state, tenantId) !== undefined;
          if (!isThere && who.kind === 'tenant' && who.readOnly === true)
            throw new Forbidden('the role reader is disallowed by policy to change anything');
          return autoTopology(state, context, tenantId);
        },
        ({ network }) => network.id,
      );
      return { auto_allocated_topology: view(networkId, tenantId) };
    },
  });
  scope.route<Of>({
    method: 'DELETE',
    url: '/auto-allocated-topology/:id',
    handler: async (request, reply) => {
      const tenantId = projectOf(caller(request), request.params.id);
      await decider.decide(request, (state, context) => deleteAutoTopology(state, context, tenantId));
      return reply.status(204).send();
    },
  });
}

function view(id: string, tenantId: TenantId): AutoTopologyView {
  return { id, tenant_id: tenantId, project_id: tenantId };
}

/** Whose it is to be. Throws WeftError `not_authorized` for another project's, BadRequest for an administrator's own who has none. */
function projectOf(who: Caller, given: string): TenantId {
  const id = given.toLowerCase() === OWN ? who.tenantId : (given.toLowerCase() as TenantId);
  if (id === undefined) throw new BadRequest('The token is of no project.', { remedy: "Name the project in place of 'None'." });
  if (who.kind !== 'admin' && who.tenantId !== id)
    throw new WeftError('not_authorized', 'Not authorized.', { remedy: 'Ask for your own.' });
  return id;
}
