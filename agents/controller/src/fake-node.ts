import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { isPlanKind, parsePlanBody, Plan, PLAN_VERSIONS, planDigests } from '@weft/core/plan/plan';
import type { Held, Sync, Synced, SyncItem } from '@weft/core/plan/sync';

/** A node's end of the synchronisation for tests, in the simplest code that could be right: it takes everything, or holds everything. */
export class FakeNode {
  epoch: string | undefined;
  revision = 0;
  plan = new Plan();
  held: Held | undefined;
  /** While true, full plans are held back. */
  brakes = false;
  #incoming: { epoch: string; revision: number; items: SyncItem[] } | undefined;
  #heldPlan = new Plan();

  /** What it answers to a message; reports come without digests. */
  handle(sync: Sync): Synced[] {
    switch (sync.op) {
      case 'ask':
        return [this.status()];
      case 'begin':
        this.#incoming = { epoch: sync.epoch, revision: sync.revision, items: [] };
        return [];
      case 'chunk':
        this.#incoming?.items.push(...sync.items);
        return [];
      case 'end':
        return this.#end(sync.count);
      case 'delta':
        return this.#delta(sync);
      case 'accept':
        return this.#accept(sync.epoch, sync.revision);
    }
  }

  status(): Synced {
    const digests = planDigests(this.plan, (text) => createHash('sha256').update(text).digest());
    return {
      epoch: this.epoch,
      revision: this.revision,
      digests,
      kinds: PLAN_VERSIONS,
      ...(this.held === undefined ? {} : { held: this.held }),
    };
  }

  report(): Synced {
    return { epoch: this.epoch, revision: this.revision, failed: {}, ...(this.held === undefined ? {} : { held: this.held }) };
  }

  #end(count: number): Synced[] {
    const incoming = this.#incoming;
    assert.equal(incoming?.items.length, count);
    const plan = new Plan();
    for (const item of incoming.items) setItem(plan, item);
    const { epoch, revision } = incoming;
    if (this.brakes) {
      this.held = { reason: 'unknown_epoch', epoch, revision, ports: 1 };
      this.#heldPlan = plan;
    } else {
      Object.assign(this, { epoch, revision, plan, held: undefined });
    }
    return [this.report()];
  }

  #delta(delta: Sync & { op: 'delta' }): Synced[] {
    if (this.held?.epoch === delta.epoch && this.held.revision === delta.from) {
      applyDelta(this.#heldPlan, delta);
      this.held = { ...this.held, revision: delta.revision };
      return [this.report()];
    }
    if (this.epoch !== delta.epoch || this.revision !== delta.from) return [this.status()];
    applyDelta(this.plan, delta);
    this.revision = delta.revision;
    return [this.report()];
  }

  #accept(epoch: string, revision: number): Synced[] {
    if (this.held?.epoch !== epoch || this.held.revision !== revision) return [this.status()];
    Object.assign(this, { epoch, revision, plan: this.#heldPlan, held: undefined });
    this.brakes = false;
    return [this.report()];
  }
}

function applyDelta(plan: Plan, delta: Sync & { op: 'delta' }): void {
  for (const item of delta.upsert) setItem(plan, item);
  for (const { kind, key } of delta.remove) if (isPlanKind(kind)) plan.delete(kind, key);
}

function setItem(plan: Plan, { kind, key, v, body }: SyncItem): void {
  assert.ok(isPlanKind(kind));
  plan.set(kind, key, parsePlanBody(kind, v, JSON.parse(JSON.stringify(body))));
}
