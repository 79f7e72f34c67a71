import { InvalidValue } from './weft-error.ts';

/** As Nova: what a workload is given to read at its first start, in base64 of at most so many characters. */
export const USER_DATA_MAX_LENGTH = 65_535;

/** RFC 4648 §4 with its padding, on one line. Throws InvalidValue, which does not repeat it: it may hold secrets. */
export function parseUserData(value: unknown, what: string): string {
  const fault =
    typeof value !== 'string' || !isBase64(value)
      ? 'is not base64 on one line, with its padding'
      : value.length > USER_DATA_MAX_LENGTH
        ? `is longer than ${USER_DATA_MAX_LENGTH} characters of base64`
        : undefined;
  if (fault !== undefined) throw new InvalidValue(what, '…', fault);
  return value as string;
}

function isBase64(text: string): boolean {
  return text.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(text);
}
