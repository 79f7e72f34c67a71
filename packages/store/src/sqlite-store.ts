import { randomUUID } from 'node:crypto';
import { truncateSync } from 'node:fs';
import { backup } from 'node:sqlite';
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { setImmediate as nextTick } from 'node:timers/promises';
import { InvalidValue } from '@weft/core/weft-error';
import { checkCommitRequest, checkRevision } from './commit-request.ts';
import { sqliteFailure, withSqliteFailure } from './sqlite-failure.ts';
import type { StoreFile } from './sqlite-file.ts';
import { openStoreFile } from './sqlite-file.ts';
import type { CommitRequest, Entry, Revision, Store, StoreChange, StoreSnapshot } from './store.ts';
import { StoreClosed, StoreConflict, StoreFailure, StoreHistoryGone } from './store.ts';

/** Revisions that a watcher reads ahead: what a slow consumer costs in memory. */
const WATCH_REVISIONS = 256;

/** Revisions that a compaction deletes in one go: some milliseconds, during which nothing else runs. */
const COMPACT_REVISIONS = 2_000;

export type SqliteStoreOptions = Readonly<{
  /** The file, or `:memory:`. Its directory must exist. */
  path: string;
}>;

export type SqliteStoreDeps = Readonly<{ randomUuid?: () => string }>;

type Waiting = Readonly<{ request: CommitRequest; resolve: (revision: Revision) => void; reject: (error: unknown) => void }>;

/**
 * Opens the store in a SQLite file, which is made (mode 0600) if it does not exist. Only one process at a time can have it open.
 * Throws StoreFailure: store_locked, store_missing, store_read_only, store_full, store_corrupt, store_foreign, store_schema_newer, store_io.
 */
export async function openSqliteStore(options: SqliteStoreOptions, deps: SqliteStoreDeps = {}): Promise<SqliteStore> {
  const randomUuid = deps.randomUuid ?? randomUUID;
  return new SqliteStore({ path: options.path, file: openStoreFile(options.path, { epoch: randomUuid() }) }, { randomUuid });
}

/**
 * The embedded store. SQLite is called on the main thread: a commit blocks it for the time of one fdatasync (a fraction of a millisecond),
 * and no other statement can come between those of a transaction. Commits of a tick are collected and written by `setImmediate`.
 */
export class SqliteStore implements Store {
  readonly path: string;
  readonly #database: DatabaseSync;
  readonly #randomUuid: () => string;
  readonly #statements: Readonly<
    Record<'entry' | 'put' | 'delete' | 'remember' | 'setMeta' | 'from' | 'history' | 'forget', StatementSync>
  >;
  readonly #watchers = new Set<() => void>();
  readonly #copies = new Set<Promise<void>>();
  #queue: Waiting[] = [];
  #epoch: string;
  #revision: Revision;
  #compacted: Revision;
  #closed = false;
  /** Set when a commit failed in a way after which SQLite and the disk may disagree: only a restart tells what was written. */
  #broken: unknown;

