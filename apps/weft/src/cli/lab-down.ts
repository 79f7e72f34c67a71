import { removeLab } from '@weft/lab/remove-lab';
import type { CliContext } from './cli-context.ts';

/** `weft lab down`. */
export async function labDown(context: CliContext): Promise<void> {
  context.process.stderr.write(`${await removeLab()}\n`);
}
