/** What stands in a document often is written once, under a name, and referred to: smaller files, and one type in generated clients. */

type Json = Readonly<Record<string, unknown>>;

/** From how often on. */
const OFTEN = 3;

/** Collects what many places have. First {@link Shared.count} all, then {@link Shared.refer} to each. */
export class Shared {
  readonly #section: string;
  readonly #nameOf: (item: Json) => string;
  readonly #counts = new Map<string, number>();
  readonly #names = new Map<string, string>();
  readonly #items: Record<string, Json> = {};

  /** `section` of `components`; `nameOf` need not be unique. */
  constructor(section: string, nameOf: (item: Json) => string) {
    this.#section = section;
    this.#nameOf = nameOf;
  }

  get items(): Readonly<Record<string, Json>> {
    return this.#items;
  }

  count(item: object): void {
    const text = JSON.stringify(item);
    this.#counts.set(text, (this.#counts.get(text) ?? 0) + 1);
  }

  /** The item, or where it is found. */
  refer(item: object): object {
    const text = JSON.stringify(item);
    if ((this.#counts.get(text) ?? 0) < OFTEN) return item;
    const name = this.#names.get(text) ?? this.#free(this.#nameOf(item as Json));
    this.#names.set(text, name);
    this.#items[name] = item as Json;
    return { $ref: `#/components/${this.#section}/${name}` };
  }

  #free(name: string): string {
    let free = name;
    for (let number = 2; Object.hasOwn(this.#items, free); number += 1) free = `${name}${number}`;
    return free;
  }
}
