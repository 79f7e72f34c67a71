import { cidrClearingHostBits } from '@weft/core/cidr';
import { cidr6ClearingHostBits } from '@weft/core/cidr6';
import type { CreateSecurityGroup, CreateSecurityGroupRule, UpdateSecurityGroup } from '@weft/core/command/security-group';
import { Refused } from '@weft/core/command/context';
import { IP_PROTOCOL_NAMES, parseIpProtocol } from '@weft/core/ip-protocol';
import type { IpProtocol } from '@weft/core/ip-protocol';
import type { SecurityGroup, SecurityGroupRule } from '@weft/core/security-group';
import type { SecurityGroupId, TenantId } from '@weft/core/uuid';
import { Type } from 'typebox';
import { show } from './attribute.ts';
import type { AttributeTable, CreateValues, UpdateValues, View } from './attribute.ts';
import { viewSchema } from './attribute-schema.ts';
import { described } from './described.ts';
import { descriptionAttribute, identityAttributes, nameAttribute, nameText, stampAttributes } from './standard-attributes.ts';
import { tagAttributes } from './tags.ts';
import { boolean, integer, nullOr, oneOf, printed, uuid } from './values.ts';

export type SecurityGroupRuleSource = Readonly<{ record: SecurityGroupRule }>;
export type SecurityGroupSource = Readonly<{ record: SecurityGroup; rules: readonly SecurityGroupRule[] }>;

export const SECURITY_GROUPS = { path: 'security-groups', plural: 'security_groups', singular: 'security_group' } as const;
export const SECURITY_GROUP_RULES = {
  path: 'security-group-rules',
  plural: 'security_group_rules',
  singular: 'security_group_rule',
} as const;

const refused = (code: string, message: string): Refused => new Refused(`security_group_${code}`, message);

const etherType = described(Type.Enum(['IPv4', 'IPv6']), (value): 'IPv4' | 'IPv6' => {
  const family = (['IPv4', 'IPv6'] as const).find((one) => typeof value === 'string' && one.toLowerCase() === value.toLowerCase());
  if (family === undefined) {
    throw refused(
      'invalid_ether_type',
      `Security group rule for ethertype '${printed(value)}' not supported. Allowed values are ['IPv4', 'IPv6'].`,
    );
  }
  return family;
});

/** A name, or a number from 0 to 255, which may be text. */
const Protocol = Type.Union([Type.Enum([...IP_PROTOCOL_NAMES]), Type.String({ pattern: '^\\d{1,3}$' })]);
const ProtocolWritten = Type.Union([Protocol, Type.Integer({ minimum: 0, maximum: 255 })]);

const protocol = described(ProtocolWritten, (value, what): IpProtocol => {
  try {
    return parseIpProtocol(value, what);
  } catch {
    const allowed = IP_PROTOCOL_NAMES.join(', ');
    throw refused(
      'invalid_protocol',
      `Security group rule protocol ${printed(value)} not supported. Only protocol values [${allowed}] and integer representations [0 to 255] are supported.`,
    );
  }
});

const portNumber = described(Type.Integer({ minimum: 0, maximum: 65_535 }), (value, what): number => {
  const number = integer(value, what);
  if (number < 0 || number > 65_535) throw refused('invalid_port_value', `Invalid value for port ${number}`);
  return number;
});

type RemotePrefix = Readonly<{ text: string; cidr: NonNullable<SecurityGroupRule['remoteCidr']> }>;

/** As it is written, for the answer, and as it is meant. */
const remotePrefix = described(Type.String(), (value, what): RemotePrefix => {
  const text = typeof value === 'string' ? value : '';
  const isV6 = text.includes(':');
  // An address alone is a prefix of one.
  const withLength = text.includes('/') ? text : `${text}/${isV6 ? 128 : 32}`;
  try {
    return { text, cidr: isV6 ? cidr6ClearingHostBits(withLength, what) : cidrClearingHostBits(withLength, what) };
  } catch {
    throw new Refused('invalid_remote_prefix', `Invalid CIDR ${printed(value)} given as IP prefix.`);
  }
});

