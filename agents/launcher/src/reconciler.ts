/**
 * The node's loop (design §1, style §7): makes the kernel, the workloads and the leases equal to the plan.
 *
 * A change only marks resources dirty. One pass at a time takes all that is dirty, in slices if it is much: first whatever must end before its
 * namespace goes, then the data path, then workloads and DHCP; then the report. What failed stays dirty and is tried again with growing pauses; a slow timer
 * compares everything, and a quick one only asks whether somebody took something away that a whole tenant hangs on. Until the plan has been confirmed in this process's life nothing is removed that it does not name: the saved plan
 * may be older than the kernel.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Plan, PlanRef } from '@weft/core/plan/plan';
import { isPlanKind, planRefText } from '@weft/core/plan/plan';
import type { ErrorInfo } from '@weft/core/weft-error';
import type { Clock } from '@weft/ssntp/clock';
import type { Logger } from '@weft/ssntp/logger';
import type { DataplanePort } from './dataplane-port.ts';
import { slicesOf } from './slices.ts';

/** The resources of one pass. `known`: all that the plan names. `all`: also whatever is there and not in the plan. */
export type Scope = 'all' | 'known' | ReadonlyMap<string, PlanRef>;

/** Something that follows the data path. It retries by itself what fails, and tells by the deps it was given when `failures` changed. */
export interface Follower {
  /** Ends what must be gone before the data path removes its namespace; undefined if there is nothing. */
  retire(plan: Plan, scope: Scope): Promise<void> | undefined;
  /** `failed` is what the data path could not apply, by `planRefText`. */
  apply(plan: Plan, scope: Scope, failed: ReadonlyMap<string, ErrorInfo>): void;
  failures(): ReadonlyMap<string, ErrorInfo>;
}

export type DesiredPlan = Readonly<{
  plan: Plan;
  epoch: string;
  revision: number;
  /** False while the plan is only the saved one. */
  confirmed: boolean;
}>;

/** What has been applied: all of the plan's revision but `failed`. */
export type Applied = Readonly<{
  epoch: string;
  revision: number;
  failed: ReadonlyMap<string, ErrorInfo>;
  /** False as long as the plan is only the saved one: what it does not name may still be there. */
  confirmed: boolean;
  /** How often in this process's life what failed was tried again after a pause. */
  retries: number;
}>;

export type ReconcilerDeps = Readonly<{
  dataplane: DataplanePort;
  /** They act after the data path, in this order. */
  followers: () => readonly Follower[];
  desired: () => DesiredPlan | undefined;
  report: (applied: Applied) => void;
  clock: Clock;
  random: () => number;
  log: Logger;
}>;

const COALESCE_MS = 5;
const RETRY_MIN_MS = 200;
const RETRY_MAX_MS = 30_000;
const RESYNC_MS = 60_000;
/** A gateway that was destroyed is to be back within 5 s. */
const LOOK_MS = 2000;
/** While the kernel deletes a link nobody on the machine can change one: so much later, and with pauses, it is in nobody's way. */
const TIDY_MS = 100;
/** The pauses when nothing has changed for a while: a thousand bridges are gone in forty seconds instead of two minutes. */
const CALM_TIDY_MS = 20;
const CALM_MS = 1000;

export class Reconciler {
  readonly #deps: ReconcilerDeps;
  #dirty = new Map<string, PlanRef>();
  #whole = false;
  #failed = new Map<string, ErrorInfo>();
  #failedRefs = new Map<string, PlanRef>();
  /** Something failed that is no resource of the plan: to remove what nothing owns, for instance. */
  #retryWhole = false;
  #needsObserve = true;
  #failures = 0;
  #retries = 0;
  /** The pass that begins is a retry. */
  #retrying = false;
  #lastPassMs = Number.NEGATIVE_INFINITY;
  #passing: Promise<void> | undefined;
  /** A pass is under way, also while it is synchronous. */
  #inPass = false;
  /** What it has taken, until it reports. */
  #underWay: Scope | undefined;
  #timers: { soon?: unknown; retry?: unknown; resync?: unknown; look?: unknown; tidy?: unknown } = {};
  #applied: Applied | undefined;
  #reported = '';
  #stopped = false;

  constructor(deps: ReconcilerDeps) {
    this.#deps = deps;
  }

  /** Begins to compare everything now and then. */
  start(): void {
    this.#scheduleResync();
    this.#scheduleLook();
  }

  /** These may differ from the plan now. The first call acts at once, those within 5 ms together. */
  changed(refs: Iterable<PlanRef> | 'all'): void {
    if (refs === 'all') this.#whole = true;
    else for (const ref of refs) this.#dirty.set(planRefText(ref), ref);
    this.#soon();
  }

