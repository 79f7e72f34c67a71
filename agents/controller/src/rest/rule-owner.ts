import type { Caller } from '@weft/api/caller';
import { BadRequest } from '@weft/api/request-error';
import type { ClusterState } from '@weft/core/cluster-state';
import type { TenantId } from '@weft/core/uuid';
import { visible } from './collections.ts';

type Named = Readonly<{ port_id?: string | null; tenant_id?: string }>;

/** Whose a new rule is: the caller's, or for administrators the port's or the named tenant's. `what`: the kind of rule. Throws NotFound, BadRequest. */
export function ruleOwner(state: ClusterState, who: Caller, { port_id, tenant_id }: Named, what: string): TenantId {
  const named = tenant_id?.toLowerCase() as TenantId | undefined;
  const owner = who.kind === 'tenant' ? who.tenantId : port_id ? visible(state, who, 'port', port_id).tenantId : named;
  if (owner === undefined) throw new BadRequest(`whose ${what} is it to be?`, { remedy: 'Say tenant_id, or port_id.' });
  if (named !== undefined && named !== owner) throw new BadRequest(`the rule would be tenant ${owner}’s, not ${named}’s`);
  return owner;
}
