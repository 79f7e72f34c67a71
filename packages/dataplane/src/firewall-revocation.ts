import { canonicalJson } from '@weft/core/canonical-json';
import { cidrNetwork, cidrPrefixLength } from '@weft/core/cidr';
import type { Ipv4 } from '@weft/core/ipv4';
import type { CompiledFirewallRule, FirewallBody } from '@weft/core/plan/firewall';
import type { Plan } from '@weft/core/plan/plan';
import { gatewayPlace } from './names.ts';
import { GATEWAY_ZONE } from './revocation.ts';
import type { Revoked } from './revocation.ts';

/**
 * Whose connections end because a firewall denies more than before: those of the one remote address that a rule names, or of the workload's
 * own and public ones, or all of the gateway's. That is more than the rule denies: TCP that is
 * allowed still is taken up again with its next packet, unless the rule, turned round, fits it.
 */
export function revokedByFirewall(plan: Plan, was: FirewallBody | undefined, now: FirewallBody): Revoked[] {
  const place = gatewayPlace(now.concentratorId);
  const before = exceptionsByDenial(was?.rules ?? []);
  return [...exceptionsByDenial(now.rules)].flatMap(([denial, { rule, exceptions }]) => {
    const old = before.get(denial);
    // The same denial with at least the same exceptions takes nothing from anybody.
    if (old?.exceptions.isSubsetOf(exceptions) === true) return [];
    return addressesOf(plan, now, rule).map((address) => ({ place, zone: GATEWAY_ZONE, address }));
  });
}

type Denial = Readonly<{ rule: CompiledFirewallRule; exceptions: ReadonlySet<string> }>;

/** Each denying rule, with the allowing ones of its direction that are asked before it. */
function exceptionsByDenial(rules: readonly CompiledFirewallRule[]): ReadonlyMap<string, Denial> {
  const denials = new Map<string, Denial>();
  const allowed = { inbound: new Set<string>(), outbound: new Set<string>() };
  for (const rule of rules) {
    const text = canonicalJson(rule);
    if (rule.action === 'allow') allowed[rule.direction].add(text);
    else if (!denials.has(text)) denials.set(text, { rule, exceptions: new Set(allowed[rule.direction]) });
  }
  return denials;
}

/** As connection tracking has them, from the first packet, before it was translated. Undefined: all. */
function addressesOf(plan: Plan, { concentratorId }: FirewallBody, rule: CompiledFirewallRule): readonly (Ipv4 | undefined)[] {
  const { remoteCidr, local } = rule;
  if (remoteCidr !== undefined && cidrPrefixLength(remoteCidr) === 32) return [cidrNetwork(remoteCidr)];
  if (local === undefined) return [undefined];
  const leading = [...plan.of('publicip').values(), ...plan.of('forward').values()].filter(
    (body) => body.concentratorId === concentratorId && body.internal !== undefined && local.includes(body.internal),
  );
  return [...new Set([...local, ...leading.map(({ address }) => address)])];
}
