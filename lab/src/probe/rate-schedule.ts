/**
 * How much is due at a given rate, for a sender that is woken at irregular moments. Small delays are made up for, so the rate holds in the
 * long run; after a longer one (`burstMs`, default 20) what was missed is skipped rather than sent as a burst that no real sender would
 * make. What was really sent is for the sender to count: that is the honest rate.
 */
export class RateSchedule {
  readonly #perSecond: number;
  readonly #burst: number;
  readonly #startMs: number;
  #granted = 0;

  constructor(options: Readonly<{ perSecond: number; startMs: number; burstMs?: number }>) {
    this.#perSecond = options.perSecond;
    this.#startMs = options.startMs;
    this.#burst = Math.max(1, Math.ceil((options.perSecond * (options.burstMs ?? 20)) / 1000));
  }

  /** How many units to send now, the first at once: 0 if nothing is due. Each unit is due once. */
  due(nowMs: number): number {
    const total = this.#perSecond === 0 ? 0 : 1 + Math.floor(((nowMs - this.#startMs) * this.#perSecond) / 1000);
    const due = Math.max(0, total - this.#granted);
    this.#granted += due;
    return Math.min(due, this.#burst);
  }
}
