/**
 * What other launchers said to this one as the host of a concentrator (design §4), laid over the plan: who has come to a segment that the
 * controller has not told of yet.
 *
 *     TenantAdded ──▶ a segment and gateway of ours? newer than the plan? ──▶ kept ──▶ overlay: vtep, vtepfilter, peer, dhcphost
 *                                                                              └─ dropped: the plan is as new, names it all, or is of
 *                                                                                 another epoch; TenantRemoved; too old
 *
 * The overlay only adds. What the plan says of an address or a MAC stands, and where it says the same the hint makes no difference, so a
 * plan takes over from a hint without a packet noticing. Nothing of it is saved: after a restart the kernel's entries stay until a
 * controller confirms the plan, and the scheduler tells the hints again as soon as the gateway is announced.
 *
 * A hint's time is looked at when a change of the plan is taken over: a controller that works has not named it for so long, so it is not
 * so. While no controller changes anything, the hint stays; its end would cut off a workload that runs.
 */
import type { Cidr } from '@weft/core/cidr';
import { cidrContains } from '@weft/core/cidr';
import { ipCidrContains } from '@weft/core/ip';
import type { IpAddress } from '@weft/core/ip';
import type { Ipv4 } from '@weft/core/ipv4';
import type { Mac } from '@weft/core/mac';
import { dhcpHostKey, dhcpHostName } from '@weft/core/plan/dhcphost';
import { gatewayKey } from '@weft/core/plan/gateway';
import type { GatewaySegment } from '@weft/core/plan/gateway';
import { peerKey } from '@weft/core/plan/peer';
import { Plan } from '@weft/core/plan/plan';
import type { PlanRef } from '@weft/core/plan/plan';
import { segmentKey } from '@weft/core/plan/segment';
import { vtepKey } from '@weft/core/plan/vtep';
import { vtepFilterKey } from '@weft/core/plan/vtepfilter';
import type { Vni } from '@weft/core/vni';
import { InvalidValue } from '@weft/core/weft-error';
import type { Clock } from '@weft/ssntp/clock';
import type { Logger } from '@weft/ssntp/logger';
import type { TenantEvent } from '@weft/ssntp/payloads/tenant-event';
import type { PlanRevision } from './brakes.ts';
import { HINT_LIFE_MS } from './hint-sender.ts';

export type HintsDeps = Readonly<{
  plan: () => PlanRevision | undefined;
  /** Where VTEPs may be. */
  computeNetworks: () => readonly Cidr[];
  /** This node's own. */
  vtep: () => Ipv4 | undefined;
  clock: Clock;
  log: Logger;
}>;

/** More than a host has segments that come to new nodes while it cannot hear. */
const MAX_HINTS = 1024;

type Kept = Readonly<{ event: TenantEvent; atMs: number }>;

export class Hints {
  readonly #deps: HintsDeps;
  /** Latest of each agent about each segment, oldest first. */
  readonly #kept = new Map<string, Kept>();
  #overlay = new Plan();

  constructor(deps: HintsDeps) {
    this.#deps = deps;
  }

  get size(): number {
    return this.#kept.size;
  }

  /** The plan with the hints' additions; the plan itself where there are none. */
  over(plan: Plan): Plan {
    if (this.#kept.size === 0) return plan;
    const whole = plan.copy();
    for (const ref of this.#overlay.refs()) if (plan.get(ref.kind, ref.key) === undefined) copyInto(whole, this.#overlay, ref);
    return whole;
  }

  /** TenantAdded. Returns what is to be applied. Throws InvalidValue for a VTEP that cannot be one; then nothing has changed. */
  added(event: TenantEvent): readonly PlanRef[] {
    this.#checkVtep(event.agent_ip);
    const own = this.#deps.plan();
    const key = keyOf(event);
    const before = this.#kept.get(key)?.event;
    if (own === undefined || segmentOf(own.plan, event) === undefined || event.weft_epoch !== own.epoch) return this.#ignored(event);
    if (before !== undefined && before.weft_revision > event.weft_revision) return this.#ignored(event);
    this.#kept.delete(key);
    if (!isOvertaken(event, own)) this.#kept.set(key, { event, atMs: this.#deps.clock.now() });
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size <= MAX_HINTS) break;
      this.#kept.delete(oldest);
    }
    const changed = this.#lay();
    const { agent_uuid: node, vni, concentrator_uuid: concentrator, weft_ports: ports } = event;
    if (changed.length > 0) this.#deps.log.info({ node, vni, concentrator, count: ports.length }, 'a node joined a segment by its hint');
    return changed;
  }

  /** TenantRemoved. Returns what is to be applied. */
  removed(event: TenantEvent): readonly PlanRef[] {
    return this.#kept.delete(keyOf(event)) ? this.#lay() : [];
  }

