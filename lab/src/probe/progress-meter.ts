/** What a {@link ProgressMeter} has seen. */
export type Progress = Readonly<{ bytes: number; longestStallMs: number; stalls: number; idleMs: number }>;

/**
 * Tells how long a flow of bytes stood still.
 *
 * The observer may be what stood still: with sender, receiver and cluster on one busy machine a look may come late, and a gap between two
 * looks proves nothing about the network. So one gap between looks counts as at most `longestStepMs` (default 50) of stalling.
 */
export class ProgressMeter {
  readonly #stallMs: number;
  readonly #longestStepMs: number;
  #lastLookMs: number;
  #bytes = 0;
  #idleMs = 0;
  #longestStallMs = 0;
  #stalls = 0;

  /** `stallMs`: from which duration on a standstill is counted as a stall. */
  constructor(options: Readonly<{ startMs: number; stallMs?: number; longestStepMs?: number }>) {
    this.#lastLookMs = options.startMs;
    this.#stallMs = options.stallMs ?? 500;
    this.#longestStepMs = options.longestStepMs ?? 50;
  }

  /** One look: `bytes` came since the last one. */
  look(nowMs: number, bytes: number): void {
    const before = this.#idleMs;
    const stepMs = Math.min(nowMs - this.#lastLookMs, this.#longestStepMs);
    this.#lastLookMs = nowMs;
    this.#bytes += bytes;
    this.#idleMs = bytes > 0 ? 0 : before + stepMs;
    this.#longestStallMs = Math.max(this.#longestStallMs, this.#idleMs);
    if (before < this.#stallMs && this.#idleMs >= this.#stallMs) this.#stalls++;
  }

  /** `idleMs`: how long it has stood still just now. */
  progress(): Progress {
    return { bytes: this.#bytes, longestStallMs: this.#longestStallMs, stalls: this.#stalls, idleMs: this.#idleMs };
  }
}
