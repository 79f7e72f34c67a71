const SECRET_NAMES = new Set(['token', 'tokens', 'key', 'password', 'secret', 'passphrase', 'authorization', 'cookie']);
const SECRET_ENDINGS = ['token', 'password', 'secret', 'passphrase', 'privatekey', 'presharedkey', 'tlskey'];

/** Beyond this depth a log field is not a fact any more but somebody's whole object graph. */
const DEPTH_MAX = 6;

/** A list longer than this is cut; the rest is counted. */
const ITEMS_MAX = 100;

/** True for field names whose value never reaches a log: `token`, `X-Auth-Token`, `privateKey` – but not `publicKey`. */
export function isSecretName(name: string): boolean {
  const word = name.toLowerCase().replaceAll(/[-_]/g, '');
  return SECRET_NAMES.has(word) || SECRET_ENDINGS.some((ending) => word.endsWith(ending));
}

/**
 * A copy of `value` that is JSON-safe and tells no secrets: values under secret names become `[redacted]`, bytes only their number, bigint a
 * decimal string, maps and sets arrays; cycles and great depth are cut. `convert` may take over values of its own, such as errors.
 */
export function redact(value: unknown, convert: (value: object) => unknown = () => undefined): unknown {
  return redactAt(value, convert, []);
}

function redactAt(value: unknown, convert: (value: object) => unknown, above: readonly object[]): unknown {
  if (typeof value === 'bigint') return value.toString();
  if (typeof value === 'function' || typeof value === 'symbol') return `[${typeof value}]`;
  if (typeof value !== 'object' || value === null) return value;
  if (above.includes(value)) return '[cycle]';
  const converted = convert(value);
  if (converted !== undefined) return converted;
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'Invalid Date' : value.toISOString();
  if (above.length >= DEPTH_MAX) return '[deep]';
  const path = [...above, value];
  if (value instanceof Map) return redactAt(Array.from(value), convert, above);
  if (value instanceof Set) return redactAt(Array.from(value), convert, above);
  if (Array.isArray(value)) {
    const items = value.slice(0, ITEMS_MAX).map((item) => redactAt(item, convert, path));
    return value.length > ITEMS_MAX ? [...items, `[${value.length - ITEMS_MAX} more]`] : items;
  }
  const copy: Record<string, unknown> = {};
  for (const [name, field] of Object.entries(value)) {
    const safe = field !== undefined && isSecretName(name) ? '[redacted]' : redactAt(field, convert, path);
    Object.defineProperty(copy, name, { value: safe, enumerable: true, configurable: true, writable: true });
  }
  return copy;
}
