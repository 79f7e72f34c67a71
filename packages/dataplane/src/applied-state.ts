import type { Observed } from './kernel.ts';
import type { KernelObject } from './kernel-object.ts';

/** What the kernel is believed to hold, by key; also by namespace, and by the link on which something hangs. */
export class AppliedState {
  readonly #items = new Map<string, Observed>();
  readonly #byPlace = new KeyIndex();
  readonly #byLink = new KeyIndex();

  get(key: string): Observed | undefined {
    return this.#items.get(key);
  }

  has(key: string): boolean {
    return this.#items.has(key);
  }

  all(): Iterable<Observed> {
    return this.#items.values();
  }

  /** In this namespace, itself included. */
  in(place: string): Observed[] {
    return this.#itemsOf(this.#byPlace.keys(place));
  }

  /** On this link: addresses, routes, entries, and the link itself if it is the end of a pair. */
  on(place: string, link: string): Observed[] {
    return this.#itemsOf(this.#byLink.keys(`${place} ${link}`));
  }

  set(item: Observed): void {
    this.#items.set(item.key, item);
    this.#byPlace.add(item.object.place, item.key);
    const link = linkUnder(item.object);
    if (link !== undefined) this.#byLink.add(link, item.key);
  }

  delete(key: string): void {
    const item = this.#items.get(key);
    if (item === undefined) return;
    this.#items.delete(key);
    this.#byPlace.delete(item.object.place, key);
    const link = linkUnder(item.object);
    if (link !== undefined) this.#byLink.delete(link, key);
  }

  /** Nothing is believed any more but this. */
  replace(items: Iterable<Observed>): void {
    this.#items.clear();
    this.#byPlace.clear();
    this.#byLink.clear();
    for (const item of items) this.set(item);
  }

  #itemsOf(keys: Iterable<string>): Observed[] {
    return [...keys].flatMap((key) => this.#items.get(key) ?? []);
  }
}

/** `place name` of the link that an object hangs on. */
export function linkUnder(object: KernelObject): string | undefined {
  if ('link' in object) return `${object.place} ${object.link}`;
  return object.kind === 'link' && object.type === 'end' ? `${object.place} ${object.name}` : undefined;
}

/** Keys of objects by something that several have. */
export class KeyIndex {
  readonly #keys = new Map<string, Set<string>>();

  keys(of: string): ReadonlySet<string> {
    return this.#keys.get(of) ?? new Set();
  }

  add(of: string, key: string): void {
    const keys = this.#keys.get(of);
    if (keys === undefined) this.#keys.set(of, new Set([key]));
    else keys.add(key);
  }

  delete(of: string, key: string): void {
    const keys = this.#keys.get(of);
    keys?.delete(key);
    if (keys?.size === 0) this.#keys.delete(of);
  }

  clear(): void {
    this.#keys.clear();
  }
}
