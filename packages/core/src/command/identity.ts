import type { ClusterState } from '../cluster-state.ts';
import type { ApplicationCredential, Role, RoleAssignment, TokenKey, TokenRevocation, User } from '../identity.ts';
import type { Changes } from '../resource.ts';
import type { ApplicationCredentialId, RoleAssignmentId, TenantId, TokenKeyId, TokenRevocationId, UserId } from '../uuid.ts';
import { Conflict, NotFound, Refused, revised, stamps } from './context.ts';
import type { CommandContext } from './context.ts';

export type CreateUser = Readonly<{
  name: string;
  description: string;
  email: string | undefined;
  enabled: boolean;
  defaultTenantId: TenantId | undefined;
  passwordHash: string | undefined;
}>;

/** A key that is there with `undefined` takes the value away. `nowMs` voids tokens where the change demands it. */
export type UpdateUser = Partial<CreateUser>;

export function createUser(state: ClusterState, context: CommandContext, request: CreateUser): Changes & Readonly<{ user: User }> {
  checkUser(state, request, undefined);
  const user: User = { kind: 'user', id: context.uuid() as UserId, ...request, tokensValidFrom: 0, ...stamps(context) };
  return { put: [user], remove: [], user };
}

/** A new password and switching off void the tokens that are out (milliseconds since 1970 in `nowMs`). */
export function updateUser(
  state: ClusterState,
  context: CommandContext,
  id: UserId,
  request: UpdateUser,
  nowMs: number,
): Changes & Readonly<{ user: User }> {
  const old = userOf(state, id);
  checkUser(state, { ...old, ...request }, id);
  const voids =
    (request.passwordHash !== undefined && request.passwordHash !== old.passwordHash) || (old.enabled && request.enabled === false);
  const user = revised<User>(context, old, { ...request, ...(voids ? { tokensValidFrom: nowMs } : {}) });
  return { put: [user], remove: [], user };
}

/** With all that was the user's: roles and application credentials. */
export function deleteUser(state: ClusterState, id: UserId): Changes {
  const user = userOf(state, id);
  return { put: [], remove: [user, ...state.identity.assignmentsOf(id), ...state.identity.credentialsOf(id)] };
}

export type Grant = Readonly<{ userId: UserId; tenantId: TenantId | undefined; role: Role }>;

/** Giving what is there already changes nothing. */
export function grantRole(state: ClusterState, context: CommandContext, grant: Grant): Changes {
  checkGrant(state, grant);
  if (assignmentOf(state, grant) !== undefined) return { put: [], remove: [] };
  const assignment: RoleAssignment = { kind: 'roleAssignment', id: context.uuid() as RoleAssignmentId, ...grant, ...stamps(context) };
  return { put: [assignment], remove: [] };
}

/** Throws NotFound for a role that the user does not have there. Application credentials lose what their user loses. */
export function withdrawRole(state: ClusterState, grant: Grant): Changes {
  checkGrant(state, grant);
  const assignment = assignmentOf(state, grant);
  if (assignment === undefined) throw new NotFound('roleAssignment', grant.role);
  return { put: [], remove: [assignment] };
}

export function assignmentOf(state: ClusterState, { userId, tenantId, role }: Grant): RoleAssignment | undefined {
  for (const assignment of state.identity.assignmentsOf(userId)) {
    if (assignment.tenantId === tenantId && assignment.role === role) return assignment;
  }
  return undefined;
}

export type CreateApplicationCredential = Pick<
  ApplicationCredential,
  'userId' | 'tenantId' | 'name' | 'description' | 'secretHash' | 'expiresAt' | 'unrestricted'
> &
  Readonly<{ /** Absent: all that the user has in the project. */ roles: readonly Role[] | undefined }>;

