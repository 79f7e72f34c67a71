import type { ChainObject, ElementObject, NftObject, SetObject, TableObject } from '@weft/dataplane/kernel-object';
import { objectKey } from '@weft/dataplane/kernel-object';
import type { NftChange } from '@weft/dataplane/kernel';
import type { Place } from '@weft/dataplane/names';
import { NftError } from '@weft/sys/nft';

type References = Readonly<{ chains: readonly string[]; sets: readonly string[] }>;
type Chain = Readonly<{ object: ChainObject; references: References }>;

/** One table and all that is in it. `fixed` is what the table's own text declares. */
type Table = {
  readonly object: TableObject;
  readonly fixed: Readonly<{ chains: ReadonlySet<string>; sets: ReadonlySet<string>; references: References }>;
  readonly sets: Map<string, SetObject>;
  readonly chains: Map<string, Chain>;
  readonly elements: Map<string, ElementObject>;
};

/**
 * nftables as far as a reconciler can tell it from the real one: a transaction is applied altogether or refused without a trace, and it is
 * refused if it removes what is absent, names what does not exist, leaves a name without its thing, or contradicts what is there.
 */
export class FakeNft {
  #tables = new Map<string, Table>();

  /** Throws NftError; then nothing was changed. Returns whether anything was. */
  transact(place: Place, change: NftChange): boolean {
    const tables = new Map([...this.#tables].map(([at, table]) => [at, table.object.place === place ? copy(table) : table]));
    for (const object of [...change.remove, ...change.put]) {
      if (object.place !== place) refuse(`${objectKey(object)} is not in ${place}`);
    }
    for (const object of only(change.remove, 'element')) {
      if (!tableOf(tables, object).elements.delete(objectKey(object))) refuse(`no ${objectKey(object)} to delete`);
    }
    for (const object of only(change.put, 'table')) tables.set(at(object), newTable(object));
    for (const object of only(change.put, 'set')) {
      const { sets } = tableOf(tables, object);
      if ((sets.get(object.name)?.type ?? object.type) !== object.type) refuse(`${objectKey(object)} has another type`);
      sets.set(object.name, object);
    }
    for (const object of only(change.put, 'chain')) {
      tableOf(tables, object).chains.set(object.name, { object, references: referencesOf(object.rules) });
    }
    for (const object of only(change.remove, 'chain')) {
      if (!tableOf(tables, object).chains.delete(object.name)) refuse(`no ${objectKey(object)} to delete`);
    }
    for (const object of only(change.remove, 'set')) removeSet(tableOf(tables, object), object);
    for (const object of only(change.remove, 'table')) if (!tables.delete(at(object))) refuse(`no ${objectKey(object)} to delete`);
    for (const object of only(change.put, 'element')) addElement(tableOf(tables, object), object);
    for (const table of tables.values()) if (table.object.place === place) checkReferences(table);
    this.#tables = tables;
    return change.remove.length + change.put.length > 0;
  }

  /** A namespace is gone with its rules. */
  drop(place: Place): void {
    for (const [key, table] of this.#tables) if (table.object.place === place) this.#tables.delete(key);
  }

  objects(): NftObject[] {
    return [...this.#tables.values()].flatMap((table): NftObject[] => [
      table.object,
      ...table.sets.values(),
      ...[...table.chains.values()].map(({ object }) => object),
      ...table.elements.values(),
    ]);
  }
}

function at(object: NftObject): string {
  return `${object.place} ${object.family}`;
}

function only<K extends NftObject['kind']>(objects: readonly NftObject[], kind: K): Extract<NftObject, { kind: K }>[] {
  return objects.filter((object): object is Extract<NftObject, { kind: K }> => object.kind === kind);
}

function tableOf(tables: ReadonlyMap<string, Table>, object: NftObject): Table {
  return tables.get(at(object)) ?? refuse(`no table for ${objectKey(object)}`);
}

function newTable(object: TableObject): Table {
  const rules = object.chains.flatMap((chain) => chain.rules);
  const fixed = {
    chains: new Set(object.chains.map((chain) => chain.name)),
    sets: new Set(object.declarations.flatMap((text) => /^(?:set|map) (\S+)/.exec(text)?.[1] ?? [])),
    references: referencesOf(rules),
  };
  return { object, fixed, sets: new Map(), chains: new Map(), elements: new Map() };
}

function copy(table: Table): Table {
  return { ...table, sets: new Map(table.sets), chains: new Map(table.chains), elements: new Map(table.elements) };
}

function removeSet(table: Table, object: SetObject): void {
  if (!table.sets.delete(object.name)) refuse(`no ${objectKey(object)} to delete`);
  for (const [key, element] of table.elements) if (element.set === object.name) table.elements.delete(key);
}

function addElement(table: Table, object: ElementObject): void {
  if (!table.fixed.sets.has(object.set) && !table.sets.has(object.set)) refuse(`no set for ${objectKey(object)}`);
  const key = objectKey(object);
  const old = table.elements.get(key);
  if (old !== undefined && old.value !== object.value) refuse(`${key} has another value`);
  table.elements.set(key, object);
}

function checkReferences(table: Table): void {
  const check = ({ chains, sets }: References, where: string): void => {
    for (const name of chains) if (!table.fixed.chains.has(name) && !table.chains.has(name)) refuse(`${where} names chain ${name}`);
    for (const name of sets) if (!table.fixed.sets.has(name) && !table.sets.has(name)) refuse(`${where} names set ${name}`);
  };
  check(table.fixed.references, objectKey(table.object));
  for (const { object, references } of table.chains.values()) check(references, objectKey(object));
  for (const element of table.elements.values()) check(referencesOf([element.value ?? '']), objectKey(element));
}

/** What rules name; `@th,64,8` is a place in a packet. One that nft would not parse is refused here: a range that ends before it begins. */
function referencesOf(rules: readonly string[]): References {
  const chains: string[] = [];
  const sets: string[] = [];
  for (const rule of rules) {
    for (const [, name = ''] of rule.matchAll(/\b(?:jump|goto) (\S+)/g)) chains.push(name);
    for (const [, name = ''] of rule.matchAll(/@(\w+)\b(?!,)/g)) sets.push(name);
    const [, first, last] = /dport (\d+)-(\d+)/.exec(rule) ?? [];
    if (Number(first) > Number(last)) refuse(`Range negative size in: ${rule}`);
  }
  return { chains, sets };
}

function refuse(reason: string): never {
  throw new NftError(`Error: ${reason}`, '');
}
