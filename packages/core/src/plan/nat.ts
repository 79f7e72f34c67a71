import { Fields, listOf } from '../fields.ts';
import { parseIpv4 } from '../ipv4.ts';
import type { Ipv4 } from '../ipv4.ts';
import { parseNatMatch, parsePortNumber } from '../nat-rule.ts';
import type { NatMatch } from '../nat-rule.ts';
import { parseUuid } from '../uuid.ts';
import type { ConcentratorId } from '../uuid.ts';

export type CompiledNatRule = NatMatch &
  Readonly<{
    /** Outbound: the source given; inbound: where it arrives. Absent: the gateway's own. */
    address: Ipv4 | undefined;
    /** Outbound: the workload's addresses that it is about, at least one; absent: all of the tenant's. */
    local: readonly Ipv4[] | undefined;
    /** Inbound, and always there: the workload's address, and the port that `portMin` leads to. */
    to: Readonly<{ address: Ipv4; port: number }> | undefined;
  }>;

/** What a gateway of this node translates between its uplink and its tenant, in the order in which it is asked. Key: the concentrator's id. */
export type NatBody = Readonly<{ concentratorId: ConcentratorId; rules: readonly CompiledNatRule[] }>;

export const natKey = (concentratorId: ConcentratorId): string => concentratorId;

export function parseNatBody(value: unknown): NatBody {
  const f = new Fields(value, 'nat');
  return {
    concentratorId: f.required('concentratorId', parseUuid<ConcentratorId>),
    rules: f.list('rules', (item, what) => {
      const rule = new Fields(item, what);
      return {
        ...parseNatMatch(rule),
        address: rule.optional('address', parseIpv4),
        local: rule.optional('local', listOf(parseIpv4)),
        to: rule.optional('to', (value, name) => {
          const to = new Fields(value, name);
          return { address: to.required('address', parseIpv4), port: to.required('port', parsePortNumber) };
        }),
      };
    }),
  };
}
