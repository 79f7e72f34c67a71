import { cidrClearingHostBits } from '@weft/core/cidr';
import type { Cidr } from '@weft/core/cidr';
import type { Parse } from '@weft/core/fields';
import { parseIpv4 } from '@weft/core/ipv4';
import type { Ipv4 } from '@weft/core/ipv4';
import { parseMac } from '@weft/core/mac';
import type { Mac } from '@weft/core/mac';
import type { Uuid } from '@weft/core/uuid';
import { parseUuid } from '@weft/core/uuid';
import { InvalidValue } from '@weft/core/weft-error';
import { BadRequest, InvalidInput } from './request-error.ts';

/**
 * Parsers of attribute values as they stand in /v2.0 bodies. They accept what Neutron accepts and refuse in its words: validators say
 * `Invalid input for <attribute>. Reason: …` (HTTPBadRequest), converters `Invalid input for operation: …` (InvalidInput).
 */

export function invalid(attribute: string, reason: string): BadRequest {
  return new BadRequest(`Invalid input for ${attribute}. Reason: ${reason}`);
}

/** A value as the original prints it: clients' tests compare `'None' is not a valid string.` */
export function printed(value: unknown): string {
  if (value === null || value === undefined) return 'None';
  if (value === true) return 'True';
  if (value === false) return 'False';
  return typeof value === 'string' ? value : JSON.stringify(value);
}

export function text(maxLength: number): Parse<string> {
  return (value, what) => {
    if (typeof value !== 'string') throw invalid(what, `'${printed(value)}' is not a valid string.`);
    if (value.length > maxLength) throw invalid(what, `'${value.slice(0, 40)}…' exceeds maximum length of ${maxLength}.`);
    // The store and JSON on the wire could not carry it faithfully.
    if (!value.isWellFormed() || value.includes('\0')) throw invalid(what, 'the string holds NUL or half a surrogate pair.');
    return value;
  };
}

const WORDS = new Map<string, boolean>([
  ...['true', 't', 'yes', 'y', 'on', '1'].map((word) => [word, true] as const),
  ...['false', 'f', 'no', 'n', 'off', '0'].map((word) => [word, false] as const),
]);

/** true, 1, "yes", "On" … and their opposites. */
export const boolean: Parse<boolean> = (value) => {
  const word = ['boolean', 'number', 'string'].includes(typeof value) ? WORDS.get(String(value).toLowerCase()) : undefined;
  if (word === undefined) throw new InvalidInput(`'${printed(value)}' cannot be converted to boolean`);
  return word;
};

/** An integer, or its decimal text. */
export const integer: Parse<number> = (value) => {
  const number = typeof value === 'string' && /^-?\d{1,15}$/.test(value.trim()) ? Number(value) : value;
  if (!Number.isSafeInteger(number)) throw new InvalidInput(`'${printed(value)}' is not an integer`);
  return number as number;
};

/** An integer of a range, both ends included. */
export function integerIn(min: number, max: number): Parse<number> {
  return (value, what) => {
    const number = integer(value, what);
    if (number < min || number > max) throw invalid(what, `'${printed(value)}' is not in range ${min} to ${max}.`);
    return number;
  };
}

export function uuid<T extends Uuid>(): Parse<T> {
  return (value, what) => reworded(() => parseUuid<T>(value), what, `'${printed(value)}' is not a valid UUID.`);
}

export const ipAddress: Parse<Ipv4> = (value, what) =>
  reworded(() => parseIpv4(value), what, `'${printed(value)}' is not a valid IP address.`);

export const macAddress: Parse<Mac> = (value, what) =>
  reworded(() => parseMac(value), what, `'${printed(value)}' is not a valid MAC address.`);

/** Host bits are cleared, as in Neutron. */
export const cidr: Parse<Cidr> = (value, what) =>
  reworded(() => cidrClearingHostBits(value), what, `'${printed(value)}' is not a valid IP subnet.`);

export function nullOr<T>(parse: Parse<T>): Parse<T | null> {
  return (value, what) => (value === null ? null : parse(value, what));
}

export function listOf<T>(parse: Parse<T>): Parse<readonly T[]> {
  return (value, what) => {
    if (!Array.isArray(value)) throw invalid(what, `'${printed(value)}' is not a list.`);
    return value.map((item: unknown) => parse(item, what));
  };
}

export function oneOf<const T extends string | number>(...allowed: readonly T[]): Parse<T> {
  return (value, what) => {
    const found = allowed.find((candidate) => candidate === value || String(candidate) === value);
    if (found === undefined) throw invalid(what, `'${printed(value)}' is not in [${allowed.join(', ')}].`);
    return found;
  };
}

/** An object with no other keys than these, each parsed if it is there. */
export function objectOf<T extends Readonly<Record<string, Parse<unknown>>>>(
  keys: T,
  name: string,
): Parse<{ readonly [K in keyof T]?: ReturnType<T[K]> }> {
  return (value, what) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw invalid(what, `Invalid data format for ${name}: '${printed(value)}'.`);
    }
    const parsed: Record<string, unknown> = {};
    for (const [key, item] of Object.entries(value)) {
      const parse = Object.hasOwn(keys, key) ? keys[key] : undefined;
      if (parse === undefined) throw invalid(what, `Invalid data format for ${name}: '${key}' is not expected.`);
      parsed[key] = parse(item, what);
    }
    return parsed as { readonly [K in keyof T]?: ReturnType<T[K]> };
  };
}

function reworded<T>(parse: () => T, what: string, reason: string): T {
  try {
    return parse();
  } catch (error) {
    if (error instanceof InvalidValue) throw invalid(what, reason);
    throw error;
  }
}
