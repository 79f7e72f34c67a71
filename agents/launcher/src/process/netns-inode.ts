import { statSync } from 'node:fs';

/** Tells the namespace that is pinned at `path` from any other, also from an earlier one of that name. Undefined if there is none. */
export const netnsInodeAt = (path: string): number | undefined => statSync(path, { throwIfNoEntry: false })?.ino;
