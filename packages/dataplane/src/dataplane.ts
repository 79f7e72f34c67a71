import type { DropCount } from '@weft/core/drop-reason';
import type { Plan, PlanBody, PlanRef } from '@weft/core/plan/plan';
import type { FirewallBody } from '@weft/core/plan/firewall';
import { isPlanKind, planRefText } from '@weft/core/plan/plan';
import type { ConcentratorId, InstanceId } from '@weft/core/uuid';
import type { Vni } from '@weft/core/vni';
import type { ErrorInfo } from '@weft/core/weft-error';
import { WeftError } from '@weft/core/weft-error';
import { AppliedState } from './applied-state.ts';
import { DesiredState } from './desired-state.ts';
import type { Desired } from './desired-state.ts';
import { Execution, LastMacs } from './execution.ts';
import type { Work } from './execution.ts';
import type { Kernel, NodeFacts, Observed, Underlay } from './kernel.ts';
import type { KernelObject } from './kernel-object.ts';
import { isNft, objectContent, objectKey } from './kernel-object.ts';
import { dependentsOf, layout, layoutContext } from './layout/layout.ts';
import { gatewayPlace, METADATA_PLACE, metadataLegName, workloadPlace } from './names.ts';
import type { Place } from './names.ts';
import { Numbering } from './numbering.ts';
import { fabricDrops, gatewayDrops } from './port-drops.ts';
import type { GatewayTraces, PortTraces } from './port-drops.ts';
import { revokedByFirewall } from './firewall-revocation.ts';
import { forgetRevoked, groupRevoked } from './forget-revoked.ts';
import { parseRevoking, Revocations, revokedByElement, revokingElement } from './revocation.ts';
import type { Revoked } from './revocation.ts';
import { FABRIC_SYSCTLS, fabricTables } from './ruleset/fabric.ts';
import { nodeTable } from './ruleset/node.ts';

export { NameClash } from './desired-state.ts';

/** Why a change ended: for the log. */
export type DataplaneLog = Readonly<{
  info: (fields: object, message: string) => void;
  warn: (fields: object, message: string) => void;
}>;

/**
 * Makes a node's kernel equal to its plan.
 *
 *     plan ── layout ──▶ desired objects ─┐
 *                                         ├─ difference ─▶ execution: one nft transaction per namespace, then links and entries
 *     kernel ── observe ▶ observed objects ┘
 *
 * Each plan resource owns the objects that it stands for; one that changes is laid out again and only its own difference is applied, so a
 * port costs what a port costs. Between two observations the kernel is believed to hold what was last put there. A failure stays with the
 * resource whose object it was; after any, the next call looks at the kernel first.
 *
 * What must never be open too early: a port's rules and everything that admits it are one transaction *before* its link exists, and are
 * taken away in one before it goes. What the plan no longer allows is ended once its rules are gone, also by the next process.
 */
export class Dataplane {
  #facts: NodeFacts;
  readonly #kernel: Kernel;
  readonly #log: DataplaneLog;
  readonly #sha256: (text: string) => string;
  readonly #runDir: string;
  readonly #desired: DesiredState;
  readonly #applied = new AppliedState();
  readonly #numbers = new Numbering();
  readonly #revocations: Revocations;
  /** Noted in the kernel, to be carried out. */
  readonly #revoking = new Map<string, Revoked>();
  readonly #lastMacs = new LastMacs();
  /** What was laid out and applied without a failure, by `planRefText`: bodies never change. */
  readonly #laid = new Map<string, PlanBody>();
  /** What was asked for and is in the plan, applied or failed: the rest of the plan has its time to come. */
  readonly #asked = new Set<string>();
  /** Keys of what should have gone, and zones that should have been swept, but for a failure. */
  readonly #unremoved = new Set<string>();
  readonly #unswept = new Set<number>();
  #stale = true;
  #everObserved = false;
  #justObserved = false;
  #disturbed = false;

  constructor(
    options: Readonly<{ facts: NodeFacts; runDir: string }>,
    deps: Readonly<{ kernel: Kernel; log: DataplaneLog; /** Lower-case hex. */ sha256: (text: string) => string }>,
  ) {
    this.#facts = options.facts;
    this.#runDir = options.runDir;
    this.#kernel = deps.kernel;
    this.#log = deps.log;
    this.#sha256 = deps.sha256;
    this.#desired = new DesiredState(deps);
    this.#revocations = new Revocations({ zoneOf: (vni) => this.#numbers.knownZone(vni) });
    this.#desired.own(NODE, objectsOfNode(options.facts));
  }

