import { isSeen, shower } from './attribute.ts';
import type { Attribute, AttributeTable, View } from './attribute.ts';
import type { Caller } from './caller.ts';
import { BadPart, BadRequest } from './request-error.ts';
import { parseTagFilter, TAG_FILTERS } from './tags.ts';
import { boolean } from './values.ts';

/** A query string by key; a key may be repeated. */
export type Query = Readonly<Record<string, string | readonly string[] | undefined>>;

/** What a list request asks for (neutron-api.md §1.4, §1.5). */
export type ListQuery = Readonly<{
  /** Attribute → values, of which one must match; all attributes must. */
  filters: ReadonlyMap<string, readonly string[]>;
  /** Key of {@link TAG_FILTERS} → the tags that it names, all together. */
  tagFilters: ReadonlyMap<string, readonly string[]>;
  fields: ReadonlySet<string> | undefined;
  sort: readonly Readonly<{ key: string; descending: boolean }>[];
  /** 0: everything. */
  limit: number;
  marker: string | undefined;
  pageReverse: boolean;
}>;

export type Page<V> = Readonly<{
  count: number;
  /** Each is made when it is asked for, so that whoever sends many can do so in parts. To be gone through once. */
  items: Iterable<V>;
  /** The ids that the neighbouring pages start from, where the request was for a page. */
  next: string | undefined;
  previous: string | undefined;
}>;

const CONTROL_KEYS = new Set(['fields', 'limit', 'marker', 'page_reverse', 'sort_key', 'sort_dir']);

/** Throws BadRequest for a key that cannot be filtered or sorted by, BadPart for a malformed limit. */
export function parseListQuery<S>(table: AttributeTable<S>, query: Query, caller: Caller): ListQuery {
  const usable = (name: string): boolean => {
    const attribute: Attribute<S> | undefined = Object.hasOwn(table, name) ? table[name] : undefined;
    // What a caller cannot see, it cannot find out by filtering either.
    return attribute?.filter !== undefined && isSeen(attribute, caller);
  };
  const filters = new Map<string, readonly string[]>();
  const tagFilters = new Map<string, readonly string[]>();
  const unknown: string[] = [];
  for (const key of Object.keys(query)) {
    if (CONTROL_KEYS.has(key)) continue;
    if (TAG_FILTERS.has(key) && Object.hasOwn(table, 'tags')) tagFilters.set(key, parseTagFilter(valuesOf(query, key)));
    else if (usable(key)) filters.set(key, valuesOf(query, key));
    else unknown.push(key);
  }
  if (unknown.length > 0) throw new BadRequest(`[${unknown.map((key) => `'${key}'`).join(', ')}] is invalid attribute for filtering`);
  const keys = valuesOf(query, 'sort_key');
  const directions = valuesOf(query, 'sort_dir');
  if (directions.length > 0 && directions.length !== keys.length) {
    throw new BadRequest('The number of sort_keys and sort_dirs must be same');
  }
  const sort = keys.map((key, index) => {
    if (!usable(key) || table[key]?.show === undefined) throw new BadRequest(`['${key}'] is invalid attribute for sort_keys`);
    const direction = directions[index] ?? 'asc';
    if (direction !== 'asc' && direction !== 'desc') throw new BadRequest(`Invalid input for sort_dir: '${direction}' is not asc or desc`);
    return { key, descending: direction === 'desc' };
  });
  const limit = valuesOf(query, 'limit').at(-1) ?? '0';
  if (!/^\d{1,15}$/.test(limit)) throw new BadPart('limit', `Limit must be an integer 0 or greater and not '${limit}'`);
  const fields = valuesOf(query, 'fields');
  return {
    filters,
    tagFilters,
    fields: fields.length === 0 ? undefined : new Set(fields),
    sort,
    limit: Number(limit),
    marker: valuesOf(query, 'marker').at(-1),
    pageReverse: boolean(valuesOf(query, 'page_reverse').at(-1) ?? false, 'page_reverse'),
  };
}

/**
 * Filters, sorts, cuts and shows. `unknownMarker` makes the error for a marker that is no object of the list. A list without any order
 * asked for keeps that of `sources`.
 */
