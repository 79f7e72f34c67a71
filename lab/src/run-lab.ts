/** `weft lab up`: brings the cluster up, proves that it works, stays until it is told to stop, and takes everything away. */
import { runChecks } from './check.ts';
import type { CheckResult } from './check.ts';
import { CheckContext } from './check-context.ts';
import { ALL_CHECKS } from './checks/all.ts';
import { LEFTOVERS } from './checks/leftovers.ts';
import { Lab } from './cluster.ts';
import { labPaths } from './lab-paths.ts';
import { nodesInSync } from './nodes.ts';
import { HumanReporter, JsonReporter, summarise } from './report.ts';
import type { Output, Reporter } from './report.ts';
import { saveLogs } from './save-logs.ts';
import { weave } from './scenario.ts';
import { settledSnapshot, snapshotDifference, snapshotMachine } from './snapshot.ts';
import type { Snapshot } from './snapshot.ts';
import { labTopology } from './topology.ts';

export const LAB_API_PORT = 8889;

export type RunLabOptions = Readonly<{
  /** End after the checks. */
  once: boolean;
  /** Results as JSON lines. */
  json: boolean;
  /** Take nothing away at the end; `weft lab down` or the next start does. */
  keep: boolean;
}>;

export type RunLabDeps = Readonly<{
  /** The `weft` executable, for the nodes' daemons. */
  weft: readonly [string, ...string[]];
  out: Output;
  err: Output;
  /** Aborted by Ctrl-C. */
  signal: AbortSignal;
}>;

/**
 * Returns the exit code: 0 if all went well, 1 if a check failed or something was left behind. Throws what bringing up throws; then, as after
 * an abort, everything has been taken away.
 */
export async function runLab(options: RunLabOptions, deps: RunLabDeps): Promise<number> {
  const startMs = performance.now();
  const reporter = makeReporter(options, deps);
  const elapsed = (): string => `${((performance.now() - startMs) / 1000).toFixed(1)} s`;
  const progress = (text: string): void => reporter.progress(`[${elapsed()}] ${text}`);
  const machine = snapshotMachine();
  const lab = await Lab.up(
    { weft: deps.weft, paths: labPaths(), topology: labTopology(), apiPort: LAB_API_PORT, signal: deps.signal },
    { progress },
  );
  const results: CheckResult[] = [];
  const report = (result: CheckResult): void => {
    results.push(result);
    reporter.check(result);
  };
  let looksBack: CheckResult | undefined;
  let broken = false;
  try {
    const nodes = await nodesInSync(lab);
    progress(`${nodes.length} nodes have joined`);
    const scenario = await weave(lab, { progress });
    using context = new CheckContext({ lab, scenario, before: await settledSnapshot(lab.paths, lab.id, lab.signal) });
    const hold = (result: CheckResult): void => {
      // What is left can be told only when everything has been taken away.
      if (options.once && !options.keep && result.check === LEFTOVERS.id) looksBack = result;
      else report(result);
    };
    await runChecks(ALL_CHECKS, context, { report: hold, signal: deps.signal });
    if (!options.once) {
      reporter.summary(summarise(results, (performance.now() - startMs) / 1000));
      await stayUp(lab, reporter);
    }
  } catch (error) {
    if (error !== deps.signal.reason) {
      broken = true;
      throw error;
    }
  } finally {
    if (options.keep) await lab.leave();
    else {
      if (broken || [...results, looksBack].some((result) => result?.ok === false)) {
        progress(`something failed; the daemons' logs are now in ${await saveLogs(lab.paths, lab.topology)}`);
      }
      progress('taking the lab down');
      await lab[Symbol.asyncDispose]();
    }
  }
  if (!options.keep) {
    const verdict = withMachine(looksBack, machine, lab.id);
    if (looksBack !== undefined) report(verdict);
    else if (!verdict.ok) {
      reporter.progress(verdict.detail);
      return 1;
    }
  }
  if (options.once) reporter.summary(summarise(results, (performance.now() - startMs) / 1000));
  return results.every((result) => result.ok) ? 0 : 1;
}

/** The check's own result, and whether the machine is as it was before the lab. */
function withMachine(result: CheckResult | undefined, before: Snapshot, labId: string): CheckResult {
  const startMs = performance.now();
  // What went is what an earlier lab had left.
  const difference = snapshotDifference(before, snapshotMachine(labId)).filter((line) => line.startsWith('+'));
  const ms = (result?.ms ?? 0) + Math.round(performance.now() - startMs);
  const own = result ?? { check: LEFTOVERS.id, ok: true, ms: 0, detail: '' };
  if (difference.length === 0)
    return { ...own, ms, detail: own.ok ? `${own.detail}; after the lab nothing is left on the machine` : own.detail };
  const left = `expected the machine to be as before the lab; seen:\n${difference.join('\n')}`;
  return { ...own, ms, ok: false, detail: own.ok ? left : `${own.detail}\n${left}` };
}

async function stayUp(lab: Lab, reporter: Reporter): Promise<void> {
  reporter.progress(
    [
      '',
      `The cluster stays up until Ctrl-C. Its API is at ${lab.api.url}; from a second terminal:`,
      '',
      '  npx weft node list                               the nodes',
      '  npx weft port list --as red                      what tenant red has',
      '  npx weft lab exec red/alpha -- ip addr           inside a workload',
      '  npx weft --help                                  everything else',
      '',
    ].join('\n'),
  );
  await new Promise<void>((resolve) => {
    if (lab.signal.aborted) resolve();
    lab.signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

function makeReporter({ json }: RunLabOptions, { out, err }: RunLabDeps): Reporter {
  const idWidth = Math.max(...ALL_CHECKS.map((check) => check.id.length));
  return json ? new JsonReporter({ out, err }) : new HumanReporter({ idWidth }, { out, err });
}
