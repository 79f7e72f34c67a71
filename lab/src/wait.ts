import { setTimeout as delay } from 'node:timers/promises';
import { WeftError } from '@weft/core/weft-error';

/** What was waited for did not come in time. The message says what was expected, what was seen last, and where to look. */
export class DeadlinePassed extends WeftError {
  constructor(expected: string, seen: string, withinMs: number, where?: string) {
    super(
      'deadline_passed',
      `expected ${expected} within ${withinMs / 1000} s; seen: ${seen}${where === undefined ? '' : ` (see ${where})`}`,
      {
        details: { expected, seen, withinMs, ...(where === undefined ? {} : { where }) },
      },
    );
  }
}

export type WaitOptions = Readonly<{
  /** What is waited for: `three nodes ready`. */
  expected: string;
  withinMs: number;
  /** Where the logs are. */
  where?: string | undefined;
  signal?: AbortSignal | undefined;
  /** Between two looks; 20 by default. */
  everyMs?: number;
}>;

/** What is waited for cannot come any more, so the wait ends at once with this as its error. Subclassed by who knows why. */
export class NoUseWaiting extends WeftError {}

/** One look: the answer that was waited for, or what was seen in its stead. */
export type Look<T> = Readonly<{ done: T }> | Readonly<{ seen: string }>;

/**
 * Looks again and again until it is done; the last look is always after the deadline. A look that throws counts as not done, its error as what
 * was seen. Throws {@link DeadlinePassed}, {@link NoUseWaiting} as a look threw it, or the signal's reason.
 */
export async function waitFor<T>(options: WaitOptions, look: () => Promise<Look<T>> | Look<T>): Promise<T> {
  const { expected, withinMs, where, signal, everyMs = 20 } = options;
  const deadline = performance.now() + withinMs;
  for (;;) {
    signal?.throwIfAborted();
    const last = performance.now() >= deadline;
    const answer = await tryLook(look);
    if ('done' in answer) return answer.done;
    if (last) throw new DeadlinePassed(expected, answer.seen, withinMs, where);
    await delay(everyMs, undefined, signal === undefined ? {} : { signal }).catch(() => signal?.throwIfAborted());
  }
}

async function tryLook<T>(look: () => Promise<Look<T>> | Look<T>): Promise<Look<T>> {
  try {
    return await look();
  } catch (error) {
    if (error instanceof NoUseWaiting) throw error;
    return { seen: error instanceof Error ? error.message : String(error) };
  }
}
