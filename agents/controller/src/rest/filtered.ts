import { BadRequest } from '@weft/api/request-error';

type Query = Readonly<Record<string, unknown>>;

/** Views whose attributes have one of the values asked for. Throws BadRequest for an attribute that is none, or no scalar. */
export function filtered<V extends object>(views: readonly V[], query: Query, schema: Readonly<{ properties: object }>): readonly V[] {
  const wanted = Object.entries(query).map(([key, value]) => [key, new Set([value].flat().map(String))] as const);
  for (const [key] of wanted) if (!Object.hasOwn(schema.properties, key)) throw notFilterable(key);
  return views.filter((view) => wanted.every(([key, values]) => values.has(scalarText(key, view[key as keyof V]))));
}

function scalarText(key: string, value: unknown): string {
  if (value === null) return '';
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return String(value);
  throw notFilterable(key);
}

function notFilterable(key: string): BadRequest {
  return new BadRequest(`lists cannot be filtered by '${key}'`, {
    remedy: 'Filter by an attribute with a plain value, like name or status.',
  });
}
