import type { TenantId } from '@weft/core/uuid';

/** Who asks. An administrator sees every tenant's objects and has no project of their own; a tenant sees only what it owns. */
export type Caller = Readonly<{ kind: 'admin' }> | Readonly<{ kind: 'tenant'; tenantId: TenantId }>;

/** Whether the caller may know that an object of this tenant exists. */
export function maySee(caller: Caller, owner: Readonly<{ tenantId: TenantId }>): boolean {
  return caller.kind === 'admin' || caller.tenantId === owner.tenantId;
}