export function list<S extends Readonly<{ record: Readonly<{ id: string }> }>, T extends AttributeTable<S>>(
  table: T & AttributeTable<S>,
  sources: Iterable<S>,
  query: ListQuery,
  caller: Caller,
  unknownMarker: (id: string) => Error,
): Page<View<T>> {
  let found: S[] = [];
  for (const source of sources) if (matches(table, source, query) && matchesTags(table, source, query)) found.push(source);
  if (query.sort.length > 0 || query.limit > 0 || query.marker !== undefined)
    found = cut(found, query, orderOf(table, query), unknownMarker);
  const full = query.limit > 0 && found.length === query.limit;
  const showOne = shower<S, T>(table, caller, query.fields);
  return {
    count: found.length,
    items: Iterator.from(found).map(showOne),
    next: query.limit > 0 && (full || query.pageReverse) ? found.at(-1)?.record.id : undefined,
    previous: query.limit > 0 && (full || !query.pageReverse) ? found[0]?.record.id : undefined,
  };
}

/** The page in its order. What is not on it is not sorted: of a page forwards only the first are kept, backwards only the last. */
function cut<S extends Readonly<{ record: Readonly<{ id: string }> }>>(
  found: readonly S[],
  { limit, marker, pageReverse }: ListQuery,
  order: (a: S, b: S) => number,
  unknownMarker: (id: string) => Error,
): S[] {
  const mark = marker === undefined ? undefined : found.find((source) => source.record.id === marker);
  if (marker !== undefined && mark === undefined) throw unknownMarker(marker);
  const away = pageReverse ? (a: S, b: S): number => order(b, a) : order;
  const beyond = mark === undefined ? found : found.filter((source) => away(source, mark) > 0);
  const page = limit > 0 && beyond.length > limit ? smallest(beyond, limit, away) : beyond.toSorted(away);
  return pageReverse ? page.toReversed() : page;
}

/** The `count` first of a list in an order: twice as many at a time are sorted, and the better half stays. */
function smallest<S>(list: readonly S[], count: number, order: (a: S, b: S) => number): S[] {
  let kept: S[] = [];
  let worst: S | undefined;
  for (const item of list) {
    if (worst !== undefined && order(item, worst) >= 0) continue;
    kept.push(item);
    if (kept.length < 2 * count) continue;
    kept = kept.sort(order).slice(0, count);
    worst = kept.at(-1);
  }
  return kept.sort(order).slice(0, count);
}

function matches<S>(table: AttributeTable<S>, source: S, { filters }: ListQuery): boolean {
  for (const [name, values] of filters) {
    const attribute = table[name];
    if (attribute !== undefined && !matchesAny(attribute, source, values)) return false;
  }
  return true;
}

function matchesTags<S>(table: AttributeTable<S>, source: S, { tagFilters }: ListQuery): boolean {
  if (tagFilters.size === 0) return true;
  const tags = new Set(table['tags']?.show?.(source) as readonly string[]);
  return [...tagFilters].every(([key, wanted]) => TAG_FILTERS.get(key)?.(tags, wanted) === true);
}

function matchesAny<S>(attribute: Attribute<S>, source: S, values: readonly string[]): boolean {
  if (typeof attribute.filter === 'object') return attribute.filter.together(source, values);
  return values.some((value) => matchesOne(attribute, source, value));
}

function matchesOne<S>(attribute: Attribute<S>, source: S, value: string): boolean {
  if (typeof attribute.filter === 'function') return attribute.filter(source, value);
  const shown = attribute.show?.(source);
  if (typeof shown === 'boolean') return shown === boolean(value, 'filter');
  if (typeof shown === 'number') return String(shown) === value.trim();
  return typeof shown === 'string' ? shown === value : (shown ?? '') === value;
}

/** By the sort keys, then by id, so that pages neither repeat nor leave out an object. */
function orderOf<S extends Readonly<{ record: Readonly<{ id: string }> }>>(
  table: AttributeTable<S>,
  query: ListQuery,
): (a: S, b: S) => number {
  return (a, b) => {
    for (const { key, descending } of query.sort) {
      const order = compare(table[key]?.show?.(a), table[key]?.show?.(b));
      if (order !== 0) return descending ? -order : order;
    }
    return compare(a.record.id, b.record.id);
  };
}

function compare(a: unknown, b: unknown): number {
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  const [x, y] = [sortText(a), sortText(b)];
  return x === y ? 0 : x < y ? -1 : 1;
}

function sortText(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
}

function valuesOf(query: Query, key: string): readonly string[] {
  const value = query[key];
  return value === undefined ? [] : typeof value === 'string' ? [value] : value;
}
