/**
 * The controller's end of one node's plan synchronisation (design §5), while the node is connected:
 *
 *     asking ──answer──▶ preparing ──plan as of a durable revision──▶ following ──commit──▶ delta, delta, …
 *       ▲                    ▲                                            │
 *       └── connected        └───────────── the node cannot use a delta ──┘
 *
 * A node whose digests agree with its plan gets an empty delta instead of the plan. One that holds the plan back (a brake) is followed all
 * the same: deltas change what it holds, so that an operator accepts the present plan and not an old one.
 */
import { createHash } from 'node:crypto';
import { PLAN_KINDS, PLAN_VERSIONS, planDigests, planRefText } from '@weft/core/plan/plan';
import type { Plan, PlanRef } from '@weft/core/plan/plan';
import { SYNC_CHUNK_BYTES } from '@weft/core/plan/sync';
import type { Sync, SyncItem, Synced } from '@weft/core/plan/sync';
import type { NodeId } from '@weft/core/uuid';
import type { Logger } from '@weft/ssntp/logger';
import type { Cluster, PlanChange } from './cluster.ts';
import type { ControllerClock } from './link.ts';

export type NodeSyncDeps = Readonly<{
  cluster: Pick<Cluster, 'snapshotPlan' | 'epoch' | 'openedRevision'>;
  send: (sync: Sync) => void;
  /** The node has a revision of our own epoch that it cannot have from us: our store is an old copy. */
  ahead: (revision: number) => void;
  clock: ControllerClock;
  log: Logger;
}>;

type State =
  | { readonly kind: 'asking' }
  /** `answer`: what the node has, undefined if that makes no difference. `timer`: the plan waits, because others had no effect. */
  | { readonly kind: 'preparing'; answer: Synced | undefined; timer: unknown }
  /** `base`: the revision that the following began with. `sent`: the newest that was sent. */
  | { readonly kind: 'following'; readonly base: number; sent: number };

/** A node that answers every plan with another question gets the next one only after a pause, doubling up to the longer. */
const REPEAT_MIN_MS = 500;
const REPEAT_MAX_MS = 30_000;

export class NodeSync {
  readonly #nodeId: NodeId;
  readonly #deps: NodeSyncDeps;
  #state: State = { kind: 'asking' };
  /** What was committed since the last delta, by `planRefText`; only while following. */
  #pending = new Map<string, PlanChange>();
  #pendingRevision = 0;
  /** Plans and deltas sent in answer to a question, since the node last reported. */
  #repeats = 0;
  #acceptSent = false;
  /** The highest revision that the node can know: what this process began with, or has sent it. */
  #highest: number;

  constructor(options: Readonly<{ nodeId: NodeId }>, deps: NodeSyncDeps) {
    this.#nodeId = options.nodeId;
    this.#deps = deps;
    this.#highest = deps.cluster.openedRevision;
  }

  /** The newest revision sent to the node, undefined before the first. */
  get sent(): number | undefined {
    return this.#state.kind === 'following' ? this.#state.sent : undefined;
  }

  /** Begins from scratch: after a connection, and when the epoch changed. */
  ask(): void {
    this.#repeats = 0;
    this.#become({ kind: 'asking' });
    this.#deps.send({ op: 'ask' });
  }

