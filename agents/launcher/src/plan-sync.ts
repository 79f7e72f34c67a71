/**
 * The node's end of the plan synchronisation (design §5): a state machine without I/O.
 *
 *     begin, chunk, … ──▶ incoming ──end──▶ brakes ──▶ own plan ──▶ (applied by the reconciler)
 *                                             │ refused   ▲
 *                                             ▼           │ accept, or a delta that lifts the brake
 *                                            held ────────┘
 *
 * Only `end` with the right counts lets a full plan take effect, so nothing is ever removed on account of a plan that is not complete. The
 * held plan follows the controller's deltas, and is lost with the process: the next full plan is held again.
 */
import { isPlanKind, Plan, PLAN_VERSIONS, planDigests, planRefText } from '@weft/core/plan/plan';
import type { PlanRef } from '@weft/core/plan/plan';
import type { Held, HoldReason, Sync, Synced, SyncItem, SyncRef } from '@weft/core/plan/sync';
import { errorInfo } from '@weft/core/weft-error';
import type { ErrorInfo } from '@weft/core/weft-error';
import { brake, removedPorts } from './brakes.ts';
import type { PlanRevision } from './brakes.ts';
import { setPlanItem } from './plan-item.ts';

export type PlanSyncOutcome =
  /** The controller wants to know what we have, or sent what we cannot use: send `status()`. */
  | Readonly<{ kind: 'answer' }>
  /** The own plan is now the controller's. `changed` may be empty. */
  | Readonly<{ kind: 'taken'; changed: readonly PlanRef[] | 'all' }>
  | Readonly<{ kind: 'held'; held: Held }>
  /** Part of a plan that is on its way. */
  | Readonly<{ kind: 'collecting' }>;

/** What could not be parsed, by `planRefText`: reported as failed until it is replaced or removed. */
type Unparsed = Map<string, ErrorInfo>;

type Kept = { epoch: string; revision: number; plan: Plan; unparsed: Unparsed };
type HeldPlan = Kept & { reason: HoldReason };
type Incoming = Kept & { chunks: number; items: number; refused: SyncRef[] };

export class PlanSync {
  readonly #sha256: (text: string) => Uint8Array;
  #own: Kept | undefined;
  #held: HeldPlan | undefined;
  #incoming: Incoming | undefined;

  /** `saved` is the plan that an earlier process stored. The plan belongs to this object from then on; it is changed in place. */
  constructor(options: Readonly<{ saved: PlanRevision | undefined }>, deps: Readonly<{ sha256: (text: string) => Uint8Array }>) {
    this.#sha256 = deps.sha256;
    if (options.saved !== undefined) this.#own = { ...options.saved, unparsed: new Map() };
  }

  /** The plan to apply, undefined as long as none is known. */
  get own(): PlanRevision | undefined {
    return this.#own;
  }

  /** What of the own plan could not be parsed, by `planRefText`. */
  get unparsed(): ReadonlyMap<string, ErrorInfo> {
    return this.#own?.unparsed ?? new Map();
  }

