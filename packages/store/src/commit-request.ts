import { InvalidValue } from '@weft/core/weft-error';
import type { CommitRequest } from './store.ts';

/** Keys are paths like `port/<uuid>`; longer ones are a mistake. etcd takes any, an index page of SQLite does not. */
const KEY_MAX_CHARACTERS = 1024;

/** A record beyond this is a mistake, and one frame of a sync could never carry it. */
const VALUE_MAX_CHARACTERS = 4 * 1024 * 1024;

/** Throws InvalidValue for what no adapter could store faithfully: repeated, empty or oversized keys, NUL, lone surrogates. */
export function checkCommitRequest(request: CommitRequest): void {
  const seen = new Set<string>();
  for (const key of [...request.put.map((put) => put.key), ...request.delete]) {
    checkKey(key);
    if (seen.has(key)) throw new InvalidValue('store key', key, 'is written more than once in one commit');
    seen.add(key);
  }
  for (const { key, value } of request.put) {
    if (value.length > VALUE_MAX_CHARACTERS)
      throw new InvalidValue('store value of', key, `is longer than ${VALUE_MAX_CHARACTERS} characters`);
    if (!isStorable(value)) throw new InvalidValue('store value of', key, 'holds NUL or half a surrogate pair');
  }
  for (const { key, revision } of request.compare ?? []) {
    checkKey(key);
    checkRevision(revision, 'compared revision');
  }
}

export function checkRevision(revision: number, what: string): void {
  if (!Number.isSafeInteger(revision) || revision < 0) throw new InvalidValue(what, revision, 'is not a revision');
}

function checkKey(key: string): void {
  if (key === '' || key.length > KEY_MAX_CHARACTERS)
    throw new InvalidValue('store key', key, `is not of 1 to ${KEY_MAX_CHARACTERS} characters`);
  if (!isStorable(key)) throw new InvalidValue('store key', key, 'holds NUL or half a surrogate pair');
}

function isStorable(text: string): boolean {
  return text.isWellFormed() && !text.includes('\0');
}
