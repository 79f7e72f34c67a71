/** What commands that make and change rules of the public side have in common: how a person says ports, priorities and prefixes. */
import { UsageError } from './failure.ts';
import { optionalText } from './flags.ts';

export type Direction = 'inbound' | 'outbound';
export type Protocol = 'tcp' | 'udp' | 'icmp';

export type RuleFlags = Readonly<{ ports?: string; remote?: string; priority?: number; description?: string }>;

const priority = {
  kind: 'parsed',
  parse: Number,
  optional: true,
  brief: 'Lower ones are asked first; by default 32768',
  placeholder: 'number',
} as const;

export const RULE_FLAGS = {
  ports: optionalText('The port, or first:last; by default any', 'ports'),
  remote: optionalText('The prefix outside; by default any', 'cidr'),
  priority,
  description: optionalText('What it is for', 'text'),
} as const;

/** Of a rule that exists: what is not said stays. */
export const CHANGED_RULE_FLAGS = {
  protocol: { kind: 'enum', values: ['tcp', 'udp', 'icmp', 'any'], optional: true, brief: 'Its protocol, or any' },
  ports: optionalText('The port, or first:last, or any', 'ports'),
  remote: optionalText('The prefix outside, or any', 'cidr'),
  priority: { ...priority, brief: 'Lower ones are asked first' },
  description: RULE_FLAGS.description,
} as const;

/** A word of a few; anything else is an error that names them. */
export const oneOf =
  <const T extends string>(...words: readonly T[]) =>
  (text: string): T => {
    const word = words.find((candidate) => candidate === text);
    if (word === undefined) throw new SyntaxError(`expected one of: ${words.join(', ')}`);
    return word;
  };

export const DIRECTION = {
  brief: 'inbound, from outside, or outbound',
  parse: oneOf('inbound', 'outbound'),
  placeholder: 'direction',
} as const;

type Said = Readonly<{
  port_min?: number | null;
  port_max?: number | null;
  remote_cidr?: string | null;
  priority?: number;
  description?: string;
}>;

/** What the flags say, as the API has it; `any` is its null. Throws UsageError. */
export function saidByFlags({ ports, remote, priority: number, description }: RuleFlags): Said {
  if (Number.isNaN(number)) throw new UsageError('a priority is a number', 'Say one from 0 to 65535.');
  return {
    ...(ports === undefined ? {} : portRange(ports)),
    ...(remote === undefined ? {} : { remote_cidr: orAny(remote) }),
    ...(number === undefined ? {} : { priority: number }),
    ...(description === undefined ? {} : { description }),
  };
}

export const orAny = <T extends string>(word: T): Exclude<T, 'any'> | null => (word === 'any' ? null : (word as Exclude<T, 'any'>));

/** Throws UsageError where nothing is to be changed. */
export function somethingOf<B extends object>(body: B): B {
  if (Object.keys(body).length === 0) throw new UsageError('nothing is to be changed', 'Say what: its flags are in --help.');
  return body;
}

/** `80`, `80:89`, or `any`. */
function portRange(text: string): Readonly<{ port_min: number | null; port_max: number | null }> {
  if (text === 'any') return { port_min: null, port_max: null };
  const [, first, last = first] = /^(\d{1,5})(?::(\d{1,5}))?$/.exec(text) ?? [];
  if (first === undefined) throw new UsageError(`${text} is no port, and no range of ports`, 'Say --ports 80, or --ports 80:89.');
  return { port_min: Number(first), port_max: Number(last) };
}
