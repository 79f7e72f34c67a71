import { Fields } from '@weft/core/fields';
import type { Parse } from '@weft/core/fields';
import { InvalidValue } from '@weft/core/weft-error';

/** Every tenant's own names end with it; nobody else is asked about it. `internal` is set aside for that. */
const DEFAULT_DOMAIN = 'weft.internal';
const LABEL = '[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?';

/** A host's name of one or more labels (RFC 1123 §2.1), in either case. */
export const isHostName = (text: string): boolean => text.length <= 253 && new RegExp(`^${LABEL}(\\.${LABEL})*$`, 'i').test(text);

const parseDomain: Parse<string> = (value, what) => {
  if (typeof value !== 'string' || !isHostName(value)) throw new InvalidValue(what, value, 'is not a domain name');
  return value.toLowerCase();
};

/** `dns_domain` of CONNECTED's `configure.weft`. Throws InvalidValue. */
export function dnsDomainOf(weft: unknown): string {
  return new Fields(weft ?? {}, 'configure.weft').optional('dns_domain', parseDomain) ?? DEFAULT_DOMAIN;
}
