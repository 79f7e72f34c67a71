import type { ApplicationCredential, IdentityRecord, Role, RoleAssignment, TokenKey, TokenRevocation, User } from './identity.ts';
import { impliedRoles, ROLES } from './identity.ts';
import { Layers } from './layers.ts';
import { MultiMap } from './multi-map.ts';
import type { ApplicationCredentialId, RoleAssignmentId, TenantId, TokenKeyId, TokenRevocationId, UserId } from './uuid.ts';

/** The identity service's part of the state: its records, and what is found by them. Changed only through `ClusterState.apply`. */
export class IdentityIndex {
  readonly #layers = new Layers();
  readonly users = this.#layers.map<UserId, User>();
  readonly roleAssignments = this.#layers.map<RoleAssignmentId, RoleAssignment>();
  readonly applicationCredentials = this.#layers.map<ApplicationCredentialId, ApplicationCredential>();
  readonly tokenKeys = this.#layers.map<TokenKeyId, TokenKey>();
  readonly tokenRevocations = this.#layers.map<TokenRevocationId, TokenRevocation>();

  readonly #usersByName = this.#layers.map<string, UserId>();
  readonly #assignmentsByUser = this.#layers.layer(new MultiMap<UserId, RoleAssignmentId>());
  readonly #assignmentsByTenant = this.#layers.layer(new MultiMap<TenantId, RoleAssignmentId>());
  readonly #credentialsByUser = this.#layers.layer(new MultiMap<UserId, ApplicationCredentialId>());
  readonly #credentialsByTenant = this.#layers.layer(new MultiMap<TenantId, ApplicationCredentialId>());

  /** Lays this one, still empty, on another one: see LayeredMap. */
  layOn(base: IdentityIndex): void {
    this.#layers.layOn(base.#layers);
  }

  index(record: IdentityRecord, verb: 'add' | 'remove'): void {
    switch (record.kind) {
      case 'user':
        if (verb === 'add') this.#usersByName.set(record.name, record.id);
        else if (this.#usersByName.get(record.name) === record.id) this.#usersByName.delete(record.name);
        break;
      case 'roleAssignment':
        this.#assignmentsByUser[verb](record.userId, record.id);
        if (record.tenantId !== undefined) this.#assignmentsByTenant[verb](record.tenantId, record.id);
        break;
      case 'applicationCredential':
        this.#credentialsByUser[verb](record.userId, record.id);
        this.#credentialsByTenant[verb](record.tenantId, record.id);
        break;
      case 'tokenKey':
      case 'tokenRevocation':
        break;
    }
  }

  userByName(name: string): User | undefined {
    const id = this.#usersByName.get(name);
    return id === undefined ? undefined : this.users.get(id);
  }

  *assignmentsOf(userId: UserId): Generator<RoleAssignment> {
    for (const id of this.#assignmentsByUser.of(userId)) yield* present(this.roleAssignments.get(id));
  }

  *assignmentsIn(tenantId: TenantId): Generator<RoleAssignment> {
    for (const id of this.#assignmentsByTenant.of(tenantId)) yield* present(this.roleAssignments.get(id));
  }

  *credentialsOf(userId: UserId): Generator<ApplicationCredential> {
    for (const id of this.#credentialsByUser.of(userId)) yield* present(this.applicationCredentials.get(id));
  }

  *credentialsFor(tenantId: TenantId): Generator<ApplicationCredential> {
    for (const id of this.#credentialsByTenant.of(tenantId)) yield* present(this.applicationCredentials.get(id));
  }

  /** What a user may be in a project, or with `undefined` in the whole system, implied roles included; in the order of {@link ROLES}. */
  rolesOf(userId: UserId, tenantId: TenantId | undefined): readonly Role[] {
    const roles = new Set<Role>();
    for (const assignment of this.assignmentsOf(userId)) {
      if (assignment.tenantId === tenantId) for (const role of impliedRoles(assignment.role)) roles.add(role);
    }
    return ROLES.filter((role) => roles.has(role));
  }

  /** Whose projects a user may enter. */
  tenantsOf(userId: UserId): ReadonlySet<TenantId> {
    return new Set([...this.assignmentsOf(userId)].flatMap(({ tenantId }) => tenantId ?? []));
  }

  /** The youngest first. */
  signingKeys(): readonly TokenKey[] {
    return [...this.tokenKeys.values()].toSorted((a, b) => b.madeAt - a.madeAt || (a.id < b.id ? -1 : 1));
  }
}

function present<T>(value: T | undefined): readonly T[] {
  if (value === undefined) throw new Error('an index names a record that is not there');
  return [value];
}
