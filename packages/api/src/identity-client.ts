import { request as httpsRequest } from 'node:https';
import { Type } from 'typebox';
import type { Static } from 'typebox';
import { Value } from 'typebox/value';
import { ApiError } from './api-error.ts';
import type { AuthBody } from './identity.ts';

export type IdentityClientOptions = Readonly<{
  /** `https://host:8889/v3`: of Weft's own identity service, or of the Keystone that it asks. */
  authUrl: string;
  /** Of its authority, PEM; absent: those that the machine trusts. */
  ca?: string;
  /** Default 30000. */
  timeoutMs?: number;
}>;

export type LoggedIn = Readonly<{ token: string; view: LoginView }>;

const TIMEOUT_MS = 30_000;

/** Logs in to an identity service and out of it (neutron-api.md §13). Every failure is an ApiError. */
export class IdentityClient {
  readonly #options: IdentityClientOptions;

  constructor(options: IdentityClientOptions) {
    this.#options = options;
  }

  async login(body: AuthBody): Promise<LoggedIn> {
    const what = 'POST /auth/tokens';
    const answer = await this.#send('POST', {}, body);
    if (answer.status !== 201) throw ApiError.fromAnswer(what, answer);
    let view: unknown;
    try {
      view = (JSON.parse(answer.text) as { token?: unknown }).token;
    } catch (cause) {
      throw ApiError.notUnderstood(what, answer.status, cause);
    }
    const missing = new Error('it has neither a token nor what it is worth');
    if (answer.token === undefined || !isToken(view)) throw ApiError.notUnderstood(what, answer.status, missing);
    return { token: answer.token, view };
  }

  /** Ends a token. One that is over already is fine. */
  async revoke(token: string): Promise<void> {
    const answer = await this.#send('DELETE', { 'x-auth-token': token, 'x-subject-token': token });
    if (![204, 401, 404].includes(answer.status)) throw ApiError.fromAnswer('DELETE /auth/tokens', answer);
  }

  #send(method: string, headers: Readonly<Record<string, string>>, body?: object): Promise<Answer> {
    const { authUrl, ca, timeoutMs = TIMEOUT_MS } = this.#options;
    const url = new URL(`${authUrl.replace(/\/$/, '')}/auth/tokens`);
    const payload = body === undefined ? undefined : JSON.stringify(body);
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    const deadline = AbortSignal.timeout(timeoutMs);
    const fail = (cause: unknown): void =>
      reject(ApiError.unreachable(url.origin, deadline.aborted ? new Error(`no answer within ${timeoutMs} ms`) : cause));
    const content =
      payload === undefined ? {} : { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(payload)) };
    const options = { method, headers: { accept: 'application/json', ...content, ...headers }, signal: deadline };
    const request = httpsRequest(url, { ...options, ...(ca === undefined ? {} : { ca }) }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', fail);
      response.on('end', () => {
        const token = response.headers['x-subject-token'];
        const text = Buffer.concat(chunks).toString('utf8');
        resolve({ status: response.statusCode ?? 0, text, token: typeof token === 'string' ? token : undefined });
      });
    });
    request.on('error', fail);
    request.end(payload);
    return promise;
  }
}

type Answer = Readonly<{ status: number; text: string; token: string | undefined }>;

const Named = Type.Object({ name: Type.String() });
const Endpoint = Type.Object({ interface: Type.String(), url: Type.String() });

/** As much of a token's view as clients need; a Keystone has more endpoints, services and roles than we know. */
const Needed = Type.Object({
  user: Named,
  expires_at: Type.String(),
  project: Type.Optional(Named),
  catalog: Type.Optional(Type.Array(Type.Object({ type: Type.String(), endpoints: Type.Array(Endpoint) }))),
});
/** Whom a token speaks for, until when, and where the services are. */
export type LoginView = Static<typeof Needed>;

function isToken(view: unknown): view is LoginView {
  return Value.Check(Needed, view);
}
