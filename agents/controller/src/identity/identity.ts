import type { Caller } from '@weft/api/caller';
import { Unauthenticated } from '@weft/api/request-error';
import type { AuthBody } from '@weft/api/identity';
import { DEFAULT_DOMAIN } from '@weft/api/identity';
import { rotateTokenKey, revokeToken, createUser, grantRole } from '@weft/core/command/identity';
import { sequence } from '@weft/core/command/sequence';
import { createTenant } from '@weft/core/command/tenant';
import type { ApplicationCredential, Role, User } from '@weft/core/identity';
import type { Changes, Tenant } from '@weft/core/resource';
import { parseUuid } from '@weft/core/uuid';
import type { ApplicationCredentialId, TenantId, TokenRevocationId, UserId, Uuid } from '@weft/core/uuid';
import type { Cluster } from '../cluster.ts';
import { DEFAULT_THROTTLE, LoginThrottle } from './login-throttle.ts';
import { SecretHasher, TooManyLogins } from './secret-hash.ts';
import { decodeToken, encodeToken, TOKEN_METHODS } from './token.ts';
import type { Token, TokenMethod, TokenScope } from './token.ts';

export type IdentityOptions = Readonly<{ /** Of a token, milliseconds. Default one hour. */ lifetimeMs?: number }>;

export type IdentityDeps = Readonly<{
  cluster: Cluster;
  wallMs: () => number;
  randomUuid: () => string;
  randomBytes: (count: number) => Uint8Array;
}>;

/** A token that holds, and whom it speaks for. */
export type Authenticated = Readonly<{
  token: Token;
  user: User;
  tenant: Tenant | undefined;
  credential: ApplicationCredential | undefined;
  /** Never empty unless the token is unscoped. */
  roles: readonly Role[];
}>;

const TOKEN_MS = 3600 * 1000;
/** How long one key signs. */
const KEY_MS = 24 * 3600 * 1000;

type Scope = Readonly<{ scope: TokenScope; tenantId: TenantId | undefined }>;
type Proven = Readonly<{ user: User; parent: Token | undefined; credential: ApplicationCredential | undefined }>;

/** The embedded identity service (neutron-api.md §13): who may log in, and what a token is worth. */
export class Identity {
  /** Makes and checks the hashes of passwords and secrets. */
  readonly hasher: SecretHasher;
  readonly #lifetimeMs: number;
  readonly #throttle: LoginThrottle;
  readonly #deps: IdentityDeps;
  #rotation: Promise<unknown> | undefined;

  constructor(options: IdentityOptions, deps: IdentityDeps) {
    this.#lifetimeMs = options.lifetimeMs ?? TOKEN_MS;
    this.#deps = deps;
    this.hasher = new SecretHasher({}, deps);
    this.#throttle = new LoginThrottle(DEFAULT_THROTTLE, { nowMs: deps.wallMs });
  }

  /** The first administrator, `admin` in the project `admin`. Nothing, once there is any user. */
  async bootstrap(password: string): Promise<void> {
    const { cluster } = this.#deps;
    if (cluster.state.identity.users.size > 0) return;
    const passwordHash = await this.hasher.hash(password);
    await cluster.decide((state, context) => {
      if (state.identity.users.size > 0) return { put: [], remove: [] };
      let tenantId = [...state.tenants.values()].find(({ name }) => name === 'admin')?.id;
      let userId: UserId | undefined;
      const about = { name: 'admin', description: 'The first administrator', enabled: true, email: undefined, defaultTenantId: undefined };
      const commands: ((given: typeof state) => Changes)[] = [];
      if (tenantId === undefined) {
        commands.push((given) => {
          const { tenant, ...changes } = createTenant(given, context, { name: 'admin', tokenHash: '', automaticGateway: false });
          tenantId = tenant.id;
          return changes;
        });
      }
      commands.push(
        (given) => {
          const { user, ...changes } = createUser(given, context, { ...about, passwordHash });
          userId = user.id;
          return changes;
        },
        (given) => grantRole(given, context, { userId: userId as UserId, tenantId, role: 'admin' }),
        (given) => grantRole(given, context, { userId: userId as UserId, tenantId: undefined, role: 'admin' }),
      );
      const { put, remove } = sequence(state, commands);
      return { put, remove };
    });
  }

