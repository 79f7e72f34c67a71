/**
 * One connection, from either end. A session's life:
 *
 *     client                                server
 *       │ CONNECT role, source  ──────────►   │  certificate grants the role? is the source its UUID?
 *       │                                     │  no: ERROR ConnectionAborted, end
 *       │  ◄──────── CONNECTED role, source,  │
 *       │            configuration            │
 *     established: frames both ways, Ping and Pong both ways
 *       │                                     │
 *     closed: once, with one reason
 *
 * A session owns its stream, and does no I/O of its own: bytes, time and listeners come in through deps.
 */
import type { Uuid } from '@weft/core/uuid';
import { NIL_UUID } from '@weft/core/uuid';
import type { ByteStream } from './byte-stream.ts';
import type { Clock } from './clock.ts';
import type { Frame } from './frame.ts';
import { FrameDecoder, FrameError, encodeFrame, plainFrame, routedFrame } from './frame.ts';
import type { Verdict } from './handshake.ts';
import { connectFrame, connectedFrame, judgeConnect, judgeConnected } from './handshake.ts';
import { Command, ErrorOperand, FrameType, Status, frameName, isKnownFrame } from './operands.ts';
import { Role, hasAnyRole } from './role.ts';

/** Why a session ended, by who should do what about it. */
export type CloseCode =
  /** We asked for it. */
  | 'closed'
  /** A newer connection of the same UUID took its place. */
  | 'replaced'
  | 'peer_closed'
  | 'transport_failed'
  /** Three intervals without a sign of life. */
  | 'heartbeat_lost'
  /** The peer did not read and its queue grew over the limit. */
  | 'slow_peer'
  /** Role or identity refused: only an operator can change that. */
  | 'connection_aborted'
  /** The handshake went wrong otherwise, or took too long. */
  | 'connection_failed'
  /** The peer sent something that is not SSNTP. */
  | 'invalid_frame';

export type CloseReason = Readonly<{ code: CloseCode; message: string; cause?: unknown }>;

export type SessionOptions = Readonly<{
  uuid: Uuid;
  role: number;
  /** Interval of Ping in ms; absent: 1 s when an end has a role that others wait for (gateways, controllers), otherwise 5 s. */
  heartbeatMs?: number;
  /** The send queue of a peer that reads too slowly may grow to this. */
  maxQueuedBytes?: number;
  handshakeTimeoutMs?: number;
}>;

export interface SessionHandler {
  /** `payload` is CONNECTED's, at the client; empty at the server. */
  established(session: Session, payload: Uint8Array): void;
  /** Every known frame but those that the session itself answers. */
  frame(session: Session, frame: Frame): void;
  /** Exactly once; nothing follows. Also for sessions that were never established. */
  closed(session: Session, reason: CloseReason): void;
}

export type SessionDeps = Readonly<{ stream: ByteStream; clock: Clock; handler: SessionHandler }>;

/** Which end this is; the server answers with the cluster's configuration, `undefined` for none. */
export type SessionSide = Readonly<{ kind: 'client' }> | Readonly<{ kind: 'server'; configuration: () => unknown }>;

const DEFAULT_MAX_QUEUED_BYTES = 8 * 1024 * 1024;
const DEFAULT_HANDSHAKE_TIMEOUT_MS = 10_000;
const URGENT_HEARTBEAT_MS = 1_000;
const CALM_HEARTBEAT_MS = 5_000;
const URGENT_ROLES = Role.NetworkingAgent | Role.CNCIAgent | Role.Hyperswitch | Role.Controller;
const MISSED_BEATS = 3;
/** How long a closed session's last bytes may take before the stream is cut. */
const LINGER_MS = 2_000;

type State =
  | { kind: 'handshake'; timer: unknown }
  | { kind: 'established'; timer: unknown; intervalMs: number; heard: boolean; missed: number }
  | { kind: 'closed' };

export class Session {
  readonly #options: SessionOptions;
  readonly #side: SessionSide;
  readonly #stream: ByteStream;
  readonly #clock: Clock;
  readonly #handler: SessionHandler;
  readonly #decoder = new FrameDecoder();
  #state: State;
  #peerUuid: Uuid = NIL_UUID;
  #peerRole = 0;
  #linger: unknown;

