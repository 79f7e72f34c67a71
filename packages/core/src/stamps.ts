import { parseCount, parseString } from './fields.ts';
import type { Fields } from './fields.ts';

/** What every record has: its version, and when it was made and last changed (RFC 3339). */
export type Stamps = Readonly<{ revision: number; createdAt: string; updatedAt: string }>;

export const parseStamps = (f: Fields): Stamps => ({
  revision: f.required('revision', parseCount),
  createdAt: f.required('createdAt', parseString),
  updatedAt: f.required('updatedAt', parseString),
});
