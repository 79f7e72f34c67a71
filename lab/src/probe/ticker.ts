/**
 * How probes wait. Their sockets are in other namespaces and never block, so they are looked at every millisecond; an empty look costs
 * about a microsecond. The last look always comes *after* the deadline: if this process was busy meanwhile, what had arrived in time still
 * counts.
 */

export type Patience = Readonly<{ withinMs: number; signal?: AbortSignal | undefined }>;

/**
 * Calls `step` at once and then every millisecond until it answers something other than undefined, which is returned, or until `withinMs`
 * have passed: undefined. Rejects with what `step` throws, and with the signal's reason.
 */
export async function poll<T>(step: () => T | undefined, patience: Patience): Promise<T | undefined> {
  const { withinMs, signal } = patience;
  const deadline = performance.now() + withinMs;
  for (;;) {
    signal?.throwIfAborted();
    const last = performance.now() >= deadline;
    const answer = step();
    if (answer !== undefined || last) return answer;
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

/** Resolves after `ms`, or rejects with the signal's reason: a probe's pace, never a substitute for a condition. */
export async function pause(ms: number, signal?: AbortSignal): Promise<void> {
  await poll(() => undefined, { withinMs: ms, signal });
}

/**
 * A step that is repeated every millisecond, until disposed, for servers and streams that run beside everything else. What a step throws
 * ends the repetition; {@link check} tells whoever asks.
 */
export class Repetition implements Disposable {
  readonly #timer: NodeJS.Timeout;
  #failure: Readonly<{ error: unknown }> | undefined;

  constructor(step: () => void) {
    this.#timer = setInterval(() => {
      try {
        step();
      } catch (error) {
        this.#failure = { error };
        this[Symbol.dispose]();
      }
    }, 1);
  }

  /** Throws what ended the repetition, if anything did. */
  check(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}
