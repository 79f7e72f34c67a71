import { execInLab } from '@weft/lab/exec';
import { labPaths } from '@weft/lab/lab-paths';
import type { CliContext } from './cli-context.ts';
import { chooseToken, loadClientConfig } from './client-config.ts';
import { clientFor } from './connect.ts';
import { requireRoot } from './require-root.ts';

/** `weft lab exec PLACE -- COMMAND`: the command's exit code becomes ours. */
export async function labExec(context: CliContext, where: string, command: readonly [string, ...string[]]): Promise<void> {
  requireRoot('entering a namespace of the lab');
  // The lab is asked where a workload is, whatever other cluster the user's own configuration names.
  const client = () => {
    const config = loadClientConfig([labPaths().client]);
    const [, token] = chooseToken(config, 'admin');
    return clientFor(config, token);
  };
  // Ctrl-C is the command's to answer; it gets it from the terminal, as we do.
  process.on('SIGINT', ignore);
  process.on('SIGQUIT', ignore);
  try {
    context.process.exitCode = await execInLab({ where, command }, { client });
  } finally {
    process.off('SIGINT', ignore);
    process.off('SIGQUIT', ignore);
  }
}

function ignore(): void {}
