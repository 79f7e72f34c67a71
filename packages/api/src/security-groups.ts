import type { SecurityGroup, SecurityGroupRule } from '@weft/core/resource';
import { show } from './attribute.ts';
import type { AttributeTable, View } from './attribute.ts';
import { identityAttributes, stampAttributes } from './standard-attributes.ts';

export type SecurityGroupRuleSource = Readonly<{ record: SecurityGroupRule }>;
export type SecurityGroupSource = Readonly<{ record: SecurityGroup; rules: readonly SecurityGroupRule[] }>;

export const SECURITY_GROUPS = { path: 'security-groups', plural: 'security_groups', singular: 'security_group' } as const;
export const SECURITY_GROUP_RULES = {
  path: 'security-group-rules',
  plural: 'security_group_rules',
  singular: 'security_group_rule',
} as const;

const { id, tenant_id, project_id } = identityAttributes;

/** Rules: neutron-api.md §7.1. Read-only for now. */
export const securityGroupRuleAttributes = {
  id,
  tenant_id,
  project_id: { show: project_id.show, filter: 'equal' },
  security_group_id: { show: (source) => source.record.groupId, filter: 'equal' },
  direction: { show: (source) => source.record.direction, filter: 'equal' },
  ethertype: { show: (source) => source.record.ethertype, filter: 'equal' },
  protocol: { show: (source) => source.record.protocol ?? null, filter: 'equal' },
  port_range_min: { show: (source) => source.record.portMin ?? null, filter: 'equal' },
  port_range_max: { show: (source) => source.record.portMax ?? null, filter: 'equal' },
  remote_ip_prefix: { show: (source) => source.record.remoteCidr ?? null, filter: 'equal' },
  normalized_cidr: { show: (source) => source.record.remoteCidr ?? null },
  remote_group_id: { show: (source) => source.record.remoteGroupId ?? null, filter: 'equal' },
  remote_address_group_id: { show: () => null },
  description: { show: (source) => source.record.description, filter: 'equal' },
  ...stampAttributes,
} as const satisfies AttributeTable<SecurityGroupRuleSource>;

export type SecurityGroupRuleView = View<typeof securityGroupRuleAttributes>;

/** Groups: neutron-api.md §7.1. Read-only for now. */
export const securityGroupAttributes = {
  id,
  tenant_id,
  project_id: { show: project_id.show, filter: 'equal' },
  name: { show: (source) => source.record.name, filter: 'equal' },
  description: { show: (source) => source.record.description, filter: 'equal' },
  stateful: { show: () => true, filter: 'equal' },
  shared: { show: () => false, filter: 'equal' },
  security_group_rules: {
    // No row of a rule is for administrators only, so who asks makes no difference.
    show: (source): readonly SecurityGroupRuleView[] =>
      source.rules.map((record) => show(securityGroupRuleAttributes, { record }, { kind: 'admin' })),
  },
  ...stampAttributes,
} as const satisfies AttributeTable<SecurityGroupSource>;

export type SecurityGroupView = View<typeof securityGroupAttributes>;