/** Rules: neutron-api.md §7.1. They cannot be changed, only replaced. */
export const securityGroupRuleAttributes = {
  ...identityAttributes,
  security_group_id: {
    show: (source) => source.record.groupId,
    parse: uuid<SecurityGroupId>(),
    create: 'required',
    filter: 'equal',
  },
  direction: { show: (source) => source.record.direction, parse: oneOf('ingress', 'egress'), create: 'required', filter: 'equal' },
  ethertype: { show: (source) => source.record.ethertype, parse: etherType, create: 'optional', default: 'IPv4', filter: 'equal' },
  protocol: {
    shows: Type.Union([Protocol, Type.Null()]),
    show: (source) => source.record.protocol ?? null,
    parse: nullOr(protocol),
    create: 'optional',
    default: null,
    filter: 'equal',
  },
  port_range_min: {
    show: (source) => source.record.portMin ?? null,
    parse: nullOr(portNumber),
    create: 'optional',
    default: null,
    filter: 'equal',
  },
  port_range_max: {
    show: (source) => source.record.portMax ?? null,
    parse: nullOr(portNumber),
    create: 'optional',
    default: null,
    filter: 'equal',
  },
  remote_ip_prefix: {
    show: (source) => source.record.remoteText ?? null,
    parse: nullOr(remotePrefix),
    create: 'optional',
    default: null,
    filter: 'equal',
  },
  normalized_cidr: { show: (source) => source.record.remoteCidr ?? null, shows: Type.Union([Type.String(), Type.Null()]) },
  remote_group_id: {
    show: (source) => source.record.remoteGroupId ?? null,
    parse: nullOr(uuid<SecurityGroupId>()),
    create: 'optional',
    default: null,
    filter: 'equal',
  },
  // There are no address groups; clients send the null that they were shown.
  remote_address_group_id: { show: () => null, shows: Type.Null(), parse: nullOr(uuid()), create: 'optional', default: null },
  description: {
    show: (source) => source.record.description,
    parse: described(nullOr(nameText).schema, (value, what) => (value === null ? '' : nameText(value, what))),
    shows: Type.String(),
    create: 'optional',
    default: '',
    filter: 'equal',
  },
  ...stampAttributes,
} as const satisfies AttributeTable<SecurityGroupRuleSource>;

export type SecurityGroupRuleView = View<typeof securityGroupRuleAttributes>;

/** Groups: neutron-api.md §7.1. */
export const securityGroupAttributes = {
  ...identityAttributes,
  name: nameAttribute,
  description: descriptionAttribute,
  stateful: {
    show: (source) => source.record.stateless === undefined,
    parse: boolean,
    create: 'optional',
    default: true,
    update: true,
    filter: 'equal',
  },
  shared: { show: () => false, shows: Type.Boolean(), filter: 'equal' },
  security_group_rules: {
    shows: Type.Array(viewSchema(securityGroupRuleAttributes)),
    // No row of a rule is for administrators only, so who asks makes no difference.
    show: (source): readonly SecurityGroupRuleView[] =>
      source.rules.map((record) => show(securityGroupRuleAttributes, { record }, { kind: 'admin' })),
  },
  ...tagAttributes,
  ...stampAttributes,
} as const satisfies AttributeTable<SecurityGroupSource>;

export type SecurityGroupView = View<typeof securityGroupAttributes>;

export function createSecurityGroupRequest(values: CreateValues<typeof securityGroupAttributes>, tenantId: TenantId): CreateSecurityGroup {
  return { tenantId, name: values.name, description: values.description, stateful: values.stateful };
}

export function updateSecurityGroupRequest(values: UpdateValues<typeof securityGroupAttributes>): UpdateSecurityGroup {
  const { name, description, stateful } = values;
  return {
    ...(name === undefined ? {} : { name }),
    ...(description === undefined ? {} : { description }),
    ...(stateful === undefined ? {} : { stateful }),
  };
}

/** The rules of one request are of one group and one project (neutron-api.md §7.2). Throws WeftError. */
export function checkRulesTogether(bodies: readonly object[]): void {
  const different = (key: string): boolean =>
    new Set(bodies.map((body) => (body as Readonly<Record<string, unknown>>)[key]).map(String)).size > 1;
  if (different('security_group_id')) {
    throw refused('not_single_group_rules', 'Only allowed to update rules for one security profile at a time');
  }
  if (different('tenant_id') || different('project_id')) {
    throw refused('rules_not_single_tenant', 'Multiple tenant_ids in bulk security group rule create not allowed');
  }
}

export function createSecurityGroupRuleRequest(values: CreateValues<typeof securityGroupRuleAttributes>): CreateSecurityGroupRule {
  if (values.remote_address_group_id !== null) throw refused('no_address_groups', 'There are no address groups.');
  return {
    groupId: values.security_group_id,
    direction: values.direction,
    ethertype: values.ethertype,
    protocol: values.protocol ?? undefined,
    portMin: values.port_range_min ?? undefined,
    portMax: values.port_range_max ?? undefined,
    remoteCidr: values.remote_ip_prefix?.cidr,
    remoteText: values.remote_ip_prefix?.text,
    remoteGroupId: values.remote_group_id ?? undefined,
    description: values.description,
  };
}
