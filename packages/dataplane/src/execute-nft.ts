import type { Desired } from './desired-state.ts';
import type { Execution, Work } from './execution.ts';
import type { Observed } from './kernel.ts';
import type { KernelObject, NftObject } from './kernel-object.ts';
import { isNft } from './kernel-object.ts';
import type { Place } from './names.ts';

/** In which order owners are tried one by one: whoever is named by others' rules goes first. */
const ORDER = ['node', 'segment', 'group', 'member', 'gateway'];

/**
 * The rules' part of an execution: one transaction a namespace. If it is refused, what must close is closed, each owner's part is tried alone –
 * one bad rule must not hold up everybody – and what is no longer named is cleared away.
 */
export function executeNft(execution: Execution, work: Work): void {
  const gone = new Set(work.remove.filter(({ object }) => object.kind === 'netns').map(({ object }) => object.place));
  const removed = rulesByPlace(work.remove);
  const put = rulesByPlace(work.put);
  for (const place of new Set([...removed.keys(), ...put.keys()])) {
    // A namespace on its way out takes its rules along; they guard it to the end.
    if (!gone.has(place)) new Transaction(execution, place).run({ remove: removed.get(place) ?? [], put: put.get(place) ?? [] });
  }
}

function rulesByPlace<T extends { readonly object: KernelObject }>(items: readonly T[]): Map<Place, T[]> {
  return Map.groupBy(
    items.filter(({ object }) => isNft(object)),
    ({ object }) => object.place,
  );
}

class Transaction {
  readonly #execution: Execution;
  readonly #place: Place;

  constructor(execution: Execution, place: Place) {
    this.#execution = execution;
    this.#place = place;
  }

  run(work: Work): void {
    const { log } = this.#execution.deps;
    const { remove, put } = this.#withReplacedTables(work);
    try {
      this.#commit(remove, put);
    } catch (error) {
      log.warn({ err: error, place: this.#place }, 'a change of rules was refused as a whole; trying resource by resource');
      this.#oneByOne(remove, put);
    }
  }

  #oneByOne(remove: readonly Observed[], put: readonly Desired[]): void {
    const elements = remove.filter(({ object }) => object.kind === 'element');
    this.#removeTogether(elements);
    const owners = new Set(put.flatMap(({ owners }) => [...owners]));
    const position = (owner: string): number => {
      const at = ORDER.indexOf(owner.split(' ', 1)[0] ?? '');
      return at < 0 ? ORDER.length : at;
    };
    for (const owner of [...owners].toSorted((a, b) => position(a) - position(b))) {
      this.#execution.attempt(owner, () =>
        this.#commit(
          [],
          put.filter(({ owners }) => owners.has(owner)),
        ),
      );
    }
    this.#removeTogether(remove.filter(({ object }) => object.kind !== 'element'));
  }

  #removeTogether(items: readonly Observed[]): void {
    try {
      this.#commit(items, []);
    } catch {
      for (const item of items) {
        if (!this.#execution.attempt('node', () => this.#commit([item], []))) this.#execution.unremoved.add(item.key);
      }
    }
  }

  /** An element that changes is removed and added. */
  #commit(remove: readonly Observed[], put: readonly Desired[]): void {
    if (remove.length + put.length === 0) return;
    const { applied, kernel } = this.#execution.deps;
    const replaced = replacedTables(put);
    const changed = put.flatMap(({ key, content, object }) => {
      const old = applied.get(key);
      const differs = object.kind === 'element' && old !== undefined && old.content !== content && !replaced.has(tableOf(object));
      return differs ? [old.object as NftObject] : [];
    });
    kernel.transact(this.#place, {
      remove: [...remove.map(({ object }) => object as NftObject), ...changed],
      put: put.map(({ object }) => object as NftObject),
    });
    for (const { key } of remove) applied.delete(key);
    if (replaced.size > 0) for (const { key, object } of applied.in(this.#place)) if (replaced.has(tableOf(object))) applied.delete(key);
    for (const { key, object, content } of put) applied.set({ key, object, content });
  }

  /** A table that is replaced loses its dynamic objects: all that are desired go into the same transaction, and none need be removed. */
  #withReplacedTables({ remove, put }: Work): Work {
    const replaced = replacedTables(put);
    if (replaced.size === 0) return { remove, put };
    const all = new Map(put.map((desired) => [desired.key, desired]));
    for (const desired of this.#execution.deps.desired.in(this.#place))
      if (replaced.has(tableOf(desired.object))) all.set(desired.key, desired);
    return { remove: remove.filter(({ object }) => !replaced.has(tableOf(object))), put: [...all.values()] };
  }
}

function replacedTables(put: readonly Desired[]): ReadonlySet<string> {
  return new Set(put.flatMap(({ object }) => (object.kind === 'table' ? [tableOf(object)] : [])));
}

/** Names the table that an nft object is or lies in; of anything else it names none. */
function tableOf(object: KernelObject): string {
  return isNft(object) ? `${object.place} ${object.family}` : '';
}
