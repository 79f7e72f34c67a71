/**
 * Tells the concentrator's host of a segment that its first port came to this node, straight through the scheduler (design §4): should the
 * host not hear from the controller, it can still admit this node and knows where to send what is for its workloads.
 *
 *     first port of a segment ──▶ open ──ports change──▶ TenantAdded again, all ports ──last port gone──▶ TenantRemoved
 *                                  └─ five minutes old when the controller changes the plan again: closed, nothing is sent any more
 *
 * So a segment that has long been here costs nothing, and a burst of ports one frame. What is open is sent again on each new connection,
 * for the scheduler may be another process by then. A launcher that is started anew says what its saved plan has, as it cannot know what the
 * one before came to say; who knows it better passes over it.
 */
import { MultiMap } from '@weft/core/multi-map';
import type { Ipv4 } from '@weft/core/ipv4';
import type { PlanRef } from '@weft/core/plan/plan';
import { segmentKey } from '@weft/core/plan/segment';
import type { NodeId } from '@weft/core/uuid';
import type { Vni } from '@weft/core/vni';
import type { Clock } from '@weft/ssntp/clock';
import type { Frame } from '@weft/ssntp/frame';
import { MAX_HINT_ADDRESSES, MAX_HINT_PORTS } from '@weft/ssntp/payloads/tenant-event';
import type { HintPort, TenantEvent } from '@weft/ssntp/payloads/tenant-event';
import type { PlanRevision } from './brakes.ts';
import { tenantAddedFrame, tenantRemovedFrame } from './reports.ts';

export type HintSenderDeps = Readonly<{
  plan: () => PlanRevision | undefined;
  /** Where this node's tunnels end. */
  vtep: () => Ipv4 | undefined;
  /** False if there is no connection. */
  send: (frame: Frame) => boolean;
  clock: Clock;
}>;

export const HINT_LIFE_MS = 300_000;
const COALESCE_MS = 100;
/** The first plan of a big node brings more segments at once than anybody could be waiting for. */
const MAX_OPEN = 256;

/** `event`: what was last said. `sent`: on this connection. */
type Open = { readonly sinceMs: number; event: TenantEvent | undefined; sent: boolean };

export class HintSender {
  readonly #nodeId: NodeId;
  readonly #deps: HintSenderDeps;
  #vniOf = new Map<string, Vni>();
  #portsOf = new MultiMap<Vni, string>();
  /** Oldest first. */
  readonly #open = new Map<Vni, Open>();
  readonly #dirty = new Set<Vni>();
  #timer: unknown;

  constructor(options: Readonly<{ nodeId: NodeId }>, deps: HintSenderDeps) {
    this.#nodeId = options.nodeId;
    this.#deps = deps;
  }

  /** There is a saved plan, or none. An earlier process may have ended before it said what it brought: so all of it is news. */
  begin(): void {
    this.#changedWholly();
  }

  /** The plan was changed by the controller. */
  changed(refs: Iterable<PlanRef> | 'all'): void {
    this.#close();
    if (refs === 'all') return this.#changedWholly();
    for (const { kind, key } of refs) {
      if (kind === 'segment') this.#touch(Number(key) as Vni);
      if (kind === 'port') this.#changedPort(key);
    }
  }

  /** On a new connection, whose other end may have heard nothing; and when the VTEP is known at last. */
  again(): void {
    for (const [vni, hint] of this.#open) {
      hint.sent = false;
      this.#touch(vni);
    }
  }

  stop(): void {
    this.#deps.clock.clearTimeout(this.#timer);
    this.#dirty.clear();
    this.#open.clear();
  }

