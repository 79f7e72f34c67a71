/** Flags and arguments as stricli wants them described, and the texts of `--help`. */
import { UsageError } from './failure.ts';

/** Flags of every command that calls the API. */
export type ApiFlags = Readonly<{ as?: string; json?: boolean }>;

export const API_FLAGS = {
  as: {
    kind: 'parsed',
    parse: String,
    optional: true,
    brief: 'Whose token of the client configuration to use; by default admin’s, or the only one',
    placeholder: 'name',
  },
  json: { kind: 'boolean', optional: true, withNegated: false, brief: 'Print JSON, as the API gives it' },
} as const;

/** Flags of every command that writes. */
export type WriteFlags = ApiFlags & Readonly<{ dryRun?: boolean }>;

export const WRITE_FLAGS = {
  ...API_FLAGS,
  dryRun: { kind: 'boolean', optional: true, withNegated: false, brief: 'Say what would change, open and close, and do nothing' },
} as const;

export const text = (brief: string, placeholder: string) => ({ kind: 'parsed', parse: String, brief, placeholder }) as const;
export const optionalText = (brief: string, placeholder: string) => ({ ...text(brief, placeholder), optional: true }) as const;
export const manyTexts = (brief: string, placeholder: string) => ({ ...text(brief, placeholder), optional: true, variadic: true }) as const;
export const optionalSwitch = (brief: string) => ({ kind: 'boolean', optional: true, withNegated: false, brief }) as const;

/** As they are typed; see {@link kbps}. */
export type LimitFlags = Readonly<{ ingressKbps?: string; egressKbps?: string }>;

export const limitFlags = (ingress: string, egress: string) =>
  ({
    ingressKbps: optionalText(`How fast traffic ${ingress} may be, or \`none\` (administrators only)`, 'kbps'),
    egressKbps: optionalText(`How fast traffic ${egress} may be, or \`none\` (administrators only)`, 'kbps'),
  }) as const;

/** Kilobits a second; null for `none`. Which rates there can be, the API says. */
export function kbps(given: string): number | null {
  if (given === 'none') return null;
  if (!/^\d{1,15}$/.test(given))
    throw new UsageError(`${given} is no rate`, 'Say kilobits a second as a whole number, such as 20000, or `none`.');
  return Number(given);
}

/** One word, the name of something new. */
export const newName = (kind: string) =>
  ({ kind: 'tuple', parameters: [{ brief: `Name of the new ${kind}`, parse: String, placeholder: 'name' }] }) as const;

/** One word, naming something that exists. */
export const target = (kind: string) =>
  ({ brief: `Its name, its id, or the beginning of its id`, parse: String, placeholder: kind }) as const;

type Docs = Readonly<{ brief: string; fullDescription: string; customUsage?: readonly string[] }>;

/** The text of a command's `--help`: what it does, what is worth knowing, and command lines to copy. */
export function docs(brief: string, options: Readonly<{ more?: string; examples: readonly string[]; usage?: string }>): Docs {
  const examples = options.examples.map((line) => `  ${line}`);
  return {
    brief,
    fullDescription: [brief, ...(options.more === undefined ? [] : ['', options.more]), '', 'EXAMPLES', ...examples].join('\n'),
    ...(options.usage === undefined ? {} : { customUsage: [options.usage] }),
  };
}
