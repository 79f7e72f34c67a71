import type { Uuid } from '@weft/core/uuid';

/** What the transport proved about the other end, before any frame. */
export type StreamPeer = Readonly<{
  /** Role mask that its certificate grants. */
  roles: number;
  /** The identity in its certificate, or undefined when that names none. */
  uuid: Uuid | undefined;
  /** For logs: `192.0.2.7:41822`, `memory`. */
  address: string;
}>;

/**
 * A reliable, ordered stream of bytes to an authenticated peer; what a session runs over. TLS and memory are the two transports, and pass the
 * same tests. Each `on…` sets the one listener of its kind. Nothing is delivered before `onData` was called, and nothing after `onClose`'s listener ran.
 */
export interface ByteStream {
  readonly peer: StreamPeer;
  /** This end's IP address, of a transport that has such. */
  readonly localAddress?: string | undefined;
  /** Bytes written and not yet handed to the network. */
  readonly bufferedBytes: number;
  /** Takes over `bytes`. False means that much is buffered: better wait for `onDrain`. Ignored after close. */
  write(bytes: Uint8Array): boolean;
  /** The bytes are not written again by the transport; the listener may keep views of them. */
  onData(listener: (bytes: Uint8Array) => void): void;
  onDrain(listener: () => void): void;
  /** Runs once, when neither direction works any more; with the error if there was one. Runs (later) also when it was set after the end. */
  onClose(listener: (error: Error | undefined) => void): void;
  /** Delivers what was written, then ends. A peer that does not read can delay the end: then {@link destroy}. */
  close(): void;
  /** Ends now; what is buffered is lost. */
  destroy(error?: Error): void;
}
