import { WeftError } from '@weft/core/weft-error';
import type { Logger } from './log.ts';

export type StopOptions = Readonly<{ deadlineMs: number }>;

/** What did not stop as it should: names of those whose stop threw, and of those that missed their deadline. */
export type StopReport = Readonly<{ failed: readonly string[]; late: readonly string[] }>;

/** The reason of a lifecycle's signal, so that what it aborts can be told from failure. */
export class Stopping extends WeftError {
  constructor(reason: string) {
    super('stopping', `stopping: ${reason}`, { details: { reason } });
  }
}

/**
 * The order in which a daemon's parts stop: last added first, one after the other, each with a deadline. A part that fails or is late is
 * logged and left behind, since those below it still deserve their turn.
 *
 * Start-up is ordinary code: start a part, `add` its stop, go on. If stopping has begun in the meantime, `add` stops the part again and
 * throws the signal's reason, so that start-up unwinds and nothing it made is forgotten.
 */
export class Lifecycle {
  readonly #log: Logger;
  readonly #controller = new AbortController();
  readonly #parts: { name: string; stop: () => Promise<void> | void; deadlineMs: number }[] = [];
  readonly #reloads: { name: string; reload: () => Promise<void> | void }[] = [];
  readonly #failed: string[] = [];
  readonly #late: string[] = [];
  #idle = Promise.withResolvers<StopReport>();
  #draining = false;
  #drained = false;
  #failure: unknown;

  constructor(deps: Readonly<{ log: Logger }>) {
    this.#log = deps.log;
  }

  /** Aborted, with a {@link Stopping}, as soon as stopping begins. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** What {@link fail} was first called with; undefined after an orderly stop. */
  get failure(): unknown {
    return this.#failure;
  }

  /** Resolves when everything added so far has been stopped; never rejects. */
  get finished(): Promise<StopReport> {
    return this.#idle.promise;
  }

  /** Registers how to stop a part that runs now. Throws the signal's reason if stopping has begun; the part is then stopped, too. */
  add(name: string, stop: () => Promise<void> | void, options: StopOptions): void {
    this.#parts.push({ name, stop, deadlineMs: options.deadlineMs });
    if (!this.signal.aborted) return;
    this.#startDraining();
    throw this.signal.reason;
  }

  /** Registers what SIGHUP calls. Handlers run one after the other in the order of registration. */
  onReload(name: string, reload: () => Promise<void> | void): void {
    this.#reloads.push({ name, reload });
  }

  /** Runs the reload handlers; one that throws is logged and leaves the others alone. */
  async reload(): Promise<void> {
    if (this.#reloads.length === 0) this.#log.warn({}, 'nothing can be reloaded');
    for (const { name, reload } of this.#reloads) {
      try {
        await reload();
        this.#log.info({ part: name }, 'reloaded');
      } catch (err) {
        this.#log.error({ part: name, err }, 'reload failed');
      }
    }
  }

  /** Stops everything; a second call waits for the first. Never rejects. */
  stop(reason: string): Promise<StopReport> {
    if (!this.signal.aborted) {
      this.#log.info({ reason }, 'stopping');
      this.#controller.abort(new Stopping(reason));
      this.#startDraining();
    }
    return this.#idle.promise;
  }

  /**
   * A part cannot go on: logs it and stops everything. The first failure is kept; after stopping began it is only logged, and a part that
   * ends because the signal was aborted has not failed.
   */
  fail(name: string, error: unknown): void {
    if (this.signal.aborted && error === this.signal.reason) return;
    this.#log.error({ part: name, err: error }, 'part failed');
    if (this.signal.aborted) return;
    this.#failure = error ?? new Error(`${name} failed without saying why`);
    void this.stop(`${name} failed`);
  }

  #startDraining(): void {
    if (this.#draining) return;
    this.#draining = true;
    if (this.#drained) this.#idle = Promise.withResolvers();
    this.#drained = true;
    void this.#drain();
  }

  async #drain(): Promise<void> {
    // A part added while this loop runs is found by it; one added later starts it again.
    for (let part = this.#parts.pop(); part !== undefined; part = this.#parts.pop()) await this.#stopPart(part);
    this.#draining = false;
    this.#idle.resolve({ failed: [...this.#failed], late: [...this.#late] });
  }

  async #stopPart(part: { name: string; stop: () => Promise<void> | void; deadlineMs: number }): Promise<void> {
    const { name, stop, deadlineMs } = part;
    const deadline = Promise.withResolvers<'late'>();
    const timer = setTimeout(() => deadline.resolve('late'), deadlineMs);
    try {
      // Called inside a promise, so that a stop that throws at once is a failed stop and not the end of stopping.
      const stopped = Promise.resolve().then(stop);
      const outcome = await Promise.race([stopped, deadline.promise]);
      if (outcome !== 'late') return;
      this.#late.push(name);
      this.#log.warn({ part: name, deadlineMs }, 'stop deadline passed');
      stopped.catch((err: unknown) => this.#log.warn({ part: name, err }, 'late stop failed'));
    } catch (err) {
      this.#failed.push(name);
      this.#log.error({ part: name, err }, 'stop failed');
    } finally {
      clearTimeout(timer);
    }
  }
}