  constructor(options: SessionOptions, side: SessionSide, deps: SessionDeps) {
    this.#options = options;
    this.#side = side;
    this.#stream = deps.stream;
    this.#clock = deps.clock;
    this.#handler = deps.handler;
    const timeoutMs = options.handshakeTimeoutMs ?? DEFAULT_HANDSHAKE_TIMEOUT_MS;
    const timer = this.#clock.setTimeout(() => {
      this.#fail(ErrorOperand.ConnectionFailure, 'connection_failed', `no handshake within ${timeoutMs} ms`);
    }, timeoutMs);
    this.#state = { kind: 'handshake', timer };
    this.#stream.onClose((error) => this.#onStreamClose(error));
    this.#stream.onData((bytes) => this.#onData(bytes));
    if (side.kind === 'client') this.#stream.write(encodeFrame(connectFrame(options.uuid, options.role)));
  }

  /** The other end's UUID; nil until established. */
  get peerUuid(): Uuid {
    return this.#peerUuid;
  }

  /** The roles that the other end claimed, which its certificate grants; 0 until established. */
  get peerRole(): number {
    return this.#peerRole;
  }

  /** Where the other end is, for logs. */
  get address(): string {
    return this.#stream.peer.address;
  }

  /** False when the session is not established, or is not any more: a peer that is too slow is cut off here. Throws FrameError for a body over 1 MiB. */
  send(frame: Frame): boolean {
    if (this.#state.kind !== 'established') return false;
    const bytes = encodeFrame(frame);
    const limit = this.#options.maxQueuedBytes ?? DEFAULT_MAX_QUEUED_BYTES;
    if (this.#stream.bufferedBytes + bytes.length > limit) {
      this.#end({ code: 'slow_peer', message: `more than ${limit} bytes wait to be read by the peer` }, 'destroy');
      return false;
    }
    this.#stream.write(bytes);
    return true;
  }

  /** Ends the session; what was sent is still delivered. */
  close(code: 'closed' | 'replaced' = 'closed'): void {
    this.#end({ code, message: code === 'closed' ? 'closed here' : 'a newer connection of the same UUID took over' }, 'close');
  }

  #onData(bytes: Uint8Array): void {
    if (this.#state.kind === 'closed') return;
    if (this.#state.kind === 'established') this.#state.heard = true;
    this.#decoder.push(bytes);
    for (let frame = this.#nextFrame(); frame !== undefined; frame = this.#nextFrame()) this.#onFrame(frame);
  }

  /** Undefined when there is no whole frame, and after the session closed: its remaining frames are not delivered. */
  #nextFrame(): Frame | undefined {
    if (this.#state.kind === 'closed') return undefined;
    try {
      return this.#decoder.next();
    } catch (error) {
      if (!(error instanceof FrameError)) throw error;
      this.#fail(ErrorOperand.ConnectionFailure, 'invalid_frame', error.message);
      return undefined;
    }
  }

  #onFrame(frame: Frame): void {
    if (this.#state.kind === 'handshake') this.#onHandshake(frame);
    else if (frame.type === FrameType.COMMAND && frame.operand === Command.Ping) {
      this.send(routedFrame(FrameType.STATUS, Status.Pong, NIL_UUID));
    } else if (frame.type === FrameType.STATUS && frame.operand === Status.Pong) {
      // Its arrival was all it had to say.
    } else if (frame.body.kind === 'connect' || frame.body.kind === 'connected') {
      this.#fail(ErrorOperand.ConnectionFailure, 'connection_failed', `${frameName(frame.type, frame.operand)} after the handshake`);
    } else if (isEnd(frame)) {
      this.#end(endReason(frame), 'close');
    } else if (isKnownFrame(frame.type, frame.operand)) {
      this.#handler.frame(this, frame);
    } else if (frame.type !== FrameType.ERROR) {
      // An unknown error is not answered: two peers would answer each other for ever.
      this.send(plainFrame(FrameType.ERROR, ErrorOperand.InvalidFrameType));
    }
  }

  #onHandshake(frame: Frame): void {
    if (isEnd(frame)) return this.#end(endReason(frame), 'close');
    const judge: (...args: Parameters<typeof judgeConnect>) => Verdict = this.#side.kind === 'server' ? judgeConnect : judgeConnected;
    const verdict = judge(frame, this.#stream.peer, this.#options.uuid);
    if (verdict.kind === 'refused') return this.#fail(verdict.operand, verdict.code, verdict.message);
    if (this.#side.kind === 'server') {
      const { uuid, role } = this.#options;
      this.#stream.write(encodeFrame(connectedFrame(uuid, role, verdict.uuid, this.#side.configuration())));
    }
    this.#establish(verdict.uuid, verdict.role, verdict.payload);
  }

  #establish(peerUuid: Uuid, peerRole: number, payload: Uint8Array): void {
    if (this.#state.kind !== 'handshake') return;
    this.#clock.clearTimeout(this.#state.timer);
    const urgent = hasAnyRole(this.#options.role | peerRole, URGENT_ROLES);
    const intervalMs = this.#options.heartbeatMs ?? (urgent ? URGENT_HEARTBEAT_MS : CALM_HEARTBEAT_MS);
    const timer = this.#clock.setTimeout(() => this.#beat(), intervalMs);
    this.#peerUuid = peerUuid;
    this.#peerRole = peerRole;
    this.#state = { kind: 'established', timer, intervalMs, heard: true, missed: 0 };
    this.#handler.established(this, payload);
  }

  /** Counts intervals, not milliseconds: after this process itself stood still it does not blame the peer for the whole pause. */
  #beat(): void {
    const state = this.#state;
    if (state.kind !== 'established') return;
    state.missed = state.heard ? 0 : state.missed + 1;
    state.heard = false;
    if (state.missed >= MISSED_BEATS) {
      const message = `nothing heard for ${MISSED_BEATS} intervals of ${state.intervalMs} ms`;
      return this.#end({ code: 'heartbeat_lost', message }, 'destroy');
    }
    state.timer = this.#clock.setTimeout(() => this.#beat(), state.intervalMs);
    this.send(routedFrame(FrameType.COMMAND, Command.Ping, NIL_UUID));
  }

  /** Tells the peer, then ends. */
  #fail(operand: number, code: CloseCode, message: string): void {
    if (this.#state.kind === 'closed') return;
    this.#stream.write(encodeFrame(plainFrame(FrameType.ERROR, operand)));
    this.#end({ code, message }, 'close');
  }

  #end(reason: CloseReason, how: 'close' | 'destroy'): void {
    if (this.#state.kind === 'closed') return;
    this.#clock.clearTimeout(this.#state.timer);
    this.#state = { kind: 'closed' };
    if (how === 'close') {
      this.#linger = this.#clock.setTimeout(() => this.#stream.destroy(), LINGER_MS);
      this.#stream.close();
    } else this.#stream.destroy();
    this.#handler.closed(this, reason);
  }

  #onStreamClose(error: Error | undefined): void {
    this.#clock.clearTimeout(this.#linger);
    if (error === undefined) this.#end({ code: 'peer_closed', message: 'the peer closed the connection' }, 'destroy');
    else this.#end({ code: 'transport_failed', message: `the connection broke: ${error.message}`, cause: error }, 'destroy');
  }
}

/** True for the two errors with which a peer ends a connection. */
function isEnd(frame: Frame): boolean {
  const { ConnectionAborted, ConnectionFailure } = ErrorOperand;
  return frame.type === FrameType.ERROR && (frame.operand === ConnectionAborted || frame.operand === ConnectionFailure);
}

function endReason(frame: Frame): CloseReason {
  return frame.operand === ErrorOperand.ConnectionAborted
    ? { code: 'connection_aborted', message: 'the peer refused our role or identity (ConnectionAborted)' }
    : { code: 'connection_failed', message: 'the peer ended the connection (ConnectionFailure)' };
}