  /** Whatever the node says of its plan. */
  synced(message: Synced): void {
    const { cluster } = this.#deps;
    if (message.epoch === cluster.epoch && message.revision > this.#highest) {
      this.#become({ kind: 'asking' });
      this.#deps.ahead(message.revision);
      return;
    }
    if (message.digests === undefined) {
      // A report: the node works with what it got.
      this.#repeats = 0;
      if (message.held === undefined) this.#acceptSent = false;
      return;
    }
    if (this.#isOnTrack(message)) return;
    this.#acceptSent = false;
    this.#prepare(message);
  }

  /** A durable commit changed the node's plan. */
  publish(revision: number, changes: readonly PlanChange[]): void {
    // Before, the plan that will be sent has it.
    if (this.#state.kind !== 'following') return;
    for (const change of changes) this.#pending.set(planRefText(change.ref), change);
    this.#pendingRevision = revision;
  }

  /** Sends what was published since the last time, as one delta. */
  flush(): void {
    if (this.#state.kind !== 'following' || this.#pending.size === 0) return;
    const changes = [...this.#pending.values()];
    this.#pending.clear();
    const delta = deltaOf(this.#deps.cluster.epoch, this.#state.sent, this.#pendingRevision, changes);
    if (JSON.stringify(delta).length > SYNC_CHUNK_BYTES) {
      // Rare and big, like a network with thousands of ports that comes to a node: chunks are for that.
      this.#become({ kind: 'preparing', answer: undefined, timer: undefined });
      this.#deps.cluster.snapshotPlan(
        this.#nodeId,
        this.#takeFor((plan, revision) => this.#sendFull(plan, revision)),
      );
      return;
    }
    this.#state.sent = this.#pendingRevision;
    this.#highest = Math.max(this.#highest, this.#pendingRevision);
    this.#deps.send(delta);
  }

  /** Tells the node to take over what it holds back; returns the revision that it names. Undefined if nothing was sent to be held. */
  accept(): number | undefined {
    if (this.#state.kind !== 'following') return undefined;
    this.flush();
    const { sent } = this.#state;
    this.#acceptSent = true;
    this.#deps.send({ op: 'accept', epoch: this.#deps.cluster.epoch, revision: sent });
    return sent;
  }

  /** The node is gone. */
  close(): void {
    this.#become({ kind: 'asking' });
  }

  /** True for an answer that only says that the node holds back what we sent and goes on sending. */
  #isOnTrack({ held }: Synced): boolean {
    const state = this.#state;
    if (state.kind !== 'following' || held === undefined || this.#acceptSent) return false;
    return held.epoch === this.#deps.cluster.epoch && held.revision >= state.base && held.revision <= state.sent;
  }

  #prepare(answer: Synced): void {
    if (this.#state.kind === 'preparing' && this.#state.timer !== undefined) {
      this.#state.answer = answer;
      return;
    }
    const pauseMs = this.#repeats === 0 ? 0 : Math.min(REPEAT_MAX_MS, REPEAT_MIN_MS * 2 ** (this.#repeats - 1));
    this.#repeats += 1;
    const state: State = { kind: 'preparing', answer, timer: undefined };
    this.#become(state);
    const begin = (): void => {
      state.timer = undefined;
      this.#deps.cluster.snapshotPlan(
        this.#nodeId,
        this.#takeFor((plan, revision) => this.#sendPlan(state.answer, plan, revision)),
      );
    };
    if (pauseMs === 0) return begin();
    this.#deps.log.warn({ node: this.#nodeId, revision: answer.revision, pauseMs }, 'node cannot use its plan, sending it again later');
    state.timer = this.#deps.clock.setTimeout(begin, pauseMs);
  }

  /** A callback that does nothing once the state it was made in is over. */
  #takeFor(send: (plan: Plan, revision: number) => void): (plan: Plan, revision: number) => void {
    const state = this.#state;
    return (plan, revision) => {
      if (this.#state === state) send(plan, revision);
    };
  }

  #sendPlan(answer: Synced | undefined, plan: Plan, revision: number): void {
    const { epoch } = this.#deps.cluster;
    if (answer?.epoch === epoch && answer.held === undefined && answer.revision <= revision && agrees(answer, plan)) {
      this.#follow(revision);
      this.#deps.send({ op: 'delta', epoch, from: answer.revision, revision, upsert: [], remove: [] });
      return;
    }
    this.#sendFull(plan, revision);
  }

  #sendFull(plan: Plan, revision: number): void {
    const { log, send, cluster } = this.#deps;
    let [seq, count] = [0, 0];
    send({ op: 'begin', epoch: cluster.epoch, revision });
    for (const items of chunksOf(plan)) {
      send({ op: 'chunk', seq, items });
      seq += 1;
      count += items.length;
    }
    send({ op: 'end', seq, count });
    this.#follow(revision);
    log.info({ node: this.#nodeId, epoch: cluster.epoch, revision, count }, 'full plan sent');
  }

  #follow(revision: number): void {
    this.#highest = Math.max(this.#highest, revision);
    this.#become({ kind: 'following', base: revision, sent: revision });
  }

  #become(state: State): void {
    if (this.#state.kind === 'preparing') this.#deps.clock.clearTimeout(this.#state.timer);
    this.#pending.clear();
    this.#state = state;
  }
}

function deltaOf(epoch: string, from: number, revision: number, changes: readonly PlanChange[]): Sync & { op: 'delta' } {
  const upsert: SyncItem[] = [];
  const remove: PlanRef[] = [];
  for (const { ref, body } of changes) {
    if (body === undefined) remove.push(ref);
    else upsert.push({ kind: ref.kind, key: ref.key, v: PLAN_VERSIONS[ref.kind], body });
  }
  return { op: 'delta', epoch, from, revision, upsert, remove };
}

/** The plan's items in chunks of at most 256 kB of JSON; an item beyond that is a chunk of its own. */
function* chunksOf(plan: Plan): Generator<readonly SyncItem[]> {
  let items: SyncItem[] = [];
  let bytes = 0;
  for (const kind of PLAN_KINDS) {
    for (const [key, body] of plan.of(kind)) {
      const item: SyncItem = { kind, key, v: PLAN_VERSIONS[kind], body };
      const size = Buffer.byteLength(JSON.stringify(item)) + 1;
      if (bytes + size > SYNC_CHUNK_BYTES - 64 && items.length > 0) {
        yield items;
        [items, bytes] = [[], 0];
      }
      items.push(item);
      bytes += size;
    }
  }
  if (items.length > 0) yield items;
}

const EMPTY_DIGEST = '0'.repeat(64);

function agrees(answer: Synced, plan: Plan): boolean {
  const digests = planDigests(plan, (text) => createHash('sha256').update(text).digest());
  const kinds = new Set<string>([...PLAN_KINDS, ...Object.keys(answer.digests ?? {})]);
  for (const kind of kinds) {
    const ours = Object.hasOwn(digests, kind) ? digests[kind as keyof typeof digests] : EMPTY_DIGEST;
    if ((answer.digests?.[kind] ?? EMPTY_DIGEST) !== ours) return false;
  }
  return true;
}
