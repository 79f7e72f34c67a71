import { isIpv6 } from '@weft/core/ip';
import type { IpAddress } from '@weft/core/ip';
import { InetSocket } from '@weft/sys/inet-socket';
import { isSysError } from '@weft/sys/sys-error';
import type { Place } from './place.ts';
import { ProgressMeter } from './progress-meter.ts';
import type { Progress } from './progress-meter.ts';
import { RateSchedule } from './rate-schedule.ts';
import { poll, Repetition } from './ticker.ts';

const READS_PER_STEP = 16;

/**
 * `received` tells how what came back flowed; `sentBytes` is what the kernel took, which proves nothing about the network. `ended` is why
 * the connection is over if we did not end it: `closed` by the peer, or an errno. `achievedBytesPerSecond` is of what was sent.
 */
export type TcpStreamResult = Readonly<{
  sentBytes: number;
  achievedBytesPerSecond: number;
  received: Progress;
  ended: string | undefined;
}>;

/**
 * One TCP connection on which bytes flow all the time, to see whether something done to the cluster stalls or ends it.
 *
 * What is measured is what *arrives* at this end: connect to a {@link TcpServer} that echoes or sends by itself. For the upload direction
 * alone use a sink and ask the server for its progress.
 */
export class TcpStream implements Disposable {
  readonly #options: TcpStreamOptions;
  #running: Readonly<{ socket: InetSocket; repetition: Repetition }> | undefined;
  #flow: { readonly meter: ProgressMeter; readonly schedule: RateSchedule; readonly startMs: number } | undefined;
  #sentBytes = 0;
  #ended: string | undefined;

  constructor(options: TcpStreamOptions) {
    this.#options = options;
  }

  /**
   * Connects, and lets bytes flow from then on. `failed` has the errno, or `ETIMEDOUT` if it took longer than `timeoutMs`; then the stream
   * is closed. Throws SysError, and the signal's reason. A stream starts once.
   */
  async start(
    options: Readonly<{ timeoutMs: number; signal?: AbortSignal }>,
  ): Promise<Readonly<{ kind: 'connected' } | { kind: 'failed'; errno: string }>> {
    if (this.#running !== undefined) throw new Error('this stream was already started');
    const { place, target, port } = this.#options;
    const socket = InetSocket.open({ netns: place.netns, kind: 'tcp', family: isIpv6(target) ? 6 : 4 });
    const running = { socket, repetition: new Repetition(() => this.#step()) };
    this.#running = running;
    try {
      socket.connect(target, port);
      const decided = await poll(
        () => {
          const state = socket.connectState();
          return state.kind === 'pending' ? undefined : state;
        },
        { withinMs: options.timeoutMs, signal: options.signal },
      );
      if (decided?.kind !== 'connected') {
        this[Symbol.dispose]();
        return { kind: 'failed', errno: decided?.errno ?? 'ETIMEDOUT' };
      }
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
    const { bytesPerSecond, stallMs } = this.#options;
    const startMs = performance.now();
    this.#flow = {
      startMs,
      schedule: new RateSchedule({ perSecond: bytesPerSecond, startMs }),
      meter: new ProgressMeter({ startMs, ...(stallMs === undefined ? {} : { stallMs }) }),
    };
    return { kind: 'connected' };
  }

  /** The sums so far. Throws what went wrong in our own machinery. */
  result(): TcpStreamResult {
    const flow = this.#flow;
    if (flow === undefined) throw new Error('this stream is not connected');
    this.#running?.repetition.check();
    return {
      sentBytes: this.#sentBytes,
      achievedBytesPerSecond: (1000 * this.#sentBytes) / Math.max(performance.now() - flow.startMs, 1),
      received: flow.meter.progress(),
      ended: this.#ended,
    };
  }

  /** Closes the connection; the sums. */
  stop(): TcpStreamResult {
    const result = this.result();
    this[Symbol.dispose]();
    return result;
  }

  [Symbol.dispose](): void {
    this.#running?.repetition[Symbol.dispose]();
    this.#running?.socket[Symbol.dispose]();
  }

  #step(): void {
    const flow = this.#flow;
    const socket = this.#running?.socket;
    if (flow === undefined || socket === undefined) return;
    const nowMs = performance.now();
    // An ended stream still counts its silence.
    flow.meter.look(nowMs, this.#ended === undefined ? this.#read(socket) : 0);
    const due = flow.schedule.due(nowMs);
    if (due === 0 || this.#ended !== undefined) return;
    try {
      this.#sentBytes += socket.send(new Uint8Array(due).fill(0x63));
    } catch (error) {
      if (!isSysError(error)) throw error;
      this.#ended = error.errno;
    }
  }

  #read(socket: InetSocket): number {
    let received = 0;
    for (let reads = 0; reads < READS_PER_STEP; reads++) {
      const got = socket.receive();
      if (got === undefined) break;
      if (got.kind !== 'data') {
        this.#ended = got.kind === 'closed' ? 'closed' : got.errno;
        break;
      }
      received += got.bytes.length;
    }
    return received;
  }
}

/** `bytesPerSecond` 0 only listens. `stallMs` (default 500): from which standstill on one is counted. */
export type TcpStreamOptions = Readonly<{ place: Place; target: IpAddress; port: number; bytesPerSecond: number; stallMs?: number }>;
