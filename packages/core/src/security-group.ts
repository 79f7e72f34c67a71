import { parseCidr } from './cidr.ts';
import type { Cidr } from './cidr.ts';
import { parseCidr6 } from './cidr6.ts';
import type { Cidr6 } from './cidr6.ts';
import { integerIn, oneOf, parseBoolean, parseString } from './fields.ts';
import type { Fields, Parse } from './fields.ts';
import { parseIpProtocol } from './ip-protocol.ts';
import type { IpProtocol } from './ip-protocol.ts';
import { parseStamps } from './stamps.ts';
import type { Stamps } from './stamps.ts';
import { parseUuid } from './uuid.ts';
import type { SecurityGroupId, SecurityGroupRuleId, TenantId } from './uuid.ts';

export type SecurityGroup = Stamps &
  Readonly<{
    kind: 'securityGroup';
    id: SecurityGroupId;
    tenantId: TenantId;
    name: string;
    description: string;
    isDefault: boolean;
    /** Answers need rules of their own. */
    stateless?: true;
  }>;

/** What a rule of a group allows. */
export type SecurityGroupMatch = Readonly<{
  direction: 'ingress' | 'egress';
  ethertype: 'IPv4' | 'IPv6';
  /** Absent: any. */
  protocol: IpProtocol | undefined;
  /** Ports of protocols that have them; type and code of ICMP. */
  portMin: number | undefined;
  portMax: number | undefined;
  /** Of the rule's family, and in canonical form; the way it was written is `remoteText`. */
  remoteCidr: Cidr | Cidr6 | undefined;
  remoteText: string | undefined;
  remoteGroupId: SecurityGroupId | undefined;
}>;

export type SecurityGroupRule = Stamps &
  SecurityGroupMatch &
  Readonly<{ kind: 'securityGroupRule'; id: SecurityGroupRuleId; tenantId: TenantId; groupId: SecurityGroupId; description: string }>;

const parseNumber = integerIn(0, 65_535);
const parseAnyCidr: Parse<Cidr | Cidr6> = (value, what) =>
  typeof value === 'string' && value.includes(':') ? parseCidr6(value, what) : parseCidr(value, what);

export const parseSecurityGroup = (f: Fields): SecurityGroup => ({
  kind: 'securityGroup',
  id: f.required('id', parseUuid<SecurityGroupId>),
  tenantId: f.required('tenantId', parseUuid<TenantId>),
  name: f.required('name', parseString),
  description: f.required('description', parseString),
  isDefault: f.required('isDefault', parseBoolean),
  ...(f.optional('stateless', parseBoolean) === true ? { stateless: true as const } : {}),
  ...parseStamps(f),
});

export const parseSecurityGroupRule = (f: Fields): SecurityGroupRule => {
  const remoteCidr = f.optional('remoteCidr', parseAnyCidr);
  return {
    kind: 'securityGroupRule',
    id: f.required('id', parseUuid<SecurityGroupRuleId>),
    tenantId: f.required('tenantId', parseUuid<TenantId>),
    groupId: f.required('groupId', parseUuid<SecurityGroupId>),
    description: f.required('description', parseString),
    direction: f.required('direction', oneOf('ingress', 'egress')),
    ethertype: f.required('ethertype', oneOf('IPv4', 'IPv6')),
    protocol: f.optional('protocol', parseIpProtocol),
    portMin: f.optional('portMin', parseNumber),
    portMax: f.optional('portMax', parseNumber),
    remoteCidr,
    remoteText: f.optional('remoteText', parseString) ?? remoteCidr,
    remoteGroupId: f.optional('remoteGroupId', parseUuid<SecurityGroupId>),
    ...parseStamps(f),
  };
};
