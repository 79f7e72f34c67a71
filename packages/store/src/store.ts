import { WeftError } from '@weft/core/weft-error';

/*
 * The store is the cluster's memory: a revisioned key/value map with history (design §4).
 *
 *   commit ──▶ compare ──▶ write ──▶ durable ──▶ answer            revision 41 ─ 42 ─ 43 ─▶
 *                │                      └──────▶ watchers                       history
 *                └ StoreConflict, nothing changed
 *
 * Every commit that changes something makes exactly one new revision of the whole store; revisions have no gaps. Readers that know a
 * revision ask for what came after it. The epoch tells them whether their revision still means anything: it changes whenever the store
 * was made anew or restored from a copy, because revisions made after that copy are then numbers of another history.
 *
 * One process at a time owns a store (SQLite: a lock on the file; etcd: the leader key in every compare).
 */

/** 1, 2, 3 … of the whole store; 0 is the empty store before its first commit. */
export type Revision = number;

/** `value` is JSON text, which the store does not look into; `revision` is that of the last change of this key. */
export type Entry = Readonly<{ key: string; value: string; revision: Revision }>;

/** `revision` 0 = the key must be absent. */
export type Comparison = Readonly<{ key: string; revision: Revision }>;

/**
 * A key may appear once among `put` and `delete` together. Deleting an absent key changes nothing; a commit that changes nothing makes no
 * revision, but its comparisons are still checked. Putting an equal value is a change.
 */
export type CommitRequest = Readonly<{
  compare?: readonly Comparison[];
  put: readonly Readonly<{ key: string; value: string }>[];
  delete: readonly string[];
}>;

/** One key's change; `value` undefined = deleted. */
export type StoreChange = Readonly<{ revision: Revision; key: string; value: string | undefined }>;

export type StoreSnapshot = Readonly<{ revision: Revision; entries: Entry[] }>;

export interface Store extends AsyncDisposable {
  /** A UUID; changes when the store was made anew or restored, and by {@link newEpoch}. */
  readonly epoch: string;

  /** All durable entries whose key starts with `prefix`, ascending by the keys' UTF-8 bytes, as of one revision. */
  snapshot(prefix?: string): Promise<StoreSnapshot>;

  /**
   * Resolves with the new revision once the change survives a power loss. Commits of one event-loop tick share one durable transaction but
   * are judged one by one in call order: each has its own revision and comparisons, and one that fails affects no other.
   * Throws StoreConflict, InvalidValue (nothing was changed), or StoreFailure (the outcome may be unknown: read again).
   */
  commit(request: CommitRequest): Promise<Revision>;

  /**
   * Every change after revision `after`, one batch per revision, without gaps: first what history holds, then live. A slow consumer costs no
   * memory, but may be overtaken by {@link compact}. Ends only by an error: the signal's reason, StoreHistoryGone, StoreClosed, or
   * InvalidValue if `after` is ahead of the store.
   */
  watch(after: Revision, options: Readonly<{ signal: AbortSignal }>): AsyncIterable<StoreChange[]>;

  /**
   * Changes of the revisions after `after` up to and including `upTo` (absent: the newest), in order of revision, then puts before deletes as
   * requested. Throws StoreHistoryGone, or InvalidValue if `after` is ahead of the store.
   */
  history(range: Readonly<{ after: Revision; upTo?: Revision }>): Promise<StoreChange[]>;

  /** Takes a new epoch, durable when it resolves, and returns it. Revisions go on. */
  newEpoch(): Promise<string>;

  /** Forgets the history of the revisions below `before`; entries stay. From then on history can be read after `before - 1` or later. */
  compact(before: Revision): Promise<void>;

  /** Answers the commits in flight, then closes. Idempotent. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** Somebody else changed a compared key first. Decide again on the present state. */
export class StoreConflict extends WeftError {
  constructor(comparison: Comparison, actual: Revision) {
    const { key, revision } = comparison;
    super('store_conflict', `committing: ${key} is at revision ${actual}, not at ${revision} as compared`, {
      details: { key, expected: revision, actual },
      retryable: true,
    });
  }
}

/** The history after the asked revision was compacted away: take a snapshot instead. */
export class StoreHistoryGone extends WeftError {
  constructor(after: Revision, oldest: Revision) {
    super('store_history_gone', `reading history after revision ${after}: it is kept only after revision ${oldest}`, {
      details: { after, oldest },
    });
  }
}

export class StoreClosed extends WeftError {
  constructor() {
    super('store_closed', 'the store has been closed');
  }
}

export type StoreFailureCode =
  | 'store_locked'
  | 'store_missing'
  | 'store_exists'
  | 'store_read_only'
  | 'store_full'
  | 'store_corrupt'
  | 'store_foreign'
  | 'store_schema_newer'
  | 'store_io'
  | 'store_backup_running';

/** The store's file or service does not do its part; `code` says how, `remedy` what to do. */
export class StoreFailure extends WeftError {
  constructor(
    code: StoreFailureCode,
    message: string,
    options: Readonly<{ path?: string; remedy: string; retryable?: boolean; cause?: unknown }>,
  ) {
    super(code, message, {
      details: options.path === undefined ? {} : { path: options.path },
      remedy: options.remedy,
      retryable: options.retryable ?? false,
      cause: options.cause,
    });
  }
}
