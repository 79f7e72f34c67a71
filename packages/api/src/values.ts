import { cidrClearingHostBits } from '@weft/core/cidr';
import { cidr6ClearingHostBits } from '@weft/core/cidr6';
import { parseIp } from '@weft/core/ip';
import type { IpAddress, IpCidr } from '@weft/core/ip';
import { parseMac } from '@weft/core/mac';
import type { Mac } from '@weft/core/mac';
import type { Uuid } from '@weft/core/uuid';
import { parseUuid } from '@weft/core/uuid';
import { InvalidValue } from '@weft/core/weft-error';
import { Type } from 'typebox';
import type { TSchema } from 'typebox';
import { described } from './described.ts';
import type { Described } from './described.ts';
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

export function text(maxLength: number): Described<string, Type.TString> {
  return described(Type.String({ maxLength }), (value, what) => {
    if (typeof value !== 'string') throw invalid(what, `'${printed(value)}' is not a valid string.`);
    if (value.length > maxLength) throw invalid(what, `'${value.slice(0, 40)}…' exceeds maximum length of ${maxLength}.`);
    // The store and JSON on the wire could not carry it faithfully.
    if (!value.isWellFormed() || value.includes('\0')) throw invalid(what, 'the string holds NUL or half a surrogate pair.');
    return value;
  });
}

const MAC_PATTERN = '^[0-9A-Fa-f]{2}([:-][0-9A-Fa-f]{2}){5}$';
const CIDR_PATTERN = '^(\\d{1,3}(\\.\\d{1,3}){3}/\\d{1,2}|[0-9A-Fa-f:.]{2,45}/\\d{1,3})$';

const WORDS = new Map<string, boolean>([
  ...['true', 't', 'yes', 'y', 'on', '1'].map((word) => [word, true] as const),
  ...['false', 'f', 'no', 'n', 'off', '0'].map((word) => [word, false] as const),
]);

/** true, 1, "yes", "On" … and their opposites. */
export const boolean = described(Type.Boolean(), (value): boolean => {
  const word = ['boolean', 'number', 'string'].includes(typeof value) ? WORDS.get(String(value).toLowerCase()) : undefined;
  if (word === undefined) throw new InvalidInput(`'${printed(value)}' cannot be converted to boolean`);
  return word;
});

/** An integer, or its decimal text. */
export const integer = described(Type.Integer(), (value): number => {
  const number = typeof value === 'string' && /^-?\d{1,15}$/.test(value.trim()) ? Number(value) : value;
  if (!Number.isSafeInteger(number)) throw new InvalidInput(`'${printed(value)}' is not an integer`);
  return number as number;
});

/** An integer of a range, both ends included. */
export function integerIn(minimum: number, maximum: number): Described<number, Type.TInteger> {
  return described(Type.Integer({ minimum, maximum }), (value, what) => {
    const number = integer(value, what);
    if (number < minimum || number > maximum) throw invalid(what, `'${printed(value)}' is not in range ${minimum} to ${maximum}.`);
    return number;
  });
}

export function uuid<T extends Uuid>(): Described<T, Type.TString> {
  return described(Type.String({ format: 'uuid' }), (value, what) =>
    reworded(() => parseUuid<T>(value), what, `'${printed(value)}' is not a valid UUID.`),
  );
}

/** Of either family, made canonical. */
export const ipAddress = described(Type.String({ anyOf: [{ format: 'ipv4' }, { format: 'ipv6' }] }), (value, what): IpAddress =>
  reworded(() => parseIp(value), what, `'${printed(value)}' is not a valid IP address.`),
);

export const macAddress = described(Type.String({ pattern: MAC_PATTERN }), (value, what): Mac =>
  reworded(() => parseMac(value), what, `'${printed(value)}' is not a valid MAC address.`),
);

/** Host bits are cleared, as in Neutron. */
export const cidr = described(Type.String({ pattern: CIDR_PATTERN }), (value, what): IpCidr =>
  reworded(
    () => (String(value).includes(':') ? cidr6ClearingHostBits(value) : cidrClearingHostBits(value)),
    what,
    `'${printed(value)}' is not a valid IP subnet.`,
  ),
);

/** A text of a filter in canonical form; what is no address stays as it is, and matches nothing. */
export function canonicalAddress(text: string): string {
  return canonical(() => parseIp(text), text);
}

export function canonicalCidr(text: string): string {
  return canonical(() => cidr(text, 'filter'), text);
}

function canonical(parse: () => string, text: string): string {
  try {
    return parse();
  } catch {
    return text;
  }
}

export function nullOr<T, S extends TSchema>(parse: Described<T, S>): Described<T | null, Type.TUnion<[S, Type.TNull]>> {
  return described(Type.Union([parse.schema, Type.Null()]), (value, what) => (value === null ? null : parse(value, what)));
}

export function listOf<T, S extends TSchema>(parse: Described<T, S>): Described<readonly T[], Type.TArray<S>> {
  return described(Type.Array(parse.schema), (value, what) => {
    if (!Array.isArray(value)) throw invalid(what, `'${printed(value)}' is not a list.`);
    return value.map((item: unknown) => parse(item, what));
  });
}

export function oneOf<const T extends string | number>(...allowed: readonly T[]): Described<T, Type.TUnsafe<T>> {
  return described(Type.Unsafe<T>({ enum: [...allowed] }), (value, what) => {
    const found = allowed.find((candidate) => candidate === value || String(candidate) === value);
    if (found === undefined) throw invalid(what, `'${printed(value)}' is not in [${allowed.join(', ')}].`);
    return found;
  });
}

type Keys = Readonly<Record<string, Described<unknown>>>;
type ObjectSchema<T extends Keys> = Type.TObject<{ [K in keyof T]: Type.TOptional<T[K]['schema']> }>;

/** An object with no other keys than these, each parsed if it is there. */
export function objectOf<T extends Keys>(
  keys: T,
  name: string,
): Described<{ readonly [K in keyof T]?: ReturnType<T[K]> }, ObjectSchema<T>> {
  const properties = Object.fromEntries(Object.entries(keys).map(([key, parse]) => [key, Type.Optional(parse.schema)]));
  const schema = Type.Object(properties, { additionalProperties: false }) as unknown as ObjectSchema<T>;
  return described(schema, (value, what) => {
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
  });
}

function reworded<T>(parse: () => T, what: string, reason: string): T {
  try {
    return parse();
  } catch (error) {
    if (error instanceof InvalidValue) throw invalid(what, reason);
    throw error;
  }
}
