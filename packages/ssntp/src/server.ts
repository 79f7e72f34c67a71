import type { Uuid } from '@weft/core/uuid';
import type { ByteStream } from './byte-stream.ts';
import type { Clock } from './clock.ts';
import type { Frame } from './frame.ts';
import type { Logger } from './logger.ts';
import { silentLogger } from './logger.ts';
import type { CloseReason, SessionHandler, SessionOptions } from './session.ts';
import { Session } from './session.ts';

export type SsntpServerOptions = SessionOptions &
  Readonly<{
    /** The payload of CONNECTED: `{ configure: … }` of payloads/configure, or undefined for none. Asked at each connection. */
    configuration: () => unknown;
  }>;

/** Of one UUID the server knows one session at a time: `connected` comes after the `disconnected` of the session that it replaces. */
export interface SsntpServerHandler {
  connected(session: Session): void;
  disconnected(session: Session, reason: CloseReason): void;
  frame(session: Session, frame: Frame): void;
}

export type SsntpServerDeps = Readonly<{ clock: Clock; handler: SsntpServerHandler; log?: Logger }>;

/** The connections of a server, by UUID; transports hand it streams. It forwards nothing: that is its handler's. */
export class SsntpServer {
  readonly #options: SsntpServerOptions;
  readonly #clock: Clock;
  readonly #handler: SsntpServerHandler;
  readonly #log: Logger;
  readonly #handshakes = new Set<Session>();
  readonly #sessions = new Map<Uuid, Session>();

  constructor(options: SsntpServerOptions, deps: SsntpServerDeps) {
    this.#options = options;
    this.#clock = deps.clock;
    this.#handler = deps.handler;
    this.#log = deps.log ?? silentLogger;
  }

  /** Takes over the stream and waits for its CONNECT. */
  accept(stream: ByteStream): void {
    const handler: SessionHandler = {
      established: (session) => this.#established(session),
      frame: (session, frame) => this.#handler.frame(session, frame),
      closed: (session, reason) => this.#closed(session, reason),
    };
    const side = { kind: 'server', configuration: this.#options.configuration } as const;
    this.#handshakes.add(new Session(this.#options, side, { stream, clock: this.#clock, handler }));
  }

  /** False when nobody of that UUID is connected, or its queue is full (which ends its session). */
  send(uuid: Uuid, frame: Frame): boolean {
    return this.#sessions.get(uuid)?.send(frame) ?? false;
  }

  session(uuid: Uuid): Session | undefined {
    return this.#sessions.get(uuid);
  }

  /** In order of connection. */
  sessions(): IterableIterator<Session> {
    return this.#sessions.values();
  }

  close(uuid: Uuid): void {
    this.#sessions.get(uuid)?.close();
  }

  /** Ends all sessions. Streams that are handed over afterwards are served again; closing the transport is its owner's. */
  closeAll(): void {
    for (const session of [...this.#handshakes, ...this.#sessions.values()]) session.close();
  }

  #established(session: Session): void {
    this.#handshakes.delete(session);
    const older = this.#sessions.get(session.peerUuid);
    older?.close('replaced');
    this.#sessions.set(session.peerUuid, session);
    this.#handler.connected(session);
  }

  #closed(session: Session, reason: CloseReason): void {
    if (this.#handshakes.delete(session)) {
      if (reason.code !== 'closed')
        this.#log.warn({ peer: session.address, reason: reason.message }, 'connection ended before its handshake');
      return;
    }
    this.#sessions.delete(session.peerUuid);
    this.#handler.disconnected(session, reason);
  }
}
