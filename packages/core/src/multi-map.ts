import { LayeredMap } from './layered-map.ts';

/** Many inner values to one outer key, each once; an index by something that records share. */
export class MultiMap<A, B> {
  readonly #sets = new LayeredMap<A, Set<B>>();

  /** Lays this one, still empty, on another one: see LayeredMap. */
  layOn(base: MultiMap<A, B>): void {
    this.#sets.layOn(base.#sets);
  }

  add(outer: A, inner: B): void {
    const set = this.#sets.own(outer, copySet);
    if (set === undefined) this.#sets.set(outer, new Set([inner]));
    else set.add(inner);
  }

  remove(outer: A, inner: B): void {
    const set = this.#sets.own(outer, copySet);
    if (set?.delete(inner) === true && set.size === 0) this.#sets.delete(outer);
  }

  /** The inner values of `outer`; do not hold across a change. */
  of(outer: A): Iterable<B> {
    return this.#sets.get(outer) ?? [];
  }

  size(outer: A): number {
    return this.#sets.get(outer)?.size ?? 0;
  }
}

function copySet<B>(set: Set<B>): Set<B> {
  return new Set(set);
}
