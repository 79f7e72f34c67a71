import type { Uuid } from '@weft/core/uuid';
import { parseUuid } from '@weft/core/uuid';
import { InvalidValue } from '@weft/core/weft-error';

/**
 * Reads a decoded payload key by key, as the original's YAML decoder does: unknown keys are passed over, missing ones are zero values unless
 * required. A wrong one throws InvalidValue that names it by its path, `start.requirements.mem_mb`.
 *
 * Parsed payloads keep the wire's key names, so what `parseX` returns is what `encodePayload` takes.
 */
export class PayloadMap {
  readonly #entries: Readonly<Record<string, unknown>>;
  readonly #path: string;

  constructor(value: unknown, path: string) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new InvalidValue(path, kindOf(value), 'is not a map');
    this.#entries = value as Record<string, unknown>;
    this.#path = path;
  }

  /** The key's value, or undefined when it is missing or null. */
  raw(key: string): unknown {
    return Object.hasOwn(this.#entries, key) ? (this.#entries[key] ?? undefined) : undefined;
  }

  has(key: string): boolean {
    return this.raw(key) !== undefined;
  }

  pathOf(key: string): string {
    return `${this.#path}.${key}`;
  }

  /** A map below this one; it must be there. */
  map(key: string): PayloadMap {
    return new PayloadMap(this.raw(key), this.pathOf(key));
  }

  /** A string; '' when missing. */
  string(key: string): string {
    const value = this.raw(key) ?? '';
    if (typeof value !== 'string') throw new InvalidValue(this.pathOf(key), kindOf(value), 'is not a string');
    return value;
  }

  requiredString(key: string): string {
    const value = this.string(key);
    if (value === '') throw new InvalidValue(this.pathOf(key), value, 'is required');
    return value;
  }

  oneOf<const T extends string>(key: string, allowed: readonly T[]): T {
    const value = this.string(key);
    const found = allowed.find((word) => word === value);
    if (found === undefined) throw new InvalidValue(this.pathOf(key), value, `is none of ${allowed.map((word) => `"${word}"`).join(', ')}`);
    return found;
  }

  /** A safe integer of at least `min`; 0 when missing. */
  integer(key: string, min = Number.MIN_SAFE_INTEGER): number {
    const value = this.raw(key) ?? 0;
    if (!Number.isSafeInteger(value)) throw new InvalidValue(this.pathOf(key), kindOf(value), 'is not an integer');
    if ((value as number) < min) throw new InvalidValue(this.pathOf(key), value, `is less than ${min}`);
    return value as number;
  }

  /** A boolean; false when missing. */
  boolean(key: string): boolean {
    const value = this.raw(key) ?? false;
    if (typeof value !== 'boolean') throw new InvalidValue(this.pathOf(key), kindOf(value), 'is not a boolean');
    return value;
  }

  uuid<T extends Uuid = Uuid>(key: string): T {
    return this.parsed(key, (value, what) => parseUuid<T>(value, what));
  }

  /** A UUID, or undefined when it is missing or '', which is how the original writes none. */
  optionalUuid<T extends Uuid = Uuid>(key: string): T | undefined {
    return this.string(key) === '' ? undefined : this.uuid<T>(key);
  }

  /** A required value through one of core's parsers, which gets the path for its error. */
  parsed<T>(key: string, parse: (value: unknown, what: string) => T): T {
    return parse(this.raw(key), this.pathOf(key));
  }

  /** As {@link parsed}, or undefined when it is missing or ''. */
  optionalParsed<T>(key: string, parse: (value: unknown, what: string) => T): T | undefined {
    const value = this.raw(key);
    return value === undefined || value === '' ? undefined : parse(value, this.pathOf(key));
  }

  /** A list, empty when missing; each item is parsed under the path `key[index]`. */
  list<T>(key: string, parse: (value: unknown, path: string) => T): T[] {
    const value = this.raw(key) ?? [];
    if (!Array.isArray(value)) throw new InvalidValue(this.pathOf(key), kindOf(value), 'is not a list');
    return value.map((item: unknown, index) => parse(item, `${this.pathOf(key)}[${index}]`));
  }

  /** As {@link list}, of at most `max` items. */
  boundedList<T>(key: string, max: number, parse: (value: unknown, path: string) => T): T[] {
    const value = this.raw(key);
    if (Array.isArray(value) && value.length > max) throw new InvalidValue(this.pathOf(key), value.length, `are more than ${max}`);
    return this.list(key, parse);
  }
}

/** A scalar itself; of anything else only what it is, for it may be long. */
function kindOf(value: unknown): unknown {
  if (Array.isArray(value)) return 'list';
  return typeof value === 'object' && value !== null ? 'map' : value;
}
