import { createHash, timingSafeEqual } from 'node:crypto';
import type { Caller } from '@weft/api/caller';
import { Unauthenticated } from '@weft/api/request-error';
import type { ClusterState } from '@weft/core/cluster-state';
import { ExternalKeystone } from '../identity/external-keystone.ts';
import { callerOf } from '../identity/identity.ts';
import type { Identity } from '../identity/identity.ts';
import type { IdentityCaller } from './identity/identity-context.ts';

/** Tokens are 32 random bytes in base64url; only their hashes are kept (design §3). SHA-256, hex. */
export function tokenHash(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}

/** The tokens that are fixed: the administrator's, and each tenant's own. */
export function fixedCaller(state: ClusterState, adminTokenHash: string, token: string): Caller | undefined {
  const hash = tokenHash(token);
  if (equal(hash, adminTokenHash)) return { kind: 'admin' };
  const tenant = state.tenantByTokenHash.get(hash);
  return tenant !== undefined && equal(hash, tenant.tokenHash) ? { kind: 'tenant', tenantId: tenant.id } : undefined;
}

/** Who sent this token to the network API. Throws Unauthenticated, and IdentityUnavailable where it is for others to say. */
export async function authenticate(
  state: ClusterState,
  identity: Identity | ExternalKeystone,
  adminTokenHash: string,
  token: unknown,
): Promise<Caller> {
  if (typeof token !== 'string' || token === '') throw new Unauthenticated();
  const fixed = fixedCaller(state, adminTokenHash, token);
  if (fixed !== undefined) return fixed;
  const caller = identity instanceof ExternalKeystone ? await identity.callerOf(token) : embeddedCaller(identity, token);
  if (caller === undefined) throw new Unauthenticated();
  return caller;
}

function embeddedCaller(identity: Identity, token: string): Caller | undefined {
  const authenticated = identity.verify(token);
  return authenticated === undefined ? undefined : callerOf(authenticated);
}

/** Who sent this token to the identity service; a tenant's fixed token says nothing of any user. Throws Unauthenticated. */
export function authenticateIdentity(state: ClusterState, identity: Identity, adminTokenHash: string, token: unknown): IdentityCaller {
  if (typeof token !== 'string' || token === '') throw new Unauthenticated();
  if (fixedCaller(state, adminTokenHash, token)?.kind === 'admin') return { isAdmin: true, authenticated: undefined };
  const authenticated = identity.verify(token);
  if (authenticated === undefined) throw new Unauthenticated();
  return { isAdmin: authenticated.roles.includes('admin'), authenticated };
}

/** Takes as long for a near miss as for a far one. */
function equal(a: string, b: string): boolean {
  const [x, y] = [Buffer.from(a), Buffer.from(b)];
  return x.length === y.length && timingSafeEqual(x, y);
}
