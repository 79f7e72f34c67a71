import type { PlanRef } from '@weft/core/plan/plan';
import { isPlanKind, planRefText } from '@weft/core/plan/plan';
import type { Plan } from '@weft/core/plan/plan';
import type { GroupBody } from '@weft/core/plan/group';
import type { MemberBody } from '@weft/core/plan/member';
import type { PortBody } from '@weft/core/plan/port';
import type { ConcentratorId, InstanceId } from '@weft/core/uuid';
import { canonicalJson } from '@weft/core/canonical-json';
import { errorInfo, WeftError } from '@weft/core/weft-error';
import type { ErrorInfo } from '@weft/core/weft-error';
import type { Kernel, NodeFacts, Observed } from './kernel.ts';
import type { KernelObject, NeighObject, NftObject, ObjectContent } from './kernel-object.ts';
import { isNft, objectContent, objectKey, objectRank } from './kernel-object.ts';
import { dependentsOf, layout } from './layout/layout.ts';
import type { Place } from './names.ts';
import { gatewayPlace, workloadPlace } from './names.ts';
import { Numbering } from './numbering.ts';
import { fabricTables } from './ruleset/fabric.ts';
import { nodeTable } from './ruleset/node.ts';

/** Why a change ended: for the log. */
export type DataplaneLog = Readonly<{
  info: (fields: object, message: string) => void;
  warn: (fields: object, message: string) => void;
}>;

type Desired = { readonly object: KernelObject; readonly content: ObjectContent; readonly owners: Set<string> };

/** Two plan resources that would need one name for different things: shortened ids that clash. */
export class NameClash extends WeftError {
  constructor(key: string, owner: string, other: string) {
    super('name_clash', `${owner} needs ${key}, which ${other} has`, {
      details: { key, owner, other },
      remedy: 'Delete and create one of the two again: it gets another id.',
    });
  }
}

/**
 * Makes a node's kernel equal to its plan.
 *
 *     plan ── layout ──▶ desired objects ─┐
 *                                         ├─ difference ─▶ one nft transaction per namespace, then links and entries
 *     kernel ── observe ▶ observed objects ┘
 *
 * Each plan resource owns the objects that it stands for; one that changes is laid out again and only its own difference is applied, so a
 * port costs what a port costs. Between two observations the kernel is believed to hold what was last put there. A failure stays with the
 * resource whose object it was; after any, the next call looks at the kernel first.
 *
 * What must never be open too early: a port's rules and everything that admits it are one transaction *before* its link exists, and are
 * taken away in one before it goes.
 */
export class Dataplane {
  readonly #facts: NodeFacts;
  readonly #kernel: Kernel;
  readonly #log: DataplaneLog;
  readonly #sha256: (text: string) => string;
  readonly #runDir: string;
  readonly #desired = new Map<string, Desired>();
  readonly #owned = new Map<string, Set<string>>();
  readonly #applied = new Map<string, Observed>();
  readonly #bodies = new Map<string, unknown>();
  #numbers = new Numbering();
  #stale = true;

