import type { Held, Synced } from '@weft/core/plan/sync';
import type { ErrorInfo } from '@weft/core/weft-error';

/** Changes that a node has not confirmed are counted one by one up to this; beyond, all of its plan counts as unconfirmed. */
const MAX_UNCONFIRMED = 20_000;
/** A node tells no more failures than this, and nobody knows what the others are. */
const MAX_TOLD_FAILURES = 500;

/**
 * How far a node is with its plan, as it reports: in memory only, known anew after a restart. A resource counts as applied when the node
 * has reported a revision that is not older than its last change, and not among what failed.
 */
export class NodeProgress {
  #applied: number | undefined;
  #failed: Readonly<Record<string, ErrorInfo>> = {};
  #held: Held | undefined;
  /** Plan resource → the revision that last changed it, oldest first; only those that the node has not confirmed. */
  readonly #unconfirmed = new Map<string, number>();
  /** Nothing counts as applied before this revision. */
  #allUnconfirmedBefore = 0;

  /** The newest revision that the node has applied; undefined until it says so. */
  get applied(): number | undefined {
    return this.#applied;
  }

  /** By `planRefText`. */
  get failed(): Readonly<Record<string, ErrorInfo>> {
    return this.#failed;
  }

  get held(): Held | undefined {
    return this.#held;
  }

  /** All that was published for the node is applied, and nothing failed. */
  get isComplete(): boolean {
    return this.#isCurrent() && this.#unconfirmed.size === 0 && Object.keys(this.#failed).length === 0;
  }

  isApplied(refText: string): boolean {
    return this.#isCurrent() && !this.#unconfirmed.has(refText) && !Object.hasOwn(this.#failed, refText);
  }

  /**
   * Whether the node has let go of what it was told to at this revision: unlike {@link isApplied} this does not trust what was reported
   * before the node can have known, nor a list of failures that may not be whole. What a node could not remove it tells as its own failure,
   * without a key (dataplane, `NODE`): that may be anything.
   */
  hasLetGo(revision: number, refTexts: readonly string[]): boolean {
    if (this.#applied === undefined || this.#applied < revision || this.#held !== undefined) return false;
    const failed = Object.keys(this.#failed);
    return failed.length < MAX_TOLD_FAILURES && failed.every((text) => text.includes(' ') && !refTexts.includes(text));
  }

  /** A durable commit changed these resources of its plan. */
  changed(revision: number, refTexts: Iterable<string>): void {
    for (const text of refTexts) {
      this.#unconfirmed.delete(text);
      this.#unconfirmed.set(text, revision);
    }
    if (this.#unconfirmed.size > MAX_UNCONFIRMED) {
      this.#unconfirmed.clear();
      this.#allUnconfirmedBefore = revision;
    }
  }

  /** A message of the node under the present epoch. An answer to `ask` says what plan it has, not what it has applied. */
  synced(message: Synced): void {
    this.#held = message.held;
    if (message.digests !== undefined || message.held !== undefined) return;
    this.#applied = message.revision;
    this.#failed = message.failed ?? {};
    for (const [text, revision] of this.#unconfirmed) {
      if (revision > message.revision) break;
      this.#unconfirmed.delete(text);
    }
  }

  /** It holds a plan back that is not of the present epoch, or says something of another one. */
  heldElsewhere(held: Held | undefined): void {
    this.#held = held;
  }

  /** A new epoch: what was applied before belongs to another history. */
  forget(): void {
    this.#applied = undefined;
    this.#failed = {};
    this.#unconfirmed.clear();
    this.#allUnconfirmedBefore = 0;
  }

  #isCurrent(): boolean {
    return this.#applied !== undefined && this.#applied >= this.#allUnconfirmedBefore;
  }
}