  get held(): Held | undefined {
    if (this.#held === undefined) return undefined;
    const { reason, epoch, revision, plan } = this.#held;
    return { reason, epoch, revision, ports: this.#own === undefined ? 0 : removedPorts(this.#own.plan, plan) };
  }

  /** The answer to `ask`. Costs in proportion to the plan. */
  status(): Synced {
    const { held } = this;
    return {
      epoch: this.#own?.epoch,
      revision: this.#own?.revision ?? 0,
      digests: planDigests(this.#own?.plan ?? new Plan(), this.#sha256),
      kinds: PLAN_VERSIONS,
      ...(held === undefined ? {} : { held }),
    };
  }

  /** The connection is lost, and with it the rest of a plan that was on its way. */
  interrupt(): void {
    this.#incoming = undefined;
  }

  handle(sync: Sync): PlanSyncOutcome {
    switch (sync.op) {
      case 'ask':
        return { kind: 'answer' };
      case 'begin':
        this.#incoming = {
          epoch: sync.epoch,
          revision: sync.revision,
          plan: new Plan(),
          unparsed: new Map(),
          chunks: 0,
          items: 0,
          refused: [],
        };
        return { kind: 'collecting' };
      case 'chunk':
        return this.#chunk(sync);
      case 'end':
        return this.#end(sync);
      case 'delta':
        return this.#delta(sync);
      case 'accept':
        return this.#accept(sync);
    }
  }

  #chunk(chunk: Sync & { op: 'chunk' }): PlanSyncOutcome {
    // A stray chunk is not answered: its `end` will be, once.
    if (this.#incoming?.chunks !== chunk.seq) this.#incoming = undefined;
    const incoming = this.#incoming;
    if (incoming === undefined) return { kind: 'collecting' };
    incoming.chunks += 1;
    incoming.items += chunk.items.length;
    for (const item of chunk.items) if (!upsert(incoming, item)) incoming.refused.push(item);
    return { kind: 'collecting' };
  }

  #end(end: Sync & { op: 'end' }): PlanSyncOutcome {
    const incoming = this.#incoming;
    this.#incoming = undefined;
    if (incoming === undefined || incoming.chunks !== end.seq || incoming.items !== end.count) return { kind: 'answer' };
    const { epoch, revision, plan, unparsed } = incoming;
    // What came in a form that we cannot read is in the plan all the same: it stays as it was.
    for (const ref of incoming.refused) if (this.#own !== undefined) copyBody(this.#own.plan, plan, ref);
    return this.#settle({ epoch, revision, plan, unparsed });
  }

  #delta(delta: Sync & { op: 'delta' }): PlanSyncOutcome {
    if (delta.revision < delta.from) return { kind: 'answer' };
    if (this.#held?.epoch === delta.epoch && this.#held.revision === delta.from) {
      // The controller goes on from what it sent last, which is what we hold.
      const { epoch, plan, unparsed } = this.#held;
      const next = { epoch, revision: delta.revision, plan, unparsed };
      applyDelta(next, delta);
      return this.#settle(next);
    }
    if (this.#own?.epoch !== delta.epoch || this.#own.revision !== delta.from) return { kind: 'answer' };
    const changed = applyDelta(this.#own, delta);
    this.#own.revision = delta.revision;
    // A full plan of that revision or before, still on its way, would take this back.
    if (this.#incoming?.epoch === delta.epoch && this.#incoming.revision <= delta.revision) this.#incoming = undefined;
    return { kind: 'taken', changed };
  }

  #accept(accept: Sync & { op: 'accept' }): PlanSyncOutcome {
    if (this.#held?.epoch !== accept.epoch || this.#held.revision !== accept.revision) return { kind: 'answer' };
    return this.#take(this.#held);
  }

  /** Takes the plan over or holds it back; an earlier held one is superseded. */
  #settle(next: Kept): PlanSyncOutcome {
    const reason = brake(this.#own, next);
    if (reason === undefined) return this.#take(next);
    this.#held = { ...next, reason };
    return { kind: 'held', held: this.held! };
  }

  #take({ epoch, revision, plan, unparsed }: Kept): PlanSyncOutcome {
    this.#own = { epoch, revision, plan, unparsed };
    this.#held = undefined;
    return { kind: 'taken', changed: 'all' };
  }
}

/** False if the item is noted as unparsed; a body that was there before stays. */
function upsert(kept: Kept, item: SyncItem): boolean {
  const text = refText(item);
  try {
    setPlanItem(kept.plan, item);
    kept.unparsed.delete(text);
    return true;
  } catch (error) {
    kept.unparsed.set(text, errorInfo(error));
    return false;
  }
}

/** Returns the resources that may have changed. */
function applyDelta(kept: Kept, delta: Sync & { op: 'delta' }): PlanRef[] {
  const changed: PlanRef[] = [];
  const note = ({ kind, key }: SyncRef): void => {
    if (isPlanKind(kind)) changed.push({ kind, key });
  };
  for (const item of delta.upsert) if (upsert(kept, item)) note(item);
  for (const ref of delta.remove) {
    kept.unparsed.delete(refText(ref));
    if (isPlanKind(ref.kind)) kept.plan.delete(ref.kind, ref.key);
    note(ref);
  }
  return changed;
}

function copyBody(from: Plan, to: Plan, { kind, key }: SyncRef): void {
  const body = isPlanKind(kind) ? from.get(kind, key) : undefined;
  if (body !== undefined && isPlanKind(kind) && to.get(kind, key) === undefined) to.set(kind, key, body);
}

/** As `planRefText`, for kinds that this release may not know. */
function refText(ref: SyncRef): string {
  return planRefText(ref as PlanRef);
}
