import { parseCidr } from './cidr.ts';
import type { Cidr } from './cidr.ts';
import { integerIn, oneOf, parseString } from './fields.ts';
import type { Fields } from './fields.ts';
import { parseStamps } from './stamps.ts';
import type { Stamps } from './stamps.ts';
import { parseUuid } from './uuid.ts';
import type { FloatingIpId, NatRuleId, PortId, TenantId } from './uuid.ts';

/**
 * What a NAT rule is about, at the uplink of a tenant's gateway. `outbound` is what the tenant sends outside, and gets another source;
 * `inbound` is what arrives at a public address, and is led to a workload. Ports are the destination's, before translation.
 */
export type NatMatch = Readonly<{
  direction: 'inbound' | 'outbound';
  /** Absent: any; inbound always tcp or udp. */
  protocol: 'tcp' | 'udp' | 'icmp' | undefined;
  /** Outside: where it comes from, or goes to. Absent: anywhere. */
  remoteCidr: Cidr | undefined;
  /** Both or neither, and only of tcp and udp; inbound both. */
  portMin: number | undefined;
  portMax: number | undefined;
}>;

/**
 * Rules are asked by rising priority, then id; the first that fits translates, before port forwardings and addresses that are 1:1. A
 * connection keeps the translation that it began with for as long as the rule that made it stands unchanged.
 */
export type NatRule = Stamps &
  NatMatch &
  Readonly<{
    kind: 'natRule';
    id: NatRuleId;
    tenantId: TenantId;
    /** Outbound: whose traffic it is about; absent: all of the tenant's. Inbound: where it leads. */
    portId: PortId | undefined;
    /** Outbound: the source that the outside sees. Inbound: the address that it arrives at. Absent: the gateway's own. */
    floatingIpId: FloatingIpId | undefined;
    /** Inbound: the workload's port that `portMin` leads to, and so on by ones. Absent: the same numbers. */
    toPort: number | undefined;
    /** 0…65535. */
    priority: number;
    description: string;
  }>;

export const parsePortNumber = integerIn(1, 65_535);

export const parseNatMatch = (f: Fields): NatMatch => ({
  direction: f.required('direction', oneOf('inbound', 'outbound')),
  protocol: f.optional('protocol', oneOf('tcp', 'udp', 'icmp')),
  remoteCidr: f.optional('remoteCidr', parseCidr),
  portMin: f.optional('portMin', parsePortNumber),
  portMax: f.optional('portMax', parsePortNumber),
});

export const parseNatRule = (f: Fields): NatRule => ({
  kind: 'natRule',
  id: f.required('id', parseUuid<NatRuleId>),
  tenantId: f.required('tenantId', parseUuid<TenantId>),
  portId: f.optional('portId', parseUuid<PortId>),
  ...parseNatMatch(f),
  floatingIpId: f.optional('floatingIpId', parseUuid<FloatingIpId>),
  toPort: f.optional('toPort', parsePortNumber),
  priority: f.required('priority', integerIn(0, 65_535)),
  description: f.required('description', parseString),
  ...parseStamps(f),
});
