/**
 * The cluster's state in this process, and the only way to change it (design §4: decide, log, answer).
 *
 *     command ──▶ changes ──▶ memory ──▶ plan resources rendered ──▶ store ──▶ durable ──▶ published, answered
 *                 (checked against memory, so also against commits in flight)
 *
 * Memory runs ahead of the disk by the commits in flight. Whoever shows something of it must therefore wait until all commits decided so
 * far are durable ({@link Cluster.settled}), and nodes hear of a change only then. A commit that fails leaves memory ahead for good: the
 * process gives up, and the next one begins with what the store really has.
 */
import { parseCidr } from '@weft/core/cidr';
import { ClusterState } from '@weft/core/cluster-state';
import { withHolds } from '@weft/core/command/address-hold';
import type { ClusterConfig, CommandContext } from '@weft/core/command/context';
import { checkQuotas } from '@weft/core/command/quota';
import { applyAffected } from '@weft/core/plan/affected';
import { compile } from '@weft/core/plan/compile';
import type { Plan, PlanBody, PlanRef } from '@weft/core/plan/plan';
import { render } from '@weft/core/plan/render';
import type { ClusterFacts } from '@weft/core/plan/render';
import { preview } from '@weft/core/preview/preview';
import type { Preview } from '@weft/core/preview/preview';
import { parseResource, resourceKey } from '@weft/core/resource';
import type { Changes } from '@weft/core/resource';
import type { NodeId, Uuid } from '@weft/core/uuid';
import { WeftError } from '@weft/core/weft-error';
import type { Revision, Store } from '@weft/store/store';

/**
 * No router forwards to these (RFC 3927 §2.7), and a tenant's gateway least of all: at 169.254.169.254 whoever runs the machines offers what
 * is meant for the machines.
 */
const LINK_LOCAL = parseCidr('169.254.0.0/16');

export type ClusterOptions = Readonly<{ config: ClusterConfig }>;

export type ClusterDeps = Readonly<{
  store: Store;
  /** Milliseconds since 1970. */
  wallMs: () => number;
  randomUuid: () => string;
  randomBytes: (count: number) => Uint8Array;
  /** Memory and store disagree: the process must end and start again. Called once. */
  fatal: (error: unknown) => void;
}>;

/** One resource of one node's plan; without a body it is gone. */
export type PlanChange = Readonly<{ ref: PlanRef; body: PlanBody | undefined }>;

/** A commit that is durable, with what it means for the nodes' plans. */
export type Published = Readonly<{ revision: Revision; changes: Changes; plans: ReadonlyMap<NodeId, readonly PlanChange[]> }>;

export interface ClusterListener {
  published(commit: Published): void;
  /** After all commits that became durable together. */
  flushed(): void;
}

/** The cluster cannot decide or answer now; nothing was changed, as far as the caller may know. */
export class ClusterUnavailable extends WeftError {
  constructor(cause: unknown) {
    super('unavailable', 'The cluster state cannot be written at present.', {
      remedy: 'Try again in a moment; if it lasts, read the log of the controller.',
      retryable: true,
      cause,
    });
  }
}

/** A pure decision of `core/command`, or several. */
export type Command<X extends Changes> = (state: ClusterState, context: CommandContext) => X;

type InFlight = {
  readonly changes: Changes;
  readonly plans: ReadonlyMap<NodeId, readonly PlanChange[]>;
  /** Undefined until the store has answered. */
  revision: Revision | undefined;
  /** Called in order, after the commit was published. */
  readonly durable: ((revision: Revision) => void)[];
  readonly failed: ((error: ClusterUnavailable) => void)[];
};

export class Cluster {
  readonly state: ClusterState;
  readonly facts: ClusterFacts;
  /** The revision that the store had when this process opened it. */
  readonly openedRevision: Revision;
  readonly config: ClusterConfig;
  readonly #deps: ClusterDeps;
  readonly #listeners = new Set<ClusterListener>();
  #inFlight: InFlight[] = [];
  #revision: Revision;
  #failure: ClusterUnavailable | undefined;

