import { cidrClearingHostBits } from '../cidr.ts';
import type { ClusterState } from '../cluster-state.ts';
import type { CommandContext } from '../command/context.ts';
import { createFirewallRule, deleteFirewallRule, updateFirewallRule } from '../command/firewall-rule.ts';
import type { Changes } from '../resource.ts';

type Wish = Readonly<{ a: number; b: number; pick: <T>(items: Iterable<T>, n: number) => T }>;

/** A random wish about firewall rules: mostly one more, of a tenant or of a port; else one changed, or one less. */
export function decideFirewall(state: ClusterState, context: CommandContext, { a, b, pick }: Wish): Changes {
  const verdict = { action: a % 3 === 0 ? 'allow' : 'deny', priority: b % 4, direction: b % 3 === 0 ? 'outbound' : 'inbound' } as const;
  if (b % 8 === 7) return deleteFirewallRule(state, pick(state.firewallRules.values(), a).id);
  if (b % 8 === 6) return updateFirewallRule(state, context, pick(state.firewallRules.values(), a).id, verdict);
  const port = pick(state.ports.values(), a);
  return createFirewallRule(state, context, {
    ...verdict,
    tenantId: port.tenantId,
    portId: b % 2 === 0 ? undefined : port.id,
    protocol: b % 5 === 0 ? undefined : 'tcp',
    remoteCidr: b % 7 === 0 ? cidrClearingHostBits(`198.51.${b}.0/24`) : undefined,
    portMin: b % 5 === 0 ? undefined : 1 + b,
    portMax: b % 5 === 0 ? undefined : 1 + b + a,
    description: '',
  });
}
