/** What became of the echoes of a stream; see {@link EchoLedger}. */
export type EchoCount = Readonly<{ sent: number; received: number; lost: number; longestGapMs: number; longestRttMs: number }>;

/**
 * Keeps account of echo requests. One is lost when no answer was read within `lossAfterMs` of its sending – provided that everything was
 * read which had arrived: call {@link answered} for all that is there, and then {@link settle}, so that a process that comes back late does
 * not take waiting answers for lost ones.
 *
 * `longestGapMs` spans the longest run of lost echoes, from the last answered echo before it to the first answered one after it (times of
 * sending; at an end of the stream, its first or last echo). So it is at least as long as the outage, by up to two intervals, and 0 if
 * nothing was lost.
 */
export class EchoLedger {
  readonly #lossAfterMs: number;
  /** In order of sending. An answered one stays while an earlier one is open: gaps are accounted in this order. */
  readonly #open = new Map<number, { readonly sentMs: number; answered: boolean }>();
  #sent = 0;
  #received = 0;
  #lost = 0;
  #lostInRun = 0;
  #longestGapMs = 0;
  #longestRttMs = 0;
  #gapStartMs = 0;
  #lastSentMs = 0;

  constructor(options: Readonly<{ lossAfterMs: number }>) {
    this.#lossAfterMs = options.lossAfterMs;
  }

  /** `number` must not be open. */
  sent(number: number, nowMs: number): void {
    if (this.#sent === 0) this.#gapStartMs = nowMs;
    this.#sent++;
    this.#lastSentMs = nowMs;
    this.#open.set(number, { sentMs: nowMs, answered: false });
  }

  /** An answer was read: false if it is a second one, or its echo was already given up, or was never sent. */
  answered(number: number, nowMs: number): boolean {
    const echo = this.#open.get(number);
    if (echo === undefined || echo.answered) return false;
    echo.answered = true;
    this.#longestRttMs = Math.max(this.#longestRttMs, nowMs - echo.sentMs);
    return true;
  }

  /** Decides what can be decided; `nowMs` is when the reading before this call *began*. */
  settle(nowMs: number): void {
    for (const [number, echo] of this.#open) {
      if (!echo.answered && nowMs - echo.sentMs <= this.#lossAfterMs) return;
      this.#open.delete(number);
      if (echo.answered) {
        this.#received++;
        if (this.#lostInRun > 0) this.#longestGapMs = Math.max(this.#longestGapMs, echo.sentMs - this.#gapStartMs);
        this.#gapStartMs = echo.sentMs;
        this.#lostInRun = 0;
      } else {
        this.#lost++;
        this.#lostInRun++;
      }
    }
  }

  /** True when all echoes sent so far are answered or lost. */
  settled(): boolean {
    return this.#open.size === 0;
  }

  /** Sums of what is decided; `sent` counts the undecided ones, too. */
  count(): EchoCount {
    const runMs = this.#lostInRun > 0 ? this.#lastSentMs - this.#gapStartMs : 0;
    return {
      sent: this.#sent,
      received: this.#received,
      lost: this.#lost,
      longestGapMs: Math.max(this.#longestGapMs, runMs),
      longestRttMs: this.#longestRttMs,
    };
  }
}
