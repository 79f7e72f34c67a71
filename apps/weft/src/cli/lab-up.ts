import { fileURLToPath } from 'node:url';
import { WeftError } from '@weft/core/weft-error';
import { runLab } from '@weft/lab/run-lab';
import type { CliContext } from './cli-context.ts';
import { requireRoot } from './require-root.ts';

class Interrupted extends WeftError {
  readonly exitCode: number;

  constructor(signal: string, exitCode: number) {
    super('interrupted', `interrupted by ${signal}`);
    this.exitCode = exitCode;
  }
}

/** Ctrl-C reaches us from the terminal, and again from what started us, such as npx: so soon after each other they are one. */
const ONE_SIGNAL_MS = 1000;

const SIGNALS = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

/** `weft lab up`. Ctrl-C takes the cluster down in order; a second one leaves at once, and the next lab clears up. */
export async function labUp(context: CliContext, flags: Readonly<{ once: boolean; json: boolean; keep: boolean }>): Promise<void> {
  const { stdout: out, stderr: err } = context.process;
  requireRoot('for now, bringing up a lab – network namespaces, tunnels, bridges and packet filters –');
  const controller = new AbortController();
  let upAndDone = false;
  let lastMs = Number.NEGATIVE_INFINITY;
  const stop = (signal: keyof typeof SIGNALS): void => {
    const nowMs = context.clock.nowMs();
    if (nowMs - lastMs < ONE_SIGNAL_MS) return;
    lastMs = nowMs;
    if (controller.signal.aborted) process.exit(SIGNALS[signal]);
    controller.abort(new Interrupted(signal, SIGNALS[signal]));
  };
  for (const signal of Object.keys(SIGNALS) as (keyof typeof SIGNALS)[]) process.on(signal, stop);
  try {
    const executable = fileURLToPath(new URL('../../bin/weft.mjs', import.meta.url));
    context.process.exitCode = await runLab(flags, { weft: [process.execPath, executable], out, err, signal: controller.signal });
    upAndDone = true;
  } catch (error) {
    if (!(error instanceof Interrupted)) throw error;
    context.process.exitCode = error.exitCode;
  } finally {
    for (const signal of Object.keys(SIGNALS)) process.off(signal, stop);
  }
  // Interrupted before the checks were through: nothing was proved.
  const { reason } = controller.signal;
  if (upAndDone && flags.once && reason instanceof Interrupted) context.process.exitCode = reason.exitCode;
}
