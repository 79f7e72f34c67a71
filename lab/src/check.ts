/**
 * Checks: what the lab proves, one at a time, with real packets.
 *
 * A check that must see *nothing* first makes the same probe arrive where it may, so that a broken probe cannot pass for a safe network.
 */
import { WeftError } from '@weft/core/weft-error';

export type Check<Context> = Readonly<{
  /** Stable: it is what `--json` prints and what sabotage names. */
  id: string;
  /** Checks without whose success this one means nothing: when one of them failed, this one is failed unrun. */
  needs: readonly string[];
  /** Stops or replaces parts of the cluster; in a sabotage run only the ones that are sabotaged themselves do. */
  disturbs: boolean;
  /** Returns what was measured, for people: `0 of 600 packets lost`. Throws when what should be is not. */
  run: (context: Context) => Promise<string>;
}>;

export type CheckResult = Readonly<{ check: string; ok: boolean; ms: number; detail: string }>;

/** What should be is not. The message says both. */
export class CheckFailed extends WeftError {
  constructor(expected: string, seen: string, where?: string) {
    super('check_failed', `expected ${expected}; seen: ${seen}${where === undefined ? '' : ` (see ${where})`}`, {
      details: { expected, seen, ...(where === undefined ? {} : { where }) },
    });
  }
}

/** Throws {@link CheckFailed} unless `ok`. */
export function expect(ok: boolean, expected: string, seen: string, where?: string): asserts ok {
  if (!ok) throw new CheckFailed(expected, seen, where);
}

/**
 * Runs checks in their order and hands over each result. A failure does not stop the others, except those that need it. An abort ends the
 * run by the signal's reason. Throws plainly if the list is wrong: two of one id, or a need that is no earlier check.
 */
export async function runChecks<Context>(
  checks: readonly Check<Context>[],
  context: Context,
  deps: Readonly<{ report: (result: CheckResult) => void; signal: AbortSignal }>,
): Promise<readonly CheckResult[]> {
  verifyOrder(checks);
  const results = new Map<string, CheckResult>();
  for (const check of checks) {
    deps.signal.throwIfAborted();
    const failedNeeds = check.needs.filter((id) => results.get(id)?.ok === false);
    const result = failedNeeds.length > 0 ? unrun(check.id, failedNeeds) : await runOne(check, context);
    deps.signal.throwIfAborted();
    results.set(check.id, result);
    deps.report(result);
  }
  return [...results.values()];
}

async function runOne<Context>(check: Check<Context>, context: Context): Promise<CheckResult> {
  const startMs = performance.now();
  const done = (ok: boolean, detail: string): CheckResult => ({
    check: check.id,
    ok,
    ms: Math.round(performance.now() - startMs),
    detail,
  });
  try {
    return done(true, await check.run(context));
  } catch (error) {
    return done(false, explain(error));
  }
}

function unrun(id: string, failedNeeds: readonly string[]): CheckResult {
  return { check: id, ok: false, ms: 0, detail: `not run: it needs ${failedNeeds.join(', ')}, which failed` };
}

/** The message and those of its causes; of a bug also where it happened. */
export function explain(error: unknown): string {
  const parts: string[] = [];
  for (let link: unknown = error; link instanceof Error && parts.length < 8; link = link.cause) {
    parts.push(link instanceof WeftError ? link.message : (link.stack ?? link.message));
  }
  return parts.length === 0 ? JSON.stringify(error) : parts.join('\n  because: ');
}

function verifyOrder<Context>(checks: readonly Check<Context>[]): void {
  const known = new Set<string>();
  for (const { id, needs } of checks) {
    if (known.has(id)) throw new Error(`two checks are called ${id}`);
    const unknown = needs.find((need) => !known.has(need));
    if (unknown !== undefined) throw new Error(`check ${id} needs ${unknown}, which does not come before it`);
    known.add(id);
  }
}
