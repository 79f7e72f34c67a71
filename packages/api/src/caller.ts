import type { TenantId, UserId } from '@weft/core/uuid';

/**
 * Who asks. An administrator sees every tenant's objects, and may be at home in a project; a tenant sees what it owns and what is shared.
 * `userId` is there where the identity service knows the user, not for the fixed tokens; `readOnly` for those who may only look.
 */
export type Caller =
  | Readonly<{ kind: 'admin'; tenantId?: TenantId | undefined; userId?: UserId }>
  | Readonly<{ kind: 'tenant'; tenantId: TenantId; userId?: UserId; readOnly?: true }>;

/** Whether the caller may know that an object of this tenant exists. */
export function maySee(caller: Caller, owner: Readonly<{ tenantId: TenantId }>): boolean {
  return caller.kind === 'admin' || caller.tenantId === owner.tenantId;
}
