/**
 * Projects of an external identity service have its ids for clients and ours inside. They are translated at the border, in the keys that hold
 * them, so that nothing else needs to know: what a client calls its project is what it is shown.
 */
import type { ClusterState } from '@weft/core/cluster-state';
import type { TenantId } from '@weft/core/uuid';
import type { FastifyInstance } from 'fastify';
import { internalId } from '../identity/external-id.ts';

const KEYS = new Set(['tenant_id', 'project_id']);

export function translateProjects(scope: FastifyInstance, state: ClusterState): void {
  const inward = (value: unknown): unknown => (typeof value === 'string' && value !== '' ? internalId<TenantId>(value) : value);
  const outward = (value: unknown): unknown =>
    typeof value === 'string' ? (state.tenants.get(value as TenantId)?.externalId ?? value) : value;

  scope.addHook('preValidation', async (request) => {
    const { url } = request.routeOptions;
    const params = request.params as Record<string, unknown>;
    if (url?.startsWith('/v2.0/quotas/:id') === true) params['id'] = inward(params['id']);
    const query = request.query as Record<string, unknown>;
    for (const key of KEYS) {
      const value = query[key];
      if (value !== undefined) query[key] = Array.isArray(value) ? value.map(inward) : inward(value);
    }
    if (typeof request.body === 'object' && request.body !== null) request.body = translated(request.body, inward);
  });
  scope.addHook('preSerialization', async (_request, _reply, payload) => translated(payload, outward));
}

/** The value with all ids of projects in it translated, however deep. */
function translated(value: unknown, translate: (id: unknown) => unknown): unknown {
  if (Array.isArray(value)) return value.map((item) => translated(item, translate));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [key, KEYS.has(key) ? translate(inner) : translated(inner, translate)]),
  );
}
