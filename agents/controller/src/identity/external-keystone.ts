/**
 * An OpenStack Keystone that stands outside: it has the users, projects and roles, and says of every token what it is worth. Its answers are
 * remembered for a short time, so that not every request asks it; a token that was revoked is good for that long at most. While it does not
 * answer nobody is let in who is not remembered.
 */
import { createHash } from 'node:crypto';
import type { Caller } from '@weft/api/caller';
import type { Logger } from '@weft/ssntp/logger';
import type { TenantId, UserId } from '@weft/core/uuid';
import { internalId } from './external-id.ts';
import { IdentityUnavailable } from './identity-unavailable.ts';
import { KeystoneHttp } from './keystone-http.ts';
import type { KeystoneAnswer, KeystoneHttpOptions } from './keystone-http.ts';

/** Who we are there: a user that may ask about others' tokens (role `service` or `admin`). */
export type KeystoneLogin =
  | Readonly<{ username: string; password: string; userDomain: string; project: string; projectDomain: string }>
  | Readonly<{ applicationCredentialId: string; applicationCredentialSecret: string }>;

export type ExternalKeystoneOptions = KeystoneHttpOptions &
  Readonly<{
    login: KeystoneLogin;
    /** How long an answer is remembered, milliseconds. */
    cacheMs: number;
  }>;

/** A project as the external service knows it. `tenantId`: what it is called here. */
export type ExternalProject = Readonly<{ tenantId: TenantId; externalId: string; name: string; domain: string }>;

export type ExternalKeystoneDeps = Readonly<{
  wallMs: () => number;
  /** Called for the project of each token that is accepted, before it is; it has to be there afterwards. */
  sighted: (project: ExternalProject) => Promise<void>;
  log: Logger;
}>;

type Worth = Readonly<{ caller: Caller | undefined; until: number }>;

/** So many answers are remembered. */
const CACHE_ENTRIES = 10_000;
/** Our own token is renewed so long before it ends. */
const RENEW_MS = 60_000;

/** Asks the external Keystone about tokens. */
export class ExternalKeystone {
  readonly #options: ExternalKeystoneOptions;
  readonly #deps: ExternalKeystoneDeps;
  readonly #http: KeystoneHttp;
  readonly #known = new Map<string, Worth>();
  readonly #asking = new Map<string, Promise<Worth>>();
  #own: Readonly<{ token: string; until: number }> | undefined;
  #loggingIn: Promise<string> | undefined;
  #isDown = false;

  constructor(options: ExternalKeystoneOptions, deps: ExternalKeystoneDeps) {
    this.#options = options;
    this.#deps = deps;
    this.#http = new KeystoneHttp(options);
  }

  /** Where users log in, as configured. */
  get url(): string {
    return this.#options.url;
  }

  /** Who sent the token; undefined for one that is worth nothing here. Throws IdentityUnavailable. */
  async callerOf(token: string): Promise<Caller | undefined> {
    // What else a header may hold is no token, and could not be sent on as one.
    if (!/^[\x21-\x7e]{1,16384}$/.test(token)) return undefined;
    const key = createHash('sha256').update(token).digest('base64');
    const known = this.#known.get(key);
    if (known !== undefined && this.#deps.wallMs() < known.until) return known.caller;
    this.#known.delete(key);
    // Many requests with one token at the same time are one question.
    const asking = this.#asking.get(key) ?? this.#ask(key, token).finally(() => this.#asking.delete(key));
    this.#asking.set(key, asking);
    return (await asking).caller;
  }

  close(): void {
    this.#http.close();
  }

  async #ask(key: string, token: string): Promise<Worth> {
    try {
      const worth = await this.#worthOf(token);
      if (this.#isDown) this.#deps.log.info({ url: this.url }, 'identity service answers again');
      this.#isDown = false;
      this.#remember(key, worth);
      return worth;
    } catch (error) {
      if (!(error instanceof IdentityUnavailable)) throw error;
      // Once, and not for every request of a storm.
      if (!this.#isDown) this.#deps.log.error({ url: this.url, err: error }, 'identity service does not answer');
      this.#isDown = true;
      throw error;
    }
  }

  async #worthOf(token: string): Promise<Worth> {
    const now = this.#deps.wallMs();
    const until = now + this.#options.cacheMs;
    const answer = await this.#validate(token);
    if (answer.status === 404) return { caller: undefined, until };
    const holder = holderOf(answer.body);
    if (holder === undefined) throw new IdentityUnavailable('it answered something else than a token');
    if (holder.expiresAt <= now) return { caller: undefined, until };
    const { project, caller } = holder;
    if (caller !== undefined && project !== undefined) await this.#deps.sighted(project);
    return { caller, until: Math.min(until, holder.expiresAt) };
  }

  /** `GET /v3/auth/tokens`; status 200 or 404. Our own token may have ended early: then once more with a new one. */
  async #validate(subject: string): Promise<KeystoneAnswer> {
    for (let attempt = 1; ; attempt += 1) {
      const own = await this.#ownToken();
      const answer = await this.#http.call('GET', '/auth/tokens?nocatalog', { 'x-auth-token': own, 'x-subject-token': subject });
      if (answer.status === 200 || answer.status === 404) return answer;
      if (answer.status === 401 && attempt === 1) {
        if (this.#own?.token === own) this.#own = undefined;
        continue;
      }
      const why = answer.status === 403 ? 'our user there may not ask about tokens (it needs the role service or admin)' : '';
      throw new IdentityUnavailable(why === '' ? `it answered with status ${answer.status}` : why);
    }
  }

  async #ownToken(): Promise<string> {
    if (this.#own !== undefined && this.#deps.wallMs() < this.#own.until) return this.#own.token;
    this.#loggingIn ??= this.#logIn().finally(() => (this.#loggingIn = undefined));
    return this.#loggingIn;
  }

  async #logIn(): Promise<string> {
    const answer = await this.#http.call('POST', '/auth/tokens?nocatalog', {}, loginBody(this.#options.login));
    if (answer.status === 401) throw new IdentityUnavailable('it does not let us in: identity.keystone has a wrong user or secret');
    const { expires_at: expires } = ((answer.body as { token?: object } | undefined)?.token ?? {}) as { expires_at?: unknown };
    const ends = Date.parse(String(expires));
    if (answer.status !== 201 || answer.subjectToken === undefined || Number.isNaN(ends)) {
      throw new IdentityUnavailable(`our log-in there was answered with status ${answer.status}`);
    }
    this.#own = { token: answer.subjectToken, until: ends - RENEW_MS };
    return answer.subjectToken;
  }