  #changedPort(key: string): void {
    const was = this.#vniOf.get(key);
    const now = this.#deps.plan()?.plan.get('port', key)?.vni;
    if (now !== undefined && now !== was) this.#add(key, now);
    if (was !== undefined && now !== was) {
      if (now === undefined) this.#vniOf.delete(key);
      this.#portsOf.remove(was, key);
      this.#left(was);
    }
    if (now !== undefined) this.#touch(now);
  }

  #changedWholly(): void {
    const before = new Set(this.#vniOf.values());
    this.#index();
    const now = new Set(this.#vniOf.values());
    for (const vni of before) this.#left(vni);
    for (const vni of now) {
      if (!before.has(vni)) this.#begin(vni);
      this.#touch(vni);
    }
  }

  #index(): void {
    this.#vniOf = new Map();
    this.#portsOf = new MultiMap();
    for (const [key, { vni }] of this.#deps.plan()?.plan.of('port') ?? []) {
      this.#vniOf.set(key, vni);
      this.#portsOf.add(vni, key);
    }
  }

  #add(key: string, vni: Vni): void {
    if (this.#portsOf.size(vni) === 0) this.#begin(vni);
    this.#vniOf.set(key, vni);
    this.#portsOf.add(vni, key);
  }

  #begin(vni: Vni): void {
    // A port that replaces the only other one in the same delta may come before that goes.
    if (this.#open.has(vni)) return;
    this.#open.set(vni, { sinceMs: this.#deps.clock.now(), event: undefined, sent: false });
    for (const oldest of this.#open.keys()) {
      if (this.#open.size <= MAX_OPEN) return;
      this.#open.delete(oldest);
    }
  }

  /** A port went: if it was the last one, so does the hint. */
  #left(vni: Vni): void {
    if (this.#portsOf.size(vni) > 0) return this.#touch(vni);
    const said = this.#open.get(vni)?.event;
    this.#open.delete(vni);
    this.#dirty.delete(vni);
    if (said !== undefined) this.#deps.send(tenantRemovedFrame(said));
  }

  /** The controller speaks, so what is old enough has come to all who should know by the better way. */
  #close(): void {
    const before = this.#deps.clock.now() - HINT_LIFE_MS;
    for (const [vni, { sinceMs }] of this.#open) {
      if (sinceMs > before) return;
      this.#open.delete(vni);
    }
  }

  #touch(vni: Vni): void {
    if (!this.#open.has(vni)) return;
    this.#dirty.add(vni);
    this.#timer ??= this.#deps.clock.setTimeout(() => this.#flush(), COALESCE_MS);
  }

  #flush(): void {
    this.#timer = undefined;
    for (const vni of this.#dirty) {
      const hint = this.#open.get(vni);
      const event = this.#eventOf(vni);
      if (hint === undefined || event === undefined) continue;
      if (hint.event === undefined || content(hint.event) !== content(event)) {
        hint.event = event;
        hint.sent = false;
      }
      // With the revision that brought it, also if the plan has gone on since.
      if (!hint.sent) hint.sent = this.#deps.send(tenantAddedFrame(hint.event));
    }
    this.#dirty.clear();
  }

  /** Undefined as long as the segment has no gateway elsewhere. */
  #eventOf(vni: Vni): TenantEvent | undefined {
    const own = this.#deps.plan();
    const gateway = own?.plan.get('segment', segmentKey(vni))?.gateway;
    const vtep = this.#deps.vtep();
    if (own === undefined || gateway === undefined || vtep === undefined) return undefined;
    const ports: HintPort[] = [];
    for (const key of this.#portsOf.of(vni)) {
      const port = own.plan.get('port', key);
      if (port !== undefined) ports.push({ mac: port.mac, ips: port.ips.slice(0, MAX_HINT_ADDRESSES) });
    }
    return {
      agent_uuid: this.#nodeId,
      agent_ip: vtep,
      tenant_uuid: gateway.tenantId,
      tenant_subnet: gateway.subnet,
      concentrator_uuid: gateway.concentratorId,
      concentrator_ip: gateway.vtep,
      vni,
      weft_epoch: own.epoch,
      weft_revision: own.revision,
      weft_ports: ports.toSorted((a, b) => (a.mac < b.mac ? -1 : 1)).slice(0, MAX_HINT_PORTS),
    };
  }
}

/** All but the revision, which tells nothing of its own. */
function content(event: TenantEvent): string {
  return JSON.stringify({ ...event, weft_revision: 0 });
}
