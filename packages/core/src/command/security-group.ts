import type { ClusterState } from '../cluster-state.ts';
import { hasPorts, ICMP, ICMPV6, ipProtocolNumber } from '../ip-protocol.ts';
import type { Changes, Resource } from '../resource.ts';
import type { SecurityGroup, SecurityGroupMatch, SecurityGroupRule } from '../security-group.ts';
import type { PortId, SecurityGroupId, SecurityGroupRuleId, TenantId } from '../uuid.ts';
import { Conflict, NotFound, Refused, revised, stamps } from './context.ts';
import type { CommandContext } from './context.ts';

export type CreateSecurityGroup = Readonly<{ tenantId: TenantId; name: string; description: string; stateful?: boolean }>;
export type UpdateSecurityGroup = Readonly<Partial<Pick<SecurityGroup, 'name' | 'description'>> & { stateful?: boolean }>;
type GroupDecision = Changes & Readonly<{ group: SecurityGroup }>;

const DEFAULT = 'default';

/** A group that lets everything out and nothing in (neutron-api.md §7.3). */
export function createSecurityGroup(state: ClusterState, context: CommandContext, request: CreateSecurityGroup): GroupDecision {
  if (!state.tenants.has(request.tenantId)) throw new NotFound('tenant', request.tenantId);
  if (request.name === DEFAULT) throw defaultExists();
  const { stateful = true, ...plain } = request;
  const group: SecurityGroup = {
    kind: 'securityGroup',
    id: context.uuid() as SecurityGroupId,
    ...plain,
    isDefault: false,
    ...(stateful ? {} : { stateless: true }),
    ...stamps(context),
  };
  const rules = (['IPv4', 'IPv6'] as const).map((ethertype) =>
    ruleRecord(context, group, { ...EVERYTHING, direction: 'egress', ethertype }),
  );
  return { put: [group, ...rules], remove: [], group };
}

export function updateSecurityGroup(
  state: ClusterState,
  context: CommandContext,
  id: SecurityGroupId,
  request: UpdateSecurityGroup,
): GroupDecision {
  const old = groupOf(state, id);
  const { name = old.name } = request;
  if (name !== old.name && old.isDefault) {
    throw new Conflict('security_group_cannot_update_default', 'Updating default security group not allowed.');
  }
  if (name !== old.name && name === DEFAULT) throw defaultExists();
  const { stateful = old.stateless === undefined, ...plain } = request;
  const { stateless, ...rest } = old;
  if (stateful !== (stateless === undefined)) for (const port of state.portsIn(id)) throw inUse(id, port.id);
  const group: SecurityGroup = { ...revised(context, rest, plain), ...(stateful ? {} : { stateless: true }) };
  return { put: [group], remove: [], group };
}

/** With its rules, and with those of other groups that name it. Throws Conflict while a port is in it. */
export function deleteSecurityGroup(state: ClusterState, id: SecurityGroupId): Changes {
  const group = groupOf(state, id);
  for (const port of state.portsIn(id)) throw inUse(id, port.id);
  if (group.isDefault)
    throw new Conflict('security_group_cannot_remove_default', 'Insufficient rights for removing default security group.');
  const remove: Resource[] = [group, ...state.rulesOf(id)];
  for (const rule of state.rulesNaming(id)) if (rule.groupId !== id) remove.push(rule);
  return { put: [], remove };
}

function inUse(id: SecurityGroupId, port: PortId): Conflict {
  return new Conflict('security_group_in_use', `Security Group ${id} in use.`, {
    details: { port },
    remedy: `Take port ${port} and all others out of it first.`,
  });
}

export type CreateSecurityGroupRule = SecurityGroupMatch & Readonly<{ groupId: SecurityGroupId; description: string }>;

/** Throws Refused for what no packet could match, Conflict for what the group allows in the same words already. */
export function createSecurityGroupRule(
  state: ClusterState,
  context: CommandContext,
  { groupId, description, ...match }: CreateSecurityGroupRule,
): Changes & Readonly<{ rule: SecurityGroupRule }> {
  const group = groupOf(state, groupId);
  checkMatch(match);
  if (match.remoteGroupId !== undefined && state.securityGroups.get(match.remoteGroupId)?.tenantId !== group.tenantId) {
    throw new NotFound('securityGroup', match.remoteGroupId);
  }
  for (const other of state.rulesOf(groupId)) {
    if (!isSame(other, match)) continue;
    throw new Conflict('security_group_rule_exists', `Security group rule already exists. Rule id is ${other.id}.`, {
      details: { rule: other.id },
    });
  }
  const rule = { ...ruleRecord(context, group, match), description };
  return { put: [rule, touched(context, group)], remove: [], rule };
}

