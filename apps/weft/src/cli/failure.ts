import { ApiError } from '@weft/api/api-error';
import { WeftError } from '@weft/core/weft-error';
import { printable } from './table.ts';

/** 0 is success; these are the ways not to get there. */
export const EXIT_FAILED = 1;
export const EXIT_USAGE = 2;
export const EXIT_MACHINE = 3;

/** The command line does not make sense. Exit code 2. */
export class UsageError extends WeftError {
  constructor(message: string, remedy?: string) {
    super('usage', message, remedy === undefined ? {} : { remedy });
  }
}

/** What the command needs is not on this machine: a client configuration, root. Exit code 3. */
export class MachineLacks extends WeftError {}

export function exitCodeOf(error: unknown): number {
  if (error instanceof UsageError) return EXIT_USAGE;
  return error instanceof MachineLacks ? EXIT_MACHINE : EXIT_FAILED;
}

/** What went wrong, why if that is known, what to do next, and under which id the server's log has it: a line each. A stack only for bugs. */
export function formatFailure(error: unknown): string {
  if (!(error instanceof WeftError)) {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return `weft: this is a bug, please report it: ${text}`;
  }
  const lines = [`weft: ${error.message}`];
  let told = error.message;
  for (let { cause } = error; cause instanceof Error; cause = cause.cause as Error) {
    // Some messages quote their cause.
    if (!told.includes(cause.message)) lines.push(`  because: ${cause.message}`);
    told += cause.message;
    if (lines.length > 5) break;
  }
  if (error.remedy !== undefined) lines.push(error.remedy);
  if (error instanceof ApiError && error.requestId !== undefined) lines.push(`(request ${error.requestId})`);
  return lines.map((text) => text.split('\n').map(printable).join('\n')).join('\n');
}
