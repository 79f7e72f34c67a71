import { createHash, timingSafeEqual } from 'node:crypto';
import type { Caller } from '@weft/api/caller';
import { Unauthenticated } from '@weft/api/request-error';
import type { ClusterState } from '@weft/core/cluster-state';

/** Tokens are 32 random bytes in base64url; only their hashes are kept (design §3). SHA-256, hex. */
export function tokenHash(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}

/** Who sent this token. Throws Unauthenticated. */
export function authenticate(state: ClusterState, adminTokenHash: string, token: unknown): Caller {
  if (typeof token !== 'string' || token === '') throw new Unauthenticated();
  const hash = tokenHash(token);
  if (equal(hash, adminTokenHash)) return { kind: 'admin' };
  const tenant = state.tenantByTokenHash.get(hash);
  if (tenant !== undefined && equal(hash, tenant.tokenHash)) return { kind: 'tenant', tenantId: tenant.id };
  throw new Unauthenticated();
}

/** Takes as long for a near miss as for a far one. */
function equal(a: string, b: string): boolean {
  const [x, y] = [Buffer.from(a), Buffer.from(b)];
  return x.length === y.length && timingSafeEqual(x, y);
}
