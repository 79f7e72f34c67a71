import { WeftError } from '@weft/core/weft-error';
import { redact } from './redact.ts';

/** Longer chains are cut: somebody wraps in a loop. */
const CHAIN_MAX = 10;

/** How an error looks in a log line. `causes` is the rest of the chain, outermost first; a stack is given only for bugs. */
export type ErrorFields = Readonly<{
  code: string;
  message: string;
  details?: unknown;
  remedy?: string;
  stack?: string;
  causes?: readonly Readonly<{ code: string; message: string; details?: unknown }>[];
}>;

/** The log form of any thrown value: each error of its chain of causes once. An AggregateError's errors count as its causes. */
export function errorFields(error: unknown): ErrorFields {
  const chain = chainOf(error);
  const causes = chain.slice(1).map(linkFields);
  const remedy = chain.find((link) => link instanceof WeftError && link.remedy !== undefined) as WeftError | undefined;
  // The deepest error knows where it went wrong; those around it only say what was being done.
  const bug = chain.findLast((link) => link instanceof Error && !(link instanceof WeftError) && !isSystemError(link)) as Error | undefined;
  return {
    ...linkFields(error),
    ...(remedy?.remedy === undefined ? {} : { remedy: remedy.remedy }),
    ...(bug?.stack === undefined ? {} : { stack: bug.stack }),
    ...(causes.length === 0 ? {} : { causes }),
  };
}

function chainOf(error: unknown): unknown[] {
  const chain: unknown[] = [];
  const visit = (link: unknown): void => {
    if (chain.length >= CHAIN_MAX || chain.includes(link)) return;
    chain.push(link);
    if (!(link instanceof Error)) return;
    if (link instanceof AggregateError) for (const each of link.errors as unknown[]) visit(each);
    if (link.cause !== undefined) visit(link.cause);
  };
  visit(error);
  return chain;
}

function linkFields(error: unknown): Readonly<{ code: string; message: string; details?: unknown }> {
  if (!(error instanceof Error)) return { code: 'internal', message: String(error) };
  if (error instanceof WeftError) {
    const details = Object.keys(error.details).length === 0 ? {} : { details: redact(error.details) };
    return { code: error.code, message: error.message, ...details };
  }
  if (isSystemError(error)) return { code: error.code, message: error.message };
  return { code: 'internal', message: `${error.name}: ${error.message}` };
}

/** Node's own errors have a code such as ENOENT or ERR_TLS_CERT_ALTNAME_INVALID, and their stack says nothing about us. */
function isSystemError(error: Error): error is Error & { code: string } {
  return 'code' in error && typeof error.code === 'string';
}
