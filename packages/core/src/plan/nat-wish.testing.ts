import { cidrClearingHostBits } from '../cidr.ts';
import type { ClusterState } from '../cluster-state.ts';
import type { CommandContext } from '../command/context.ts';
import { createNatRule, deleteNatRule, updateNatRule } from '../command/nat-rule.ts';
import type { Changes } from '../resource.ts';

type Wish = Readonly<{ a: number; b: number; pick: <T>(items: Iterable<T>, n: number) => T }>;

/** A random wish about NAT rules: mostly one more, in or out, by a public address or the gateway's own; else one changed, or one less. */
export function decideNat(state: ClusterState, context: CommandContext, { a, b, pick }: Wish): Changes {
  const priority = b % 4;
  if (b % 8 === 7) return deleteNatRule(state, pick(state.natRules.values(), a).id);
  if (b % 8 === 6) {
    const rule = pick(state.natRules.values(), a);
    const floatingIpId = b % 3 === 0 ? undefined : pick(state.floatingIpsOf(rule.tenantId), b).id;
    return updateNatRule(state, context, rule.id, { floatingIpId, priority });
  }
  const port = pick(state.ports.values(), a);
  const leadsIn = b % 2 === 0;
  return createNatRule(state, context, {
    tenantId: port.tenantId,
    portId: leadsIn || b % 3 === 0 ? port.id : undefined,
    direction: leadsIn ? 'inbound' : 'outbound',
    protocol: leadsIn || b % 5 > 0 ? 'tcp' : undefined,
    remoteCidr: b % 7 === 0 ? cidrClearingHostBits(`198.51.${b}.0/24`) : undefined,
    portMin: leadsIn || b % 5 > 0 ? 1 + b : undefined,
    portMax: leadsIn || b % 5 > 0 ? 1 + b + (a % 5) : undefined,
    floatingIpId: b % 5 === 1 ? undefined : pick(state.floatingIpsOf(port.tenantId), b).id,
    toPort: leadsIn && b % 3 === 0 ? 8000 + b : undefined,
    priority,
    description: '',
  });
}
