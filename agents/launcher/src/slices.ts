/**
 * Parts a large change into slices, so that the launcher answers heartbeats between them: a thousand gateways in one go would take ten seconds,
 * and after three the scheduler takes the node for lost. Nodes do not apply a commit in the same moment either, so nothing relies on resources
 * changing together, but these: a port has its end in its instance's namespace, and a gateway must not be there without what its firewall
 * denies. Each is closed before it is open by itself.
 *
 *     what goes, but for what others stand on ─▶ groups, segments ─▶ gateways with their firewalls ─▶ ports with their instances ─▶ the rest ─▶ groups, segments that go
 *
 * So an address is given up before its next holder has it, and nothing is made before what it stands on.
 */
import { instanceKey } from '@weft/core/plan/instance';
import { planRefText } from '@weft/core/plan/plan';
import type { Plan, PlanKind, PlanRef } from '@weft/core/plan/plan';
import { portKey } from '@weft/core/plan/port';

/** About how many milliseconds one takes on a slow machine. What lies in a gateway's namespace is a transaction of its own there. */
const WEIGHTS: Partial<Readonly<Record<PlanKind, number>>> = {
  gateway: 8,
  publicip: 4,
  forward: 4,
  firewall: 4,
  nat: 4,
  segment: 2,
  instance: 2,
  port: 2,
};
const LIGHT = 0.1;
/** Of a slice. */
const LIMIT = 64;

const GOING: readonly PlanKind[] = ['firewall', 'nat', 'forward', 'publicip', 'gateway', 'port', 'instance', 'peer', 'vtep', 'member'];
const COMING: readonly PlanKind[] = ['vtepfilter', 'group', 'member', 'segment', 'gateway', 'instance', 'port', 'peer', 'vtep'];
const GOING_LAST: readonly PlanKind[] = ['segment', 'group', 'vtepfilter'];

/** At least one slice, and one only of a small change; each resource is in one of them. */
export function slicesOf(plan: Plan, refs: Iterable<PlanRef>): readonly (readonly PlanRef[])[] {
  const all = new Map(Array.from(refs, (ref) => [planRefText(ref), ref]));
  if (weightOf(all.values()) <= LIMIT) return [[...all.values()]];
  const slices: PlanRef[][] = [[]];
  let weight = 0;
  for (const unit of inOrder(plan, all)) {
    const more = weightOf(unit);
    if (weight > 0 && weight + more > LIMIT) {
      slices.push([]);
      weight = 0;
    }
    slices.at(-1)!.push(...unit);
    weight += more;
  }
  return slices;
}

/** What belongs into one slice, in order. */
function* inOrder(plan: Plan, all: ReadonlyMap<string, PlanRef>): Generator<PlanRef[]> {
  const taken = new Set<string>();
  const sorted = [...all.values()].map((ref) => ({ ref, rank: rankOf(ref.kind, plan.get(ref.kind, ref.key) !== undefined) }));
  for (const { ref } of sorted.toSorted((a, b) => a.rank - b.rank)) {
    if (taken.has(planRefText(ref))) continue;
    const unit = [ref, ...partnerOf(plan, ref, all)];
    for (const each of unit) taken.add(planRefText(each));
    yield unit;
  }
}

function rankOf(kind: PlanKind, present: boolean): number {
  if (present) return GOING.length + placeIn(COMING, kind);
  const last = GOING_LAST.indexOf(kind);
  return last < 0 ? placeIn(GOING, kind) : GOING.length + COMING.length + 1 + last;
}

function placeIn(order: readonly PlanKind[], kind: PlanKind): number {
  const place = order.indexOf(kind);
  return place < 0 ? order.length : place;
}

/** What changes together with it, if it changes too: the port of an instance, the instance of a port, a gateway's firewall, a firewall's gateway. */
function partnerOf(plan: Plan, ref: PlanRef, all: ReadonlyMap<string, PlanRef>): PlanRef[] {
  const partner = partnerRef(plan, ref);
  return partner !== undefined && all.has(planRefText(partner)) ? [partner] : [];
}

function partnerRef(plan: Plan, { kind, key }: PlanRef): PlanRef | undefined {
  if (kind === 'port') {
    const instanceId = plan.get('port', key)?.instanceId;
    return instanceId === undefined ? undefined : { kind: 'instance', key: instanceKey(instanceId) };
  }
  if (kind === 'instance') {
    const portId = plan.get('instance', key)?.portId;
    return portId === undefined ? undefined : { kind: 'port', key: portKey(portId) };
  }
  // Both have the concentrator's key.
  if (kind === 'gateway' && plan.get('firewall', key) !== undefined) return { kind: 'firewall', key };
  if (kind === 'firewall' && plan.get('gateway', key) !== undefined) return { kind: 'gateway', key };
  return undefined;
}

function weightOf(refs: Iterable<PlanRef>): number {
  let weight = 0;
  for (const { kind } of refs) weight += WEIGHTS[kind] ?? LIGHT;
  return weight;
}