  /**
   * The node's tunnels end elsewhere from the next `apply` of all on: they are changed where they are, and what was sent to the old address
   * is admitted no more.
   */
  relocate(underlay: Underlay): void {
    const facts = { ...this.#facts, ...underlay };
    this.#desired.disown(NODE);
    this.#desired.own(NODE, objectsOfNode(facts));
    this.#facts = facts;
    // What was laid out spoke of the old place.
    this.#laid.clear();
  }

  workloadNetns(instanceId: InstanceId): string {
    return `${this.#runDir}/netns/${workloadPlace(instanceId)}`;
  }

  gatewayNetns(concentratorId: ConcentratorId): string {
    return `${this.#runDir}/netns/${gatewayPlace(concentratorId)}`;
  }

  /** Where the segment's workloads reach the metadata service. */
  metadataLeg(vni: Vni): Readonly<{ netns: string; ifname: string }> {
    return { netns: `${this.#runDir}/netns/${METADATA_PLACE}`, ifname: metadataLegName(vni) };
  }

  /**
   * Whether somebody else took away a gateway's namespace, the fabric or a link in it since the last look: cheap enough to be asked every few
   * seconds. If so, or if it cannot be told, `observe` and `apply` put it right.
   */
  disturbed(): boolean {
    this.#noteLosses('everywhere');
    return this.#disturbed;
  }

  /** Reads the kernel back. The first time this is also how a restarted process learns its numbers. Throws what the kernel throws. */
  observe(): void {
    this.#look();
    this.#disturbed = false;
  }

  /**
   * As {@link observe}, but calls `pause` now and then: with a thousand gateways a look takes seconds. Undefined if it is done already; until it
   * resolves nothing else of this may be called. Throws, and rejects, as `observe` does.
   */
  observeInParts(pause: () => Promise<void>): Promise<void> | undefined {
    const observing = this.#kernel.observing();
    const first = observing.next();
    if (first.done !== true) return this.#observeOn(observing, pause);
    this.#take(first.value);
    this.#disturbed = false;
    return undefined;
  }

  async #observeOn(observing: ReturnType<Kernel['observing']>, pause: () => Promise<void>): Promise<void> {
    for (;;) {
      await pause();
      const next = observing.next();
      if (next.done !== true) continue;
      this.#take(next.value);
      this.#disturbed = false;
      return;
    }
  }

