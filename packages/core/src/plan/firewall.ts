import { Fields, listOf } from '../fields.ts';
import { parseFirewallMatch } from '../firewall-rule.ts';
import type { FirewallMatch } from '../firewall-rule.ts';
import { parseIpv4 } from '../ipv4.ts';
import type { Ipv4 } from '../ipv4.ts';
import { parseUuid } from '../uuid.ts';
import type { ConcentratorId } from '../uuid.ts';

/** `local`: the workload's addresses that it is about, at least one; absent: all of the tenant's. */
export type CompiledFirewallRule = FirewallMatch & Readonly<{ local: readonly Ipv4[] | undefined }>;

/** What a gateway of this node lets through between its uplink and its tenant, in the order in which it is asked. Key: the concentrator's id. */
export type FirewallBody = Readonly<{ concentratorId: ConcentratorId; rules: readonly CompiledFirewallRule[] }>;

export const firewallKey = (concentratorId: ConcentratorId): string => concentratorId;

export function parseFirewallBody(value: unknown): FirewallBody {
  const f = new Fields(value, 'firewall');
  return {
    concentratorId: f.required('concentratorId', parseUuid<ConcentratorId>),
    rules: f.list('rules', (item, what) => {
      const rule = new Fields(item, what);
      return { ...parseFirewallMatch(rule), local: rule.optional('local', listOf(parseIpv4)) };
    }),
  };
}
