import { fileURLToPath } from 'node:url';
import { WeftError } from '@weft/core/weft-error';
import { runLab } from '@weft/lab/run-lab';
import type { CliContext } from './cli-context.ts';

/** Not root: exit code 3, like everything that the machine lacks. */
export const EXIT_MACHINE = 3;

class Interrupted extends WeftError {
  readonly exitCode: number;

  constructor(signal: string, exitCode: number) {
    super('interrupted', `interrupted by ${signal}`);
    this.exitCode = exitCode;
  }
}

const SIGNALS = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

/** `weft lab up`. Ctrl-C takes the cluster down in order; a second one leaves at once, and the next lab clears up. */
export async function labUp(context: CliContext, flags: Readonly<{ once: boolean; json: boolean; keep: boolean }>): Promise<void> {
  const { stdout: out, stderr: err } = context.process;
  if (process.getuid?.() !== 0) {
    err.write(
      'For now the lab needs root, because it makes network namespaces and programs tunnels, bridges and packet filters in the kernel.\n',
    );
    context.process.exitCode = EXIT_MACHINE;
    return;
  }
  const controller = new AbortController();
  let upAndDone = false;
  const stop = (signal: keyof typeof SIGNALS): void => {
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
