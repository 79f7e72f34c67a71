import { WeftError } from '@weft/core/weft-error';
import { nearest } from '@weft/daemon/nearest';

/** No object of that name or id, or several. */
export class NotResolved extends WeftError {
  constructor(message: string, remedy: string) {
    super('not_resolved', message, { remedy });
  }
}

export type Named = Readonly<{ id: string; name: string }>;

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** Finds the object that a person means by `text`: its id, the beginning of its id (from 4 characters), or its name. Throws {@link NotResolved}. */
export function resolve<T>(kind: string, text: string, items: readonly T[], named: (item: T) => Named): T {
  const word = text.toLowerCase();
  const byId = items.find((item) => named(item).id === word);
  if (byId !== undefined) return byId;
  const byName = items.filter((item) => named(item).name === text);
  if (byName.length === 1) return byName[0]!;
  if (byName.length > 1) {
    const ids = byName.map((item) => named(item).id).join(', ');
    throw new NotResolved(`there are ${byName.length} of ${kind} ${JSON.stringify(text)}`, `Use the id of one of them: ${ids}.`);
  }
  const byPrefix = /^[0-9a-f-]{4,}$/.test(word) ? items.filter((item) => named(item).id.startsWith(word)) : [];
  if (byPrefix.length === 1) return byPrefix[0]!;
  const names = items.map((item) => named(item).name).filter((name) => name !== '');
  const meant = nearest(text, names);
  const known =
    names.length === 0 ? `There is no ${kind} yet.` : `Known: ${names.slice(0, 10).join(', ')}${names.length > 10 ? ' …' : ''}.`;
  throw new NotResolved(
    `there is no ${kind} ${UUID.test(text) ? 'with id' : 'called'} ${JSON.stringify(text)}`,
    meant === undefined ? known : `Did you mean ${meant}?`,
  );
}
