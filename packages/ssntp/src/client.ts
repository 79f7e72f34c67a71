import type { Uuid } from '@weft/core/uuid';
import { NIL_UUID } from '@weft/core/uuid';
import { WeftError } from '@weft/core/weft-error';
import type { ByteStream } from './byte-stream.ts';
import type { Clock } from './clock.ts';
import type { Frame, RoutedFrame } from './frame.ts';
import type { Logger } from './logger.ts';
import { silentLogger } from './logger.ts';
import { FrameType, Status } from './operands.ts';
import { decodePayload } from './payload.ts';
import { parseReply, requestFrame } from './payloads/request.ts';
import { NotConnected, PendingRequests } from './pending-requests.ts';
import type { CloseReason, SessionOptions } from './session.ts';
import { Session } from './session.ts';

/** Opens a stream to one server. Rejects when it cannot, or with the signal's reason. */
export type Connect = (signal: AbortSignal) => Promise<ByteStream>;

export type SsntpClientOptions = SessionOptions &
  Readonly<{
    /** One way to the server, or several that are tried in order, from the first one again after each loss. */
    connect: Connect | readonly Connect[];
    /** First delay before a new round; it doubles from round to round, with jitter. Default 200. */
    retryMinMs?: number;
    /** Its cap. Default 5000. */
    retryMaxMs?: number;
    /** The delay when every server refused our role or identity: only an operator can help. Default 15000. */
    abortedRetryMs?: number;
  }>;

export interface SsntpClientHandler {
  /** `configuration` is CONNECTED's payload, for `parseConfigure`; undefined when the server has none. */
  connected(configuration: unknown, serverUuid: Uuid): void;
  /** Only after `connected`. The client tries again by itself. */
  disconnected(reason: CloseReason): void;
  /** In the order of sending. Replies to `request` are not among them. */
  frame(frame: Frame): void;
}

export type SsntpClientDeps = Readonly<{
  clock: Clock;
  /** A number in [0, 1), for jitter. */
  random: () => number;
  handler: SsntpClientHandler;
  log?: Logger;
}>;

export type RequestOptions = Readonly<{
  signal?: AbortSignal;
  /** Default 10000. */
  timeoutMs?: number;
  /** Default nil: the leading controller. */
  destination?: Uuid;
}>;

const DEFAULT_REQUEST_TIMEOUT_MS = 10_000;
const MAX_LOGGED_FAULTS = 32;

/** How one attempt at one server ended. */
type Visit = Readonly<{ established: boolean; aborted: boolean; lastedMs: number; message: string }>;

/** A connection that comes back: it tries for ever, until closed. */
export class SsntpClient {
  readonly #options: SsntpClientOptions;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #handler: SsntpClientHandler;
  readonly #log: Logger;
  readonly #requests: PendingRequests;
  readonly #stop = new AbortController();
  /** Distinguishes this process's requests from those of the process before it under the same UUID, whose replies may still arrive. */
  readonly #requestPrefix: string;
  #requestCount = 0;
  #running: Promise<void> | undefined;
  #session: Session | undefined;
  /** What the session, or the attempt at one, runs over. */
  #stream: ByteStream | undefined;
  /** Logged since the last connection. */
  readonly #faults = new Set<string>();

  constructor(options: SsntpClientOptions, deps: SsntpClientDeps) {
    this.#options = options;
    this.#clock = deps.clock;
    this.#random = deps.random;
    this.#handler = deps.handler;
    this.#log = deps.log ?? silentLogger;
    this.#requests = new PendingRequests({ clock: deps.clock });
    this.#requestPrefix = Math.floor(deps.random() * 2 ** 48).toString(36);
  }

  /** Begins connecting; a second call does nothing. */
  start(): void {
    this.#running ??= this.#run(this.#stop.signal);
  }

  /** Ends the session and all tries; resolves when nothing of them is left. Idempotent. */
  async close(): Promise<void> {
    this.#stop.abort(new NotConnected('closing the SSNTP client'));
    await this.#running;
  }

  get connected(): boolean {
    return this.#session !== undefined;
  }

  /**
   * Ends a session whose own end is at an address that is gone, and makes a new one: it is dead, though nobody could say so for as long as
   * heartbeats may be missed.
   */
  localAddressesChanged(isGone: (address: string) => boolean): void {
    const address = this.#stream?.localAddress;
    if (address === undefined || !isGone(address)) return;
    this.#stream?.destroy(new Error(`this machine no longer has the address ${address}`));
  }

  /** False when there is no session to send on. What true was said to can still be lost with the session. */
  send(frame: Frame): boolean {
    return this.#session?.send(frame) ?? false;
  }

