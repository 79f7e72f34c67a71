import type { ClusterState } from '@weft/core/cluster-state';
import type { CommandContext } from '@weft/core/command/context';
import { sequence } from '@weft/core/command/sequence';
import { createTenant } from '@weft/core/command/tenant';
import type { Changes } from '@weft/core/resource';
import type { TenantId } from '@weft/core/uuid';

/**
 * The project of external networks and subnet pools whose project the administrator does not say. In Neutron that is the administrator's own
 * one; here administrators have none, so it is made with the first of them. No token is ever its.
 */
const OPERATOR = 'operator';

/** Decides a command as that project's. */
export function asOperator<X extends Changes & Readonly<{ id: string }>>(
  state: ClusterState,
  context: CommandContext,
  command: (state: ClusterState, tenantId: TenantId) => X,
): Changes & Readonly<{ id: string }> {
  for (const tenant of state.tenants.values()) if (tenant.name === OPERATOR) return command(state, tenant.id);
  let operator = '' as TenantId;
  const { results, ...changes } = sequence<Changes & Readonly<{ id: string }>>(state, [
    (present) => {
      const { tenant, ...made } = createTenant(present, context, { name: OPERATOR, tokenHash: '' });
      operator = tenant.id;
      return { ...made, id: tenant.id };
    },
    (present) => command(present, operator),
  ]);
  return { ...changes, id: results[1]?.id ?? '' };
}
