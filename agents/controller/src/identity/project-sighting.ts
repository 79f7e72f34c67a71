import { createTenant } from '@weft/core/command/tenant';
import { Conflict } from '@weft/core/command/context';
import type { ClusterState } from '@weft/core/cluster-state';
import type { Cluster } from '../cluster.ts';
import type { ExternalProject } from './external-keystone.ts';
import { IdentityUnavailable } from './identity-unavailable.ts';

/** Makes the tenant of a project that was not seen before; it has no automatic gateway, as in Neutron. Throws IdentityUnavailable. */
export async function sightProject(cluster: Cluster, project: ExternalProject): Promise<void> {
  const { tenantId, externalId } = project;
  if (cluster.state.tenants.get(tenantId)?.externalId === externalId) return;
  await cluster.decide((state, context) => {
    const old = state.tenants.get(tenantId);
    if (old?.externalId === externalId) return { put: [], remove: [] };
    // One of our own: whoever is somebody elsewhere is not its owner here.
    if (old !== undefined) throw new IdentityUnavailable(`its project ${externalId} has the id of a tenant that was made here`);
    const wanted = { id: tenantId, externalId, tokenHash: '', automaticGateway: false };
    const { put, remove } = createTenant(state, context, { ...wanted, name: freeName(state, project) });
    return { put, remove };
  });
}

/** Names are unique here, in Keystone only within a domain. Throws Conflict. */
function freeName(state: ClusterState, { name, domain, externalId }: ExternalProject): string {
  const taken = new Set([...state.tenants.values()].map((tenant) => tenant.name));
  const free = [name, `${name}@${domain}`, `${name}@${externalId}`].find((one) => !taken.has(one));
  if (free === undefined) throw new Conflict('tenant_exists', `every name for project ${externalId} is taken`);
  return free;
}
