import { StoreFailure } from './store.ts';

/** SQLite's primary result codes (sqlite3.h); extended codes carry more above the low byte. */
const SQLITE = { PERM: 3, BUSY: 5, LOCKED: 6, READONLY: 8, IOERR: 10, CORRUPT: 11, FULL: 13, CANTOPEN: 14, NOTADB: 26 } as const;

export const LOCKED_REMEDY = 'Stop the other process that has it open (a second weft server?), or use another path.';
export const READ_ONLY_REMEDY = 'Make the file, its directory and its file system writable for the user that runs weft.';
export const FULL_REMEDY = 'Free space on the file system of the store.';
export const CORRUPT_REMEDY = 'Keep a copy of the file for examination, then restore the last backup with weft restore.';

/** What went wrong while `doing` something with the store at `path`; what is not SQLite's is returned unchanged. */
export function sqliteFailure(error: unknown, doing: string, path: string): unknown {
  if (error instanceof StoreFailure || !(error instanceof Error) || !('errcode' in error) || typeof error.errcode !== 'number')
    return error;
  const options = { path, cause: error };
  const message = (reason: string): string => `${doing} ${path}: ${reason}`;
  switch (error.errcode & 0xff) {
    case SQLITE.BUSY:
    case SQLITE.LOCKED:
      return new StoreFailure('store_locked', message('another process has it open'), { ...options, remedy: LOCKED_REMEDY });
    case SQLITE.PERM:
    case SQLITE.READONLY:
      return new StoreFailure('store_read_only', message('it cannot be written'), {
        ...options,
        remedy: READ_ONLY_REMEDY,
      });
    case SQLITE.FULL:
      return new StoreFailure('store_full', message('the disk is full'), {
        ...options,
        remedy: FULL_REMEDY,
        retryable: true,
      });
    case SQLITE.CORRUPT:
    case SQLITE.NOTADB:
      return new StoreFailure('store_corrupt', message('the file is damaged or not a database'), { ...options, remedy: CORRUPT_REMEDY });
    case SQLITE.IOERR:
    case SQLITE.CANTOPEN:
      return new StoreFailure('store_io', message('the file system reports an error'), {
        ...options,
        remedy: 'Look for disk errors in the kernel log, then restart weft.',
      });
    default:
      return error;
  }
}

/** Runs `action`; what SQLite throws in it comes out as a StoreFailure. */
export function withSqliteFailure<T>(doing: string, path: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw sqliteFailure(error, doing, path);
  }
}