  #look(): void {
    this.#take(this.#kernel.observe());
  }

  #take(observed: readonly Observed[]): void {
    if (this.#everObserved) this.#reportDrift(observed);
    else this.#numbers.learn(observed.map(({ object }) => object));
    this.#everObserved = true;
    this.#justObserved = true;
    this.#applied.replace(observed);
    for (const { key, object } of observed) {
      const revoked = parseRevoking(object);
      if (revoked !== undefined) this.#revoking.set(key, revoked);
    }
    this.#stale = false;
  }

  /**
   * Makes the kernel equal to the plan for the given resources and those that depend on them; `all` also removes whatever of ours no
   * resource owns. Returns the failures by `planRefText`, or under `node`; empty if everything is in place. Synchronous, a few milliseconds.
   */
  apply(plan: Plan, changed: Iterable<PlanRef> | 'all'): ReadonlyMap<string, ErrorInfo> {
    // What is done from here on is no disturbance, so what others did before is noted: their whole damage is not this call's to put right.
    this.#noteLosses(this.#stale ? 'everywhere' : 'links');
    if (this.#stale) this.#look();
    const execution = new Execution({
      kernel: this.#kernel,
      desired: this.#desired,
      applied: this.#applied,
      lastMacs: this.#lastMacs,
      log: this.#log,
    });
    const refs = this.#refsOf(plan, changed);
    const revoked = this.#revocations.between(plan, refs);
    const dropped = this.#relayout(plan, refs, execution);
    const differing = this.#differing(this.#touched(refs, changed));
    const put = new Map(differing.filter(({ object }) => object.kind !== 'netns').map((desired) => [desired.key, desired]));
    for (const desired of this.#differing(execution.putNamespaces(differing))) put.set(desired.key, desired);
    const work: Work = { put: [...put.values()], remove: this.#unwanted(changed, dropped) };
    for (const zone of this.#numbers.takeNewZones()) this.#unswept.add(zone);
    this.#sweep(execution);
    const ended = [...this.#unknownRevocations(plan, work, dropped), ...this.#ofGateways(work), ...this.#ofFirewalls(plan, refs, work)];
    this.#revoke(plan, [...revoked, ...ended], work, execution);
    this.#release([...dropped, ...work.remove], execution);
    execution.attempt(NODE, () => this.#kernel.settle());
    // What failed revokes again when it succeeds.
    for (const ref of refs) this.#note(plan, ref, execution);
    this.#unremoved.clear();
    for (const key of execution.unremoved) this.#unremoved.add(key);
    if (execution.failures.size > 0) this.#stale = true;
    return execution.failures;
  }

  /** What of the plan is not, or not so, what was applied last, the removed included. After a failure that is what failed. */
  pending(plan: Plan): readonly PlanRef[] {
    const pending: PlanRef[] = [];
    for (const ref of plan.refs()) if (this.#laid.get(planRefText(ref)) !== plan.get(ref.kind, ref.key)) pending.push(ref);
    for (const owner of new Set([...this.#desired.owners(), ...this.#laid.keys()])) {
      const [kind, key] = splitOwner(owner);
      if (isPlanKind(kind) && plan.get(kind, key) === undefined) pending.push({ kind, key });
    }
    return pending;
  }

  /**
   * Does a little of what `apply` put off: the kernel takes long to delete links, and nobody waits for that. True: there is more. To be called
   * after `apply`, with pauses: each call may hold up everybody on the machine for some 20 ms. What throws is tried again by the next call.
   */
  tidy(): boolean {
    this.#noteLosses('links');
    try {
      return this.#kernel.tidy();
    } finally {
      this.#kernel.settle();
    }
  }

  /** What was dropped here of a port and why, since its rules stand. Throws what the kernel throws, and `not_ready` before the first `apply`. */
  portDrops(port: PortTraces): readonly DropCount[] {
    if (!this.#everObserved) throw new WeftError('not_ready', 'reading drops: the data path was not looked at yet', { retryable: true });
    return fabricDrops(port, { kernel: this.#counters(), numberOf: (link) => this.#numbers.known(link) });
  }

  /** The same of a port at its gateway; undefined if that is not here. */
  gatewayDrops(port: GatewayTraces): readonly DropCount[] | undefined {
    return gatewayDrops(port, { kernel: this.#counters() });
  }

  /** Queues are only asked where there is one. */
  #counters(): Parameters<typeof gatewayDrops>[1]['kernel'] {
    const isLimited = (place: Place, link: string): boolean => this.#applied.has(`qdisc ${place} ${link}`);
    return {
      counted: (...args) => this.#kernel.counted(...args),
      queueDrops: (place, links) => (links.some((link) => isLimited(place, link)) ? this.#kernel.queueDrops(place, links) : []),
    };
  }

  #refsOf(plan: Plan, changed: Iterable<PlanRef> | 'all'): PlanRef[] {
    // A caller may hand back what failed, and `node` among it: the node's own objects are looked at every time anyway.
    const given = changed === 'all' ? this.pending(plan) : [...changed].filter((ref) => isPlanKind(ref.kind));
    const gatewayVnis = new Set<number>();
    for (const ref of given) {
      if (ref.kind !== 'gateway') continue;
      for (const body of [plan.get('gateway', ref.key), this.#revocations.known(planRefText(ref))]) {
        if (body !== undefined && 'segments' in body) for (const segment of body.segments) gatewayVnis.add(segment.vni);
      }
    }
    const dependents = dependentsOf(plan, given, gatewayVnis).filter((ref) => this.#asked.has(planRefText(ref)));
    const refs = new Map([...given, ...dependents].map((ref) => [planRefText(ref), ref]));
    return [...refs.values()];
  }

  #note(plan: Plan, ref: PlanRef, { failures }: Execution): void {
    const owner = planRefText(ref);
    const planned = plan.get(ref.kind, ref.key);
    const body = failures.has(owner) ? undefined : planned;
    if (planned === undefined) this.#asked.delete(owner);
    else this.#asked.add(owner);
    if (body === undefined) this.#laid.delete(owner);
    else this.#laid.set(owner, body);
    if (!failures.has(owner)) this.#revocations.note(plan, ref);
  }

  /** Lays the resources out again; returns what lost an owner. A resource that cannot be laid out keeps what it has. */
  #relayout(plan: Plan, refs: readonly PlanRef[], execution: Execution): Desired[] {
    const context = layoutContext(plan, this.#facts, this.#numbers);
    const laid: { owner: string; objects: readonly KernelObject[] }[] = [];
    for (const ref of refs) {
      const owner = planRefText(ref);
      execution.attempt(owner, () => {
        laid.push({ owner, objects: layout(context, ref) });
      });
    }
    const dropped = laid.flatMap(({ owner }) => this.#desired.disown(owner));
    for (const { owner, objects } of laid) {
      execution.attempt(owner, () => this.#desired.own(owner, objects));
    }
    return dropped;
  }

  /** After a look at the kernel everything that is found wanting is put right, whoever was asked for. */
  #touched(refs: readonly PlanRef[], changed: Iterable<PlanRef> | 'all'): Iterable<Desired> {
    const all = changed === 'all' || this.#justObserved;
    this.#justObserved = false;
    if (all) return this.#desired.all();
    return [NODE, ...refs.map(planRefText)].flatMap((owner) => this.#desired.of(owner));
  }

  #differing(desired: Iterable<Desired>): Desired[] {
    const differing: Desired[] = [];
    for (const one of desired) if (this.#applied.get(one.key)?.content !== one.content) differing.push(one);
    return differing;
  }

  #unwanted(changed: Iterable<PlanRef> | 'all', dropped: readonly Desired[]): Observed[] {
    const mine = new Set(dropped.map(({ key }) => key));
    const pending = new Set([...mine, ...this.#unremoved]);
    const candidates = changed === 'all' ? this.#applied.all() : [...pending].flatMap((key) => this.#applied.get(key) ?? []);
    const unwanted: Observed[] = [];
    for (const item of candidates) {
      if (this.#desired.get(item.key) !== undefined || parseRevoking(item.object) !== undefined) continue;
      if (pending.has(item.key) || !isForeign(item.object)) unwanted.push(item);
    }
    return unwanted;
  }

  /** Connections of a zone's earlier holder must not be the new one's. */
  #sweep(execution: Execution): void {
    for (const zone of this.#unswept) {
      if (execution.attempt(NODE, () => this.#kernel.forget('fabric', zone))) this.#unswept.delete(zone);
    }
  }

  /** Does the work and ends what it no longer allows. */
  #revoke(plan: Plan, revoked: readonly Revoked[], work: Work, execution: Execution): void {
    for (const item of revoked) this.#revoking.set(objectKey(revokingElement(item)), item);
    const notes = [...this.#revoking].map(([key, item]): Desired => {
      const object = revokingElement(item);
      return { key, object, content: objectContent(object, this.#sha256), owners: new Set([NODE]) };
    });
    execution.run({ ...work, put: [...work.put, ...notes] });
    const done = groupRevoked(this.#revoking).flatMap((group) => {
      const items = group.map(([, item]) => item);
      if (!execution.attempt(NODE, () => forgetRevoked(this.#kernel, plan, items, this.#revocations))) return [];
      for (const [key] of group) this.#revoking.delete(key);
      return group.flatMap(([key]) => this.#applied.get(key) ?? []);
    });
    if (done.length > 0) execution.run({ remove: done, put: [] });
  }

  /** What public addresses, forwards and NAT rules no longer lead to. A gateway that goes takes its connections along. */
  #ofGateways({ remove, put }: Work): Revoked[] {
    const going = new Set(remove.flatMap(({ object }) => (object.kind === 'netns' ? [object.place] : [])));
    const old = [...remove, ...put.flatMap(({ key }) => this.#applied.get(key) ?? [])];
    return old.flatMap(({ object }) => (object.kind === 'element' && !going.has(object.place) ? revokedByElement(object) : []));
  }

  /** What firewalls deny from now on. Of one whose rules stand as they are, nothing; so a process that was just started ends nothing. */
  #ofFirewalls(plan: Plan, refs: readonly PlanRef[], { put }: Work): Revoked[] {
    return refs.flatMap((ref) => {
      const now = ref.kind === 'firewall' ? plan.get('firewall', ref.key) : undefined;
      if (now === undefined || !put.some(({ object, owners }) => object.kind === 'chain' && owners.has(planRefText(ref)))) return [];
      return revokedByFirewall(this.#revocations.known(planRefText(ref)) as FirewallBody | undefined, now);
    });
  }

  #noteLosses(where: 'everywhere' | 'links'): void {
    if (this.#everObserved && !this.#disturbed) this.#disturbed = this.#anyLost(where);
  }

  #anyLost(where: 'everywhere' | 'links'): boolean {
    try {
      const losses = this.#kernel.losses(where);
      if (losses === undefined || losses.places.length > 0) return true;
      return losses.links.some(
        (name) => this.#desired.get(objectKey({ kind: 'link', place: 'fabric', name } as KernelObject)) !== undefined,
      );
    } catch (error) {
      this.#log.warn({ err: error }, 'what others changed in the kernel cannot be told without a look');
      return true;
    }
  }

  /** A process that was just started does not know what stood behind the rules that it finds and changes. */
  #unknownRevocations(plan: Plan, work: Work, dropped: readonly Desired[]): Revoked[] {
    // Another release writes its rules differently, and takes nothing from anybody.
    if (work.put.some(({ object }) => object.kind === 'table')) return [];
    const known = (owner: string): boolean => owner === NODE || this.#revocations.known(owner) !== undefined;
    const ours = new Set(dropped.map(({ key }) => key));
    const removed = work.remove.filter(({ key }) => !ours.has(key)).map(({ object }) => object);
    const changed = work.put
      .filter(({ object, owners }) => isNft(object) && ![...owners].some(known))
      .flatMap(({ key }) => this.#applied.get(key)?.object ?? []);
    const old = [...removed, ...changed];
    if (old.length === 0) return [];
    return this.#revocations.byUnknown(
      plan,
      old,
      [...this.#applied.all()].map(({ object }) => object),
    );
  }

  /** Numbers of links that are gone, and of which no rule speaks any more, are free again. */
  #release(gone: readonly Readonly<{ object: KernelObject }>[], execution: Execution): void {
    const links = new Set(gone.flatMap(({ object }) => fabricLinkOf(object)));
    for (const link of links) {
      const uses = [`element fabric bridge number ${link}`, `link fabric ${link}`];
      if (uses.some((key) => this.#applied.has(key) || this.#desired.get(key) !== undefined)) continue;
      const zone = this.#numbers.release(link);
      if (zone !== undefined) execution.attempt(NODE, () => this.#kernel.forget('fabric', zone));
    }
  }

  #reportDrift(observed: readonly Observed[]): void {
    const now = new Map(observed.map((item) => [item.key, item.content]));
    const drifted = [...this.#applied.all()]
      .filter((item) => now.get(item.key) !== item.content && item.object.kind !== 'netns' && !isForeign(item.object))
      .map((item) => item.key);
    if (drifted.length > 0)
      this.#log.warn({ count: drifted.length, first: drifted.slice(0, 5) }, 'the kernel was changed by somebody else');
  }
}

/** Owns what every node has. */
const NODE = 'node';

function objectsOfNode(facts: NodeFacts): readonly KernelObject[] {
  return [{ kind: 'netns', place: 'fabric', loopback: false, sysctls: FABRIC_SYSCTLS }, nodeTable(facts), ...fabricTables(facts)];
}

/** Addresses inside a workload may be its own doing: those that we did not put there stay. */
function isForeign(object: KernelObject): boolean {
  return object.kind === 'address' && object.place.startsWith('wl-');
}

function splitOwner(owner: string): [string, string] {
  const space = owner.indexOf(' ');
  return [owner.slice(0, space), owner.slice(space + 1)];
}

function fabricLinkOf(object: KernelObject): string[] {
  if (object.place !== 'fabric') return [];
  if (object.kind === 'link') return [object.name];
  return object.kind === 'element' && object.set === 'number' ? object.key.slice(0, 1) : [];
}
