import { execInLab } from '@weft/lab/exec';
import { clientOf } from './cli-context.ts';
import type { CliContext } from './cli-context.ts';
import { WeftError } from '@weft/core/weft-error';

/** `weft lab exec WHERE -- COMMAND`: the command's exit code becomes ours. */
export async function labExec(context: CliContext, words: readonly string[]): Promise<void> {
  const [where, file, ...args] = words;
  if (where === undefined || file === undefined)
    throw new WeftError('usage', 'name a place and a command, as in: weft lab exec red/alpha -- ip addr');
  context.process.exitCode = await execInLab({ where, command: [file, ...args] }, { client: () => clientOf(context, { as: 'admin' }) });
}
