import type { Uuid } from '@weft/core/uuid';
import { NIL_UUID } from '@weft/core/uuid';
import type { ErrorInfo } from '@weft/core/weft-error';
import { WeftError } from '@weft/core/weft-error';
import type { Clock } from './clock.ts';
import type { Reply } from './payloads/request.ts';

/** There is no session to send the request on; nothing was sent. */
export class NotConnected extends WeftError {
  constructor(what: string) {
    super('not_connected', `${what}: not connected to the scheduler`, { retryable: true, remedy: 'Wait until the connection is back.' });
  }
}

/** The session ended with the request open: whether it was carried out is unknown. */
export class ConnectionLost extends WeftError {
  constructor(what: string) {
    super('connection_lost', `${what}: the connection ended before the answer`, { retryable: true });
  }
}

/** No answer in time: whether the request was carried out is unknown. */
export class RequestTimedOut extends WeftError {
  constructor(what: string, timeoutMs: number) {
    super('request_timed_out', `${what}: no answer within ${timeoutMs} ms`, { retryable: true, details: { timeoutMs } });
  }
}

/** The other side answered with an error; `code`, details and `retryable` are its own. */
export class RemoteError extends WeftError {
  constructor(what: string, info: ErrorInfo) {
    super(info.code, `${what}: ${info.message}`, { details: info.details ?? {}, retryable: info.retryable });
  }
}

export type RequestTerms = Readonly<{ signal?: AbortSignal | undefined; timeoutMs: number; destination: Uuid }>;

type Pending = Readonly<{ what: string; destination: Uuid; succeed: (value: unknown) => void; fail: (error: unknown) => void }>;

/** Open requests by id, each with its deadline: answered, timed out, aborted or failed with the connection, exactly once. */
export class PendingRequests {
  readonly #clock: Clock;
  readonly #pending = new Map<string, Pending>();

  constructor(deps: Readonly<{ clock: Clock }>) {
    this.#clock = deps.clock;
  }

  get size(): number {
    return this.#pending.size;
  }

  /** The answer to request `id`. Rejects with RequestTimedOut, ConnectionLost, RemoteError, or untouched with the signal's reason. */
  open(id: string, what: string, { signal, timeoutMs, destination }: RequestTerms): Promise<unknown> {
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    const settle = (): void => {
      this.#pending.delete(id);
      this.#clock.clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
    };
    const succeed = (value: unknown): void => {
      settle();
      resolve(value);
    };
    const fail = (error: unknown): void => {
      settle();
      reject(error);
    };
    const onAbort = (): void => fail(signal?.reason);
    const timer = this.#clock.setTimeout(() => fail(new RequestTimedOut(what, timeoutMs)), timeoutMs);
    signal?.addEventListener('abort', onAbort, { once: true });
    this.#pending.set(id, { what, destination, succeed, fail });
    return promise;
  }

  /** False for a reply that nobody waits for, or that comes from somebody else than was asked. */
  settle(origin: Uuid, reply: Reply): boolean {
    const pending = this.#pending.get(reply.id);
    if (pending === undefined || (pending.destination !== NIL_UUID && pending.destination !== origin)) return false;
    if ('error' in reply) pending.fail(new RemoteError(pending.what, reply.error));
    else pending.succeed(reply.ok);
    return true;
  }

  connectionLost(): void {
    for (const pending of this.#pending.values()) pending.fail(new ConnectionLost(pending.what));
  }
}
