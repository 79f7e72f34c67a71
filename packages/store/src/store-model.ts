import type { CommitRequest, Entry, Revision, StoreChange } from './store.ts';

/** What the contract means, in the simplest code that could be right. The contract test holds every adapter against it. */
export type StoreModel = {
  readonly entries: Map<string, Entry>;
  readonly changes: StoreChange[];
  revision: Revision;
  /** History is complete after this revision. */
  compacted: Revision;
};

export function emptyModel(): StoreModel {
  return { entries: new Map(), changes: [], revision: 0, compacted: 0 };
}

/** The answer that a store must give: the revision, or 'conflict'. */
export function commitToModel(model: StoreModel, request: CommitRequest): Revision | 'conflict' {
  for (const { key, revision } of request.compare ?? []) if ((model.entries.get(key)?.revision ?? 0) !== revision) return 'conflict';
  const deleted = request.delete.filter((key) => model.entries.has(key));
  if (request.put.length + deleted.length === 0) return model.revision;
  const revision = ++model.revision;
  for (const { key, value } of request.put) {
    model.entries.set(key, { key, value, revision });
    model.changes.push({ revision, key, value });
  }
  for (const key of deleted) {
    model.entries.delete(key);
    model.changes.push({ revision, key, value: undefined });
  }
  return revision;
}

export function modelSnapshot(model: StoreModel, prefix: string): Entry[] {
  const bytes = (entry: Entry): Buffer => Buffer.from(entry.key, 'utf8');
  return [...model.entries.values()].filter(({ key }) => key.startsWith(prefix)).sort((a, b) => Buffer.compare(bytes(a), bytes(b)));
}

export function modelHistory(model: StoreModel, after: Revision, upTo: Revision): StoreChange[] {
  return model.changes.filter(({ revision }) => revision > after && revision <= upTo);
}
