import type { ElementObject, KernelObject, NftFamily } from './kernel-object.ts';
import { chainContent, objectContent, objectKey, tableContent } from './kernel-object.ts';
import type { Observed } from './kernel.ts';
import type { Place } from './names.ts';
import { keyParts } from './nft-counted.ts';
import { MARK_PREFIX } from './nft-text.ts';
import { isMemberSet } from './names.ts';
import { COUNTING_SETS } from './ruleset/drops.ts';

/** Sets whose elements the rules themselves add; not ours to reconcile. */
const DYNAMIC_SETS: ReadonlySet<string> = new Set([
  ...COUNTING_SETS,
  'conns',
  'recent',
  'neighbour_rate',
  'metadata_ports',
  'metadata_segments',
]);

/** Of a gateway's sets and maps those that plan resources fill; the others stand in its table's own text. */
const GATEWAY_SETS = new Set([
  'public_in',
  'public_out',
  'forwards',
  'translated_in',
  'translated_out',
  'translating',
  'from_uplink',
  'to_uplink',
  'revoking',
  'revoking_services',
  'revoking_marks',
]);

type Json = Readonly<Record<string, unknown>>;

/**
 * What `nft -j list table <family> weft` shows, as objects. A chain whose last rule carries no digest belongs to the table; one that lost it
 * is counted as the table's too, which then differs and is replaced. `declared` tells the sets that the table itself declares.
 */
export function parseNftTable(place: Place, family: NftFamily, listing: unknown, sha256: (text: string) => string): Observed[] {
  const rows = (listing as { nftables?: unknown }).nftables;
  if (!Array.isArray(rows)) throw new TypeError('nft printed something else than a listing');
  const ruleCounts = new Map<string, number>();
  const lastComment = new Map<string, string | undefined>();
  const observed: Observed[] = [];
  const sets: { name: string; row: Json }[] = [];
  for (const row of rows as Json[]) {
    const chain = row['chain'] as Json | undefined;
    const rule = row['rule'] as Json | undefined;
    const set = (row['set'] ?? row['map']) as Json | undefined;
    if (chain !== undefined) ruleCounts.set(chain['name'] as string, 0);
    if (rule !== undefined) {
      const name = rule['chain'] as string;
      ruleCounts.set(name, (ruleCounts.get(name) ?? 0) + 1);
      lastComment.set(name, rule['comment'] as string | undefined);
    }
    if (set !== undefined) sets.push({ name: set['name'] as string, row: set });
  }
  let mark = 'unmarked';
  const fixed: [string, number][] = [];
  for (const [name, count] of ruleCounts) {
    const digest = lastComment.get(name);
    if (name.startsWith(MARK_PREFIX)) mark = name.slice(MARK_PREFIX.length);
    else if (digest === undefined) fixed.push([name, count]);
    else {
      const object: KernelObject = { kind: 'chain', place, family, name, rules: [] };
      observed.push({ key: objectKey(object), content: chainContent(digest, count), object });
    }
  }
  for (const { name, row } of sets) {
    if (DYNAMIC_SETS.has(name)) continue;
    if (isMemberSet(name)) observed.push(seen({ kind: 'set', place, family, name, type: row['type'] as string }, sha256));
    if (family === 'ip6' || (family === 'ip' && !GATEWAY_SETS.has(name))) continue;
    for (const element of (row['elem'] as unknown[] | undefined) ?? [])
      observed.push(seen(parseElement(place, family, name, element), sha256));
  }
  const table: KernelObject = { kind: 'table', place, family, declarations: [], chains: [] };
  observed.push({ key: objectKey(table), content: tableContent(mark, fixed), object: table });
  return observed;
}

function seen(object: KernelObject, sha256: (text: string) => string): Observed {
  return { key: objectKey(object), content: objectContent(object, sha256), object };
}

/** A set's element is its key; a map's is `[key, value]`; either may be wrapped with a counter. */
function parseElement(place: Place, family: NftFamily, set: string, element: unknown): ElementObject {
  const [key, value] = Array.isArray(element) ? (element as unknown[]) : [element, undefined];
  return { kind: 'element', place, family, set, key: keyParts(key), value: value === undefined ? undefined : valueText(value) };
}

function valueText(value: unknown): string {
  if (typeof value !== 'object' || value === null) return String(value);
  if ('concat' in value) return keyParts(value).join(' . ');
  const [[verdict, argument] = ['', null]] = Object.entries(value as Json);
  const target = (argument as Json | null)?.['target'];
  return typeof target === 'string' ? `${verdict} ${target}` : verdict;
}
