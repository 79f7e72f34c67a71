import { canonicalJson } from '@weft/core/canonical-json';
import type { CompiledFirewallRule, FirewallBody } from '@weft/core/plan/firewall';
import { gatewayPlace } from './names.ts';
import { GATEWAY_ZONE } from './revocation.ts';
import type { Revoked } from './revocation.ts';

/** Whether connections may have to end because a firewall denies more than before; which of them, each is asked itself (`over.ts`). */
export function revokedByFirewall(was: FirewallBody | undefined, now: FirewallBody): Revoked[] {
  const before = exceptionsByDenial(was?.rules ?? []);
  // The same denial with at least the same exceptions takes nothing from anybody.
  const takes = [...exceptionsByDenial(now.rules)].some(([denial, exceptions]) => before.get(denial)?.isSubsetOf(exceptions) !== true);
  return takes ? [{ place: gatewayPlace(now.concentratorId), zone: GATEWAY_ZONE, address: undefined }] : [];
}

/** Each denying rule, with the allowing ones of its direction that are asked before it. */
function exceptionsByDenial(rules: readonly CompiledFirewallRule[]): ReadonlyMap<string, ReadonlySet<string>> {
  const denials = new Map<string, ReadonlySet<string>>();
  const allowed = { inbound: new Set<string>(), outbound: new Set<string>() };
  for (const rule of rules) {
    const text = canonicalJson(rule);
    if (rule.action === 'allow') allowed[rule.direction].add(text);
    else if (!denials.has(text)) denials.set(text, new Set(allowed[rule.direction]));
  }
  return denials;
}
