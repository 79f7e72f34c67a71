import { LayeredMap } from './layered-map.ts';

/** How often each pair (outer, inner) was added: an index that knows when the last holder has gone. */
export class CountMap<A, B> {
  readonly #counts = new LayeredMap<A, Map<B, number>>();

  /** Lays this one, still empty, on another one: see LayeredMap. */
  layOn(base: CountMap<A, B>): void {
    this.#counts.layOn(base.#counts);
  }

  add(outer: A, inner: B): void {
    let inners = this.#counts.own(outer, copyMap);
    if (inners === undefined) this.#counts.set(outer, (inners = new Map()));
    inners.set(inner, (inners.get(inner) ?? 0) + 1);
  }

  remove(outer: A, inner: B): void {
    const inners = this.#counts.own(outer, copyMap);
    const count = inners?.get(inner);
    if (inners === undefined || count === undefined) throw new Error(`count of ${String(outer)}, ${String(inner)} would fall below zero`);
    if (count > 1) inners.set(inner, count - 1);
    else if (inners.size > 1) inners.delete(inner);
    else this.#counts.delete(outer);
  }

  has(outer: A, inner: B): boolean {
    return this.#counts.get(outer)?.has(inner) ?? false;
  }

  count(outer: A, inner: B): number {
    return this.#counts.get(outer)?.get(inner) ?? 0;
  }

  /** The inner values of `outer`; do not hold across a change. */
  of(outer: A): Iterable<B> {
    return this.#counts.get(outer)?.keys() ?? [];
  }

  size(outer: A): number {
    return this.#counts.get(outer)?.size ?? 0;
  }
}

function copyMap<B>(map: Map<B, number>): Map<B, number> {
  return new Map(map);
}