export function deleteSecurityGroupRule(state: ClusterState, context: CommandContext, id: SecurityGroupRuleId): Changes {
  const rule = state.securityGroupRules.get(id);
  if (rule === undefined) throw new NotFound('securityGroupRule', id);
  return { put: [touched(context, groupOf(state, rule.groupId))], remove: [rule] };
}

/** A rule's coming and going is a change of its group (neutron-api.md §1.7). */
function touched(context: CommandContext, group: SecurityGroup): SecurityGroup {
  return revised(context, group, {});
}

/** Everything of one family and direction. */
export const EVERYTHING = {
  protocol: undefined,
  portMin: undefined,
  portMax: undefined,
  remoteCidr: undefined,
  remoteText: undefined,
  remoteGroupId: undefined,
} as const;

export function ruleRecord(context: CommandContext, group: SecurityGroup, match: SecurityGroupMatch): SecurityGroupRule {
  const id = context.uuid() as SecurityGroupRuleId;
  return { kind: 'securityGroupRule', id, tenantId: group.tenantId, groupId: group.id, description: '', ...match, ...stamps(context) };
}

/** neutron-api.md §7.2, in its order. */
function checkMatch({ ethertype, protocol, portMin, portMax, remoteCidr, remoteGroupId }: SecurityGroupMatch): void {
  const refuse = (code: string, message: string, remedy?: string): never => {
    throw new Refused(`security_group_${code}`, message, remedy === undefined ? {} : { remedy });
  };
  if (remoteCidr !== undefined && remoteGroupId !== undefined) {
    refuse('multiple_remotes', 'Only remote_ip_prefix or remote_group_id may be provided.', 'Make a rule for each.');
  }
  if (remoteCidr !== undefined && remoteCidr.includes(':') !== (ethertype === 'IPv6')) {
    refuse('remote_family', `Conflicting value ethertype ${ethertype} for CIDR ${remoteCidr}`);
  }
  const number = protocol === undefined ? undefined : ipProtocolNumber(protocol);
  if (number === ICMPV6 && ethertype === 'IPv4') {
    refuse('protocol_family', `Invalid ethertype ${ethertype} for protocol ${protocol}.`, 'Say icmp, or ethertype IPv6.');
  }
  if (portMin === undefined && portMax === undefined) return;
  if (protocol === undefined || number === undefined) {
    refuse('protocol_required_with_ports', 'Must also specify protocol if port range is given.');
  } else if (number === ICMP || number === ICMPV6) {
    for (const [field, value] of [
      ['port_range_min', portMin],
      ['port_range_max', portMax],
    ] as const) {
      if (value !== undefined && value > 255) {
        refuse(
          'invalid_icmp_value',
          `Invalid value for ICMP ${field === 'port_range_min' ? 'type' : 'code'} (${field}) ${value}. It must be 0 to 255.`,
        );
      }
    }
    if (portMin === undefined) {
      refuse('missing_icmp_type', `ICMP code (port-range-max) ${portMax} is provided but ICMP type (port-range-min) is missing.`);
    }
  } else if (!hasPorts(number)) {
    refuse(
      'invalid_protocol_for_port',
      `Ports cannot be specified for protocol ${protocol}; only tcp, udp, sctp, dccp and udplite have them.`,
    );
  } else if (portMin === 0 || portMax === 0) {
    refuse('invalid_port_value', 'Invalid value for port 0.', 'Ports run from 1 to 65535.');
  } else if (portMin === undefined || portMax === undefined || portMin > portMax) {
    refuse('invalid_port_range', 'For TCP/UDP protocols, port_range_min must be <= port_range_max', 'For one port give it as both.');
  }
}

/** Whether two rules say the same, however they say it. */
function isSame(a: SecurityGroupMatch, b: SecurityGroupMatch): boolean {
  const keys = ['direction', 'ethertype', 'portMin', 'portMax', 'remoteGroupId'] as const;
  return keys.every((key) => a[key] === b[key]) && protocolOf(a) === protocolOf(b) && remoteOf(a) === remoteOf(b);
}

function protocolOf({ protocol, ethertype }: SecurityGroupMatch): number | undefined {
  const number = protocol === undefined ? undefined : ipProtocolNumber(protocol);
  return number === ICMP && ethertype === 'IPv6' ? ICMPV6 : number;
}

/** The prefix of all addresses says no more than none does. */
function remoteOf({ remoteCidr }: SecurityGroupMatch): string | undefined {
  return remoteCidr === '0.0.0.0/0' || remoteCidr === '::/0' ? undefined : remoteCidr;
}

function groupOf(state: ClusterState, id: SecurityGroupId): SecurityGroup {
  const group = state.securityGroups.get(id);
  if (group === undefined) throw new NotFound('securityGroup', id);
  return group;
}

function defaultExists(): Conflict {
  return new Conflict('security_group_default_already_exists', 'Default security group already exists.');
}