  /** `POST /v3/auth/tokens`; `from` is the client's address. Throws Unauthenticated, TooManyLogins. */
  async login({ auth }: AuthBody, from: string): Promise<Readonly<{ text: string; authenticated: Authenticated }>> {
    const { wallMs, randomUuid, cluster } = this.#deps;
    const methods = TOKEN_METHODS.filter((method) => auth.identity.methods.includes(method));
    if (methods.length === 0 || methods.length !== new Set(auth.identity.methods).size) throw new Unauthenticated();
    const proven = await this.#prove(methods, auth.identity, from);
    const { scope, tenantId } = this.#scopeOf(auth.scope, proven);
    const now = wallMs();
    const until = [now + this.#lifetimeMs, proven.parent?.expiresAt, proven.credential?.expiresAt];
    const token: Token = {
      methods: TOKEN_METHODS.filter((method) => methods.includes(method) || proven.parent?.methods.includes(method)),
      scope,
      userId: proven.user.id,
      tenantId,
      auditId: randomUuid() as TokenRevocationId,
      parentAuditId: proven.parent?.auditId,
      credentialId: proven.credential?.id,
      issuedAt: now,
      expiresAt: Math.min(...until.filter((time) => time !== undefined)),
    };
    const authenticated = this.#holds(token);
    if (authenticated === undefined) throw new Unauthenticated();
    await this.#rotateIfDue(now);
    const key = cluster.state.identity.signingKeys()[0];
    if (key === undefined) throw new Error('there is no key to sign tokens with');
    return { text: encodeToken(token, key.secret), authenticated };
  }

  /** What a token is worth now; undefined if nothing. */
  verify(text: string): Authenticated | undefined {
    const keys = this.#deps.cluster.state.identity.signingKeys();
    const token = decodeToken(
      text,
      keys.map(({ secret }) => secret),
    );
    return token === undefined ? undefined : this.#holds(token);
  }

  async revoke({ token }: Authenticated): Promise<void> {
    const { cluster, wallMs } = this.#deps;
    await cluster.decide((state, context) => revokeToken(state, context, { auditId: token.auditId, expiresAt: token.expiresAt }, wallMs()));
  }

  #holds(token: Token): Authenticated | undefined {
    const { state } = this.#deps.cluster;
    const { identity } = state;
    const now = this.#deps.wallMs();
    const user = identity.users.get(token.userId);
    if (user?.enabled !== true || token.expiresAt <= now || token.issuedAt < user.tokensValidFrom) return undefined;
    for (const auditId of [token.auditId, token.parentAuditId]) {
      if (auditId !== undefined && identity.tokenRevocations.has(auditId)) return undefined;
    }
    const tenant = token.tenantId === undefined ? undefined : state.tenants.get(token.tenantId);
    if (token.scope === 'project' && tenant?.enabled !== true) return undefined;
    const credential = token.credentialId === undefined ? undefined : identity.applicationCredentials.get(token.credentialId);
    if (token.credentialId !== undefined && (credential === undefined || (credential.expiresAt ?? Infinity) <= now)) return undefined;
    const held = token.scope === 'unscoped' ? [] : identity.rolesOf(user.id, token.tenantId);
    const roles = credential === undefined ? held : held.filter((role) => credential.roles.includes(role));
    if (roles.length === 0 && token.scope !== 'unscoped') return undefined;
    return { token, user, tenant, credential, roles };
  }