  constructor(
    options: Readonly<{ facts: NodeFacts; runDir: string }>,
    deps: Readonly<{ kernel: Kernel; log: DataplaneLog; /** Lower-case hex. */ sha256: (text: string) => string }>,
  ) {
    this.#facts = options.facts;
    this.#runDir = options.runDir;
    this.#kernel = deps.kernel;
    this.#log = deps.log;
    this.#sha256 = deps.sha256;
    this.#own('node', [
      { kind: 'netns', place: 'fabric', loopback: false, sysctls: FABRIC_SYSCTLS },
      nodeTable(options.facts),
      ...fabricTables(options.facts),
    ]);
  }

  workloadNetns(instanceId: InstanceId): string {
    return `${this.#runDir}/netns/${workloadPlace(instanceId)}`;
  }

  gatewayNetns(concentratorId: ConcentratorId): string {
    return `${this.#runDir}/netns/${gatewayPlace(concentratorId)}`;
  }

  /** Reads the kernel back. Before the first plan this is also how a restarted process learns its numbers. Throws what the kernel throws. */
  observe(): void {
    const first = this.#applied.size === 0;
    const observed = this.#kernel.observe();
    if (first) {
      this.#numbers = new Numbering();
      this.#numbers.learn(observed.map(({ object }) => object));
    } else this.#reportDrift(observed);
    this.#applied.clear();
    for (const item of observed) this.#applied.set(item.key, item);
    this.#stale = false;
  }

  /**
   * Makes the kernel equal to the plan for the given resources and those that depend on them; `all` also removes whatever of ours no
   * resource owns. Returns the failures by `planRefText`; empty if everything is in place. Synchronous, a few milliseconds.
   */
  apply(plan: Plan, changed: Iterable<PlanRef> | 'all'): ReadonlyMap<string, ErrorInfo> {
    const failures = new Map<string, ErrorInfo>();
    if (this.#stale) this.observe();
    const refs = this.#refsOf(plan, changed);
    const revoked = this.#revocations(plan, refs);
    const dropped = this.#relayout(plan, refs, failures);
    const remove: Observed[] = [];
    if (changed === 'all') {
      for (const item of this.#applied.values())
        if (!this.#desired.has(item.key) && (dropped.has(item.key) || !isForeign(item.object))) remove.push(item);
    } else {
      for (const key of dropped) {
        const item = this.#desired.has(key) ? undefined : this.#applied.get(key);
        if (item !== undefined) remove.push(item);
      }
    }
    const put: Desired[] = [];
    const touched = changed === 'all' ? this.#desired.keys() : this.#keysOf(refs);
    for (const key of touched) {
      const desired = this.#desired.get(key);
      if (desired !== undefined && this.#applied.get(key)?.content !== desired.content) put.push(desired);
    }
    this.#execute(remove, put, failures);
    for (const { zone, address } of revoked) this.#attempt('node', failures, () => this.#kernel.forget(zone, address));
    this.#attempt('node', failures, () => this.#kernel.settle());
    if (failures.size > 0) this.#stale = true;
    return failures;
  }

  #refsOf(plan: Plan, changed: Iterable<PlanRef> | 'all'): PlanRef[] {
    if (changed === 'all') {
      const refs = new Map([...plan.refs()].map((ref) => [planRefText(ref), ref]));
      for (const owner of this.#owned.keys()) {
        const [kind, key] = splitOwner(owner);
        if (owner !== 'node' && !refs.has(owner)) refs.set(owner, { kind, key } as PlanRef);
      }
      return [...refs.values()];
    }
    // A caller may hand back what failed, and `node` among it: the node's own objects are looked at every time anyway.
    const given = [...changed].filter((ref) => isPlanKind(ref.kind));
    const gatewayVnis = new Set<number>();
    for (const ref of given) {
      if (ref.kind !== 'gateway') continue;
      for (const body of [plan.get('gateway', ref.key), this.#bodies.get(planRefText(ref)) as ReturnType<typeof plan.get<'gateway'>>]) {
        for (const segment of body?.segments ?? []) gatewayVnis.add(segment.vni);
      }
    }
    const refs = new Map([...given, ...dependentsOf(plan, given, gatewayVnis)].map((ref) => [planRefText(ref), ref]));
    return [...refs.values()];
  }

  /** Lays the resources out again; returns the keys that lost an owner. A resource that cannot be laid out keeps what it has. */
  #relayout(plan: Plan, refs: readonly PlanRef[], failures: Map<string, ErrorInfo>): Set<string> {
    const laid: { owner: string; ref: PlanRef; objects: readonly KernelObject[] }[] = [];
    for (const ref of refs) {
      const owner = planRefText(ref);
      this.#attempt(owner, failures, () => {
        laid.push({ owner, ref, objects: layout({ plan, facts: this.#facts, numbers: this.#numbers }, ref) });
      });
    }
    const dropped = new Set<string>();
    for (const { owner } of laid) for (const key of this.#disown(owner)) dropped.add(key);
    for (const { owner, ref, objects } of laid) {
      this.#attempt(owner, failures, () => this.#own(owner, objects));
      const body = plan.get(ref.kind, ref.key);
      if (body === undefined) this.#bodies.delete(owner);
      else if (ref.kind === 'port' || ref.kind === 'group' || ref.kind === 'member' || ref.kind === 'gateway')
        this.#bodies.set(owner, body);
    }
    return dropped;
  }

  #own(owner: string, objects: readonly KernelObject[]): void {
    const items = objects.map((object) => ({ key: objectKey(object), object, content: objectContent(object, this.#sha256) }));
    for (const { key, content } of items) {
      const other = this.#desired.get(key);
      if (other !== undefined && other.content !== content) throw new NameClash(key, owner, [...other.owners].join(', '));
    }
    const keys = new Set<string>();
    for (const { key, object, content } of items) {
      keys.add(key);
      const desired = this.#desired.get(key);
      if (desired === undefined) this.#desired.set(key, { object, content, owners: new Set([owner]) });
      else desired.owners.add(owner);
    }
    if (keys.size > 0) this.#owned.set(owner, keys);
  }

  #disown(owner: string): string[] {
    const lost: string[] = [];
    for (const key of this.#owned.get(owner) ?? []) {
      const desired = this.#desired.get(key);
      desired?.owners.delete(owner);
      if (desired?.owners.size === 0) this.#desired.delete(key);
      lost.push(key);
    }
    this.#owned.delete(owner);
    return lost;
  }

  *#keysOf(refs: readonly PlanRef[]): Generator<string> {
    yield* this.#owned.get('node') ?? [];
    for (const ref of refs) yield* this.#owned.get(planRefText(ref)) ?? [];
  }

  #execute(remove: readonly Observed[], put: readonly Desired[], failures: Map<string, ErrorInfo>): void {
    const plain = put.filter(({ object }) => !isNft(object));
    for (const desired of plain.filter(({ object }) => object.kind === 'netns')) this.#put(desired, failures);
    this.#executeNft(remove, put, failures);
    const doomed = remove.filter(({ object }) => !isNft(object)).toSorted((a, b) => objectRank(b.object) - objectRank(a.object));
    for (const item of doomed.filter(({ object }) => object.kind !== 'netns')) this.#remove(item, failures);
    const queue = new Map(plain.filter(({ object }) => object.kind !== 'netns').map((desired) => [objectKey(desired.object), desired]));
    for (let rank = 1; rank <= 6; rank += 1) {
      for (const desired of [...queue.values()].filter(({ object }) => objectRank(object) === rank)) {
        const anew = this.#put(desired, failures);
        if (anew) for (const dependent of this.#dependentsOfLink(desired.object)) queue.set(objectKey(dependent.object), dependent);
      }
    }
    for (const item of doomed.filter(({ object }) => object.kind === 'netns')) this.#remove(item, failures);
  }

  /** One transaction a namespace. If it is refused, each owner's part is tried alone: one bad rule must not hold up everybody. */
  #executeNft(remove: readonly Observed[], put: readonly Desired[], failures: Map<string, ErrorInfo>): void {
    const places = new Set<Place>([...remove, ...put].filter(({ object }) => isNft(object)).map(({ object }) => object.place));
    const gone = new Set(remove.filter(({ object }) => object.kind === 'netns').map(({ object }) => object.place));
    for (const place of places) {
      // A namespace on its way out takes its rules along; they guard it to the end.
      if (gone.has(place)) {
        for (const { key, object } of remove) if (isNft(object) && object.place === place) this.#applied.delete(key);
        continue;
      }
      const here = <T extends { readonly object: KernelObject }>(items: readonly T[]): T[] =>
        items.filter(({ object }) => isNft(object) && object.place === place);
      const puts = this.#withReplacedTables(here(put));
      const replaced = new Set(puts.flatMap(({ object }) => (object.kind === 'table' ? [`${object.place} ${object.family}`] : [])));
      const inReplaced = (object: KernelObject): boolean => isNft(object) && replaced.has(`${object.place} ${object.family}`);
      const removes = here(remove).filter(({ object }) => !inReplaced(object));
      for (const { key, object } of here(remove)) if (inReplaced(object)) this.#applied.delete(key);
      const changedElements = puts.flatMap(({ object }) => {
        const old = this.#applied.get(objectKey(object));
        return object.kind === 'element' && old !== undefined && !inReplaced(object) ? [old.object as NftObject] : [];
      });
      const commit = (removing: readonly Observed[], putting: readonly Desired[], letGo: readonly NftObject[]): void => {
        const change = {
          remove: [...removing.map(({ object }) => object as NftObject), ...letGo],
          put: putting.map(({ object }) => object as NftObject),
        };
        if (change.remove.length === 0 && change.put.length === 0) return;
        this.#kernel.transact(place, change);
        for (const { key } of removing) this.#applied.delete(key);
        for (const { object, content } of putting) this.#note(object, content);
      };
      try {
        commit(removes, puts, changedElements);
      } catch (error) {
        this.#log.warn({ err: error, place }, 'a change of rules was refused as a whole; trying resource by resource');
        this.#stale = true;
        for (const owner of new Set(puts.flatMap(({ owners }) => [...owners]))) {
          const own = puts.filter(({ owners }) => owners.has(owner));
          const keys = new Set(own.map(({ object }) => objectKey(object)));
          this.#attempt(owner, failures, () =>
            commit(
              [],
              own,
              changedElements.filter((object) => keys.has(objectKey(object))),
            ),
          );
        }
        for (const item of removes) this.#attempt('node', failures, () => commit([item], [], []));
      }
    }
  }

  /** A table that is replaced loses its dynamic objects: all of them go into the same transaction again. */
  #withReplacedTables(puts: readonly Desired[]): readonly Desired[] {
    const tables = puts
      .filter(({ object }) => object.kind === 'table')
      .map(({ object }) => object as Extract<KernelObject, { kind: 'table' }>);
    if (tables.length === 0) return puts;
    const all = new Set(puts);
    for (const table of tables) {
      for (const desired of this.#desired.values()) {
        if (isNft(desired.object) && desired.object.place === table.place && desired.object.family === table.family) all.add(desired);
      }
    }
    return [...all];
  }

  #put(desired: Desired, failures: Map<string, ErrorInfo>): boolean {
    const object = desired.object as Exclude<KernelObject, NftObject>;
    const old = this.#applied.get(objectKey(object));
    let anew = false;
    for (const owner of [...desired.owners].slice(0, 1)) {
      this.#attempt(owner, failures, () => {
        anew = this.#kernel.put(object);
        this.#note(object, desired.content);
        if (object.kind === 'neigh') this.#announceChange(object, old?.object);
        if (object.kind === 'address' && object.link.startsWith('wu')) this.#announceUplink(object);
      });
    }
    return anew && old !== undefined;
  }

  /** Neighbours elsewhere keep an address's old MAC in their caches, and nothing crosses the tunnel to tell them: each node tells its own. */
  #announceChange(object: NeighObject, old: KernelObject | undefined): void {
    const known = `${object.link} ${object.address}`;
    const before = old?.kind === 'neigh' ? old.mac : this.#lastMacs.get(known);
    this.#lastMacs.delete(known);
    if (before !== undefined && before !== object.mac) this.#kernel.announce(object.place, object.link, object.address, object.mac);
  }

  #announceUplink(object: Extract<KernelObject, { kind: 'address' }>): void {
    const link = this.#desired.get(objectKey({ kind: 'link', place: object.place, name: object.link } as KernelObject))?.object;
    if (link?.kind === 'link' && link.type === 'macvlan') this.#kernel.announce(object.place, object.link, object.address, link.mac);
  }

  /** MACs of addresses that went away a while ago, per bridge, so that the next holder is announced. The oldest are forgotten. */
  readonly #lastMacs = new Map<string, string>();

  #remove(item: Observed, failures: Map<string, ErrorInfo>): void {
    const object = item.object as Exclude<KernelObject, NftObject>;
    this.#attempt('node', failures, () => {
      this.#kernel.remove(object);
      this.#applied.delete(item.key);
      if (object.kind === 'neigh') {
        this.#lastMacs.set(`${object.link} ${object.address}`, object.mac);
        if (this.#lastMacs.size > 10_000) for (const oldest of [...this.#lastMacs.keys()].slice(0, 1_000)) this.#lastMacs.delete(oldest);
      }
      if (object.kind === 'link' && object.place === 'fabric') this.#releaseNumbers(object);
    });
  }

  #releaseNumbers(link: Extract<KernelObject, { kind: 'link' }>): void {
    // What a segment's zone still holds would be somebody else's when the number is used again.
    if (link.type === 'vxlan') this.#kernel.forget(this.#numbers.zone(link.vni));
    this.#numbers.release(link.name);
  }

  /** Everything desired that hung on a link which had to be made anew. */
  #dependentsOfLink(made: KernelObject): Desired[] {
    if (made.kind !== 'link') return [];
    const ends = new Set([`${made.place} ${made.name}`]);
    if (made.type === 'veth') ends.add(`${made.end.place} ${made.end.name}`);
    return [...this.#desired.values()].filter(({ object }) => {
      switch (object.kind) {
        case 'link':
          return object.type === 'end' ? ends.has(`${object.place} ${object.name}`) : 'master' in object && object.master === made.name;
        case 'address':
        case 'route':
        case 'neigh':
        case 'fdb':
          return ends.has(`${object.place} ${object.link}`);
        case 'netns':
        case 'table':
        case 'set':
        case 'chain':
        case 'element':
          return false;
      }
    });
  }

  #note(object: KernelObject, content: ObjectContent): void {
    const key = objectKey(object);
    this.#applied.set(key, { key, content, object });
  }

  /**
   * What running connections lose: those of an address that left, and those of a port whose groups admit less than before. Deleting an entry
   * ends its TCP connection for good (`tcp_loose=0`), so nothing is deleted where only something was added.
   */
  #revocations(plan: Plan, refs: readonly PlanRef[]): { zone: number; address: PortBody['ips'][number] }[] {
    const revoked: { zone: number; address: PortBody['ips'][number] }[] = [];
    const ends = (port: PortBody): void => {
      for (const address of port.ips) revoked.push({ zone: this.#numbers.zone(port.vni), address });
    };
    for (const ref of refs) {
      const old = this.#bodies.get(planRefText(ref));
      if (old === undefined) continue;
      if (ref.kind === 'port') {
        const was = old as PortBody;
        const now = plan.get('port', ref.key);
        const less =
          now === undefined ||
          !now.adminStateUp ||
          (now.portSecurity && (!was.portSecurity || was.groups.some((group) => !now.groups.includes(group))));
        if (less || was.ips.some((address) => !now.ips.includes(address))) ends(was);
      } else if (ref.kind === 'group') {
        const now = new Set(plan.get('group', ref.key)?.rules.map((rule) => canonicalJson(rule)));
        if ((old as GroupBody).rules.every((rule) => now.has(canonicalJson(rule)))) continue;
        for (const port of plan.of('port').values()) if (port.groups.includes((old as GroupBody).groupId)) ends(port);
      } else if (ref.kind === 'member' && plan.get('member', ref.key) === undefined) {
        const { groupId, address } = old as MemberBody;
        const namers = new Set(
          [...plan.of('group').values()]
            .filter((group) => group.rules.some((rule) => rule.remoteGroup === groupId))
            .map((group) => group.groupId),
        );
        const vnis = new Set(
          [...plan.of('port').values()].filter((port) => port.groups.some((group) => namers.has(group))).map((port) => port.vni),
        );
        for (const vni of vnis) revoked.push({ zone: this.#numbers.zone(vni), address });
      }
    }
    return revoked;
  }

  #reportDrift(observed: readonly Observed[]): void {
    const now = new Map(observed.map((item) => [item.key, item.content]));
    const drifted = [...this.#applied.values()]
      .filter((item) => now.get(item.key) !== item.content && !isForeign(item.object))
      .map((item) => item.key);
    if (drifted.length > 0)
      this.#log.warn({ count: drifted.length, first: drifted.slice(0, 5) }, 'the kernel was changed by somebody else');
  }

  #attempt(owner: string, failures: Map<string, ErrorInfo>, action: () => void): void {
    try {
      action();
    } catch (error) {
      if (!failures.has(owner)) failures.set(owner, errorInfo(error));
      this.#stale = true;
      this.#log.warn({ err: error, resource: owner }, 'a kernel change failed');
    }
  }
}

const FABRIC_SYSCTLS = {
  'net.ipv6.conf.default.disable_ipv6': '1',
  'net.ipv6.conf.all.disable_ipv6': '1',
  'net.bridge.bridge-nf-call-iptables': '0',
  'net.bridge.bridge-nf-call-ip6tables': '0',
  'net.bridge.bridge-nf-call-arptables': '0',
  // A revoked TCP stream must not be picked up again in mid-stream (datapath.md §3).
  'net.netfilter.nf_conntrack_tcp_loose': '0',
};

/** Addresses inside a workload may be its own doing: those that we did not put there stay. */
function isForeign(object: KernelObject): boolean {
  return object.kind === 'address' && object.place.startsWith('wl-');
}

function splitOwner(owner: string): [string, string] {
  const space = owner.indexOf(' ');
  return [owner.slice(0, space), owner.slice(space + 1)];
}
