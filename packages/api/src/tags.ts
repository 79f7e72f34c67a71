import { WeftError } from '@weft/core/weft-error';
import { Type } from 'typebox';
import { described } from './described.ts';
import { InvalidInput } from './request-error.ts';
import { printed } from './values.ts';

/** Tags of objects: neutron-api.md §1.8. A collection has them when its table has {@link tagAttributes}. */

const MAX_LENGTH = 255;

export const Tags = Type.Array(Type.String({ minLength: 1, maxLength: MAX_LENGTH }), { uniqueItems: true });

/** One tag, from a body or a path. Throws InvalidInput. */
export function parseTag(value: unknown): string {
  if (typeof value !== 'string' || value === '') throw new InvalidInput(`'${printed(value)}' is not a tag`);
  if (value.length > MAX_LENGTH) throw new InvalidInput(`'${value.slice(0, 40)}…' exceeds maximum length of ${MAX_LENGTH}`);
  if (!value.isWellFormed() || value.includes('\0')) throw new InvalidInput('a tag holds NUL or half a surrogate pair');
  return value;
}

/** A list in which no tag is twice. Throws InvalidInput. */
export const parseTags = described(Tags, (value): readonly string[] => {
  if (!Array.isArray(value)) throw new InvalidInput(`'${printed(value)}' is not a list`);
  const tags = value.map(parseTag);
  const twice = tags.find((tag, index) => tags.indexOf(tag) !== index);
  if (twice !== undefined) throw new InvalidInput(`Duplicate items in the list: '${twice}'`);
  return tags;
});

/** The body of a request that replaces all tags. Throws InvalidInput. */
export function parseTagsBody(body: unknown): readonly string[] {
  if (typeof body !== 'object' || body === null || !Object.hasOwn(body, 'tags')) throw new InvalidInput('Missing tags in the request body');
  return parseTags((body as Readonly<Record<'tags', unknown>>).tags, 'tags');
}

type TagSource = Readonly<{ record: Readonly<{ tags?: readonly string[] }> }>;

export const tagAttributes = { tags: { show: (source: TagSource): readonly string[] => source.record.tags ?? [], shows: Tags } } as const;

/** The keys that lists are filtered by, with what each wants of an object's tags; the values are all that the query names, together. */
export const TAG_FILTERS: ReadonlyMap<string, (tags: ReadonlySet<string>, wanted: readonly string[]) => boolean> = new Map([
  ['tags', (tags, wanted) => wanted.every((tag) => tags.has(tag))],
  ['tags-any', (tags, wanted) => wanted.some((tag) => tags.has(tag))],
  ['not-tags', (tags, wanted) => !wanted.every((tag) => tags.has(tag))],
  ['not-tags-any', (tags, wanted) => !wanted.some((tag) => tags.has(tag))],
]);

/** `tags=a,b&tags=c` names three. Throws InvalidInput for a list without any: it would say nothing, or everything. */
export function parseTagFilter(values: readonly string[]): readonly string[] {
  return values.flatMap((value) => value.split(',')).map(parseTag);
}

/** An object has no such tag. */
export class TagNotFound extends WeftError {
  constructor(tag: string) {
    super('tag_not_found', `Tag ${tag} could not be found.`);
  }
}

/** The object whose tags are asked for is not there, or not for this caller. */
export class TagResourceNotFound extends WeftError {
  constructor(plural: string, id: string) {
    super('tag_resource_not_found', `Resource ${plural} ${id} could not be found.`);
  }
}
