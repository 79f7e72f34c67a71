import { setTimeout } from 'node:timers/promises';
import { ExitCode, run } from '@stricli/core';
import { application } from './application.ts';
import { say } from './cli-context.ts';
import type { CliContext } from './cli-context.ts';
import { EXIT_FAILED, EXIT_USAGE } from './failure.ts';
import { terminalAsk } from './terminal.ts';

/** Runs a tool of the command line and sets the exit code. */
export async function runCli(process: NodeJS.Process): Promise<void> {
  process.stdout.on('error', endOfOutput);
  // Nothing can be said there any more.
  process.stderr.on('error', () => {});
  const context: CliContext = {
    process: process as CliContext['process'],
    connect: async (as) => (await import('./connect.ts')).connect(process.env, as),
    ask: terminalAsk(process),
    clock: { nowMs: () => performance.now(), sleep: (ms) => setTimeout(ms) },
  };
  await runCommand(process.argv.slice(2), context);

  /** Whoever read the output has gone (`| head`): that is no failure, and what is going on is finished all the same. */
  function endOfOutput(error: NodeJS.ErrnoException): void {
    if (error.code === 'EPIPE') return;
    process.exitCode = EXIT_FAILED;
    process.stderr.write(`weft: writing the output: ${error.message}\n`);
  }
}

/** One command line, without the program's name. */
export async function runCommand(args: readonly string[], context: CliContext): Promise<void> {
  await run(application(), leadingFlagsMoved(args), context);
  // Stricli's codes for its own failures are negative; shells know 0 to 255.
  const { exitCode } = context.process;
  if (typeof exitCode !== 'number' || exitCode >= 0) return;
  context.process.exitCode = exitCode === ExitCode.UnknownCommand || exitCode === ExitCode.InvalidArgument ? EXIT_USAGE : EXIT_FAILED;
  if (exitCode === ExitCode.InvalidArgument) say(context, 'The same command with --help says what it takes.');
}

/** `weft --as red port list` is what many type first; stricli takes flags after the command only. */
export function leadingFlagsMoved(args: readonly string[]): readonly string[] {
  let at = 0;
  while (at < args.length && LEADING.some((flag) => args[at] === flag || args[at]!.startsWith('--as='))) at += args[at] === '--as' ? 2 : 1;
  const command = args.slice(at, at + 2);
  return [...command, ...args.slice(0, at), ...args.slice(at + 2)];
}

const LEADING = ['--as', '--json'];
