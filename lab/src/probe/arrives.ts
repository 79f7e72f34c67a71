import { PacketSocket } from '@weft/sys/packet-socket';
import { isSysError } from '@weft/sys/sys-error';
import type { Place } from './place.ts';
import { poll } from './ticker.ts';

/** So that a flood cannot keep one look from ending. */
const FRAMES_PER_LOOK = 4096;

/** How many frames with the token came, and when the first was noticed, from the start of the sender; undefined if none came. */
export type Arrival = Readonly<{ count: number; afterMs: number | undefined }>;

export type ArrivalProbe = Readonly<{
  receiver: Place;
  /** What should, or should not, make a frame with the token reach the receiver. Ends by the same signal, if it takes long. */
  sender: () => void | Promise<void>;
  token: Uint8Array;
  /** From the end of the sender. */
  withinMs: number;
  /** `arrival`: done at the first frame. `silence`: listens all the time and counts. */
  expect: 'arrival' | 'silence';
  signal?: AbortSignal;
}>;

/** Sees frames with a token come in at one interface, from the moment it is made. Throws SysError. */
export class TokenListener implements Disposable {
  readonly place: Place;
  readonly #socket: PacketSocket;
  readonly #token: Buffer;
  #count = 0;

  constructor(options: Readonly<{ place: Place; token: Uint8Array }>) {
    this.place = options.place;
    this.#token = Buffer.from(options.token);
    this.#socket = PacketSocket.open({ netns: options.place.netns, ifname: options.place.ifname });
  }

  /** Frames with the token that were read so far. */
  get count(): number {
    return this.#count;
  }

  /** Reads what is waiting; how many frames with the token came since this was made. What the interface itself sends does not count. */
  look(): number {
    for (let read = 0; read < FRAMES_PER_LOOK; read++) {
      const received = this.#receive();
      if (received === undefined) break;
      const { frame, outgoing } = received;
      if (!outgoing && Buffer.from(frame.buffer, frame.byteOffset, frame.length).includes(this.#token)) this.#count++;
    }
    return this.#count;
  }

  [Symbol.dispose](): void {
    this.#socket[Symbol.dispose]();
  }

  #receive(): ReturnType<PacketSocket['receive']> {
    try {
      return this.#socket.receive();
    } catch (error) {
      // Told once when the interface goes down, which may be what is being probed; the socket stays good.
      if (isSysError(error, 'ENETDOWN')) return undefined;
      throw error;
    }
  }
}

/**
 * Listens at the receiver's interface, then lets the sender send, and tells how many frames with the token came. A silence proves
 * something only if the same frame was seen to arrive where it may. An answer may quote the token: a datagram to a closed port comes back
 * to its (stated) source inside an ICMP error. Rejects with what the sender throws and with the signal's reason.
 */
export async function arrives(probe: ArrivalProbe): Promise<Arrival> {
  const [arrival] = await arrivals({ ...probe, receivers: [probe.receiver] });
  return arrival!;
}

/** As {@link arrives}, at several receivers at once, in their order: one frame shows where it goes and where not. */
export async function arrivals(probe: Omit<ArrivalProbe, 'receiver'> & Readonly<{ receivers: readonly Place[] }>): Promise<Arrival[]> {
  using stack = new DisposableStack();
  const listeners = probe.receivers.map((place) => stack.use(new TokenListener({ place, token: probe.token })));
  const afterMs: (number | undefined)[] = listeners.map(() => undefined);
  const startMs = performance.now();
  const look = (): boolean => {
    for (const [index, listener] of listeners.entries()) {
      if (listener.look() > 0) afterMs[index] ??= performance.now() - startMs;
    }
    return probe.expect === 'arrival' && afterMs.every((after) => after !== undefined);
  };
  const sender = { ended: false, failed: false };
  const sending = Promise.resolve(probe.sender()).then(
    () => void (sender.ended = true),
    (error: unknown) => {
      sender.failed = true;
      throw error;
    },
  );
  const watch = async (): Promise<void> => {
    await poll(() => look() || sender.ended || sender.failed || undefined, { withinMs: Infinity, signal: probe.signal });
    await poll(() => look() || sender.failed || undefined, { withinMs: probe.withinMs, signal: probe.signal });
  };
  const outcomes = await Promise.allSettled([sending, watch()]);
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
  return listeners.map((listener, index) => ({ count: listener.count, afterMs: afterMs[index] }));
}
