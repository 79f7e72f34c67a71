import type { ClusterState } from '../cluster-state.ts';
import { DEFAULT_QUOTAS, quotaIdOf, quotaResourceOf, UNLIMITED } from '../quota.ts';
import type { Quota, QuotaLimits, QuotaResource } from '../quota.ts';
import type { Changes } from '../resource.ts';
import type { TenantId } from '../uuid.ts';
import { Conflict, NotFound, putChanged, stamps, updated } from './context.ts';
import type { ClusterConfig, CommandContext } from './context.ts';

/** The limits of a tenant without limits of its own. */
export function defaultQuotas(cluster: ClusterConfig): QuotaLimits {
  return { ...DEFAULT_QUOTAS, ...cluster.quotas };
}

/** The limits that hold for a tenant. */
export function quotasOf(state: ClusterState, cluster: ClusterConfig, tenantId: TenantId): QuotaLimits {
  return { ...defaultQuotas(cluster), ...state.quotas.get(quotaIdOf(tenantId))?.limits };
}

/** Gives a tenant limits of its own; those that are not named stay what they are. What it has already it keeps. Throws NotFound. */
export function setQuotas(
  state: ClusterState,
  context: CommandContext,
  tenantId: TenantId,
  limits: Readonly<Partial<QuotaLimits>>,
): Changes {
  if (!state.tenants.has(tenantId)) throw new NotFound('tenant', tenantId);
  const old = state.quotas.get(quotaIdOf(tenantId));
  if (old !== undefined) return { put: putChanged(old, updated(context, old, { limits: { ...old.limits, ...limits } })), remove: [] };
  if (Object.keys(limits).length === 0) return { put: [], remove: [] };
  const quota: Quota = { kind: 'quota', id: quotaIdOf(tenantId), tenantId, limits, ...stamps(context) };
  return { put: [quota], remove: [] };
}

/** The defaults hold for the tenant again, as they may have done before. Throws NotFound. */
export function resetQuotas(state: ClusterState, tenantId: TenantId): Changes {
  if (!state.tenants.has(tenantId)) throw new NotFound('tenant', tenantId);
  const quota = state.quotas.get(quotaIdOf(tenantId));
  return { put: [], remove: quota === undefined ? [] : [quota] };
}

/**
 * Throws Conflict for a decision that would give a tenant more of something than it may have. A decision that gives it none is never
 * refused: a limit below what there is stops only growth. The state is the one that the decision was made on.
 */
export function checkQuotas(state: ClusterState, cluster: ClusterConfig, changes: Changes): void {
  const more = new Map<TenantId, Map<QuotaResource, number>>();
  const count = (record: Changes['put'][number], by: number): void => {
    const resource = quotaResourceOf(record);
    if (resource === undefined || !('tenantId' in record) || record.tenantId === undefined) return;
    const ofTenant = more.get(record.tenantId) ?? new Map<QuotaResource, number>();
    more.set(record.tenantId, ofTenant.set(resource, (ofTenant.get(resource) ?? 0) + by));
  };
  for (const record of changes.put) if (state.get(record.kind, record.id) === undefined) count(record, 1);
  for (const record of changes.remove) count(record, -1);
  for (const [tenantId, resources] of more) {
    const limits = quotasOf(state, cluster, tenantId);
    const exceeded = [...resources].filter(([resource, by]) => {
      const limit = limits[resource];
      return by > 0 && limit !== UNLIMITED && state.ownedCount(tenantId, resource) + by > limit;
    });
    if (exceeded.length === 0) continue;
    const names = exceeded.map(([resource]) => resource).toSorted();
    throw new Conflict('over_quota', `Quota exceeded for resources: [${names.map((name) => `'${name}'`).join(', ')}].`, {
      details: Object.fromEntries(names.map((name) => [name, limits[name]])),
      remedy: `Delete what is not needed any more, or ask the operator for more than ${names.map((name) => `${limits[name]} of ${name}`).join(', ')}.`,
    });
  }
}
