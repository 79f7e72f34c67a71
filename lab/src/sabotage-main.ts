/**
 * `npm run lab:sabotage [check…]`: brings a lab up, breaks one thing for each check (or for those named), and ends with a table. Exit code 0
 * only if each sabotage turned its check red, and no check that does not need it. Needs root, and iproute2, nftables and util-linux.
 */
import { fileURLToPath } from 'node:url';
import { runChecks } from './check.ts';
import { CheckContext } from './check-context.ts';
import { ALL_CHECKS } from './checks/all.ts';
import { Lab } from './cluster.ts';
import { labPaths } from './lab-paths.ts';
import { nodesInSync } from './nodes.ts';
import type { Output } from './report.ts';
import { LAB_API_PORT } from './run-lab.ts';
import { sabotageRound, verdictTable } from './sabotage.ts';
import type { Verdict } from './sabotage.ts';
import { SABOTAGES } from './sabotages.ts';
import { Saboteur } from './saboteur.ts';
import { weave } from './scenario.ts';
import { settledSnapshot } from './snapshot.ts';
import { labTopology } from './topology.ts';

/** Returns the exit code: 2 for a check that has no sabotage, 3 without root. */
export async function sabotage(
  wanted: readonly string[],
  deps: Readonly<{ signal: AbortSignal; out: Output; err: Output }>,
): Promise<number> {
  const { signal, out, err } = deps;
  const progress = (text: string): void => err.write(`${text}\n`);
  const unknown = wanted.filter((id) => SABOTAGES.every((sabotage) => sabotage.check !== id));
  if (unknown.length > 0) {
    progress(`no sabotage for ${unknown.join(', ')}; there are: ${SABOTAGES.map((sabotage) => sabotage.check).join(', ')}`);
    return 2;
  }
  if (process.getuid?.() !== 0) {
    progress('the lab needs root for now');
    return 3;
  }
  const weft = [process.execPath, fileURLToPath(new URL('../../apps/weft/bin/weft.mjs', import.meta.url))] as const;
  await using lab = await Lab.up({ weft, paths: labPaths(), topology: labTopology(), apiPort: LAB_API_PORT, signal }, { progress });
  await nodesInSync(lab);
  const scenario = await weave(lab, { progress });
  const verdicts: Verdict[] = [await untouched(lab, scenario)];
  for (const sabotage of SABOTAGES) {
    if (wanted.length > 0 && !wanted.includes(sabotage.check)) continue;
    progress(`${sabotage.check}: ${sabotage.what}`);
    verdicts.push(await sabotageRound(sabotage, { lab, scenario, saboteur: () => new Saboteur(), progress }));
  }
  out.write(verdictTable(verdicts));
  return verdicts.every((verdict) => verdict.ok) ? 0 : 1;
}

/** With nothing broken, nothing may be red: otherwise no sabotage proves anything. */
async function untouched(lab: Lab, scenario: Awaited<ReturnType<typeof weave>>): Promise<Verdict> {
  using context = new CheckContext({ lab, scenario, before: await settledSnapshot(lab.paths, lab.id, lab.signal) });
  const checks = ALL_CHECKS.filter((check) => !check.disturbs);
  const results = await runChecks(checks, context, { signal: lab.signal, report: () => undefined });
  const red = results.filter((result) => !result.ok);
  const why = red.map((result) => `${result.check}: ${result.detail}`).join('; ');
  return { sabotage: { check: '(none)', what: 'nothing is broken' }, red: red.map((result) => result.check), ok: red.length === 0, why };
}

if (import.meta.main) {
  const controller = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, () => controller.abort(new Error(`interrupted by ${name}`)));
  process.exitCode = await sabotage(process.argv.slice(2), { signal: controller.signal, out: process.stdout, err: process.stderr });
}