  /** The plan is another one now. Returns what is to be applied beside its own changes. */
  planChanged(): readonly PlanRef[] {
    const own = this.#deps.plan();
    if (this.#kept.size === 0 || own === undefined) return [];
    const before = this.#deps.clock.now() - HINT_LIFE_MS;
    for (const [key, { event, atMs }] of this.#kept) if (atMs <= before || isOvertaken(event, own)) this.#kept.delete(key);
    return this.#lay();
  }

  #checkVtep(address: Ipv4): void {
    if (!this.#deps.computeNetworks().some((cidr) => cidrContains(cidr, address))) {
      throw new InvalidValue('tenant_added.agent_ip', address, 'is in no compute network');
    }
    if (address === this.#deps.vtep()) throw new InvalidValue('tenant_added.agent_ip', address, 'is this node’s own');
  }

  #ignored({ agent_uuid: node, vni, weft_revision: revision }: TenantEvent): readonly PlanRef[] {
    this.#deps.log.debug({ node, vni, revision }, 'a hint does not concern this node, or is old');
    return [];
  }

  /** Makes the overlay anew and returns how it differs from the one before. */
  #lay(): readonly PlanRef[] {
    const before = this.#overlay;
    this.#overlay = overlay(
      this.#deps.plan()?.plan ?? new Plan(),
      Array.from(this.#kept.values(), ({ event }) => event),
    );
    const changed: PlanRef[] = [];
    for (const ref of before.refs()) if (!sameBody(before, this.#overlay, ref)) changed.push(ref);
    for (const ref of this.#overlay.refs()) if (before.get(ref.kind, ref.key) === undefined) changed.push(ref);
    return changed;
  }
}

/** What the hints add to a plan: never under a key of it, nor for a MAC or an address that it knows. Of two hints the earlier has it. */
export function overlay(plan: Plan, hints: readonly TenantEvent[]): Plan {
  const added = new Plan();
  if (hints.length === 0) return added;
  const { macs, owners } = takenIn(plan, new Set(hints.map(({ vni }) => vni)));
  for (const hint of hints) {
    const { vni, agent_ip: vtep, concentrator_uuid: concentratorId } = hint;
    const segment = segmentOf(plan, hint);
    if (segment === undefined) continue;
    if (plan.get('vtep', vtepKey(vni, vtep)) === undefined) added.set('vtep', vtepKey(vni, vtep), { vni, address: vtep });
    if (plan.get('vtepfilter', vtepFilterKey(vtep)) === undefined) added.set('vtepfilter', vtepFilterKey(vtep), { address: vtep });
    for (const { mac, ips } of hint.weft_ports) {
      if (macs.has(`${vni}/${mac}`)) continue;
      macs.add(`${vni}/${mac}`);
      const own = ips.filter((ip) => (owners.get(`${vni}/${ip}`) ?? mac) === mac);
      for (const ip of own) owners.set(`${vni}/${ip}`, mac);
      added.set('peer', peerKey(vni, mac), { vni, mac, ips: own, vtep });
      for (const address of own) {
        const key = dhcpHostKey(vni, address);
        const subnets = [...segment.subnets, ...(segment.subnets6 ?? [])];
        const leased = subnets.some(({ cidr, dhcp }) => dhcp && ipCidrContains(cidr, address));
        if (!leased || plan.get('dhcphost', key) !== undefined) continue;
        added.set('dhcphost', key, { concentratorId, vni, address, mac, hostname: dhcpHostName(address) });
      }
    }
  }
  return added;
}

/** MACs that the plan knows on these segments, and whose its addresses are, each after its `<vni>/`. Costs in proportion to the plan. */
function takenIn(plan: Plan, vnis: ReadonlySet<Vni>): Readonly<{ macs: Set<string>; owners: Map<string, Mac> }> {
  const macs = new Set<string>();
  const owners = new Map<string, Mac>();
  const take = (vni: Vni, mac: Mac, ips: readonly IpAddress[]): void => {
    if (!vnis.has(vni)) return;
    macs.add(`${vni}/${mac}`);
    for (const ip of ips) owners.set(`${vni}/${ip}`, mac);
  };
  // Ports that are nowhere yet have their lease already: the address is theirs, and the MAC may be what the hint tells of.
  for (const { vni, mac, address } of plan.of('dhcphost').values()) if (vnis.has(vni)) owners.set(`${vni}/${address}`, mac);
  for (const kind of ['peer', 'port'] as const) for (const { vni, mac, ips } of plan.of(kind).values()) take(vni, mac, ips);
  for (const { segments } of plan.of('gateway').values()) {
    for (const { vni, mac, subnets } of segments)
      take(
        vni,
        mac,
        subnets.map(({ gatewayIp }) => gatewayIp),
      );
  }
  return { macs, owners };
}

/** The segment as the plan's gateway of that id serves it here. */
function segmentOf(plan: Plan, { vni, concentrator_uuid: id }: TenantEvent): GatewaySegment | undefined {
  if (plan.get('segment', segmentKey(vni)) === undefined) return undefined;
  return plan.get('gateway', gatewayKey(id))?.segments.find((segment) => segment.vni === vni);
}

function isOvertaken(hint: TenantEvent, { epoch, revision, plan }: PlanRevision): boolean {
  if (epoch !== hint.weft_epoch || revision >= hint.weft_revision) return true;
  const { vni, agent_ip: vtep } = hint;
  if (plan.get('vtep', vtepKey(vni, vtep)) === undefined || plan.get('vtepfilter', vtepFilterKey(vtep)) === undefined) return false;
  return hint.weft_ports.every(({ mac }) => plan.get('peer', peerKey(vni, mac)) !== undefined);
}

function sameBody(a: Plan, b: Plan, { kind, key }: PlanRef): boolean {
  return JSON.stringify(a.get(kind, key)) === JSON.stringify(b.get(kind, key));
}

function copyInto(to: Plan, from: Plan, { kind, key }: PlanRef): void {
  const body = from.get(kind, key);
  if (body !== undefined) to.set(kind, key, body);
}

function keyOf({ agent_uuid, vni }: TenantEvent): string {
  return `${agent_uuid} ${vni}`;
}
