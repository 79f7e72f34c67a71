import type { ByteStream, StreamPeer } from './byte-stream.ts';

/** Above this, `write` advises to wait for `onDrain`, as a socket does. */
const HIGH_WATER_BYTES = 64 * 1024;

/**
 * A connection inside one process: what one end writes, the other gets, in order and never within the call. `weft server` joins its controller
 * and scheduler by it. `left` and `right` describe the two parties; the end that `left` holds is returned first, and its `peer` is `right`.
 */
export function memoryStreamPair(left: StreamPeer, right: StreamPeer): [leftEnd: ByteStream, rightEnd: ByteStream] {
  const leftEnd = new MemoryEnd(right);
  const rightEnd = new MemoryEnd(left);
  leftEnd.join(rightEnd);
  rightEnd.join(leftEnd);
  return [leftEnd, rightEnd];
}

class MemoryEnd implements ByteStream {
  readonly peer: StreamPeer;
  #other: MemoryEnd | undefined;
  /** Written here, not yet taken by the other end. */
  #outgoing: Uint8Array[] = [];
  #outgoingBytes = 0;
  #wantsDrain = false;
  #scheduled = false;
  /** `ending`: deliver what is left, then end. */
  #state: 'open' | 'ending' | 'closed' = 'open';
  #error: Error | undefined;
  #data: ((bytes: Uint8Array) => void) | undefined;
  #drain: (() => void) | undefined;
  #close: ((error: Error | undefined) => void) | undefined;

  constructor(peer: StreamPeer) {
    this.peer = peer;
  }

  join(other: MemoryEnd): void {
    this.#other = other;
  }

  get bufferedBytes(): number {
    return this.#outgoingBytes;
  }

  write(bytes: Uint8Array): boolean {
    if (this.#state !== 'open') return false;
    this.#outgoing.push(bytes);
    this.#outgoingBytes += bytes.length;
    this.#schedule();
    this.#wantsDrain ||= this.#outgoingBytes > HIGH_WATER_BYTES;
    return !this.#wantsDrain;
  }

  onData(listener: (bytes: Uint8Array) => void): void {
    this.#data = listener;
    if (this.#other !== undefined) this.#other.#schedule();
  }

  onDrain(listener: () => void): void {
    this.#drain = listener;
  }

  onClose(listener: (error: Error | undefined) => void): void {
    this.#close = listener;
    if (this.#state === 'closed') setImmediate(() => this.#announceClose());
  }

  close(): void {
    if (this.#state !== 'open') return;
    this.#state = 'ending';
    this.#schedule();
  }

  destroy(error?: Error): void {
    this.#end(error);
    // The other end sees a connection that broke, as with a socket that is reset.
    if (this.#other !== undefined) this.#other.#end(error === undefined ? undefined : new Error('connection reset'));
  }

  /** The event loop's next turn, not a microtask: two ends that answer each other must not keep everything else waiting. */
  #schedule(): void {
    if (this.#scheduled || this.#state === 'closed') return;
    this.#scheduled = true;
    setImmediate(() => this.#deliver());
  }

  #deliver(): void {
    this.#scheduled = false;
    const other = this.#other;
    if (this.#state === 'closed' || other === undefined || other.#data === undefined) return;
    const batch = this.#outgoing;
    this.#outgoing = [];
    this.#outgoingBytes = 0;
    for (const bytes of batch) {
      if (other.#state === 'closed') break;
      other.#data(bytes);
    }
    if (this.#outgoing.length > 0) return;
    if (this.#isEnding()) {
      other.#end(undefined);
      this.#end(undefined);
    } else if (this.#wantsDrain) {
      this.#wantsDrain = false;
      this.#drain?.();
    }
  }

  /** Asked anew after the listeners ran, for they may have closed this end. */
  #isEnding(): boolean {
    return this.#state === 'ending';
  }

  #end(error: Error | undefined): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#error = error;
    this.#outgoing = [];
    this.#outgoingBytes = 0;
    setImmediate(() => this.#announceClose());
  }

  #announceClose(): void {
    const listener = this.#close;
    this.#close = undefined;
    listener?.(this.#error);
  }
}
