import type { ChainObject, ElementObject, NftFamily, NftObject, SetObject, TableObject } from './kernel-object.ts';
import { chainDigest, tableDigest } from './kernel-object.ts';
import type { NftChange } from './kernel.ts';
import type { Counted } from './nft-counted.ts';
import { BY_LINK, BY_NUMBER, numberKey } from './ruleset/drops.ts';

/** The name of every table of ours. */
export const NFT_TABLE = 'weft';

/** A chain without rules in every table, whose name tells which release's rules stand there. */
export const MARK_PREFIX = 'rules_';

/** A counter of a dynamic set. */
export type Carried = Counted & Readonly<{ family: NftFamily; set: string }>;

/**
 * A change as one nft transaction. The order matters within it: elements let go of chains, chains are emptied before any is deleted, sets and
 * chains are there before anything names them, elements come last. `carried`: what the replaced tables have counted.
 */
export function nftTransaction(change: NftChange, sha256: (text: string) => string, carried: readonly Carried[] = []): string {
  const of = <K extends NftObject['kind']>(list: readonly NftObject[], kind: K): Extract<NftObject, { kind: K }>[] =>
    list.filter((object): object is Extract<NftObject, { kind: K }> => object.kind === kind);
  const lines: string[] = [];
  for (const element of of(change.remove, 'element')) lines.push(`delete element ${at(element)} ${element.set} { ${keyText(element)} }`);
  for (const table of of(change.put, 'table')) lines.push(...tableText(table, sha256));
  for (const set of of(change.put, 'set')) lines.push(`add set ${at(set)} ${set.name} { type ${set.type}; }`);
  const chains = of(change.put, 'chain');
  for (const chain of chains) lines.push(`add chain ${at(chain)} ${chain.name}`, `flush chain ${at(chain)} ${chain.name}`);
  for (const chain of chains) lines.push(...chainText(chain, sha256));
  for (const chain of of(change.remove, 'chain')) lines.push(`flush chain ${at(chain)} ${chain.name}`);
  for (const chain of of(change.remove, 'chain')) lines.push(`delete chain ${at(chain)} ${chain.name}`);
  for (const set of of(change.remove, 'set')) lines.push(`delete set ${at(set)} ${set.name}`);
  for (const table of of(change.remove, 'table')) lines.push(`delete table ${at(table)}`);
  lines.push(...elementsText(of(change.put, 'element')));
  lines.push(...carriedText(carried, of(change.put, 'element')));
  lines.push(...traceRemoval(of(change.remove, 'element'), of(change.put, 'element')));
  return `${lines.join('\n')}\n`;
}

/** Only of ports that go on: whoever's table is replaced puts all the elements that it is to have. */
function carriedText(carried: readonly Carried[], put: readonly ElementObject[]): string[] {
  const of = (set: string): Set<string> => new Set(put.filter((element) => element.set === set).map(keyText));
  const [links, macs] = [of('from'), of('local')];
  const numbers = new Set(
    put.filter(({ set }) => set === 'number').flatMap(({ value }) => KINDS_BY_NUMBER.map((kind) => String(numberKey(kind, Number(value))))),
  );
  return carried.flatMap(({ family, set, key, packets, bytes }) => {
    const text = partsText(key);
    const stays =
      family === 'bridge' ? (set === 'why' ? links.has(partsText(key.slice(0, 1))) : macs.has(text)) : set !== 'why' || numbers.has(text);
    const line = `add element ${family} ${NFT_TABLE} ${set} { ${text} counter packets ${packets} bytes ${bytes} }`;
    return stays || family === 'ip' || family === 'ip6' ? [line] : [];
  });
}

/**
 * What the rules counted under the name, the number and the MAC of ports that go: nothing else would ever remove it, and the number will be
 * another port's. There may be nothing, and deleting what is absent would fail the transaction, so it is added first.
 */
function traceRemoval(removed: readonly ElementObject[], put: readonly ElementObject[]): string[] {
  const kept = new Set(put.map((element) => `${element.set} ${keyText(element)}`));
  const gone = removed.filter(
    (element) => element.family !== 'ip' && element.family !== 'ip6' && !kept.has(`${element.set} ${keyText(element)}`),
  );
  return gone.flatMap((element) => {
    const [link = ''] = element.key;
    if (element.set === 'from') {
      const counted = BY_LINK.map((_, index) => `"${link}" . ${index + 1}`);
      return [...withoutTraces('bridge', 'why', ...counted), ...withoutTraces('bridge', 'neighbour_rate', `"${link}"`)];
    }
    if (element.set === 'local') return withoutTraces('bridge', 'why_mac', keyText(element));
    if (element.set !== 'number' || !link.startsWith('wp')) return [];
    const number = Number(element.value);
    const counted = KINDS_BY_NUMBER.map((kind) => String(numberKey(kind, number)));
    return [...withoutTraces('inet', 'conns', String(number), String(number << 14)), ...withoutTraces('inet', 'why', ...counted)];
  });
}

const KINDS_BY_NUMBER = Object.keys(BY_NUMBER) as readonly (keyof typeof BY_NUMBER)[];

function withoutTraces(family: NftFamily, set: string, ...keys: readonly string[]): string[] {
  return ['add', 'delete'].map((verb) => `${verb} element ${family} ${NFT_TABLE} ${set} { ${keys.join(', ')} }`);
}

function at(object: Readonly<{ family: NftFamily }>): string {
  return `${object.family} ${NFT_TABLE}`;
}

function tableText(table: TableObject, sha256: (text: string) => string): string[] {
  const chains = table.chains.map((chain) => [
    `  chain ${chain.name} {`,
    ...(chain.hook === undefined ? [] : [`    ${chain.hook}`]),
    '  }',
  ]);
  return [
    `add table ${at(table)}`,
    `delete table ${at(table)}`,
    `table ${at(table)} {`,
    ...table.declarations.map((declaration) => `  ${declaration}`),
    ...chains.flat(),
    `  chain ${MARK_PREFIX}${tableDigest(table, sha256)} {`,
    '  }',
    '}',
    ...table.chains.flatMap((chain) => chain.rules.map((rule) => `add rule ${at(table)} ${chain.name} ${rule}`)),
  ];
}

function chainText(chain: ChainObject, sha256: (text: string) => string): string[] {
  const digest = chainDigest(chain.rules, sha256);
  return chain.rules.map((rule, index) => {
    const comment = index === chain.rules.length - 1 ? ` comment "${digest}"` : '';
    return `add rule ${at(chain)} ${chain.name} ${rule}${comment}`;
  });
}

/** One line a set, so that a thousand members cost one command. */
function elementsText(elements: readonly ElementObject[]): string[] {
  const bySet = new Map<string, string[]>();
  for (const element of elements) {
    const set = `${at(element)} ${element.set}`;
    const text = element.value === undefined ? keyText(element) : `${keyText(element)} : ${element.value}`;
    const list = bySet.get(set);
    if (list === undefined) bySet.set(set, [text]);
    else list.push(text);
  }
  return [...bySet].map(([set, list]) => `add element ${set} { ${list.join(', ')} }`);
}

/** Interface names are quoted; ours begin with `w` or `seg`, which no address, number or MAC does. */
function keyText(element: ElementObject): string {
  return partsText(element.key);
}

function partsText(key: readonly string[]): string {
  return key.map((part) => (/^(w|seg)/.test(part) ? `"${part}"` : part)).join(' . ');
}

export type { SetObject };
