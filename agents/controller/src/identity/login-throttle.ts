/** How often a log-in under one key (a user's name and where it comes from) may fail before it has to wait. */
export type ThrottleOptions = Readonly<{ failures: number; windowMs: number; /** Keys that are remembered. */ size: number }>;

export const DEFAULT_THROTTLE: ThrottleOptions = { failures: 5, windowMs: 60_000, size: 10_000 };

/** Counts failures; a success forgets them. Bounded: under a flood of keys the oldest are forgotten. */
export class LoginThrottle {
  readonly #options: ThrottleOptions;
  readonly #nowMs: () => number;
  readonly #failures = new Map<string, Failures>();

  constructor(options: ThrottleOptions, deps: Readonly<{ nowMs: () => number }>) {
    this.#options = options;
    this.#nowMs = deps.nowMs;
  }

  /** Milliseconds until the key may try again; 0 if it may now. */
  wait(key: string): number {
    const known = this.#current(key);
    return known !== undefined && known.count >= this.#options.failures ? known.since + this.#options.windowMs - this.#nowMs() : 0;
  }

  failed(key: string): void {
    const { count, since } = this.#current(key) ?? { count: 0, since: this.#nowMs() };
    this.#failures.delete(key);
    this.#failures.set(key, { count: count + 1, since });
    for (const oldest of this.#failures.keys()) {
      if (this.#failures.size <= this.#options.size) break;
      this.#failures.delete(oldest);
    }
  }

  succeeded(key: string): void {
    this.#failures.delete(key);
  }

  #current(key: string): Failures | undefined {
    const known = this.#failures.get(key);
    if (known === undefined || known.since + this.#options.windowMs > this.#nowMs()) return known;
    this.#failures.delete(key);
    return undefined;
  }
}

/** Within one window, which begins with the first. */
type Failures = Readonly<{ count: number; since: number }>;
