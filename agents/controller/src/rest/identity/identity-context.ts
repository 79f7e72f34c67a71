import { BadRequest, Forbidden } from '@weft/api/request-error';
import { DEFAULT_DOMAIN } from '@weft/api/identity';
import type { ClusterState } from '@weft/core/cluster-state';
import { NotFound } from '@weft/core/command/context';
import { ROLES } from '@weft/core/identity';
import type { Role, User } from '@weft/core/identity';
import type { Tenant } from '@weft/core/resource';
import type { TenantId, UserId } from '@weft/core/uuid';
import type { FastifyRequest } from 'fastify';
import type { Controller } from '../../controller.ts';
import { idOf } from '../../identity/identity.ts';
import type { Authenticated, Identity } from '../../identity/identity.ts';

/** Who asks the identity service: the holder of one of its tokens, or of the fixed administrator's token. */
export type IdentityCaller = Readonly<{ isAdmin: boolean; authenticated: Authenticated | undefined }>;

export type IdentityContext = Readonly<{
  controller: Controller;
  identity: Identity;
  randomBytes: (count: number) => Uint8Array;
  wallMs: () => number;
  caller: (request: FastifyRequest) => IdentityCaller;
}>;

export type WithId = { Params: { id: string } };

/** Throws Forbidden. */
export function checkAdmin(caller: IdentityCaller, action: string): void {
  if (!caller.isAdmin) throw new Forbidden(`You are not authorized to perform the requested action: identity:${action}.`);
}

/** Administrators, and whoever it is about. Throws Forbidden. */
export function checkSelfOrAdmin(caller: IdentityCaller, userId: string, action: string): void {
  if (caller.authenticated?.user.id !== idOf<UserId>(userId)) checkAdmin(caller, action);
}

/** Throws NotFound. */
export function projectOf(state: ClusterState, id: string): Tenant {
  const tenant = state.tenants.get(idOf<TenantId>(id));
  if (tenant === undefined) throw new NotFound('tenant', id);
  return tenant;
}

/** Throws NotFound. */
export function userOf(state: ClusterState, id: string): User {
  const user = state.identity.users.get(idOf<UserId>(id));
  if (user === undefined) throw new NotFound('user', id);
  return user;
}

/** There is one domain. Throws BadRequest. */
export function checkDomain(id: string | null | undefined): void {
  if (id !== undefined && id !== null && id !== DEFAULT_DOMAIN.id) {
    throw new BadRequest(`There is no domain ${id}.`, { remedy: `The only domain is ${DEFAULT_DOMAIN.id}.` });
  }
}

/** Roles are fixed, and so are their ids. */
export function roleId(role: Role): string {
  return `726f6c65-0000-4000-8000-${String(ROLES.indexOf(role) + 1).padStart(12, '0')}`;
}

/** Throws NotFound. */
export function roleOf(id: string): Role {
  const role = ROLES.find((one) => roleId(one) === idOf(id));
  if (role === undefined) throw new NotFound('role', id);
  return role;
}

export type Query = Readonly<Record<string, string | readonly string[] | undefined>>;

/** Keeps what has the attributes that the query asks for. Keys that name no attribute are not looked at, as in Keystone. */
export function matching<V extends object>(views: Iterable<V>, query: Query): V[] {
  const wanted = Object.entries(query).filter(([, value]) => value !== undefined);
  return [...views].filter((view) =>
    wanted.every(([key, value]) => {
      const has: unknown = Object.hasOwn(view, key) ? view[key as keyof V] : undefined;
      if (typeof has === 'boolean') return has === !/^(false|0)$/i.test(String(value));
      return typeof has !== 'string' || [value].flat().includes(has);
    }),
  );
}

/** A list as Keystone answers it. */
export function collection<V>(key: string, views: readonly V[], self: string): Readonly<Record<string, unknown>> {
  return { [key]: views, links: { self, next: null, previous: null } };
}
