import { randomUUID } from 'node:crypto';
import { closeSync, constants, copyFileSync, existsSync, openSync, renameSync, rmSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { CORRUPT_REMEDY, withSqliteFailure } from './sqlite-failure.ts';
import { fileFailure, openStoreFile, syncPath } from './sqlite-file.ts';
import type { SqliteStore } from './sqlite-store.ts';
import type { Revision } from './store.ts';
import { StoreFailure } from './store.ts';

export type CopyOptions = Readonly<{
  /** Replace what is at the target; absent: refuse with store_exists. */
  force?: boolean;
}>;

/**
 * Writes a backup of an open store to `path` (mode 0600) while commits go on; it holds everything that was answered before the call. The file
 * appears whole or not at all; a killed backup leaves `<path>.partial`, which the next one replaces. Throws StoreFailure.
 */
export async function backupSqliteStore(store: SqliteStore, path: string, options: CopyOptions = {}): Promise<void> {
  refuseExisting(path, options);
  const partial = `${path}.partial`;
  const prepare = (): string => {
    rmSync(partial, { force: true });
    // Made here for its mode.
    closeSync(openSync(partial, 'wx', 0o600));
    return partial;
  };
  const finish = (): void => {
    syncPath(partial);
    refuseExisting(path, options);
    renameSync(partial, path);
    syncPath(dirname(path));
  };
  try {
    await store.copy(prepare, finish);
  } catch (error) {
    // The partial file of a backup that runs belongs to it.
    if (!(error instanceof StoreFailure && error.code === 'store_backup_running')) rmSync(partial, { force: true });
    throw fileFailure(error, 'backing up to', path);
  }
}

/**
 * Makes the store at `path` from a backup, under a new epoch, so that nobody takes its revisions for those made after the backup. No process
 * may have the store at `path` open (store_locked). The backup is checked first and is not changed; the store appears whole or stays as it
 * was, and a kill leaves at most `<path>.restoring`. Throws StoreFailure.
 */
export async function restoreSqliteStore(
  backupPath: string,
  path: string,
  options: CopyOptions = {},
  deps: Readonly<{ randomUuid?: () => string }> = {},
): Promise<Readonly<{ epoch: string; revision: Revision }>> {
  refuseExisting(path, options);
  refuseLog(backupPath);
  const restoring = `${path}.restoring`;
  const epoch = (deps.randomUuid ?? randomUUID)();
  try {
    removeDatabase(restoring);
    copyFileSync(backupPath, restoring, constants.COPYFILE_EXCL);
    const revision = checkAndRenew(restoring, backupPath, epoch);
    syncPath(restoring);
    replaceStore(restoring, path);
    syncPath(dirname(path));
    return { epoch, revision };
  } catch (error) {
    removeDatabase(restoring);
    throw fileFailure(error, 'restoring', (error as NodeJS.ErrnoException).path ?? path);
  }
}

function checkAndRenew(copy: string, backupPath: string, epoch: string): Revision {
  const { database, meta } = openStoreFile(copy, undefined);
  try {
    const problems = withSqliteFailure('checking the backup', backupPath, () => database.prepare('PRAGMA integrity_check').all());
    if (problems.length !== 1 || problems[0]!['integrity_check'] !== 'ok') {
      throw new StoreFailure('store_corrupt', `restoring ${backupPath}: the backup is damaged`, {
        path: backupPath,
        remedy: CORRUPT_REMEDY,
      });
    }
    database.prepare("UPDATE meta SET value = ? WHERE name = 'epoch'").run(epoch);
    // Everything into the one file that is renamed below.
    database.exec('PRAGMA journal_mode = DELETE');
    return meta.revision;
  } finally {
    database.close();
  }
}

/**
 * Puts `replacement` in the place of the store at `path` and leaves none of its companions behind: an old -wal file beside a new database
 * would be replayed into it. The old store stays locked until the new one stands, so that no process opens it in between.
 */
function replaceStore(replacement: string, path: string): void {
  const old = existsSync(path) ? lockForReplacement(path) : undefined;
  try {
    if (old === undefined) removeCompanions(path);
    renameSync(replacement, path);
  } finally {
    old?.close();
  }
}

/** The old store, locked and without a log of its own; undefined if it is no database any more, which nobody can have open either. */
function lockForReplacement(path: string): DatabaseSync | undefined {
  const database = new DatabaseSync(path);
  try {
    withSqliteFailure('replacing the store', path, () => {
      database.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = DELETE; BEGIN EXCLUSIVE');
    });
    return database;
  } catch (error) {
    database.close();
    if (error instanceof StoreFailure && error.code === 'store_corrupt') return undefined;
    throw error;
  }
}

function refuseExisting(path: string, options: CopyOptions): void {
  if (options.force === true || !existsSync(path)) return;
  throw new StoreFailure('store_exists', `writing ${path}: it exists already`, {
    path,
    remedy: 'Choose another path, or say that it shall be replaced (--force).',
  });
}

/** A backup is one file; a log beside it means that a live store was copied by hand, and half of it would be lost. */
function refuseLog(path: string): void {
  const log = statSync(`${path}-wal`, { throwIfNoEntry: false });
  if (log === undefined || log.size === 0) return;
  throw new StoreFailure('store_foreign', `restoring ${path}: there is a log beside it, so it is a live store and not a backup`, {
    path,
    remedy: 'Restore a file written by weft backup.',
  });
}

function removeDatabase(path: string): void {
  rmSync(path, { force: true });
  removeCompanions(path);
}

function removeCompanions(path: string): void {
  for (const suffix of ['-wal', '-shm', '-journal']) rmSync(path + suffix, { force: true });
}
