import type { Reader } from '@weft/api/client';
import { WeftError } from '@weft/core/weft-error';
import { nearest } from '@weft/daemon/nearest';

/** Nothing is called so, or several things are. */
export class NotResolved extends WeftError {
  constructor(message: string, remedy: string) {
    super('not_resolved', message, { remedy });
  }
}

/** `owner`: what tells things of one name apart. */
export type Named = Readonly<{ id: string; name: string; owner?: string }>;

/** How things of a kind are found. */
export type Findable<V> = Readonly<{
  kind: string;
  reader: Reader<V>;
  /** The attribute that is the name; absent where there is none. */
  nameKey: string | undefined;
  named: (view: V) => Named;
}>;

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
/** From four characters on: fewer are too often a name, or a mistake. */
const ID_BEGINNING = /^[0-9a-f]{4}[0-9a-f-]*$/i;
const SHOWN = 10;

/**
 * Finds what a person means: by id, by name, or by the beginning of an id, in this order, so that a name that looks like the beginning of
 * an id can be used. Throws NotResolved, ApiError.
 */
export async function find<V>({ kind, reader, nameKey, named }: Findable<V>, text: string): Promise<V> {
  if (UUID.test(text)) return reader.show(text.toLowerCase());
  const byName = text === '' || nameKey === undefined ? [] : await reader.list({ [nameKey]: text });
  if (byName.length === 1) return byName[0]!;
  if (byName.length > 1) throw ambiguous(`${byName.length} ${kind}s are called ${JSON.stringify(text)}`, byName.map(named));
  const all = await reader.list();
  const byId = ID_BEGINNING.test(text) ? all.filter((view) => named(view).id.startsWith(text.toLowerCase())) : [];
  if (byId.length === 1) return byId[0]!;
  if (byId.length > 1) throw ambiguous(`the ids of ${byId.length} ${kind}s begin with ${text}`, byId.map(named));
  throw unknown(kind, text, all.map(named));
}

/** As {@link find}, but nothing is asked about a whole id: whoever gets it will check it. */
export async function findId<V>(findable: Findable<V>, text: string): Promise<string> {
  if (UUID.test(text)) return text.toLowerCase();
  return findable.named(await find(findable, text)).id;
}

function ambiguous(message: string, candidates: readonly Named[]): NotResolved {
  const list = candidates.slice(0, SHOWN).map(({ id, name, owner }) => {
    const about = [...(name === '' ? [] : [name]), ...(owner === undefined ? [] : [`tenant ${owner.slice(0, 8)}`])];
    return about.length === 0 ? id : `${id} (${about.join(', ')})`;
  });
  return new NotResolved(message, `Say which by its id: ${list.join(', ')}${candidates.length > SHOWN ? ' …' : ''}.`);
}

function unknown(kind: string, text: string, all: readonly Named[]): NotResolved {
  const known = all.map(({ id, name }) => (name === '' ? id.slice(0, 8) : name));
  const distinct = [...new Set(known)];
  const list =
    distinct.length === 0
      ? `There is no ${kind} yet, or none that you may see.`
      : `There are: ${distinct.slice(0, SHOWN).join(', ')}${distinct.length > SHOWN ? ' …' : ''}.`;
  const meant = nearest(text, distinct);
  return new NotResolved(`there is no ${kind} ${JSON.stringify(text)}`, meant === undefined ? list : `Did you mean ${meant}? ${list}`);
}