  private constructor(options: ClusterOptions, deps: ClusterDeps, loaded: Readonly<{ state: ClusterState; revision: Revision }>) {
    this.config = options.config;
    this.#deps = deps;
    this.state = loaded.state;
    this.openedRevision = loaded.revision;
    this.#revision = loaded.revision;
    this.facts = { infrastructure: [...options.config.computeCidrs, ...options.config.managementCidrs, LINK_LOCAL] };
  }

  /** Reads the whole store. Throws StoreFailure, or InvalidValue naming the record that this release cannot read. */
  static async open(options: ClusterOptions, deps: ClusterDeps): Promise<Cluster> {
    const { revision, entries } = await deps.store.snapshot();
    const put = entries.map(({ key, value }) => {
      try {
        return parseResource(JSON.parse(value));
      } catch (cause) {
        throw new WeftError('store_record_unreadable', `reading record ${key} of the store`, {
          details: { key },
          remedy: 'Start the release that wrote this store, or restore a backup.',
          cause,
        });
      }
    });
    const state = new ClusterState();
    state.apply({ put, remove: [] });
    return new Cluster(options, deps, { state, revision });
  }

  /** The newest durable revision. */
  get revision(): Revision {
    return this.#revision;
  }

  get epoch(): string {
    return this.#deps.store.epoch;
  }

  listen(listener: ClusterListener): void {
    this.#listeners.add(listener);
  }

  /**
   * Runs a command and makes its decision durable. Rejects with the command's own error, which changes nothing, or ClusterUnavailable.
   * The command must not keep the state it is given.
   */
  async decide<X extends Changes>(command: Command<X>): Promise<X & Readonly<{ revision: Revision }>> {
    const [result, revision] = await this.#decide(command, (decided) => decided);
    return { ...result, revision };
  }

  /**
   * As {@link decide}, but answers with what `show` makes of the state right after the decision: later, the state may already hold
   * decisions of others that are not durable.
   */
  async decideAndShow<X extends Changes, V>(command: Command<X>, show: (result: X) => V): Promise<V> {
    const [view] = await this.#decide(command, show);
    return view;
  }

  /** What a command would do, without doing it. Rejects as {@link decide} does, and then as now nothing is changed. */
  async preview(command: Command<Changes>): Promise<Preview> {
    this.#checkUsable();
    try {
      const context = this.#context();
      return preview(this.state, this.facts, (state) => {
        const decided = command(state, context);
        checkQuotas(state, this.config, decided);
        return withHolds(state, context, decided);
      });
    } finally {
      // The answer, or the reason, may lie in a commit that is still in flight.
      await this.settled();
    }
  }

  /** Resolves when all that is decided by now is durable. Rejects with ClusterUnavailable. */
  async settled(): Promise<void> {
    this.#checkUsable();
    const last = this.#inFlight.at(-1);
    if (last === undefined) return;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    last.durable.push(() => resolve());
    last.failed.push(reject);
    await promise;
  }

