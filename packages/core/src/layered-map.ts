/**
 * A Map that can lie on another one: it reads through to it, and keeps its own changes to itself, in proportion to which it costs. Iteration
 * is as a Map's that had begun as a copy: what is replaced keeps its place, what is new comes last.
 *
 * The map below must not change while another lies on it, and neither must values that were read from there: {@link LayeredMap.own} copies
 * one to be changed.
 */
export class LayeredMap<K, V> implements Map<K, V> {
  readonly #own = new Map<K, V>();
  #base: LayeredMap<K, V> | undefined;
  /** Keys of the map below that were deleted here, and stay hidden there if they are set anew. */
  readonly #gone = new Set<K>();
  /** How many of `#own` replace nothing of the map below. */
  #added = 0;

  /** Lays this map, still empty, on another one. */
  layOn(base: LayeredMap<K, V>): void {
    if (this.#own.size > 0 || this.#base !== undefined) throw new Error('only an empty map can be laid on another one');
    this.#base = base;
  }

  get size(): number {
    return this.#base === undefined ? this.#own.size : this.#base.size - this.#gone.size + this.#added;
  }

  get(key: K): V | undefined {
    const own = this.#own.get(key);
    return own === undefined && this.#base !== undefined && !this.#gone.has(key) ? this.#base.get(key) : own;
  }

  has(key: K): boolean {
    return this.#own.has(key) || this.#isBelow(key);
  }

  /** As `get`, but a value of the map below is copied first, so that it can be changed. */
  own(key: K, copy: (value: V) => V): V | undefined {
    const own = this.#own.get(key);
    if (own !== undefined || this.#base === undefined || this.#gone.has(key)) return own;
    const below = this.#base.get(key);
    if (below === undefined) return undefined;
    const copied = copy(below);
    this.#own.set(key, copied);
    return copied;
  }

  set(key: K, value: V): this {
    if (this.#base !== undefined && !this.#own.has(key) && !this.#isBelow(key)) this.#added += 1;
    this.#own.set(key, value);
    return this;
  }

  delete(key: K): boolean {
    if (this.#base === undefined) return this.#own.delete(key);
    const below = this.#isBelow(key);
    const own = this.#own.delete(key);
    if (below) this.#gone.add(key);
    else if (own) this.#added -= 1;
    return below || own;
  }

  getOrInsert(key: K, value: V): V {
    return this.getOrInsertComputed(key, () => value);
  }

  getOrInsertComputed(key: K, compute: (key: K) => V): V {
    const known = this.get(key);
    if (known !== undefined || this.has(key)) return known as V;
    const value = compute(key);
    this.set(key, value);
    return value;
  }

  clear(): void {
    for (const key of this.keys()) this.delete(key);
  }

  forEach(callback: (value: V, key: K, map: Map<K, V>) => void): void {
    for (const [key, value] of this) callback(value, key, this);
  }

  entries(): MapIterator<[K, V]> {
    return this.#base === undefined ? this.#own.entries() : (this.#both(this.#base) as MapIterator<[K, V]>);
  }

  keys(): MapIterator<K> {
    return this.#base === undefined ? this.#own.keys() : (this.entries().map(([key]) => key) as MapIterator<K>);
  }

  values(): MapIterator<V> {
    return this.#base === undefined ? this.#own.values() : (this.entries().map(([, value]) => value) as MapIterator<V>);
  }

  [Symbol.iterator](): MapIterator<[K, V]> {
    return this.entries();
  }

  get [Symbol.toStringTag](): string {
    return 'LayeredMap';
  }

  #isBelow(key: K): boolean {
    return this.#base !== undefined && !this.#gone.has(key) && this.#base.has(key);
  }

  *#both(base: LayeredMap<K, V>): Generator<[K, V], undefined> {
    for (const [key, value] of base) if (!this.#gone.has(key)) yield [key, this.#own.get(key) ?? value];
    for (const entry of this.#own) if (!this.#isBelow(entry[0])) yield entry;
    return undefined;
  }
}
