import { parseCidr } from './cidr.ts';
import type { Cidr } from './cidr.ts';
import { integerIn, oneOf, parseString } from './fields.ts';
import type { Fields } from './fields.ts';
import { parseStamps } from './stamps.ts';
import type { Stamps } from './stamps.ts';
import { parseUuid } from './uuid.ts';
import type { FirewallRuleId, PortId, TenantId } from './uuid.ts';

/**
 * What a firewall rule is about, and its verdict, at the uplink of a tenant's gateway. `inbound` comes from outside to the tenant's networks,
 * judged as the workload sees it: its own address and port, whatever public ones lead there. Ports are the destination's.
 */
export type FirewallMatch = Readonly<{
  direction: 'inbound' | 'outbound';
  action: 'allow' | 'deny';
  /** Absent: any. */
  protocol: 'tcp' | 'udp' | 'icmp' | undefined;
  /** Outside: where it comes from, or goes to. Absent: anywhere. */
  remoteCidr: Cidr | undefined;
  /** Both or neither, and only of tcp and udp. */
  portMin: number | undefined;
  portMax: number | undefined;
}>;

/** Rules are asked by rising priority, then id; the first that fits decides. */
export type FirewallRule = Stamps &
  FirewallMatch &
  Readonly<{
    kind: 'firewallRule';
    id: FirewallRuleId;
    tenantId: TenantId;
    /** Whose traffic it is about; absent: all of the tenant's. */
    portId: PortId | undefined;
    /** 0…65535. */
    priority: number;
    description: string;
  }>;

const parseNumber = integerIn(0, 65_535);

export const parseFirewallMatch = (f: Fields): FirewallMatch => ({
  direction: f.required('direction', oneOf('inbound', 'outbound')),
  action: f.required('action', oneOf('allow', 'deny')),
  protocol: f.optional('protocol', oneOf('tcp', 'udp', 'icmp')),
  remoteCidr: f.optional('remoteCidr', parseCidr),
  portMin: f.optional('portMin', parseNumber),
  portMax: f.optional('portMax', parseNumber),
});

export const parseFirewallRule = (f: Fields): FirewallRule => ({
  kind: 'firewallRule',
  id: f.required('id', parseUuid<FirewallRuleId>),
  tenantId: f.required('tenantId', parseUuid<TenantId>),
  portId: f.optional('portId', parseUuid<PortId>),
  ...parseFirewallMatch(f),
  priority: f.required('priority', parseNumber),
  description: f.required('description', parseString),
  ...parseStamps(f),
});
