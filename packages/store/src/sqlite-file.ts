import { accessSync, chmodSync, closeSync, constants, fchmodSync, fsyncSync, openSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { CORRUPT_REMEDY, FULL_REMEDY, READ_ONLY_REMEDY, withSqliteFailure } from './sqlite-failure.ts';
import type { Revision, StoreFailureCode } from './store.ts';
import { StoreFailure } from './store.ts';

/*
 * The file of a store: who may open it, and what is in it.
 *
 *   meta     schema, epoch, revision (the newest), compacted (history is complete after this revision)
 *   entries  the present: key, value, revision of its last change
 *   history  the past: (revision, seq) → key, value or NULL for deleted
 *
 * The lock is SQLite's own in exclusive mode, taken when the file is opened and held until it is closed. The kernel drops it when the process
 * dies, so there is no stale lock to explain. Two traps: the kernel also drops it when *any* descriptor of the file is closed in this process,
 * so nothing here may open the file beside SQLite once it exists; and in exclusive mode there is no -shm file, so a second reader is refused
 * as well.
 */

/** Marks the file as ours in SQLite's header: "Weft". */
const APPLICATION_ID = 0x57656674;

/** Raised by whoever changes the tables, together with a migration from the version before. */
export const SCHEMA_VERSION = 1;

/** After a checkpoint the log is cut back to this, so that one large transaction does not keep its size for ever. */
const LOG_SIZE_BYTES = 16 * 1024 * 1024;

const SCHEMA = `
  CREATE TABLE meta (name TEXT PRIMARY KEY, value ANY NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE entries (key TEXT PRIMARY KEY, value TEXT NOT NULL, revision INTEGER NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE history (revision INTEGER NOT NULL, seq INTEGER NOT NULL, key TEXT NOT NULL, value TEXT, PRIMARY KEY (revision, seq))
    STRICT, WITHOUT ROWID;
  PRAGMA application_id = ${APPLICATION_ID};
`;

const TABLES = ['meta', 'entries', 'history'];

export const IN_MEMORY = ':memory:';

export type StoreMeta = Readonly<{ epoch: string; revision: Revision; compacted: Revision }>;

export type StoreFile = Readonly<{ database: DatabaseSync; meta: StoreMeta }>;

/**
 * Opens and locks the store at `path`, making it with a new epoch if `create` is given and the file is absent or empty. Throws StoreFailure;
 * a file that is not ours, or newer than this program knows, is left as it was.
 */
export function openStoreFile(path: string, create: Readonly<{ epoch: string }> | undefined): StoreFile {
  if (path !== IN_MEMORY) prepareFile(path, create !== undefined);
  return withSqliteFailure('opening the store', path, () => {
    const database = new DatabaseSync(path);
    try {
      // Exclusive before the first access: that is what makes the write-ahead log work without shared memory.
      database.exec(`PRAGMA locking_mode = EXCLUSIVE; PRAGMA trusted_schema = OFF;`);
      const content = inspect(database, path);
      if (path !== IN_MEMORY) narrowMode(path);
      database.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA journal_size_limit = ${LOG_SIZE_BYTES};`);
      // Takes the lock for good, even where nothing is to be written.
      database.exec('BEGIN IMMEDIATE');
      if (content === 'empty') {
        if (create === undefined) throw notAStore(path);
        database.exec(SCHEMA);
        const insert = database.prepare('INSERT INTO meta (name, value) VALUES (?, ?)');
        for (const row of Object.entries({ schema: SCHEMA_VERSION, epoch: create.epoch, revision: 0, compacted: 0 })) insert.run(...row);
      }
      const meta = readMeta(database, path);
      database.exec('COMMIT');
      return { database, meta };
    } catch (error) {
      database.close();
      throw error;
    }
  });
}

/** Makes the file, or sees that there is one. */
function prepareFile(path: string, create: boolean): void {
  try {
    if (create && makeFile(path)) return;
    if (!statSync(path).isFile()) throw notAStore(path);
    // SQLite would open it for reading only, and then report a disk error for want of a log.
    accessSync(path, constants.W_OK);
  } catch (error) {
    throw fileFailure(error, 'opening the store', path);
  }
}

/** False if there is one already, which is then not opened (the lock, above). */
function makeFile(path: string): boolean {
  try {
    const file = openSync(path, 'wx', 0o600);
    fchmodSync(file, 0o600);
    closeSync(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
  syncPath(dirname(path));
  return true;
}

/** Writes a directory's entries, or a file's content, to the disk. */
export function syncPath(path: string): void {
  const descriptor = openSync(path, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** The store holds hashes of tokens. SQLite gives its -wal file the same mode. */
function narrowMode(path: string): void {
  try {
    if ((statSync(path).mode & 0o077) !== 0) chmodSync(path, 0o600);
  } catch (error) {
    throw fileFailure(error, 'opening the store', path);
  }
}

/** What the file system said while `doing` something with `path`, as a StoreFailure; anything else unchanged. */
export function fileFailure(error: unknown, doing: string, path: string): unknown {
  const { code } = error as NodeJS.ErrnoException;
  const fail = (failure: StoreFailureCode, reason: string, remedy: string): StoreFailure =>
    new StoreFailure(failure, `${doing} ${path}: ${reason}`, { path, remedy, retryable: failure === 'store_full', cause: error });
  if (code === 'ENOENT' || code === 'ENOTDIR') {
    return fail('store_missing', 'the file or its directory does not exist', 'Create the directory, or correct the path.');
  }
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') return fail('store_read_only', 'it cannot be written', READ_ONLY_REMEDY);
  if (code === 'ENOSPC' || code === 'EDQUOT') return fail('store_full', 'the disk is full', FULL_REMEDY);
  return error;
}

/** Reads only: whatever is refused here has not been touched. */
function inspect(database: DatabaseSync, path: string): 'empty' | 'store' {
  const { application_id: mark } = database.prepare('PRAGMA application_id').get() as { application_id: number };
  const { tables } = database.prepare('SELECT count(*) AS tables FROM sqlite_schema').get() as { tables: number };
  if (mark === 0 && tables === 0) return 'empty';
  if (mark !== APPLICATION_ID) throw notAStore(path);
  const missing = TABLES.find((table) => database.prepare('SELECT 1 FROM sqlite_schema WHERE name = ?').get(table) === undefined);
  if (missing !== undefined) throw damaged(path, `table ${missing}`);
  const row = database.prepare("SELECT value FROM meta WHERE name = 'schema'").get();
  const schema = row?.['value'];
  if (typeof schema !== 'number' || schema < 1) throw damaged(path, 'schema');
  if (schema > SCHEMA_VERSION) {
    throw new StoreFailure(
      'store_schema_newer',
      `opening the store ${path}: its schema is version ${schema}, this program knows versions up to ${SCHEMA_VERSION}`,
      { path, remedy: 'Run the release of weft that wrote it, or a later one.' },
    );
  }
  return 'store';
}

function readMeta(database: DatabaseSync, path: string): StoreMeta {
  const rows = database.prepare('SELECT name, value FROM meta').all() as { name: string; value: unknown }[];
  const meta = new Map(rows.map(({ name, value }) => [name, value]));
  const revisionOf = (name: string): Revision => {
    const value = meta.get(name);
    if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) throw damaged(path, name);
    return value;
  };
  const epoch = meta.get('epoch');
  if (typeof epoch !== 'string' || epoch === '') throw damaged(path, 'epoch');
  return { epoch, revision: revisionOf('revision'), compacted: revisionOf('compacted') };
}

function notAStore(path: string): StoreFailure {
  return new StoreFailure('store_foreign', `opening the store ${path}: it is not a store of weft`, { path, remedy: 'Correct the path.' });
}

function damaged(path: string, part: string): StoreFailure {
  return new StoreFailure('store_corrupt', `opening the store ${path}: its ${part} is damaged or absent`, { path, remedy: CORRUPT_REMEDY });
}
