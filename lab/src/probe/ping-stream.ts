import type { IpAddress } from '@weft/core/ip';
import { EchoLedger } from './echo-ledger.ts';
import type { EchoCount } from './echo-ledger.ts';
import { EchoSocket } from './echo-socket.ts';
import type { Place } from './place.ts';
import { RateSchedule } from './rate-schedule.ts';
import { poll, Repetition } from './ticker.ts';

/**
 * `achievedPerSecond` is what was really sent: below the wanted rate if this process was busy. `longestPauseMs` is the longest time it did
 * not look, in which it also sent nothing. `duplicates` counts second answers and such that came after their echo was given up.
 * `sendErrors` (part of `lost`) were refused by the sender's own stack.
 */
export type PingStreamResult = EchoCount &
  Readonly<{ achievedPerSecond: number; longestPauseMs: number; duplicates: number; sendErrors: number }>;

type Running = Readonly<{ socket: EchoSocket; repetition: Repetition; schedule: RateSchedule; startMs: number }>;

/**
 * A continuous ping that shows how long connectivity was interrupted while something was done to the cluster.
 *
 *     using stream = new PingStream({ place, target });
 *     stream.start(); … ; const { lost, longestGapMs } = await stream.stop();
 */
export class PingStream implements Disposable {
  readonly #place: Place;
  readonly #target: IpAddress;
  readonly #perSecond: number;
  readonly #ledger: EchoLedger;
  readonly #lossAfterMs: number;
  #running: Running | undefined;
  #sending = true;
  #closed = false;
  #number = 0;
  #duplicates = 0;
  #sendErrors = 0;
  #lastLookMs = 0;
  #longestPauseMs = 0;
  #sentForMs = 0;

  constructor(options: Readonly<{ place: Place; target: IpAddress; perSecond?: number; lossAfterMs?: number }>) {
    this.#place = options.place;
    this.#target = options.target;
    this.#perSecond = options.perSecond ?? 100;
    this.#lossAfterMs = options.lossAfterMs ?? 2000;
    this.#ledger = new EchoLedger({ lossAfterMs: this.#lossAfterMs });
  }

  /** Sends the first echo at once. A stream starts once. Throws SysError if the socket cannot be made. */
  start(): void {
    if (this.#running !== undefined) throw new Error('this stream was already started');
    const socket = new EchoSocket({ netns: this.#place.netns, target: this.#target });
    const startMs = performance.now();
    this.#lastLookMs = startMs;
    const repetition = new Repetition(() => this.#step());
    this.#running = { socket, repetition, startMs, schedule: new RateSchedule({ perSecond: this.#perSecond, startMs }) };
    this.#step();
  }

  /** The sums so far; echoes that are on their way count as sent only. */
  count(): EchoCount {
    return this.#ledger.count();
  }

  /** Stops sending, waits until every echo is answered or lost, and closes. Throws what went wrong meanwhile, and the signal's reason. */
  async stop(options: Readonly<{ signal?: AbortSignal }> = {}): Promise<PingStreamResult> {
    const { signal } = options;
    const running = this.#running;
    if (running === undefined || this.#closed) throw new Error('this stream is not running');
    if (this.#sending) this.#sentForMs = performance.now() - running.startMs;
    this.#sending = false;
    try {
      // A pause until just now is one, too.
      this.#step();
      await poll(() => (running.repetition.check(), this.#ledger.settled() || undefined), {
        withinMs: 2 * this.#lossAfterMs + 1000,
        signal,
      });
    } finally {
      this[Symbol.dispose]();
    }
    return {
      ...this.#ledger.count(),
      achievedPerSecond: (1000 * this.#number) / Math.max(this.#sentForMs, 1),
      longestPauseMs: this.#longestPauseMs,
      duplicates: this.#duplicates,
      sendErrors: this.#sendErrors,
    };
  }

  [Symbol.dispose](): void {
    this.#closed = true;
    this.#running?.repetition[Symbol.dispose]();
    this.#running?.socket[Symbol.dispose]();
  }

  #step(): void {
    const running = this.#running;
    if (running === undefined) return;
    const nowMs = performance.now();
    this.#longestPauseMs = Math.max(this.#longestPauseMs, nowMs - this.#lastLookMs);
    this.#lastLookMs = nowMs;
    running.socket.read((number) => {
      if (!this.#ledger.answered(number, nowMs)) this.#duplicates++;
    });
    this.#ledger.settle(nowMs);
    for (let due = this.#sending ? running.schedule.due(nowMs) : 0; due > 0; due--) {
      this.#ledger.sent(this.#number, performance.now());
      if (running.socket.send(this.#number++) !== undefined) this.#sendErrors++;
    }
  }
}
