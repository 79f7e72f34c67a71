import type { ClusterState } from '../cluster-state.ts';
import type { FirewallMatch, FirewallRule } from '../firewall-rule.ts';
import type { Changes } from '../resource.ts';
import { isGuest } from '../sharing.ts';
import type { FirewallRuleId, PortId, TenantId } from '../uuid.ts';
import { Conflict, NotFound, Refused, putChanged, stamps, updated } from './context.ts';
import type { CommandContext } from './context.ts';

export type CreateFirewallRule = FirewallMatch &
  Readonly<{ tenantId: TenantId; portId: PortId | undefined; priority: number; description: string }>;

/** Whose traffic a rule is about stays; a key that is there with `undefined` takes that condition away. */
export type UpdateFirewallRule = Partial<Omit<CreateFirewallRule, 'tenantId' | 'portId'>>;

type Decision = Changes & Readonly<{ firewallRule: FirewallRule }>;

/** A rule for the traffic between a tenant, or one workload of it, and the outside. */
export function createFirewallRule(state: ClusterState, context: CommandContext, request: CreateFirewallRule): Decision {
  if (!state.tenants.has(request.tenantId)) throw new NotFound('tenant', request.tenantId);
  if (request.portId !== undefined && state.ports.get(request.portId)?.tenantId !== request.tenantId) {
    throw new NotFound('port', request.portId);
  }
  const port = request.portId === undefined ? undefined : state.ports.get(request.portId);
  if (port !== undefined && isGuest(state, port)) {
    throw new Refused(
      'invalid_firewall_rule',
      `port ${port.id} is on another project's network, and that one's gateway obeys rules of its own project only`,
      { remedy: 'Use the security groups of the port, or name a port on your own network.' },
    );
  }
  const id = context.uuid() as FirewallRuleId;
  const firewallRule = checked(state, { kind: 'firewallRule', id, ...request, ...stamps(context) });
  return { put: [firewallRule], remove: [], firewallRule };
}

export function updateFirewallRule(
  state: ClusterState,
  context: CommandContext,
  id: FirewallRuleId,
  request: UpdateFirewallRule,
): Decision {
  const old = state.firewallRules.get(id);
  if (old === undefined) throw new NotFound('firewallRule', id);
  const wanted = checked(state, { ...old, ...request });
  const firewallRule = updated<FirewallRule>(context, old, wanted);
  return { put: putChanged(old, firewallRule), remove: [], firewallRule };
}

export function deleteFirewallRule(state: ClusterState, id: FirewallRuleId): Changes {
  const rule = state.firewallRules.get(id);
  if (rule === undefined) throw new NotFound('firewallRule', id);
  return { put: [], remove: [rule] };
}

/** The rule as it is kept: `0.0.0.0/0` says no more than no prefix does. Throws what it cannot be. */
function checked(state: ClusterState, wanted: FirewallRule): FirewallRule {
  const rule = wanted.remoteCidr === '0.0.0.0/0' ? { ...wanted, remoteCidr: undefined } : wanted;
  const { protocol, portMin, portMax } = rule;
  if (portMin !== undefined || portMax !== undefined) {
    if (protocol !== 'tcp' && protocol !== 'udp') {
      throw new Refused('invalid_firewall_rule', `a rule for ${protocol ?? 'any protocol'} cannot name ports: only tcp and udp have them`, {
        remedy: 'Say tcp or udp, with a rule for each if both are meant, or leave the ports out.',
      });
    }
    if (portMin === undefined || portMax === undefined) {
      throw new Refused('invalid_firewall_rule', `a range of ports needs both ends; only ${portMin ?? portMax} is given`, {
        remedy: 'For one port give it as both.',
      });
    }
    if (portMin > portMax) {
      throw new Refused('invalid_firewall_rule', `the range of ports ${portMin}-${portMax} ends before it begins`, {
        remedy: `Say ${portMax}-${portMin} if that is meant.`,
      });
    }
  }
  for (const other of state.firewallRulesOf(rule.tenantId)) {
    if (other.id === rule.id || other.priority !== rule.priority || !isSameTraffic(other, rule)) continue;
    throw new Conflict(
      'firewall_rule_exists',
      `firewall rule ${other.id} already ${other.action === 'allow' ? 'allows' : 'denies'} that at priority ${rule.priority}`,
      { details: { firewallRule: other.id }, remedy: 'Change or delete that one, or give this one another priority.' },
    );
  }
  return rule;
}

function isSameTraffic(a: FirewallRule, b: FirewallRule): boolean {
  return (['portId', 'direction', 'protocol', 'remoteCidr', 'portMin', 'portMax'] as const).every((key) => a[key] === b[key]);
}
