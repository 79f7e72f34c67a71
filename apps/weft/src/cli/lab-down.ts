import { removeLab } from '@weft/lab/remove-lab';
import { say } from './cli-context.ts';
import type { CliContext } from './cli-context.ts';
import { requireRoot } from './require-root.ts';

/** `weft lab down`. */
export async function labDown(context: CliContext): Promise<void> {
  requireRoot('removing a lab');
  say(context, await removeLab());
}
