import { dhcpHostKey } from '@weft/core/plan/dhcphost';
import { dnsNameKey } from '@weft/core/plan/dnsname';
import { firewallKey } from '@weft/core/plan/firewall';
import { forwardKey } from '@weft/core/plan/forward';
import { gatewayKey } from '@weft/core/plan/gateway';
import { groupKey } from '@weft/core/plan/group';
import { instanceKey } from '@weft/core/plan/instance';
import { memberKey } from '@weft/core/plan/member';
import { natKey } from '@weft/core/plan/nat';
import { peerKey } from '@weft/core/plan/peer';
import { isPlanKind, parsePlanBody, PLAN_VERSIONS, UnknownPlanKind } from '@weft/core/plan/plan';
import type { Plan, PlanBodies, PlanKind } from '@weft/core/plan/plan';
import { portKey } from '@weft/core/plan/port';
import { publicIpKey } from '@weft/core/plan/publicip';
import { segmentKey } from '@weft/core/plan/segment';
import type { SyncItem } from '@weft/core/plan/sync';
import { vtepKey } from '@weft/core/plan/vtep';
import { vtepFilterKey } from '@weft/core/plan/vtepfilter';
import { InvalidValue } from '@weft/core/weft-error';

const keys: { readonly [K in PlanKind]: (body: PlanBodies[K]) => string } = {
  segment: (body) => segmentKey(body.vni),
  port: (body) => portKey(body.portId),
  peer: (body) => peerKey(body.vni, body.mac),
  vtep: (body) => vtepKey(body.vni, body.address),
  vtepfilter: (body) => vtepFilterKey(body.address),
  group: (body) => groupKey(body.groupId),
  member: (body) => memberKey(body.groupId, body.address),
  instance: (body) => instanceKey(body.instanceId),
  gateway: (body) => gatewayKey(body.concentratorId),
  dhcphost: (body) => dhcpHostKey(body.vni, body.address),
  dnsname: (body) => dnsNameKey(body.vni, body.address),
  publicip: (body) => publicIpKey(body.address),
  forward: (body) => forwardKey(body.address, body.protocol, body.port),
  firewall: (body) => firewallKey(body.concentratorId),
  nat: (body) => natKey(body.concentratorId),
};

/**
 * Puts an item that came from outside into a plan. Throws UnknownPlanKind, or InvalidValue naming the field; also when the key is not the
 * body's own, since whoever applies the plan goes by the body. Then the plan is as before.
 */
export function setPlanItem(plan: Plan, item: SyncItem): void {
  if (!isPlanKind(item.kind)) throw new UnknownPlanKind(item.kind);
  setBody(plan, item.kind, item);
}

/** A plan's resources as items, in no particular order. */
export function planItems(plan: Plan): SyncItem[] {
  return Array.from(plan.refs(), ({ kind, key }) => ({ kind, key, v: PLAN_VERSIONS[kind], body: plan.get(kind, key) }));
}

function setBody<K extends PlanKind>(plan: Plan, kind: K, item: SyncItem): void {
  const body = parsePlanBody(kind, item.v, item.body);
  const expected = keys[kind](body);
  if (expected !== item.key) throw new InvalidValue(`${kind} key`, item.key, `is not its body's, ${expected}`);
  plan.set(kind, item.key, body);
}
