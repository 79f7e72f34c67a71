import { Agent as HttpAgent, request as httpRequest } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { IdentityUnavailable } from './identity-unavailable.ts';

export type KeystoneHttpOptions = Readonly<{
  /** `https://keystone:5000/v3`. */
  url: string;
  /** Of its authority, PEM; absent: those that the machine trusts. */
  ca?: string;
  /** How long an answer may take. Default 5000. */
  timeoutMs?: number;
}>;

/** `body`: undefined where the answer is no JSON. */
export type KeystoneAnswer = Readonly<{ status: number; body: unknown; subjectToken: string | undefined }>;

const TIMEOUT_MS = 5000;
/** A storm of strangers' tokens is not to become one of connections. */
const CONNECTIONS = 16;
const ANSWER_BYTES = 1024 * 1024;

/** HTTP to a Keystone, over connections that stay. */
export class KeystoneHttp {
  readonly #options: KeystoneHttpOptions;
  readonly #agent: HttpAgent;
  readonly #request: typeof httpRequest;

  constructor(options: KeystoneHttpOptions) {
    this.#options = options;
    const isPlain = new URL(options.url).protocol === 'http:';
    const pool = { keepAlive: true, maxSockets: CONNECTIONS };
    this.#agent = isPlain ? new HttpAgent(pool) : new HttpsAgent({ ...pool, ...(options.ca === undefined ? {} : { ca: options.ca }) });
    this.#request = isPlain ? httpRequest : httpsRequest;
  }

  /** `target`: after the URL's own path. Throws IdentityUnavailable for what is no answer. */
  call(method: string, target: string, headers: Readonly<Record<string, string>>, body?: object): Promise<KeystoneAnswer> {
    const { url, timeoutMs = TIMEOUT_MS } = this.#options;
    const { promise, resolve, reject } = Promise.withResolvers<KeystoneAnswer>();
    const deadline = AbortSignal.timeout(timeoutMs);
    const fail = (cause: Error): void => {
      reject(new IdentityUnavailable(deadline.aborted ? `it did not answer within ${timeoutMs} ms` : 'it cannot be reached', cause));
    };
    const payload = body === undefined ? undefined : JSON.stringify(body);
    const content =
      payload === undefined ? {} : { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(payload)) };
    const request = this.#request(
      `${url.replace(/\/$/, '')}${target}`,
      { method, headers: { accept: 'application/json', ...content, ...headers }, agent: this.#agent, signal: deadline },
      (response) => {
        const chunks: Buffer[] = [];
        let bytes = 0;
        response.on('data', (chunk: Buffer) => {
          bytes += chunk.length;
          if (bytes > ANSWER_BYTES) request.destroy(new Error(`the answer is longer than ${ANSWER_BYTES} bytes`));
          else chunks.push(chunk);
        });
        response.on('error', fail);
        response.on('end', () => {
          const token = response.headers['x-subject-token'];
          const subjectToken = typeof token === 'string' ? token : undefined;
          resolve({ status: response.statusCode ?? 0, body: parsed(Buffer.concat(chunks).toString('utf8')), subjectToken });
        });
      },
    );
    request.on('error', fail);
    request.end(payload);
    return promise;
  }

  close(): void {
    this.#agent.destroy();
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