  #remember(key: string, worth: Worth): void {
    if (this.#options.cacheMs === 0) return;
    for (const oldest of this.#known.keys()) {
      if (this.#known.size < CACHE_ENTRIES) break;
      this.#known.delete(oldest);
    }
    this.#known.set(key, worth);
  }
}

type Holder = Readonly<{ caller: Caller | undefined; project: ExternalProject | undefined; expiresAt: number }>;

/** Reads the answer about a token (neutron-api.md §13.2). Undefined for what is none. */
function holderOf(body: unknown): Holder | undefined {
  const { token } = (body ?? {}) as { token?: unknown };
  if (typeof token !== 'object' || token === null) return undefined;
  const { user, project, roles, expires_at } = token as Readonly<Record<string, unknown>>;
  const expiresAt = Date.parse(String(expires_at));
  const userId = textAt(user, 'id');
  if (userId === undefined || Number.isNaN(expiresAt)) return undefined;
  const names = new Set((Array.isArray(roles) ? roles : []).map((role) => textAt(role, 'name')?.toLowerCase()));
  const known = projectOf(project);
  return { caller: callerWith(names, internalId<UserId>(userId), known?.tenantId), project: known, expiresAt };
}

/** Roles by name: admin; member, or manager, which implies it; reader. Others mean nothing here. */
function callerWith(roles: ReadonlySet<string | undefined>, userId: UserId, tenantId: TenantId | undefined): Caller | undefined {
  if (roles.has('admin')) return { kind: 'admin', tenantId, userId };
  if (tenantId === undefined) return undefined;
  if (roles.has('member') || roles.has('manager')) return { kind: 'tenant', tenantId, userId };
  return roles.has('reader') ? { kind: 'tenant', tenantId, userId, readOnly: true } : undefined;
}

function projectOf(project: unknown): ExternalProject | undefined {
  const externalId = textAt(project, 'id');
  if (externalId === undefined) return undefined;
  const domain = textAt((project as { domain?: unknown }).domain, 'name') ?? '';
  return { tenantId: internalId<TenantId>(externalId), externalId, name: textAt(project, 'name') ?? externalId, domain };
}

function textAt(value: unknown, key: string): string | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const text = (value as Readonly<Record<string, unknown>>)[key];
  return typeof text === 'string' && text !== '' ? text : undefined;
}

function loginBody(login: KeystoneLogin): object {
  if ('applicationCredentialId' in login) {
    const { applicationCredentialId: id, applicationCredentialSecret: secret } = login;
    return { auth: { identity: { methods: ['application_credential'], application_credential: { id, secret } } } };
  }
  const { username, password, userDomain, project, projectDomain } = login;
  const user = { name: username, password, domain: { name: userDomain } };
  return {
    auth: {
      identity: { methods: ['password'], password: { user } },
      scope: { project: { name: project, domain: { name: projectDomain } } },
    },
  };
}