  async #prove(methods: readonly TokenMethod[], identity: AuthBody['auth']['identity'], from: string): Promise<Proven> {
    let proven: Proven | undefined;
    for (const method of methods) {
      const one = await this.#proveBy(method, identity, from);
      // Several methods have to speak of one user.
      if (one === undefined || (proven !== undefined && proven.user.id !== one.user.id)) throw new Unauthenticated();
      proven = { ...one, parent: one.parent ?? proven?.parent, credential: one.credential ?? proven?.credential };
    }
    if (proven === undefined) throw new Unauthenticated();
    return proven;
  }

  async #proveBy(method: TokenMethod, given: AuthBody['auth']['identity'], from: string): Promise<Proven | undefined> {
    const { state } = this.#deps.cluster;
    switch (method) {
      case 'token': {
        const authenticated = given.token === undefined ? undefined : this.verify(given.token.id);
        // A credential's token is for what the credential is for.
        return authenticated === undefined || authenticated.credential !== undefined
          ? undefined
          : { user: authenticated.user, parent: authenticated.token, credential: undefined };
      }
      case 'password': {
        if (given.password === undefined) return undefined;
        const { user: wanted } = given.password;
        const user = this.#user(wanted);
        const name = user?.name ?? wanted.name ?? wanted.id ?? '';
        const isRight = await this.#check(`${name} ${from}`, wanted.password, user?.enabled === true ? user.passwordHash : undefined);
        return user === undefined || !isRight ? undefined : { user, parent: undefined, credential: undefined };
      }
      case 'application_credential': {
        const wanted = given.application_credential;
        if (wanted === undefined) return undefined;
        const owner = wanted.user === undefined ? undefined : this.#user(wanted.user);
        const credential =
          wanted.id === undefined
            ? [...(owner === undefined ? [] : state.identity.credentialsOf(owner.id))].find(({ name }) => name === wanted.name)
            : state.identity.applicationCredentials.get(idOf<ApplicationCredentialId>(wanted.id));
        const user = credential === undefined ? undefined : state.identity.users.get(credential.userId);
        const isRight = await this.#check(`${wanted.id ?? `${owner?.name}/${wanted.name}`} ${from}`, wanted.secret, credential?.secretHash);
        return user === undefined || credential === undefined || !isRight ? undefined : { user, parent: undefined, credential };
      }
    }
  }

  async #check(key: string, secret: string, kept: string | undefined): Promise<boolean> {
    const wait = this.#throttle.wait(key);
    if (wait > 0) throw new TooManyLogins({ retryAfterSeconds: Math.ceil(wait / 1000) });
    // Counted before it is known, so that guesses at the same time are counted, too.
    this.#throttle.failed(key);
    const isRight = await this.hasher.verify(secret, kept);
    if (isRight) this.#throttle.succeeded(key);
    return isRight;
  }

  #user({
    id,
    name,
    domain,
  }: Readonly<{ id?: string; name?: string; domain?: Readonly<{ id?: string; name?: string }> }>): User | undefined {
    const { identity } = this.#deps.cluster.state;
    if (id !== undefined) return identity.users.get(idOf<UserId>(id));
    return name === undefined || !isDefaultDomain(domain) ? undefined : identity.userByName(name);
  }

  /** What the token is to be for. Without a word of it: the credential's project, the old token's, the user's default one, or nothing. */
  #scopeOf(wanted: AuthBody['auth']['scope'], { user, parent, credential }: Proven): Scope {
    const { state } = this.#deps.cluster;
    if (credential !== undefined) {
      if (wanted !== undefined) throw new Unauthenticated();
      return { scope: 'project', tenantId: credential.tenantId };
    }
    if (wanted === 'unscoped') return { scope: 'unscoped', tenantId: undefined };
    if (wanted === undefined) {
      if (parent !== undefined) return { scope: parent.scope, tenantId: parent.tenantId };
      const usual = user.defaultTenantId;
      const isUsable =
        usual !== undefined && state.tenants.get(usual)?.enabled === true && state.identity.rolesOf(user.id, usual).length > 0;
      return isUsable ? { scope: 'project', tenantId: usual } : { scope: 'unscoped', tenantId: undefined };
    }
    if (wanted.system?.all === true) return { scope: 'system', tenantId: undefined };
    if (wanted.project === undefined) {
      if (wanted.domain === undefined || !isDefaultDomain(wanted.domain)) throw new Unauthenticated();
      return { scope: 'domain', tenantId: undefined };
    }
    const { id, name, domain } = wanted.project;
    const tenantId =
      id === undefined
        ? [...state.tenants.values()].find((tenant) => tenant.name === name && isDefaultDomain(domain))?.id
        : state.tenants.get(idOf<TenantId>(id))?.id;
    if (tenantId === undefined) throw new Unauthenticated();
    return { scope: 'project', tenantId };
  }

  async #rotateIfDue(now: number): Promise<void> {
    const { cluster } = this.#deps;
    const isDue = (): boolean => now - (cluster.state.identity.signingKeys()[0]?.madeAt ?? -Infinity) > KEY_MS;
    if (!isDue()) return;
    this.#rotation ??= cluster
      .decide((state, context) => rotateTokenKey(state, context, now, this.#lifetimeMs))
      .finally(() => (this.#rotation = undefined));
    await this.#rotation;
  }
}

/** Who a token speaks for at the network API; undefined for one that is for no project and no administrator's. */
export function callerOf({ user, tenant, roles }: Authenticated): Caller | undefined {
  if (roles.includes('admin')) return { kind: 'admin', tenantId: tenant?.id, userId: user.id };
  if (tenant === undefined || roles.length === 0) return undefined;
  const base = { kind: 'tenant', tenantId: tenant.id, userId: user.id } as const;
  return roles.includes('member') ? base : { ...base, readOnly: true };
}

function isDefaultDomain(domain: Readonly<{ id?: string; name?: string }> | undefined): boolean {
  if (domain?.id !== undefined) return domain.id === DEFAULT_DOMAIN.id;
  // Keystone's names of domains are compared without case.
  return domain?.name === undefined || domain.name.toLowerCase() === DEFAULT_DOMAIN.name.toLowerCase();
}

/** An id as it may be written: with dashes, as Weft does, or without, as Keystone does. What is none finds nothing. */
export function idOf<T extends Uuid>(text: string): T {
  const dashed = /^[0-9a-f]{32}$/i.test(text) ? text.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-') : text;
  try {
    return parseUuid<T>(dashed);
  } catch {
    return text as T;
  }
}
