/**
 * Proves that the checks can fail. Each sabotage breaks one thing from outside – with `ip`, `bridge`, `nft` and `kill`, never through the product – and then
 * everything is checked: the check that it was meant for must turn red, those that declare to need it may, and no other.
 */
import { explain, runChecks } from './check.ts';
import type { CheckResult } from './check.ts';
import { CheckContext } from './check-context.ts';
import { ALL_CHECKS } from './checks/all.ts';
import type { LabCheck } from './checks/lab-check.ts';
import type { Lab } from './cluster.ts';
import { nodesInSync } from './nodes.ts';
import type { Saboteur } from './saboteur.ts';
import type { Scenario } from './scenario.ts';
import { snapshotLab } from './snapshot.ts';

/** One broken thing. */
export type Sabotage = Readonly<{
  /** The check that must notice. */
  check: string;
  /** What is broken, in a few words. */
  what: string;
  /** Breaks it; what it adds to `mend` is undone afterwards, last first, whatever happened. */
  run: (context: CheckContext, saboteur: Saboteur) => Promise<void> | void;
}>;

export type Verdict = Readonly<{ sabotage: Pick<Sabotage, 'check' | 'what'>; red: readonly string[]; ok: boolean; why: string }>;

/**
 * A node repairs what somebody changes behind its back within about a minute. A round in which that came before the check is repeated; not
 * more often, for a check that does not notice twice does not notice.
 */
const ROUNDS = 2;

/** Runs one sabotage and all the checks that may run beside it, and mends it. */
export async function sabotageRound(
  sabotage: Sabotage,
  deps: Readonly<{ lab: Lab; scenario: Scenario; saboteur: () => Saboteur; progress: (text: string) => void }>,
): Promise<Verdict> {
  let verdict: Verdict | undefined;
  for (let round = 0; round < ROUNDS && verdict?.ok !== true; round++) {
    verdict = await nodesInSync(deps.lab)
      .then(() => oneRound(sabotage, deps))
      .catch((error: unknown) => {
        deps.lab.signal.throwIfAborted();
        return { sabotage, red: [], ok: false, why: explain(error).split('\n', 1)[0]! };
      });
  }
  return verdict!;
}

async function oneRound(sabotage: Sabotage, deps: Parameters<typeof sabotageRound>[1]): Promise<Verdict> {
  const { lab, scenario, progress } = deps;
  await using saboteur = deps.saboteur();
  const looksBack = sabotage.check === 'leftovers';
  // Other sabotages are not what `leftovers` is to find: they are there before it looks for the first time.
  const early = looksBack ? snapshotLab(lab.paths, lab.id) : undefined;
  using breaking = new CheckContext({ lab, scenario, before: new Map() });
  await sabotage.run(breaking, saboteur);
  using context = new CheckContext({ lab, scenario, before: early ?? snapshotLab(lab.paths, lab.id) });
  const results = await runChecks(checksBeside(ALL_CHECKS, sabotage.check), context, {
    signal: lab.signal,
    report: (result) => progress(`  ${result.ok ? '✔' : '✘'} ${result.check}${result.ok ? '' : `: ${result.detail.split('\n', 1)[0]}`}`),
  });
  return judge(ALL_CHECKS, sabotage, results);
}

/** All that do not disturb the cluster, and the sabotaged one. */
export function checksBeside(checks: readonly LabCheck[], sabotaged: string): LabCheck[] {
  return checks.filter((check) => !check.disturbs || check.id === sabotaged);
}

/** Whether the right ones are red. */
export function judge(
  checks: readonly Pick<LabCheck, 'id' | 'needs'>[],
  sabotage: Pick<Sabotage, 'check' | 'what'>,
  results: readonly Pick<CheckResult, 'check' | 'ok'>[],
): Verdict {
  const red = results.filter((result) => !result.ok).map((result) => result.check);
  const allowed = dependents(checks, sabotage.check);
  const wrong = red.filter((id) => id !== sabotage.check && !allowed.has(id));
  const noticed = red.includes(sabotage.check);
  const why = [noticed ? '' : `${sabotage.check} did not notice`, wrong.length === 0 ? '' : `red as well: ${wrong.join(', ')}`];
  return { sabotage, red, ok: noticed && wrong.length === 0, why: why.filter((text) => text !== '').join('; ') };
}

/** Checks that need `id`, directly or by way of others. */
export function dependents(checks: readonly Pick<LabCheck, 'id' | 'needs'>[], id: string): Set<string> {
  const found = new Set<string>();
  // In order: what a check needs comes before it.
  for (const check of checks) if (check.needs.some((need) => need === id || found.has(need))) found.add(check.id);
  return found;
}

/** The table at the end. */
export function verdictTable(verdicts: readonly Verdict[]): string {
  const rows = verdicts.map(({ sabotage, red, ok, why }) => [
    ok ? '✔' : '✘',
    sabotage.check,
    sabotage.what,
    ok ? `red: ${red.join(', ')}` : why,
  ]);
  const widths = [0, 1, 2].map((column) => Math.max(...rows.map((row) => Array.from(row[column]!).length)));
  return rows
    .map(
      (row) =>
        `${row
          .map((cell, column) => cell.padEnd(widths[column] ?? 0))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('');
}
