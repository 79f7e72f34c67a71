import { gatewayKey } from '@weft/core/plan/gateway';
import type { Plan, PlanRef } from '@weft/core/plan/plan';
import type { KernelObject } from '../kernel-object.ts';
import type { NodeFacts } from '../kernel.ts';
import type { Numbering } from '../numbering.ts';
import { layoutFirewall } from './firewall.ts';
import { layoutGateway } from './gateway.ts';
import { layoutGroup, layoutMember } from './group.ts';
import { layoutInstance } from './instance.ts';
import { layoutNat } from './nat.ts';
import { layoutPeer, layoutVtep, layoutVtepFilter } from './peer.ts';
import { gatewayPortsByVni, layoutPort } from './port.ts';
import { layoutForward, layoutPublicIp } from './public.ts';
import { layoutSegment } from './segment.ts';

export type LayoutContext = Readonly<{
  plan: Plan;
  facts: NodeFacts;
  numbers: Numbering;
  /** Names of the gateways' ports on a segment of this node: one at most, but a gateway that just moved may overlap. */
  gatewayPorts: (vni: number) => readonly string[];
}>;

/** A context for resources of one plan as it is now; what takes a walk over the plan is done once for all of them. */
export function layoutContext(plan: Plan, facts: NodeFacts, numbers: Numbering): LayoutContext {
  let byVni: Map<number, string[]> | undefined;
  return { plan, facts, numbers, gatewayPorts: (vni) => (byVni ??= gatewayPortsByVni(plan)).get(vni) ?? [] };
}

/**
 * The kernel objects that one plan resource stands for; none if the plan has no such resource. Pure but for numbers handed out.
 * Resources that it looks at besides its own are named by {@link dependentsOf}.
 */
export function layout(context: LayoutContext, ref: PlanRef): readonly KernelObject[] {
  const { plan } = context;
  switch (ref.kind) {
    case 'segment':
      return lay(plan.get('segment', ref.key), (body) => layoutSegment(context, body));
    case 'port':
      return lay(plan.get('port', ref.key), (body) => layoutPort(context, body));
    case 'peer':
      return lay(plan.get('peer', ref.key), layoutPeer);
    case 'vtep':
      return lay(plan.get('vtep', ref.key), (body) => layoutVtep(context, body));
    case 'vtepfilter':
      return lay(plan.get('vtepfilter', ref.key), layoutVtepFilter);
    case 'group':
      return lay(plan.get('group', ref.key), layoutGroup);
    case 'member':
      return lay(plan.get('member', ref.key), layoutMember);
    case 'instance':
      return lay(plan.get('instance', ref.key), layoutInstance);
    case 'gateway':
      return lay(plan.get('gateway', ref.key), (body) => layoutGateway(context, body));
    case 'publicip':
      return lay(plan.get('publicip', ref.key), (body) => layoutPublicIp(context, body));
    case 'forward':
      return lay(plan.get('forward', ref.key), (body) => layoutForward(context, body));
    case 'firewall':
      return lay(plan.get('firewall', ref.key), (body) => layoutFirewall(context, body));
    case 'nat':
      return lay(plan.get('nat', ref.key), (body) => layoutNat(context, body));
    // Files of the gateway's name and address server; the launcher writes them.
    case 'dhcphost':
    case 'dnsname':
      return [];
  }
}

function lay<B>(body: B | undefined, make: (body: B) => readonly KernelObject[]): readonly KernelObject[] {
  return body === undefined ? [] : make(body);
}

/**
 * Resources whose objects depend on another one: ports on their segment's gateway (the set `local`) and MTU, ports on their groups (which
 * decide whether an egress chain is needed), VTEPs on their segment's flooding, public addresses, forwards, firewalls and NAT rules on their gateway. Scans the node's ports and public
 * addresses, of which there are hundreds.
 */
export function dependentsOf(plan: Plan, changed: readonly PlanRef[], gatewayVnis: ReadonlySet<number>): PlanRef[] {
  const groups = new Set(changed.filter((ref) => ref.kind === 'group').map((ref) => ref.key));
  const segments = new Set(changed.filter((ref) => ref.kind === 'segment').map((ref) => Number(ref.key)));
  const gateways = new Set(changed.filter((ref) => ref.kind === 'gateway').map((ref) => ref.key));
  if (groups.size === 0 && segments.size === 0 && gatewayVnis.size === 0 && gateways.size === 0) return [];
  const dependents: PlanRef[] = [];
  for (const kind of gateways.size === 0 ? [] : (['publicip', 'forward', 'firewall', 'nat'] as const)) {
    for (const [key, { concentratorId }] of plan.of(kind)) if (gateways.has(gatewayKey(concentratorId))) dependents.push({ kind, key });
  }
  for (const [key, { vni }] of segments.size === 0 ? [] : plan.of('vtep')) if (segments.has(vni)) dependents.push({ kind: 'vtep', key });
  for (const [key, port] of plan.of('port')) {
    if (segments.has(port.vni) || gatewayVnis.has(port.vni) || port.groups.some((group) => groups.has(group)))
      dependents.push({ kind: 'port', key });
  }
  return dependents;
}