  /** Asks and waits for the Reply of the same id: its `ok`. Rejects with NotConnected, RequestTimedOut, ConnectionLost or RemoteError, or with the signal's reason. */
  async request(op: string, body: unknown, options: RequestOptions = {}): Promise<unknown> {
    options.signal?.throwIfAborted();
    const { signal, timeoutMs = DEFAULT_REQUEST_TIMEOUT_MS, destination = NIL_UUID } = options;
    const id = `${this.#requestPrefix}-${++this.#requestCount}`;
    const what = `request ${op}`;
    const frame = requestFrame(destination, { id, op, body });
    if (!this.send(frame)) throw new NotConnected(what);
    return await this.#requests.open(id, what, { signal, timeoutMs, destination });
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { connect, retryMinMs = 200, retryMaxMs = 5_000, abortedRetryMs = 15_000 } = this.#options;
    const candidates = typeof connect === 'function' ? [connect] : connect;
    for (let failures = 0; !signal.aborted; failures++) {
      const visits: Visit[] = [];
      for (const candidate of candidates) {
        const visit = await this.#visit(candidate, signal);
        visits.push(visit);
        if (visit.established || signal.aborted) break;
      }
      // A session that ended at once is a failure too: two processes under one UUID would otherwise replace each other without a pause.
      if (visits.some((visit) => visit.established && visit.lastedMs >= retryMaxMs)) failures = 0;
      const aborted = visits.length > 0 && visits.every((visit) => visit.aborted);
      const ceiling = aborted ? abortedRetryMs : Math.min(retryMaxMs, retryMinMs * 2 ** Math.min(failures, 30));
      await this.#sleep(ceiling * (0.5 + this.#random() / 2), signal);
    }
  }

  async #visit(connect: Connect, signal: AbortSignal): Promise<Visit> {
    let stream: ByteStream;
    try {
      stream = await connect(signal);
    } catch (error) {
      const message = reasonOf(error);
      this.#logFault(signal, { reason: message }, message, 'warn');
      return { established: false, aborted: false, lastedMs: 0, message };
    }
    if (signal.aborted) {
      stream.destroy();
      return { established: false, aborted: false, lastedMs: 0, message: 'closed here' };
    }
    return await this.#converse(stream, signal);
  }

  /** One session from handshake to end; the promise always resolves. */
  #converse(stream: ByteStream, signal: AbortSignal): Promise<Visit> {
    const { promise, resolve } = Promise.withResolvers<Visit>();
    this.#stream = stream;
    let since: number | undefined;
    const onAbort = (): void => session.close();
    const session = new Session(
      this.#options,
      { kind: 'client' },
      {
        stream,
        clock: this.#clock,
        handler: {
          established: (established, payload) => {
            const configuration = this.#decodeConfiguration(payload);
            since = this.#clock.now();
            this.#session = established;
            this.#faults.clear();
            this.#log.info({ server: established.peerUuid, address: established.address }, 'connected to the scheduler');
            this.#handler.connected(configuration, established.peerUuid);
          },
          frame: (_, frame) => this.#onFrame(frame),
          closed: (_, reason) => {
            signal.removeEventListener('abort', onAbort);
            this.#stream = undefined;
            if (since !== undefined) this.#onDisconnect(reason);
            const aborted = reason.code === 'connection_aborted';
            if (reason.code !== 'closed') {
              const fields = { address: stream.peer.address, reason: reason.message };
              this.#logFault(signal, fields, reason.message, aborted ? 'error' : 'warn');
            }
            const lastedMs = since === undefined ? 0 : this.#clock.now() - since;
            resolve({ established: since !== undefined, aborted, lastedMs, message: reason.message });
          },
        },
      },
    );
    signal.addEventListener('abort', onAbort, { once: true });
    return promise;
  }

  #onDisconnect(reason: CloseReason): void {
    this.#session = undefined;
    this.#requests.connectionLost();
    this.#handler.disconnected(reason);
  }

  /** A configuration that cannot be read is none: the consumer decides whether it can do without. */
  #decodeConfiguration(payload: Uint8Array): unknown {
    try {
      return decodePayload(payload);
    } catch (error) {
      this.#log.error({ err: error }, 'the cluster configuration in CONNECTED cannot be read');
      return undefined;
    }
  }

  #onFrame(frame: Frame): void {
    if (frame.type === FrameType.STATUS && frame.operand === Status.Reply && this.#settles(frame as RoutedFrame)) return;
    this.#handler.frame(frame);
  }

  /** False for what is not the reply to an open request: then it is the consumer's, as the scheduler's answer to START is. */
  #settles(frame: RoutedFrame): boolean {
    try {
      return this.#requests.settle(frame.body.origin, parseReply(decodePayload(frame.body.payload)));
    } catch (error) {
      if (error instanceof WeftError) return false;
      throw error;
    }
  }

  /** A fault that lasts is logged once, and a server that finds ever new ones does not fill the log. */
  #logFault(signal: AbortSignal, fields: object, fault: string, level: 'warn' | 'error'): void {
    if (signal.aborted || this.#faults.has(fault) || this.#faults.size >= MAX_LOGGED_FAULTS) return;
    this.#faults.add(fault);
    this.#log[level](fields, 'not connected to the scheduler, trying again');
  }

  #sleep(ms: number, signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    if (signal.aborted) return Promise.resolve();
    const timer = this.#clock.setTimeout(wake, ms);
    const clock = this.#clock;
    function wake(): void {
      clock.clearTimeout(timer);
      signal.removeEventListener('abort', wake);
      resolve();
    }
    signal.addEventListener('abort', wake, { once: true });
    return promise;
  }
}

/** The messages of an error and its causes, outermost first. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined ? error.message : `${error.message}: ${reasonOf(error.cause)}`;
}
