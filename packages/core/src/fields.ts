import { InvalidValue } from './weft-error.ts';

/** Parses one value found under `what` (a path like `port.mac`); throws InvalidValue. */
export type Parse<T> = (value: unknown, what: string) => T;

/**
 * Reads the fields of an untrusted record: a stored row, a plan body, a payload. Every error names the field by its path.
 *
 *     const f = new Fields(body, 'peer');
 *     return { vni: f.required('vni', parseVni), ips: f.list('ips', parseIpv4) };
 */
export class Fields {
  readonly #record: Readonly<Record<string, unknown>>;
  readonly #what: string;

  constructor(value: unknown, what: string) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new InvalidValue(what, value, 'is not an object');
    this.#record = value as Readonly<Record<string, unknown>>;
    this.#what = what;
  }

  required<T>(key: string, parse: Parse<T>): T {
    const value = this.#own(key);
    if (value === undefined) throw new InvalidValue(`${this.#what}.${key}`, undefined, 'is missing');
    return parse(value, `${this.#what}.${key}`);
  }

  optional<T>(key: string, parse: Parse<T>): T | undefined {
    const value = this.#own(key);
    return value === undefined || value === null ? undefined : parse(value, `${this.#what}.${key}`);
  }

  list<T>(key: string, parse: Parse<T>): readonly T[] {
    return this.required(key, listOf(parse));
  }

  /** Not what every object inherits: a key may come from outside. */
  #own(key: string): unknown {
    return Object.hasOwn(this.#record, key) ? this.#record[key] : undefined;
  }
}

export function listOf<T>(parse: Parse<T>): Parse<readonly T[]> {
  return (value, what) => {
    if (!Array.isArray(value)) throw new InvalidValue(what, value, 'is not a list');
    return value.map((item: unknown, index) => parse(item, `${what}[${index}]`));
  };
}

/** One of a fixed set of words. */
export function oneOf<const T extends string>(...words: readonly T[]): Parse<T> {
  return (value, what) => {
    const word = words.find((candidate) => candidate === value);
    if (word === undefined) throw new InvalidValue(what, value, `is not one of ${words.join(', ')}`);
    return word;
  };
}

export function parseString(value: unknown, what: string): string {
  if (typeof value !== 'string') throw new InvalidValue(what, value, 'is not a string');
  return value;
}

export function parseBoolean(value: unknown, what: string): boolean {
  if (typeof value !== 'boolean') throw new InvalidValue(what, value, 'is not true or false');
  return value;
}

/** An integer within `min`…`max`, both included. */
export function integerIn(min: number, max: number): Parse<number> {
  return (value, what) => {
    if (typeof value !== 'number' || !Number.isInteger(value) || value < min || value > max) {
      throw new InvalidValue(what, value, `is not an integer from ${min} to ${max}`);
    }
    return value;
  };
}

export const parseCount: Parse<number> = integerIn(0, Number.MAX_SAFE_INTEGER);
