/**
 * `weft`: daemons and tools in one executable. Each is loaded only when it is asked for, so that a command line tool does not pay for a web
 * server, nor for FFI.
 */
import { daemonCall, runDaemonCommand } from './daemons/daemons.ts';

/** Runs what the arguments say. Sets the exit code; daemons end the process themselves. */
export async function main(process: NodeJS.Process): Promise<void> {
  const daemon = daemonCall(process.argv.slice(2));
  if (daemon !== undefined) {
    const code = await runDaemonCommand(daemon.name, daemon.args, process);
    if (code !== undefined) process.exitCode = code;
    return;
  }
  const { runCli } = await import('./cli/cli.ts');
  await runCli(process);
}
