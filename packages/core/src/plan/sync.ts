import { Fields, integerIn, oneOf, parseCount, parseString } from '../fields.ts';
import type { Parse } from '../fields.ts';
import { InvalidValue } from '../weft-error.ts';
import type { ErrorInfo } from '../weft-error.ts';

/**
 * How a plan travels (design §5). The controller sends `Sync`, the node answers and reports with `Synced`:
 *
 *     controller                                     node
 *       ask                                  ──►
 *                                            ◄──     Synced { epoch, revision, digests, kinds }          what it has
 *       delta (empty where the digests agree) ─►
 *       or begin, chunk 0, chunk 1, …, end   ──►     takes it over, or holds it back: Synced { …, held }
 *                                            ◄──     Synced { epoch, revision, failed }                  what it has applied
 *       delta, delta, …                      ──►
 *                                            ◄──     Synced { epoch, revision, failed }
 *       accept                               ──►     takes over what it held back
 *
 * The node reports after every application, also of an empty delta, and once it has answered `ask`. What it cannot use – a delta whose
 * `from` is not its revision or whose epoch is not its own, an `end` that does not fit its chunks – it answers as it would `ask`.
 *
 * Kinds, keys and bodies stay unparsed here: a node must be able to refuse one item and take the rest (`parsePlanBody`).
 */

/** One resource on its way; `v` is the version of the body (`PLAN_VERSIONS`). */
export type SyncItem = Readonly<{ kind: string; key: string; v: number; body: unknown }>;
export type SyncRef = Readonly<{ kind: string; key: string }>;

export type Sync =
  | Readonly<{ op: 'ask' }>
  | Readonly<{ op: 'begin'; epoch: string; revision: number }>
  /** `seq` counts from 0 within one full plan. */
  | Readonly<{ op: 'chunk'; seq: number; items: readonly SyncItem[] }>
  /** `seq` goes on from the chunks', so it is their number; `count` is the number of items in all of them. Only now may the node delete. */
  | Readonly<{ op: 'end'; seq: number; count: number }>
  /** Turns the plan of revision `from` into that of `revision`. */
  | Readonly<{ op: 'delta'; epoch: string; from: number; revision: number; upsert: readonly SyncItem[]; remove: readonly SyncRef[] }>
  /** An operator's word: the plan of this epoch and revision, which the node holds back, is right. */
  | Readonly<{ op: 'accept'; epoch: string; revision: number }>;

/** Why a node holds a full plan back (the brakes of design §5). */
export type HoldReason = 'unknown_epoch' | 'older_revision' | 'too_many_removals';

/** The plan that is held back, and how many of the node's ports it would remove. */
export type Held = Readonly<{ reason: HoldReason; epoch: string; revision: number; ports: number }>;

/**
 * With `digests` and `kinds` it is the answer to `ask`: the plan that the node has, applied or not. Without, it is a report: the plan of
 * this revision is applied, but for `failed`. A node without a plan has no epoch and revision 0.
 */
export type Synced = Readonly<{
  epoch: string | undefined;
  revision: number;
  /** By plan kind, see `planDigest`. A kind that is missing is empty. */
  digests?: Readonly<Record<string, string>>;
  /** The plan kinds that the node knows, with their versions. */
  kinds?: Readonly<Record<string, number>>;
  /** By `planRefText`. */
  failed?: Readonly<Record<string, ErrorInfo>>;
  held?: Held;
}>;

/** Chunks stay below this many bytes, so that one of them never keeps a connection's heartbeat waiting. */
export const SYNC_CHUNK_BYTES = 256 * 1024;

const parseOp = oneOf('ask', 'begin', 'chunk', 'end', 'delta', 'accept');

/** Parses the payload of COMMAND Sync. Throws InvalidValue naming the field. */
export function parseSync(value: unknown): Sync {
  const f = new Fields(value, 'sync');
  const op = f.required('op', parseOp);
  switch (op) {
    case 'ask':
      return { op };
    case 'begin':
    case 'accept':
      return { op, epoch: f.required('epoch', parseString), revision: f.required('revision', parseCount) };
    case 'chunk':
      return { op, seq: f.required('seq', parseCount), items: f.list('items', parseItem) };
    case 'end':
      return { op, seq: f.required('seq', parseCount), count: f.required('count', parseCount) };
    case 'delta':
      return {
        op,
        epoch: f.required('epoch', parseString),
        from: f.required('from', parseCount),
        revision: f.required('revision', parseCount),
        upsert: f.list('upsert', parseItem),
        remove: f.list('remove', parseRef),
      };
  }
}

/** Parses the payload of STATUS Synced. Throws InvalidValue naming the field. */
export function parseSynced(value: unknown): Synced {
  const f = new Fields(value, 'synced');
  const digests = f.optional('digests', recordOf(parseString));
  const kinds = f.optional('kinds', recordOf(parseCount));
  const failed = f.optional('failed', recordOf(parseErrorInfo));
  const held = f.optional('held', parseHeld);
  return {
    epoch: f.optional('epoch', parseString),
    revision: f.required('revision', parseCount),
    ...(digests === undefined ? {} : { digests }),
    ...(kinds === undefined ? {} : { kinds }),
    ...(failed === undefined ? {} : { failed }),
    ...(held === undefined ? {} : { held }),
  };
}

const parseItem: Parse<SyncItem> = (value, what) => {
  const f = new Fields(value, what);
  return {
    kind: f.required('kind', parseString),
    key: f.required('key', parseString),
    v: f.required('v', integerIn(1, 65_535)),
    body: f.required('body', (body: unknown) => body),
  };
};

const parseRef: Parse<SyncRef> = (value, what) => {
  const f = new Fields(value, what);
  return { kind: f.required('kind', parseString), key: f.required('key', parseString) };
};

const parseHeld: Parse<Held> = (value, what) => {
  const f = new Fields(value, what);
  return {
    reason: f.required('reason', oneOf('unknown_epoch', 'older_revision', 'too_many_removals')),
    epoch: f.required('epoch', parseString),
    revision: f.required('revision', parseCount),
    ports: f.required('ports', parseCount),
  };
};

/** `retryable` and details may be missing; details that are no object are dropped. */
const parseErrorInfo: Parse<ErrorInfo> = (value, what) => {
  const f = new Fields(value, what);
  const details = f.optional('details', (given: unknown) => given);
  return {
    code: f.required('code', parseString),
    message: f.required('message', parseString),
    ...(typeof details === 'object' && !Array.isArray(details) ? { details: details as NonNullable<ErrorInfo['details']> } : {}),
    retryable: f.optional('retryable', (given: unknown) => given === true) ?? false,
  };
};

function recordOf<T>(parse: Parse<T>): Parse<Readonly<Record<string, T>>> {
  return (value, what) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new InvalidValue(what, value, 'is not an object');
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, parse(item, `${what}[${JSON.stringify(key)}]`)]));
  };
}
