import { integerIn, listOf, oneOf, parseBoolean, parseCount, parseString } from './fields.ts';
import type { Fields } from './fields.ts';
import { parseStamps } from './stamps.ts';
import type { Stamps } from './stamps.ts';
import { parseUuid } from './uuid.ts';
import type { ApplicationCredentialId, RoleAssignmentId, TenantId, TokenKeyId, TokenRevocationId, UserId } from './uuid.ts';

/**
 * Who may use the API: the records of the embedded identity service. A project is a `Tenant`; there is one domain, `default`, and the
 * roles are fixed. Every secret is kept as a hash made elsewhere (scrypt), except the keys that sign tokens.
 */

/** `admin` may do everything everywhere, `member` change what is its project's, `reader` see it, `service` bind ports and see quotas. */
export const ROLES = ['admin', 'member', 'reader', 'service'] as const;
export type Role = (typeof ROLES)[number];

export type User = Stamps &
  Readonly<{
    kind: 'user';
    id: UserId;
    /** Unique. */
    name: string;
    description: string;
    email: string | undefined;
    enabled: boolean;
    defaultTenantId: TenantId | undefined;
    /** Absent: nobody logs in with a password. */
    passwordHash: string | undefined;
    /** Tokens issued before are void: the password changed, or the user was switched off. Milliseconds since 1970. */
    tokensValidFrom: number;
  }>;

/** A user's role in one project; without a project, in the whole system. */
export type RoleAssignment = Stamps &
  Readonly<{ kind: 'roleAssignment'; id: RoleAssignmentId; userId: UserId; tenantId: TenantId | undefined; role: Role }>;

/** A second secret of a user, for one project and some of its roles there: what a script logs in with. */
export type ApplicationCredential = Stamps &
  Readonly<{
    kind: 'applicationCredential';
    id: ApplicationCredentialId;
    userId: UserId;
    tenantId: TenantId;
    /** Unique among the user's. */
    name: string;
    description: string;
    secretHash: string;
    roles: readonly Role[];
    /** Milliseconds since 1970. */
    expiresAt: number | undefined;
    /** Whether it may make and delete application credentials itself. */
    unrestricted: boolean;
  }>;

/** What tokens are signed with. The youngest signs; the others still verify until what they signed has expired. */
export type TokenKey = Stamps & Readonly<{ kind: 'tokenKey'; id: TokenKeyId; /** 32 bytes, hex. */ secret: string; madeAt: number }>;

/** A token that was taken back before it expired; the record may go when it would have. Its id is the token's audit id. */
export type TokenRevocation = Stamps & Readonly<{ kind: 'tokenRevocation'; id: TokenRevocationId; expiresAt: number }>;

export type IdentityRecord = User | RoleAssignment | ApplicationCredential | TokenKey | TokenRevocation;

const parseRole = oneOf(...ROLES);
const parseMs = integerIn(0, Number.MAX_SAFE_INTEGER);

export const parseUser = (f: Fields): User => ({
  kind: 'user',
  id: f.required('id', parseUuid<UserId>),
  name: f.required('name', parseString),
  description: f.required('description', parseString),
  email: f.optional('email', parseString),
  enabled: f.required('enabled', parseBoolean),
  defaultTenantId: f.optional('defaultTenantId', parseUuid<TenantId>),
  passwordHash: f.optional('passwordHash', parseString),
  tokensValidFrom: f.required('tokensValidFrom', parseMs),
  ...parseStamps(f),
});

export const parseRoleAssignment = (f: Fields): RoleAssignment => ({
  kind: 'roleAssignment',
  id: f.required('id', parseUuid<RoleAssignmentId>),
  userId: f.required('userId', parseUuid<UserId>),
  tenantId: f.optional('tenantId', parseUuid<TenantId>),
  role: f.required('role', parseRole),
  ...parseStamps(f),
});

export const parseApplicationCredential = (f: Fields): ApplicationCredential => ({
  kind: 'applicationCredential',
  id: f.required('id', parseUuid<ApplicationCredentialId>),
  userId: f.required('userId', parseUuid<UserId>),
  tenantId: f.required('tenantId', parseUuid<TenantId>),
  name: f.required('name', parseString),
  description: f.required('description', parseString),
  secretHash: f.required('secretHash', parseString),
  roles: f.required('roles', listOf(parseRole)),
  expiresAt: f.optional('expiresAt', parseMs),
  unrestricted: f.required('unrestricted', parseBoolean),
  ...parseStamps(f),
});

export const parseTokenKey = (f: Fields): TokenKey => ({
  kind: 'tokenKey',
  id: f.required('id', parseUuid<TokenKeyId>),
  secret: f.required('secret', parseString),
  madeAt: f.required('madeAt', parseCount),
  ...parseStamps(f),
});

export const parseTokenRevocation = (f: Fields): TokenRevocation => ({
  kind: 'tokenRevocation',
  id: f.required('id', parseUuid<TokenRevocationId>),
  expiresAt: f.required('expiresAt', parseMs),
  ...parseStamps(f),
});

/** A role and those that it implies: admin ⊃ member ⊃ reader. */
export function impliedRoles(role: Role): readonly Role[] {
  switch (role) {
    case 'admin':
      return ['admin', 'member', 'reader'];
    case 'member':
      return ['member', 'reader'];
    case 'reader':
    case 'service':
      return [role];
  }
}
