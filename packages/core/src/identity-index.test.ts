import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { ClusterState } from './cluster-state.ts';
import { IdentityIndex } from './identity-index.ts';
import type { ApplicationCredential, IdentityRecord, Role, RoleAssignment, User } from './identity.ts';
import { ROLES } from './identity.ts';
import type { TenantId, Uuid } from './uuid.ts';

const stamps = { revision: 1, createdAt: '', updatedAt: '' };
const id = <T extends Uuid>(kind: number, n: number): T =>
  `${String(kind).padStart(8, '0')}-0000-4000-8000-${String(n).padStart(12, '0')}` as T;
const tenantId = (n: number): TenantId | undefined => (n % 4 === 3 ? undefined : id(9, n % 4));
const role = (n: number): Role => ROLES[n % 4] ?? 'reader';

function record({ kind, n, variant }: Readonly<{ kind: number; n: number; variant: number }>): IdentityRecord {
  switch (kind) {
    case 0:
      return {
        kind: 'user',
        id: id(0, n),
        // Names are unique, which the commands see to.
        name: `user ${n} ${variant % 2}`,
        description: '',
        email: undefined,
        enabled: true,
        defaultTenantId: undefined,
        passwordHash: undefined,
        tokensValidFrom: 0,
        ...stamps,
      };
    case 1:
      return {
        kind: 'roleAssignment',
        id: id(1, n),
        userId: id(0, variant % 3),
        tenantId: tenantId(variant),
        role: role(variant),
        ...stamps,
      };
    default:
      return {
        kind: 'applicationCredential',
        id: id(2, n),
        userId: id(0, variant % 3),
        tenantId: tenantId(variant % 3) ?? id(9, 0),
        name: '',
        description: '',
        secretHash: '',
        roles: [],
        expiresAt: undefined,
        unrestricted: false,
        ...stamps,
      };
  }
}

/** What the index says, and what a look at every record says. */
function answers(index: IdentityIndex, records: readonly IdentityRecord[]): readonly [unknown, unknown] {
  const of = <K extends IdentityRecord['kind']>(kind: K): Extract<IdentityRecord, { kind: K }>[] =>
    records.filter((one): one is Extract<IdentityRecord, { kind: K }> => one.kind === kind);
  const ids = (list: Iterable<RoleAssignment | ApplicationCredential>): string[] => [...list].map((one) => one.id).toSorted();
  const users = [0, 1, 2].map((n) => id<User['id']>(0, n));
  const tenants = [0, 1, 2].map((n) => id<TenantId>(9, n));
  const names = [0, 1, 2].flatMap((n) => [`user ${n} 0`, `user ${n} 1`]);
  const implied: Readonly<Record<Role, readonly Role[]>> = {
    admin: ['admin', 'member', 'reader'],
    member: ['member', 'reader'],
    reader: ['reader'],
    service: ['service'],
  };
  const rolesIn = (user: User['id'], tenant: TenantId | undefined): readonly Role[] => {
    const held = of('roleAssignment').filter((one) => one.userId === user && one.tenantId === tenant);
    return ROLES.filter((one) => held.some((assignment) => implied[assignment.role].includes(one)));
  };
  return [
    [
      names.map((name) => index.userByName(name)?.id),
      users.map((user) => [ids(index.assignmentsOf(user)), ids(index.credentialsOf(user)), [...index.tenantsOf(user)].toSorted()]),
      tenants.map((tenant) => [ids(index.assignmentsIn(tenant)), ids(index.credentialsFor(tenant))]),
      users.map((user) => [undefined, ...tenants].map((tenant) => index.rolesOf(user, tenant))),
    ],
    [
      names.map((name) => of('user').find((one) => one.name === name)?.id),
      users.map((user) => [
        ids(of('roleAssignment').filter((one) => one.userId === user)),
        ids(of('applicationCredential').filter((one) => one.userId === user)),
        [...new Set(of('roleAssignment').flatMap((one) => (one.userId === user ? (one.tenantId ?? []) : [])))].toSorted(),
      ]),
      tenants.map((tenant) => [
        ids(of('roleAssignment').filter((one) => one.tenantId === tenant)),
        ids(of('applicationCredential').filter((one) => one.tenantId === tenant)),
      ]),
      users.map((user) => [undefined, ...tenants].map((tenant) => rolesIn(user, tenant))),
    ],
  ];
}

test('after any changes the identity index says what a look at every record says', () => {
  const wish = fc.record({ kind: fc.nat(2), n: fc.nat(2), variant: fc.nat(11), remove: fc.boolean() });
  fc.assert(
    fc.property(fc.array(wish, { maxLength: 30 }), (wishes) => {
      const state = new ClusterState();
      for (const { remove, ...which } of wishes) {
        const wanted = record(which);
        const present = state.get(wanted.kind, wanted.id);
        if (!remove) state.apply({ put: [wanted], remove: [] });
        else if (present !== undefined) state.apply({ put: [], remove: [present] });
        const [indexed, scanned] = answers(state.identity, [...state.all()] as IdentityRecord[]);
        assert.deepEqual(indexed, scanned);
      }
      state.apply({ put: [], remove: [...state.all()] });
      assert.deepEqual(answers(state.identity, [])[0], answers(new IdentityIndex(), [])[0], 'nothing is left when everything is removed');
    }),
    { numRuns: Number(process.env['FUZZ_RUNS'] ?? 100) },
  );
});