  constructor(options: Readonly<{ path: string; file: StoreFile }>, deps: Readonly<{ randomUuid: () => string }>) {
    const { database, meta } = options.file;
    this.path = options.path;
    this.#database = database;
    this.#randomUuid = deps.randomUuid;
    this.#epoch = meta.epoch;
    this.#revision = meta.revision;
    this.#compacted = meta.compacted;
    this.#statements = {
      entry: database.prepare('SELECT revision FROM entries WHERE key = ?'),
      put: database.prepare(
        'INSERT INTO entries (key, value, revision) VALUES (?1, ?2, ?3) ON CONFLICT (key) DO UPDATE SET value = ?2, revision = ?3',
      ),
      delete: database.prepare('DELETE FROM entries WHERE key = ?'),
      remember: database.prepare('INSERT INTO history (revision, seq, key, value) VALUES (?, ?, ?, ?)'),
      setMeta: database.prepare('UPDATE meta SET value = ?2 WHERE name = ?1'),
      from: database.prepare('SELECT key, value, revision FROM entries WHERE key >= ? ORDER BY key'),
      history: database.prepare('SELECT revision, key, value FROM history WHERE revision > ? AND revision <= ? ORDER BY revision, seq'),
      forget: database.prepare('DELETE FROM history WHERE revision <= ?'),
    };
  }

  get epoch(): string {
    return this.#epoch;
  }

  async snapshot(prefix = ''): Promise<StoreSnapshot> {
    this.#check();
    if (!prefix.isWellFormed()) throw new InvalidValue('store key prefix', prefix, 'holds half a surrogate pair');
    const entries: Entry[] = [];
    withSqliteFailure('reading the store', this.path, () => {
      for (const row of this.#statements.from.iterate(prefix) as Iterable<Entry>) {
        if (!row.key.startsWith(prefix)) break;
        entries.push({ key: row.key, value: row.value, revision: row.revision });
      }
    });
    return { revision: this.#revision, entries };
  }

  async commit(request: CommitRequest): Promise<Revision> {
    this.#check();
    checkCommitRequest(request);
    const { promise, resolve, reject } = Promise.withResolvers<Revision>();
    if (this.#queue.length === 0) setImmediate(() => this.#writeQueue());
    this.#queue.push({ request, resolve, reject });
    return promise;
  }

  async *watch(after: Revision, options: Readonly<{ signal: AbortSignal }>): AsyncGenerator<StoreChange[], never> {
    const { signal } = options;
    let seen = after;
    for (;;) {
      signal.throwIfAborted();
      const changes = this.#readHistory(seen, seen + WATCH_REVISIONS);
      for (const batch of batchesOf(changes)) {
        yield batch;
        signal.throwIfAborted();
      }
      seen = changes.at(-1)?.revision ?? seen;
      if (seen === this.#revision) await this.#nextChange(signal);
    }
  }

  async history(range: Readonly<{ after: Revision; upTo?: Revision }>): Promise<StoreChange[]> {
    if (range.upTo !== undefined) checkRevision(range.upTo, 'last revision of the range');
    return this.#readHistory(range.after, range.upTo ?? this.#revision);
  }

  async newEpoch(): Promise<string> {
    this.#check();
    const epoch = this.#randomUuid();
    this.#write('writing a new epoch to the store', () => this.#statements.setMeta.run('epoch', epoch));
    this.#epoch = epoch;
    return epoch;
  }

  async compact(before: Revision): Promise<void> {
    this.#check();
    checkRevision(before, 'first revision to keep');
    if (before > this.#revision + 1)
      throw new InvalidValue('first revision to keep', before, `is ahead of the store, at ${this.#revision}`);
    const from = this.#compacted;
    const upTo = before - 1;
    if (upTo <= from) return;
    // The mark comes first: from now on nobody reads what is being deleted, and after a kill the next compaction deletes the rest.
    this.#write('compacting the store', () => this.#statements.setMeta.run('compacted', upTo));
    this.#compacted = upTo;
    for (let done = from; done < upTo;) {
      done = Math.min(done + COMPACT_REVISIONS, upTo);
      this.#write('compacting the store', () => this.#statements.forget.run(done));
      if (done < upTo) {
        await nextTick();
        this.#check();
      }
    }
  }

  /**
   * Writes a consistent copy, as of some revision during the call, into the empty file that `prepare` makes and names, off the main thread;
   * commits go on. `finish` then makes it durable. One at a time: throws store_backup_running. For `backupSqliteStore`.
   */
  async copy(prepare: () => string, finish: () => void): Promise<void> {
    this.#check();
    if (this.#copies.size > 0) {
      throw new StoreFailure('store_backup_running', `backing up the store ${this.path}: another backup is being written`, {
        path: this.path,
        remedy: 'Wait until it is done.',
        retryable: true,
      });
    }
    const path = prepare();
    const copy = backup(this.#database, path)
      .catch((error: unknown) => this.#copyAtOnce(error, path))
      .then(finish, (error: unknown) => {
        throw sqliteFailure(error, `copying the store ${this.path} to`, path);
      });
    // Closing waits for it; the failure belongs to the caller below.
    const ended = copy.catch(() => undefined).finally(() => this.#copies.delete(ended));
    this.#copies.add(ended);
    return copy;
  }

  /**
   * The stepwise copy runs beside commits on the same connection, and now and then ends with an error that says "not an error" (errcode 0).
   * Then the copy is made in one go, during which commits wait.
   */
  #copyAtOnce(error: unknown, path: string): void {
    if ((error as { errcode?: unknown }).errcode !== 0 || !this.#database.isOpen) throw error;
    truncateSync(path);
    this.#database.prepare('VACUUM INTO ?').run(path);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#closed) {
      this.#writeQueue();
      this.#closed = true;
      this.#wakeWatchers();
    }
    await Promise.all(this.#copies);
    if (this.#database.isOpen) this.#database.close();
  }

  #check(): void {
    if (this.#closed) throw new StoreClosed();
    if (this.#broken !== undefined) throw this.#broken;
  }

  #writeQueue(): void {
    const queue = this.#queue;
    if (queue.length === 0) return;
    this.#queue = [];
    let outcomes: (Revision | StoreConflict)[];
    try {
      this.#check();
      outcomes = this.#write('committing to the store', () => this.#apply(queue.map(({ request }) => request)));
    } catch (error) {
      for (const { reject } of queue) reject(error);
      return;
    }
    for (const [index, { resolve, reject }] of queue.entries()) {
      const outcome = outcomes[index]!;
      if (typeof outcome !== 'number') {
        reject(outcome);
        continue;
      }
      this.#revision = Math.max(this.#revision, outcome);
      resolve(outcome);
    }
    this.#wakeWatchers();
  }

  /** Inside a transaction: each request in turn, seeing the changes of those before it. */
  #apply(requests: readonly CommitRequest[]): (Revision | StoreConflict)[] {
    let newest = this.#revision;
    const outcomes = requests.map((request) => {
      const conflict = this.#findConflict(request);
      if (conflict !== undefined) return conflict;
      const changed = this.#applyOne(request, newest + 1);
      if (changed) newest++;
      return newest;
    });
    if (newest > this.#revision) this.#statements.setMeta.run('revision', newest);
    return outcomes;
  }

  #findConflict(request: CommitRequest): StoreConflict | undefined {
    for (const comparison of request.compare ?? []) {
      const actual = (this.#statements.entry.get(comparison.key)?.['revision'] as Revision | undefined) ?? 0;
      if (actual !== comparison.revision) return new StoreConflict(comparison, actual);
    }
    return undefined;
  }

  #applyOne(request: CommitRequest, revision: Revision): boolean {
    let seq = 0;
    for (const { key, value } of request.put) {
      this.#statements.put.run(key, value, revision);
      this.#statements.remember.run(revision, seq++, key, value);
    }
    for (const key of request.delete) {
      if (Number(this.#statements.delete.run(key).changes) === 0) continue;
      this.#statements.remember.run(revision, seq++, key, null);
    }
    return seq > 0;
  }

  /** One transaction. A full disk undoes it and that is all; after any other failure of the file nothing more is written. */
  #write<T>(doing: string, action: () => T): T {
    const database = this.#database;
    try {
      database.exec('BEGIN IMMEDIATE');
      const result = action();
      database.exec('COMMIT');
      return result;
    } catch (error) {
      const failure = sqliteFailure(error, doing, this.path);
      if (!(failure instanceof StoreFailure && failure.retryable)) this.#broken = failure;
      if (this.#broken !== undefined) this.#wakeWatchers();
      try {
        if (database.isTransaction) database.exec('ROLLBACK');
      } catch (rollbackError) {
        this.#broken = new AggregateError([failure, rollbackError], `${doing}: undoing it failed as well`);
      }
      throw failure;
    }
  }

  #readHistory(after: Revision, upTo: Revision): StoreChange[] {
    this.#check();
    checkRevision(after, 'revision');
    if (after > this.#revision) throw new InvalidValue('revision', after, `is ahead of the store, at ${this.#revision}`);
    if (after < this.#compacted) throw new StoreHistoryGone(after, this.#compacted);
    const rows = withSqliteFailure('reading the history of the store', this.path, () => this.#statements.history.all(after, upTo));
    return rows.map((row) => ({
      revision: row['revision'] as Revision,
      key: row['key'] as string,
      value: (row['value'] as string | null) ?? undefined,
    }));
  }

  async #nextChange(signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const wake = (): void => resolve();
    this.#watchers.add(wake);
    signal.addEventListener('abort', wake);
    try {
      await promise;
    } finally {
      this.#watchers.delete(wake);
      signal.removeEventListener('abort', wake);
    }
  }

  #wakeWatchers(): void {
    for (const wake of this.#watchers) wake();
  }
}

/** Changes in order of revision, cut into one batch per revision. */
function* batchesOf(changes: readonly StoreChange[]): Generator<StoreChange[]> {
  let start = 0;
  for (let end = 1; end <= changes.length; end++) {
    if (changes[end]?.revision === changes[start]!.revision) continue;
    yield changes.slice(start, end);
    start = end;
  }
}