  /** Tries at once what failed. */
  retryNow(): void {
    if (this.#failedRefs.size > 0) this.#soon();
  }

  /** A follower's failures changed: reports again. */
  followerChanged(): void {
    // A pass reports at its end.
    if (this.#applied === undefined || this.#inPass || this.#stopped) return;
    if (JSON.stringify([...this.#allFailures()]) !== this.#reported) this.#report(this.#applied);
  }

  /** Whether the resource is applied as the plan has it now, or has failed: not if it has changed since, or a pass is about to apply it. */
  isSettled(ref: PlanRef): boolean {
    const text = planRefText(ref);
    const taken = this.#underWay;
    return !this.#whole && !this.#dirty.has(text) && (taken === undefined || (typeof taken !== 'string' && !taken.has(text)));
  }

  /** What the last pass applied, with what fails now; undefined before the first. */
  get applied(): Applied | undefined {
    return this.#applied === undefined ? undefined : { ...this.#applied, failed: this.#allFailures() };
  }

  /** Starts no more passes and waits for the running one. The kernel stays as it is. */
  async stop(): Promise<void> {
    this.#stopped = true;
    for (const timer of Object.values(this.#timers)) this.#deps.clock.clearTimeout(timer);
    this.#timers = {};
    await this.#passing;
  }

  #soon(): void {
    const { clock } = this.#deps;
    if (this.#stopped || this.#inPass || this.#timers.soon !== undefined) return;
    const waitMs = this.#lastPassMs + COALESCE_MS - clock.now();
    if (waitMs <= 0) return this.#begin();
    this.#timers.soon = clock.setTimeout(() => {
      delete this.#timers.soon;
      this.#begin();
    }, waitMs);
  }

  /** Up to its first wait a pass is synchronous, so a single change is in the kernel before the caller goes on. */
  #begin(): void {
    if (this.#stopped || this.#inPass) return;
    this.#lastPassMs = this.#deps.clock.now();
    this.#inPass = true;
    this.#passing = this.#passOnce();
  }

  async #passOnce(): Promise<void> {
    const done = await this.#pass();
    this.#inPass = false;
    this.followerChanged();
    // What a pass that failed left dirty waits for the retry.
    if (done && (this.#whole || this.#dirty.size > 0)) this.#soon();
  }

  /** True if it came to its end. Never rejects. */
  async #pass(): Promise<boolean> {
    const { desired, dataplane } = this.#deps;
    const followers = this.#deps.followers();
    const target = desired();
    if (target === undefined) return false;
    // The followers' part of what a look puts right is not told by what was dirty.
    if (this.#needsObserve && dataplane.disturbed()) this.#whole = true;
    const scope = this.#take(target);
    this.#underWay = scope;
    try {
      const looking = this.#needsObserve ? dataplane.observeInParts(() => nextTurn()) : undefined;
      if (looking !== undefined) await looking;
      this.#needsObserve = false;
      const failed = new Map<string, ErrorInfo>();
      const parts = this.#partsOf(target.plan, scope);
      for (let part = parts.shift(), plan = target.plan; part !== undefined; part = parts.shift()) {
        for (const follower of followers) {
          const retired = follower.retire(plan, part);
          if (retired !== undefined) await retired;
        }
        if (this.#stopped) return false;
        for (const [text, error] of dataplane.apply(plan, part === 'all' ? 'all' : part === 'known' ? plan.refs() : part.values())) {
          failed.set(text, error);
        }
        if (parts.length === 0) this.#settle(failed);
        for (const follower of followers) follower.apply(plan, part, failed);
        if (parts.length === 0) break;
        // After a failure the data path looks at everything again: once more then, and not for each part.
        if (failed.size > 0) parts.splice(0, parts.length, scope);
        // Heartbeats, and whatever else waits, have their turn. What the plan has become meanwhile is what the next part is made of.
        await nextTurn();
        plan = desired()?.plan ?? plan;
      }
      this.#underWay = undefined;
      this.#report({ epoch: target.epoch, revision: target.revision, failed, confirmed: target.confirmed, retries: this.#retries });
      this.#scheduleRetry();
      this.#scheduleTidy();
      return true;
    } catch (error) {
      this.#restore(scope);
      this.#needsObserve = true;
      if (this.#failures === 0) this.#deps.log.error({ err: error }, 'reconciling the plan failed, trying again');
      this.#noteFailure();
      this.#scheduleRetry();
      return false;
    } finally {
      this.#retrying = false;
      this.#underWay = undefined;
    }
  }

  /** A large scope in parts; one that is more than what its resources name comes as a whole at the end. */
  #partsOf(plan: Plan, scope: Scope): Scope[] {
    const slices = slicesOf(plan, typeof scope === 'string' ? this.#deps.dataplane.pending(plan) : scope.values());
    if (slices.length === 1) return [scope];
    const parts = slices.map((slice): Scope => new Map(slice.map((ref) => [planRefText(ref), ref])));
    return typeof scope === 'string' ? [...parts, scope] : parts;
  }

  /** Takes what is dirty and what failed before. */
  #take(target: DesiredPlan): Scope {
    const whole = this.#whole || this.#retryWhole;
    this.#whole = false;
    const refs = new Map([...this.#failedRefs, ...this.#dirty]);
    this.#dirty = new Map();
    if (!whole) return refs;
    return target.confirmed ? 'all' : 'known';
  }

  #restore(scope: Scope): void {
    if (typeof scope === 'string') this.#whole = true;
    else for (const [text, ref] of scope) if (!this.#dirty.has(text)) this.#dirty.set(text, ref);
  }

  #settle(failed: ReadonlyMap<string, ErrorInfo>): void {
    const before = this.#failed.size;
    this.#failed = new Map(failed);
    this.#failedRefs = new Map();
    this.#retryWhole = false;
    for (const text of failed.keys()) {
      const ref = parseRefText(text);
      if (ref === undefined) this.#retryWhole = true;
      else this.#failedRefs.set(text, ref);
    }
    if (failed.size === 0) {
      if (before > 0 || this.#failures > 0) this.#deps.log.info({}, 'plan is applied completely again');
      this.#failures = 0;
      return;
    }
    if (before === 0) {
      const [[first, error] = ['', undefined]] = failed;
      const fields = { resource: first, code: error?.code, reason: error?.message, count: failed.size };
      this.#deps.log.warn(fields, 'parts of the plan could not be applied, trying again');
    }
    this.#noteFailure();
  }

  /** Only a retry that fails makes the pauses longer, not a stream of changes beside what fails. */
  #noteFailure(): void {
    this.#failures = this.#retrying ? this.#failures + 1 : Math.max(this.#failures, 1);
  }

  #scheduleRetry(): void {
    const { clock, random } = this.#deps;
    if (this.#failures === 0 || this.#stopped) {
      clock.clearTimeout(this.#timers.retry);
      delete this.#timers.retry;
    }
    if (this.#failures === 0 || this.#stopped || this.#timers.retry !== undefined) return;
    const ceiling = Math.min(RETRY_MAX_MS, RETRY_MIN_MS * 2 ** Math.min(this.#failures - 1, 20));
    this.#timers.retry = clock.setTimeout(
      () => {
        delete this.#timers.retry;
        this.#retrying = true;
        this.#retries += 1;
        this.#soon();
      },
      ceiling * (0.5 + random() / 2),
    );
  }

  #scheduleResync(): void {
    if (this.#stopped) return;
    const { clock, random } = this.#deps;
    this.#timers.resync = clock.setTimeout(
      () => {
        this.#needsObserve = true;
        this.changed('all');
        this.#scheduleResync();
      },
      RESYNC_MS * (0.8 + 0.4 * random()),
    );
  }

  #scheduleLook(): void {
    if (this.#stopped) return;
    this.#timers.look = this.#deps.clock.setTimeout(() => {
      if (!this.#inPass && !this.#needsObserve && this.#deps.dataplane.disturbed()) {
        this.#deps.log.warn({}, 'somebody took away a gateway, the fabric or a link in it, comparing everything');
        this.#needsObserve = true;
        this.changed('all');
      }
      this.#scheduleLook();
    }, LOOK_MS);
  }

  /** What passes put off is done between them, a little at a time. */
  #scheduleTidy(): void {
    const { clock, dataplane, log } = this.#deps;
    if (this.#stopped || this.#timers.tidy !== undefined) return;
    const calm = !this.#inPass && clock.now() - this.#lastPassMs >= CALM_MS;
    this.#timers.tidy = clock.setTimeout(
      () => {
        delete this.#timers.tidy;
        // One that is under way waits for processes to end, and then for no link.
        try {
          if (this.#inPass || dataplane.tidy()) this.#scheduleTidy();
        } catch (error) {
          log.warn({ err: error }, 'deleting what is no longer in use failed, trying again after the next change');
        }
      },
      calm ? CALM_TIDY_MS : TIDY_MS,
    );
  }

  #report(applied: Applied): void {
    this.#applied = applied;
    const failed = this.#allFailures();
    this.#reported = JSON.stringify([...failed]);
    this.#deps.report({ ...applied, failed });
  }

  #allFailures(): ReadonlyMap<string, ErrorInfo> {
    return new Map([...this.#deps.followers().flatMap((follower) => [...follower.failures()]), ...this.#failed]);
  }
}

/** The reverse of `planRefText`; kinds have no blank in them. Undefined for what names no resource of a plan. */
function parseRefText(text: string): PlanRef | undefined {
  const blank = text.indexOf(' ');
  const kind = text.slice(0, Math.max(blank, 0));
  return isPlanKind(kind) ? { kind, key: text.slice(blank + 1) } : undefined;
}
