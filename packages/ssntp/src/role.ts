/**
 * Roles are a bit mask, claimed in CONNECT and granted by the certificate: each role is an extended key usage there. A peer may claim fewer
 * roles than its certificate has, never more, and never none.
 */
export const Role = {
  Server: 0x01,
  Controller: 0x02,
  CNAgent: 0x04,
  Scheduler: 0x08,
  NetworkingAgent: 0x10,
  CNCIAgent: 0x20,
  Hyperswitch: 0x40,
} as const;

/**
 * The original's OIDs (ssntp.md §2.1). The hyperswitch role, which it lacks, has one under 2.25, the arc whose numbers are UUIDs and need no
 * registration (ITU-T X.667): 70dfdb5b-ec3e-4711-a27d-a0a729aa90ef.
 */
const ROLE_OIDS: ReadonlyArray<readonly [name: keyof typeof Role, oid: string]> = [
  ['Server', '1.3.6.1.4.1.343.8.5'],
  ['Controller', '1.3.6.1.4.1.343.8.3'],
  ['CNAgent', '1.3.6.1.4.1.343.8.1'],
  ['Scheduler', '1.3.6.1.4.1.343.8.2'],
  ['NetworkingAgent', '1.3.6.1.4.1.343.8.4'],
  ['CNCIAgent', '1.3.6.1.4.1.343.8.6'],
  ['Hyperswitch', '2.25.150035866857943584172243424365150638319'],
];

/** The extended key usages that grant every role in `roles`, for the maker of certificates. */
export function oidsOfRoles(roles: number): string[] {
  return ROLE_OIDS.filter(([name]) => hasRoles(roles, Role[name])).map(([, oid]) => oid);
}

/** The roles that a certificate grants; OIDs that are no roles (serverAuth, clientAuth) are passed over. */
export function rolesFromOids(oids: Iterable<string>): number {
  const granted = new Set(oids);
  return ROLE_OIDS.reduce((roles, [name, oid]) => (granted.has(oid) ? roles | Role[name] : roles), 0);
}

/** True when `roles` holds all of `wanted`. */
export function hasRoles(roles: number, wanted: number): boolean {
  return (roles & wanted) >>> 0 === wanted >>> 0;
}

/** True when `roles` and `wanted` share a role. */
export function hasAnyRole(roles: number, wanted: number): boolean {
  return (roles & wanted) !== 0;
}

/** For logs: `CNAgent-NetworkingAgent`, in the order of the bits; `none` for 0. */
export function roleName(roles: number): string {
  const names = ROLE_OIDS.map(([name]) => name).filter((name) => hasRoles(roles, Role[name]));
  return names.length === 0 ? 'none' : names.join('-');
}
