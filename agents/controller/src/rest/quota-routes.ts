import { unwrap } from '@weft/api/attribute';
import type { Caller } from '@weft/api/caller';
import { parseQuotaRequest, QUOTAS } from '@weft/api/quotas';
import type { QuotaUseView } from '@weft/api/quotas';
import { BadRequest, Forbidden } from '@weft/api/request-error';
import type { ClusterState } from '@weft/core/cluster-state';
import { defaultQuotas, quotasOf, resetQuotas, setQuotas } from '@weft/core/command/quota';
import { QUOTA_RESOURCES, UNLIMITED } from '@weft/core/quota';
import type { QuotaLimits } from '@weft/core/quota';
import type { TenantId } from '@weft/core/uuid';
import type { FastifyInstance } from 'fastify';
import type { RestContext } from './rest-context.ts';

type Of = { Params: { id: string } };

/** What tenants may have how many of (neutron-api.md §8). Administrators set it; everybody sees their own. */
export function quotaRoutes(scope: FastifyInstance, { controller, decider, caller }: RestContext): void {
  const { cluster } = controller;
  const { state } = cluster;
  const own = (who: Caller, id: string, action: string): TenantId => {
    const tenantId = id.toLowerCase() as TenantId;
    if (who.kind !== 'admin' && who.tenantId !== tenantId) throw new Forbidden(`rule:${action} is disallowed by policy`);
    return tenantId;
  };
  const checkAdmin = (who: Caller, action: string): void => {
    if (who.kind !== 'admin') throw new Forbidden(`rule:${action} is disallowed by policy`);
  };

  scope.route({
    method: 'GET',
    url: '/quotas',
    handler: async (request) => {
      checkAdmin(caller(request), 'get_quota');
      const quotas = Array.from(state.quotas.values(), ({ tenantId }) => ({
        ...quotasOf(state, cluster.config, tenantId),
        tenant_id: tenantId,
        project_id: tenantId,
      }));
      await cluster.settled();
      return { quotas };
    },
  });
  for (const name of ['tenant', 'project']) {
    scope.route({
      method: 'GET',
      url: `/quotas/${name}`,
      handler: (request) => ({ tenant: { tenant_id: caller(request).tenantId ?? null } }),
    });
  }
  scope.route<Of>({
    method: 'GET',
    url: '/quotas/:id',
    handler: async (request) => {
      const quota = quotasOf(state, cluster.config, own(caller(request), request.params.id, 'get_quota'));
      await cluster.settled();
      return { quota };
    },
  });
  scope.route<Of>({
    method: 'GET',
    url: '/quotas/:id/default',
    handler: (request) => {
      own(caller(request), request.params.id, 'get_quota');
      return { quota: defaultQuotas(cluster.config) };
    },
  });
  scope.route<Of>({
    method: 'GET',
    url: '/quotas/:id/details',
    handler: async (request) => {
      const tenantId = own(caller(request), request.params.id, 'get_quota');
      const limits = quotasOf(state, cluster.config, tenantId);
      const quota = Object.fromEntries(
        QUOTA_RESOURCES.map((name) => [name, { limit: limits[name], used: state.ownedCount(tenantId, name), reserved: 0 }]),
      ) as QuotaUseView;
      await cluster.settled();
      return { quota };
    },
  });
  scope.route<Of>({
    method: 'PUT',
    url: '/quotas/:id',
    handler: async (request) => {
      checkAdmin(caller(request), 'update_quota');
      const tenantId = request.params.id.toLowerCase() as TenantId;
      const { limits, checkLimit } = parseQuotaRequest(unwrap(request.body, QUOTAS));
      const quota = await decider.decideAndShow(
        request,
        (present, context) => {
          if (checkLimit) checkUse(present, tenantId, limits);
          return setQuotas(present, context, tenantId, limits);
        },
        () => quotasOf(state, cluster.config, tenantId),
      );
      return { quota };
    },
  });
  scope.route<Of>({
    method: 'DELETE',
    url: '/quotas/:id',
    handler: async (request, reply) => {
      checkAdmin(caller(request), 'delete_quota');
      await decider.decide(request, (present) => resetQuotas(present, request.params.id.toLowerCase() as TenantId));
      return reply.status(204).send();
    },
  });
}

function checkUse(state: ClusterState, tenantId: TenantId, limits: Readonly<Partial<QuotaLimits>>): void {
  for (const name of QUOTA_RESOURCES) {
    const [limit = UNLIMITED, used] = [limits[name], state.ownedCount(tenantId, name)];
    if (limit === UNLIMITED || limit >= used) continue;
    throw new BadRequest(`Quota limit for ${name} cannot be ${limit}: ${used} are in use.`, {
      remedy: 'Leave check_limit out to stop growth only, or delete some first.',
    });
  }
}
