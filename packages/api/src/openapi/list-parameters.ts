import { Type } from 'typebox';
import type { TSchema } from 'typebox';
import { schemaOf } from '../attribute-schema.ts';
import type { Attribute, AttributeTable } from '../attribute.ts';
import { TAG_FILTERS } from '../tags.ts';
import type { Parameter } from './operation.ts';

/** What a list of /v2.0 can be asked (neutron-api.md §1.4, §1.5). */
export function listParameters(table: AttributeTable<never>): readonly Parameter[] {
  const filters = Object.entries(table).flatMap(([name, attribute]) => filterOf(name, attribute));
  const sortable = Object.entries(table).flatMap(([name, { filter, show }]) => (filter === undefined || show === undefined ? [] : [name]));
  const tags = Object.hasOwn(table, 'tags')
    ? [...TAG_FILTERS.keys()].map((name) => ({ name, schema: many(Type.String()), description: TAG_TEXTS[name] ?? '' }))
    : [];
  return [
    ...filters,
    ...tags,
    fieldsOf(table),
    { name: 'sort_key', schema: many(Type.Enum(sortable)), description: 'What to sort by; may be repeated.' },
    { name: 'sort_dir', schema: many(Type.Enum(['asc', 'desc'])), description: 'One for each sort_key, or none: ascending.' },
    { name: 'limit', schema: Type.Integer({ minimum: 0 }), description: 'How many at most; 0: all.' },
    { name: 'marker', schema: Type.String(), description: 'The id of the last object of the page before.' },
    { name: 'page_reverse', schema: Type.Boolean(), description: 'The page before the marker instead of the one after it.' },
  ];
}

/** `fields`, which lists and single objects have. */
export function fieldsOf(table: AttributeTable<never>): Parameter {
  const shown = Object.entries(table).flatMap(([name, { show }]) => (show === undefined ? [] : [name]));
  return { name: 'fields', schema: many(Type.Enum(shown)), description: 'Only these attributes; may be repeated.' };
}

/** Lists under /v1 are filtered by every attribute with a plain value. */
export function plainFilters(view: Readonly<{ properties: Readonly<Record<string, TSchema>> }>): readonly Parameter[] {
  return Object.entries(view.properties).flatMap(([name, schema]) => {
    const scalar = scalarOf(schema);
    return scalar === undefined ? [] : [{ name, schema: many(scalar) }];
  });
}

const TAG_TEXTS: Readonly<Record<string, string>> = {
  tags: 'Objects with all of these tags, comma-separated.',
  'tags-any': 'Objects with any of these tags.',
  'not-tags': 'Objects without at least one of these tags.',
  'not-tags-any': 'Objects with none of these tags.',
};

function filterOf(name: string, attribute: Attribute<never>): readonly Parameter[] {
  if (attribute.filter === undefined) return [];
  const schema = scalarOf(attribute.shows ?? schemaOf(attribute.parse) ?? {}) ?? Type.String();
  return [{ name, schema: many(schema), ...(attribute.seenBy === 'admin' ? { description: 'Administrators only.' } : {}) }];
}

const many = (items: TSchema): TSchema => Type.Array(items);

/** The schema without null, if its values are plain. */
function scalarOf(schema: TSchema): TSchema | undefined {
  const { type, anyOf, enum: values, const: value } = schema as Readonly<Record<string, unknown>>;
  if (Array.isArray(anyOf)) {
    const one = (anyOf as readonly TSchema[]).filter((part) => (part as { type?: unknown }).type !== 'null');
    return one.length === 1 && one[0] !== undefined
      ? scalarOf(one[0])
      : one.every((part) => scalarOf(part))
        ? Type.Union([...one])
        : undefined;
  }
  if (values !== undefined || value !== undefined) return { ...schema };
  if (type === 'null') return Type.String();
  return type === 'string' || type === 'integer' || type === 'number' || type === 'boolean' ? { ...schema } : undefined;
}