export function createApplicationCredential(
  state: ClusterState,
  context: CommandContext,
  request: CreateApplicationCredential,
): Changes & Readonly<{ credential: ApplicationCredential }> {
  const { userId, tenantId, name } = request;
  userOf(state, userId);
  if (!state.tenants.has(tenantId)) throw new NotFound('tenant', tenantId);
  if (name === '') throw new Refused('invalid_name', 'an application credential needs a name');
  for (const other of state.identity.credentialsOf(userId)) {
    if (other.name === name) throw new Conflict('credential_exists', `the user has an application credential named ${name} already`);
  }
  const held = state.identity.rolesOf(userId, tenantId);
  const foreign = request.roles?.find((role) => !held.includes(role));
  if (foreign !== undefined || held.length === 0) {
    throw new Refused(
      'role_not_held',
      `the user does not have ${foreign === undefined ? 'any role' : `the role ${foreign}`} in that project`,
      {
        remedy: held.length === 0 ? 'Grant the user a role there first.' : `Choose among ${held.join(', ')}.`,
      },
    );
  }
  const credential: ApplicationCredential = {
    kind: 'applicationCredential',
    id: context.uuid() as ApplicationCredentialId,
    ...request,
    roles: request.roles ?? held,
    ...stamps(context),
  };
  return { put: [credential], remove: [], credential };
}

export function deleteApplicationCredential(state: ClusterState, id: ApplicationCredentialId): Changes {
  const credential = state.identity.applicationCredentials.get(id);
  if (credential === undefined) throw new NotFound('applicationCredential', id);
  return { put: [], remove: [credential] };
}

/** Twice is once. Revocations of tokens that have expired by `nowMs` go along. */
export function revokeToken(
  state: ClusterState,
  context: CommandContext,
  token: Readonly<{ auditId: TokenRevocationId; expiresAt: number }>,
  nowMs: number,
): Changes {
  const remove = [...state.identity.tokenRevocations.values()].filter(({ expiresAt }) => expiresAt < nowMs);
  if (state.identity.tokenRevocations.has(token.auditId) || token.expiresAt < nowMs) return { put: [], remove };
  const revocation: TokenRevocation = { kind: 'tokenRevocation', id: token.auditId, expiresAt: token.expiresAt, ...stamps(context) };
  return { put: [revocation], remove };
}

/** A new key to sign with; those whose last token has expired go. Both times in milliseconds, since 1970 and long. */
export function rotateTokenKey(state: ClusterState, context: CommandContext, nowMs: number, lifetimeMs: number): Changes {
  const secret = Array.from(context.random(32), (byte) => byte.toString(16).padStart(2, '0')).join('');
  const key: TokenKey = { kind: 'tokenKey', id: context.uuid() as TokenKeyId, secret, madeAt: nowMs, ...stamps(context) };
  const [youngest, ...older] = state.identity.signingKeys();
  // A key signed until the next one was made.
  const remove = older.filter((_, index) => (index === 0 ? (youngest?.madeAt ?? 0) : (older[index - 1]?.madeAt ?? 0)) + lifetimeMs < nowMs);
  return { put: [key], remove };
}

function userOf(state: ClusterState, id: UserId): User {
  const user = state.identity.users.get(id);
  if (user === undefined) throw new NotFound('user', id);
  return user;
}

function checkUser(state: ClusterState, { name, defaultTenantId }: CreateUser, self: UserId | undefined): void {
  if (name === '') throw new Refused('invalid_name', 'a user needs a name');
  const other = state.identity.userByName(name);
  if (other !== undefined && other.id !== self) throw new Conflict('user_exists', `a user named ${name} exists already`);
  if (defaultTenantId !== undefined && !state.tenants.has(defaultTenantId)) throw new NotFound('tenant', defaultTenantId);
}

function checkGrant(state: ClusterState, { userId, tenantId }: Grant): void {
  userOf(state, userId);
  if (tenantId !== undefined && !state.tenants.has(tenantId)) throw new NotFound('tenant', tenantId);
}
