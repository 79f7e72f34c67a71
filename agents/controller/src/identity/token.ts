import { createHmac, timingSafeEqual } from 'node:crypto';
import { NIL_UUID, uuidFromBytes, uuidToBytes } from '@weft/core/uuid';
import type { ApplicationCredentialId, TenantId, TokenRevocationId, UserId, Uuid } from '@weft/core/uuid';

/**
 * Tokens say by themselves who holds them and until when; nothing of them is stored. 127 bytes, base64url:
 *
 *     version 1 │ methods │ scope │ user 16 │ project 16 │ audit id 16 │ parent's audit id 16 │ credential 16 │ issued 6 │ expires 6 │ HMAC-SHA256 32
 *
 * Times are milliseconds since 1970, big endian; absent ids are nil. What the holder may do is looked up at each use, so a role that is
 * withdrawn is gone at once.
 */
export type Token = Readonly<{
  methods: readonly TokenMethod[];
  scope: TokenScope;
  userId: UserId;
  /** Present with the scope `project`. */
  tenantId: TenantId | undefined;
  auditId: TokenRevocationId;
  /** Of the token that this one was made from. */
  parentAuditId: TokenRevocationId | undefined;
  credentialId: ApplicationCredentialId | undefined;
  issuedAt: number;
  expiresAt: number;
}>;

export const TOKEN_METHODS = ['password', 'token', 'application_credential'] as const;
export type TokenMethod = (typeof TOKEN_METHODS)[number];

const SCOPES = ['unscoped', 'project', 'system', 'domain'] as const;
export type TokenScope = (typeof SCOPES)[number];

const VERSION = 1;
const BODY_BYTES = 95;
const MAC_BYTES = 32;

/** `secret`: of the signing key, hex. */
export function encodeToken(token: Token, secret: string): string {
  const bytes = Buffer.alloc(BODY_BYTES);
  bytes[0] = VERSION;
  bytes[1] = TOKEN_METHODS.reduce((mask, method, bit) => mask | (token.methods.includes(method) ? 1 << bit : 0), 0);
  bytes[2] = SCOPES.indexOf(token.scope);
  const ids: readonly (Uuid | undefined)[] = [token.userId, token.tenantId, token.auditId, token.parentAuditId, token.credentialId];
  for (const [index, id] of ids.entries()) bytes.set(uuidToBytes(id ?? NIL_UUID), 3 + 16 * index);
  bytes.writeUIntBE(token.issuedAt, 83, 6);
  bytes.writeUIntBE(token.expiresAt, 89, 6);
  return Buffer.concat([bytes, mac(bytes, secret)]).toString('base64url');
}

/** The token, if one of the keys signed it; whether it still holds is not looked at. */
export function decodeToken(text: string, secrets: Iterable<string>): Token | undefined {
  const all = Buffer.from(text, 'base64url');
  const bytes = all.subarray(0, BODY_BYTES);
  // Other spellings of the same bytes are no tokens, or a revoked one could come back as another.
  if (all.length !== BODY_BYTES + MAC_BYTES || bytes[0] !== VERSION || all.toString('base64url') !== text) return undefined;
  for (const secret of secrets) {
    if (timingSafeEqual(all.subarray(BODY_BYTES), mac(bytes, secret))) return parse(bytes);
  }
  return undefined;
}

function parse(bytes: Buffer): Token {
  const id = (index: number): Uuid => uuidFromBytes(bytes, 3 + 16 * index);
  const optional = <T extends Uuid>(index: number): T | undefined => (id(index) === NIL_UUID ? undefined : (id(index) as T));
  return {
    methods: TOKEN_METHODS.filter((_, bit) => ((bytes[1] ?? 0) & (1 << bit)) !== 0),
    scope: SCOPES[bytes[2] ?? 0] ?? 'unscoped',
    userId: id(0) as UserId,
    tenantId: optional(1),
    auditId: id(2) as TokenRevocationId,
    parentAuditId: optional(3),
    credentialId: optional(4),
    issuedAt: bytes.readUIntBE(83, 6),
    expiresAt: bytes.readUIntBE(89, 6),
  };
}

function mac(bytes: Buffer, secret: string): Buffer {
  return createHmac('sha256', Buffer.from(secret, 'hex')).update('weft token\0').update(bytes).digest();
}
