/**
 * JSON with object keys in code-unit order, no white space and no undefined members, so that equal values have equal texts.
 * The value must be JSON-safe: no cycles, no bigint. Like RFC 8785, restricted to what plans hold (integers, strings, booleans, lists).
 */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map((item) => canonicalJson(item ?? null)).join(',')}]`;
  if (typeof value === 'object' && value !== null) {
    const members = Object.entries(value)
      .filter(([, member]) => member !== undefined)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, member]) => `${JSON.stringify(key)}:${canonicalJson(member)}`);
    return `{${members.join(',')}}`;
  }
  return JSON.stringify(value);
}
