/**
 * What is there: the links, packet filters, processes and files by which one sees whether anything was left behind. A snapshot is a flat map
 * from the name of a thing to what matters of it; counters, handles and times do not.
 */
import { readdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import { canonicalJson } from '@weft/core/canonical-json';
import { linkList } from '@weft/netlink/link';
import { qdiscList } from '@weft/netlink/qdisc';
import { Rtnl } from '@weft/netlink/rtnl';
import { netnsOpen, netnsSelf } from '@weft/sys/netns';
import type { Netns } from '@weft/sys/netns';
import { NftContext } from '@weft/sys/nft';
import { isSysError } from '@weft/sys/sys-error';
import { LAB_DIR } from './lab-paths.ts';
import type { LabPaths } from './lab-paths.ts';
import { isOrphanedLab, markedProcesses } from './marked-processes.ts';
import type { MarkedProcess } from './marked-processes.ts';
import { pinnedBelow } from './remains.ts';
import { waitFor } from './wait.ts';

export type Snapshot = ReadonlyMap<string, string>;

/** What is in `after` and not in `before`, and the other way round, one line a thing: `+ link …`. Sorted. */
export function snapshotDifference(before: Snapshot, after: Snapshot): string[] {
  const difference: string[] = [];
  for (const [thing, value] of after) if (before.get(thing) !== value) difference.push(`+ ${thing}${value === '' ? '' : ` ${value}`}`);
  for (const [thing, value] of before) if (after.get(thing) !== value) difference.push(`- ${thing}${value === '' ? '' : ` ${value}`}`);
  return difference.sort((a, b) => (a.slice(2) < b.slice(2) ? -1 : 1));
}

/** Everything inside a running lab: all its namespaces, processes and files, logs excepted. */
export function snapshotLab(paths: LabPaths, labId: string): Snapshot {
  const things = new Map<string, string>();
  for (const pin of pinnedBelow(paths.root)) {
    const name = relative(paths.root, pin);
    try {
      using netns = netnsOpen(pin);
      addNamespace(things, name, netns, () => true);
      things.set(`namespace ${name}`, '');
    } catch (error) {
      // Gone since it was listed.
      if (!isSysError(error, 'ENOENT', 'EINVAL')) throw error;
    }
  }
  addProcesses(things, (process) => process.labId === labId);
  for (const file of filesBelow(paths.root, 8)) {
    if (!/\/(log|logs)\/|\.log$|\.db-(wal|shm)$|\.partial$|\.tmp$/.test(file)) things.set(`file ${file}`, '');
  }
  return things;
}

/** The same, taken once nothing comes and goes any more: two in a row are equal. A DHCP server that takes over a new plan is away for a moment. */
export async function settledSnapshot(paths: LabPaths, labId: string, signal?: AbortSignal): Promise<Snapshot> {
  let last = snapshotLab(paths, labId);
  return waitFor({ expected: 'the lab to settle', withinMs: 15_000, everyMs: 200, where: `${paths.root}/*/log`, signal }, () => {
    const before = last;
    last = snapshotLab(paths, labId);
    const difference = snapshotDifference(before, last);
    return difference.length === 0 ? { done: last } : { seen: difference.slice(0, 5).join('\n') };
  });
}

const OUR_LINK = /^(w[bxpgui][0-9a-f]|mgmt0|data0|uplink0|outside0)/;
const OUR_FILE = /weft|dnsmasq/;

/** What a lab could leave on the machine outside of itself. Only what is recognisably ours counts, for others work on
 * the machine meanwhile; of processes those of the lab that has just `ended`, and of labs that nobody owns any more. */
export function snapshotMachine(ended?: string): Snapshot {
  const things = new Map<string, string>();
  using self = netnsSelf();
  addNamespace(things, 'machine', self, (name, alias) => OUR_LINK.test(name) || alias?.startsWith('weft:') === true);
  addProcesses(things, ({ labId }) => labId === ended || isOrphanedLab(labId));
  for (const pin of pinnedBelow('/run').filter((path) => path.startsWith(LAB_DIR))) things.set(`mount ${pin}`, '');
  for (const directory of ['/run', '/var/lib']) {
    for (const file of filesBelow(directory, 3)) {
      // The lock is the lab's own, held until the very end.
      if (OUR_FILE.test(file) && file !== LAB_DIR && file !== join(LAB_DIR, 'lock')) things.set(`file ${file}`, '');
    }
  }
  return things;
}

function addNamespace(
  things: Map<string, string>,
  name: string,
  netns: Netns,
  wanted: (link: string, alias: string | undefined) => boolean,
): void {
  using rtnl = Rtnl.open(netns);
  const links = linkList(rtnl).filter((link) => wanted(link.name, link.alias));
  for (const link of links) {
    const alias = link.alias === undefined ? '' : ` ${link.alias}`;
    things.set(`link ${name}: ${link.name}`, `${link.kind ?? 'device'} mtu ${link.mtu}${link.up ? ' up' : ' down'}${alias}`);
  }
  const names = new Map(links.map(({ index, name: link }) => [index, link]));
  for (const { index, kind, handle } of qdiscList(rtnl)) {
    // Without a handle: what an interface has of itself.
    if (handle !== 0 && names.has(index)) things.set(`queue ${name}: ${names.get(index)} ${kind}`, '');
  }
  using nft = NftContext.open(netns);
  for (const thing of rulesetThings(nft.json('list ruleset'))) things.set(`nft ${name}: ${thing}`, '');
}

function addProcesses(things: Map<string, string>, wanted: (process: MarkedProcess) => boolean): void {
  const count = new Map<string, number>();
  for (const { command } of markedProcesses().filter(wanted)) count.set(command, (count.get(command) ?? 0) + 1);
  for (const [command, number] of count) things.set(`process ${command}`, `× ${number}`);
}

function filesBelow(root: string, depth: number): string[] {
  try {
    return readdirSync(root, { withFileTypes: true }).flatMap((entry) => {
      const path = join(root, entry.name);
      return entry.isDirectory() && depth > 1 ? [path, ...filesBelow(path, depth - 1)] : [path];
    });
  } catch {
    // Gone since it was listed.
    return [];
  }
}

/** The objects of `nft -j list ruleset` in table `weft`, one text each and one per set element; what packets change is left out. */
export function rulesetThings(ruleset: unknown): string[] {
  const objects = (ruleset as { nftables?: readonly Readonly<Record<string, unknown>>[] } | undefined)?.nftables ?? [];
  return objects.flatMap((object) => {
    const [kind] = Object.keys(object);
    const body = object[kind!] as Readonly<Record<string, unknown>>;
    if (kind === undefined || kind === 'metainfo' || (body['table'] ?? body['name']) !== 'weft') return [];
    const { elem, ...rest } = stateless(body) as Readonly<Record<string, unknown>>;
    const name = `${String(body['family'])} ${String(body['name'])}`;
    const elements = Array.isArray(elem) ? elem.filter((each) => !isMadeByPackets(each)).map((each) => withoutNumbers(name, each)) : [];
    return [`${kind} ${canonicalJson(rest)}`, ...countedTexts(elements.map((each) => `element ${name} ${canonicalJson(each)}`))];
  });
}

/** What a node numbers as it likes, port by port and segment by segment: a gateway that came back has another number, and that is right. */
function withoutNumbers(map: string, element: unknown): unknown {
  if (!Array.isArray(element)) return element;
  if (map === 'bridge number') return [element[0], '(a number)'];
  return map === 'inet zone' ? ['(a number)', '(a zone)'] : element;
}

/** Those that are there more than once, one text with how often. */
function countedTexts(texts: readonly string[]): string[] {
  const count = Map.groupBy(texts, (text) => text);
  return Array.from(count, ([text, { length }]) => (length === 1 ? text : `${text} × ${length}`));
}

/** Rules add such elements as packets come, with a counter, a limit or an end in them; nft's JSON does not say that the set is dynamic. */
function isMadeByPackets(element: unknown): boolean {
  const inner = (element as Readonly<{ elem?: unknown }> | null)?.elem;
  return (
    typeof inner === 'object' && inner !== null && ['counter', 'ct count', 'limit', 'expires'].some((key) => Object.hasOwn(inner, key))
  );
}

function stateless(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(stateless);
  if (typeof value !== 'object' || value === null) return value;
  const kept = Object.entries(value).filter(([key]) => !['handle', 'packets', 'bytes', 'expires', 'index'].includes(key));
  return Object.fromEntries(kept.map(([key, field]) => [key, stateless(field)]));
}
