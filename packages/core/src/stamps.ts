import { listOf, parseCount, parseString } from './fields.ts';
import type { Fields } from './fields.ts';

/** What every record has: its version, when it was made and last changed (RFC 3339), and the tags that its owner gave it, if any. */
export type Stamps = Readonly<{ revision: number; createdAt: string; updatedAt: string; tags?: readonly string[] }>;

export const parseStamps = (f: Fields): Stamps => {
  const tags = f.optional('tags', listOf(parseString));
  return {
    revision: f.required('revision', parseCount),
    createdAt: f.required('createdAt', parseString),
    updatedAt: f.required('updatedAt', parseString),
    ...(tags === undefined ? {} : { tags }),
  };
};
