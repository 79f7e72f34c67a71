/** How often each pair (outer, inner) was added: an index that knows when the last holder has gone. */
export class CountMap<A, B> {
  readonly #counts = new Map<A, Map<B, number>>();

  add(outer: A, inner: B): void {
    let inners = this.#counts.get(outer);
    if (inners === undefined) this.#counts.set(outer, (inners = new Map()));
    inners.set(inner, (inners.get(inner) ?? 0) + 1);
  }

  remove(outer: A, inner: B): void {
    const inners = this.#counts.get(outer);
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