  /**
   * A node's whole plan, as of the revision that it is handed over with: after that commit was published and before the next one is.
   * At once if no commit is in flight; never if one fails.
   */
  snapshotPlan(nodeId: NodeId, take: (plan: Plan, revision: Revision) => void): void {
    if (this.#failure !== undefined) return;
    const plan = compile(this.state, this.facts, nodeId);
    const last = this.#inFlight.at(-1);
    if (last === undefined) take(plan, this.#revision);
    else last.durable.push((revision) => take(plan, revision));
  }

  /** Takes a new epoch: the nodes' revisions mean nothing any more. */
  async newEpoch(): Promise<string> {
    try {
      return await this.#deps.store.newEpoch();
    } catch (error) {
      throw this.#fail(error);
    }
  }

  async #decide<X extends Changes, V>(command: Command<X>, show: (result: X) => V): Promise<readonly [V, Revision]> {
    this.#checkUsable();
    const context = this.#context();
    let result: X;
    try {
      result = command(this.state, context);
      checkQuotas(this.state, this.config, result);
    } catch (error) {
      // The reason may lie in a commit that is still in flight.
      await this.settled();
      throw error;
    }
    if (result.put.length + result.remove.length === 0) {
      const view = show(result);
      await this.settled();
      return [view, this.#revision];
    }
    const { promise, resolve, reject } = Promise.withResolvers<Revision>();
    this.#commit(result, context, resolve, reject);
    if (this.#failure !== undefined) await promise;
    try {
      return [show(result), await promise];
    } finally {
      // Also when showing went wrong: nobody else waits for it, and it may reject.
      await promise;
    }
  }

  #checkUsable(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }

  #context(): CommandContext {
    const { wallMs, randomUuid, randomBytes } = this.#deps;
    return {
      now: `${new Date(wallMs()).toISOString().slice(0, 19)}Z`,
      uuid: () => randomUuid() as Uuid,
      random: randomBytes,
      cluster: this.config,
    };
  }

  #commit(
    decided: Changes,
    context: CommandContext,
    durable: (revision: Revision) => void,
    failed: (error: ClusterUnavailable) => void,
  ): void {
    let changes: Changes;
    let commit: Promise<Revision>;
    let plans: ReadonlyMap<NodeId, readonly PlanChange[]>;
    try {
      changes = withHolds(this.state, context, decided);
      plans = this.#applyAndRender(changes);
      commit = this.#deps.store.commit({
        put: changes.put.map((resource) => ({ key: resourceKey(resource), value: JSON.stringify(resource) })),
        delete: changes.remove.map(resourceKey),
      });
    } catch (error) {
      failed(this.#fail(error));
      return;
    }
    const entry: InFlight = { changes, plans, revision: undefined, durable: [durable], failed: [failed] };
    this.#inFlight.push(entry);
    void this.#await(entry, commit);
  }

  async #await(entry: InFlight, commit: Promise<Revision>): Promise<void> {
    try {
      entry.revision = await commit;
      this.#publishDurable();
    } catch (error) {
      this.#fail(error);
    }
  }

  #applyAndRender(changes: Changes): ReadonlyMap<NodeId, readonly PlanChange[]> {
    const affected = applyAffected(this.state, changes);
    const plans = new Map<NodeId, PlanChange[]>();
    for (const nodeId of affected.nodes()) {
      const rendered: PlanChange[] = [];
      for (const ref of affected.of(nodeId)) rendered.push({ ref, body: render(this.state, this.facts, nodeId, ref.kind, ref.key) });
      plans.set(nodeId, rendered);
    }
    return plans;
  }

  /** Publishes in the order of deciding, however the store answers. */
  #publishDurable(): void {
    if (this.#failure !== undefined) return;
    let published = false;
    for (let entry = this.#inFlight[0]; entry?.revision !== undefined; entry = this.#inFlight[0]) {
      this.#inFlight.shift();
      this.#revision = entry.revision;
      const commit: Published = { revision: entry.revision, changes: entry.changes, plans: entry.plans };
      for (const listener of this.#listeners) listener.published(commit);
      for (const durable of entry.durable) durable(entry.revision);
      published = true;
    }
    if (published) for (const listener of this.#listeners) listener.flushed();
  }

  #fail(error: unknown): ClusterUnavailable {
    if (this.#failure !== undefined) return this.#failure;
    const failure = new ClusterUnavailable(error);
    this.#failure = failure;
    const waiting = this.#inFlight;
    this.#inFlight = [];
    for (const { failed } of waiting) for (const reject of failed) reject(failure);
    this.#deps.fatal(error);
    return failure;
  }
}
