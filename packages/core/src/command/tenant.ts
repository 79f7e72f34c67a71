import type { ClusterState } from '../cluster-state.ts';
import type { Changes, Resource, SecurityGroup, SecurityGroupRule, Tenant } from '../resource.ts';
import type { SecurityGroupId, SecurityGroupRuleId, TenantId } from '../uuid.ts';
import { Conflict, NotFound, Refused, putChanged, stamps, updated } from './context.ts';
import type { CommandContext } from './context.ts';

export type CreateTenant = Readonly<{ name: string; tokenHash: string }>;

/** A tenant, with its default security group: everything out, from the group itself in (neutron-api.md §7). */
export function createTenant(state: ClusterState, context: CommandContext, request: CreateTenant): Changes & Readonly<{ tenant: Tenant }> {
  if (request.name === '') throw new Refused('invalid_name', 'a tenant needs a name');
  for (const other of state.tenants.values()) {
    if (other.name === request.name) throw new Conflict('tenant_exists', `a tenant named ${request.name} exists already`);
  }
  const tenant: Tenant = {
    kind: 'tenant',
    id: context.uuid() as TenantId,
    name: request.name,
    tokenHash: request.tokenHash,
    automaticGateway: true,
    sshReach: false,
    ...stamps(context),
  };
  return { put: [tenant, ...defaultGroup(context, tenant.id)], remove: [], tenant };
}

export type UpdateTenant = Readonly<Partial<Pick<Tenant, 'sshReach'>>>;

export function updateTenant(
  state: ClusterState,
  context: CommandContext,
  id: TenantId,
  request: UpdateTenant,
): Changes & Readonly<{ tenant: Tenant }> {
  const old = state.tenants.get(id);
  if (old === undefined) throw new NotFound('tenant', id);
  if (request.sshReach === true && context.cluster.sshPorts === undefined) {
    throw new Refused('no_ssh_ports', 'this cluster has no ports for SSH to workloads', {
      remedy: 'Set `cluster.sshPorts.first` and `last` in the server configuration.',
    });
  }
  const tenant = updated(context, old, request);
  return { put: putChanged(old, tenant), remove: [], tenant };
}

export function deleteTenant(state: ClusterState, id: TenantId): Changes {
  const tenant = state.tenants.get(id);
  if (tenant === undefined) throw new NotFound('tenant', id);
  for (const network of state.networksOf(id)) {
    throw new Conflict('tenant_in_use', `tenant ${tenant.name} still has network ${network.id}`, { remedy: 'Delete its networks first.' });
  }
  for (const floating of state.floatingIpsOf(id)) {
    throw new Conflict('tenant_in_use', `tenant ${tenant.name} still has public address ${floating.address}`, {
      remedy: 'Delete its floating IPs first.',
    });
  }
  const remove: Resource[] = [tenant, ...state.firewallRulesOf(id)];
  for (const group of state.groupsOf(id)) remove.push(group, ...state.rulesOf(group.id));
  const concentrator = state.concentratorOf(id);
  if (concentrator !== undefined) remove.push(concentrator);
  return { put: [], remove };
}

function defaultGroup(context: CommandContext, tenantId: TenantId): Resource[] {
  const group: SecurityGroup = {
    kind: 'securityGroup',
    id: context.uuid() as SecurityGroupId,
    tenantId,
    name: 'default',
    description: 'Default security group',
    isDefault: true,
    ...stamps(context),
  };
  const rule = (direction: 'ingress' | 'egress', ethertype: 'IPv4' | 'IPv6'): SecurityGroupRule => ({
    kind: 'securityGroupRule',
    id: context.uuid() as SecurityGroupRuleId,
    tenantId,
    groupId: group.id,
    description: '',
    direction,
    ethertype,
    protocol: undefined,
    portMin: undefined,
    portMax: undefined,
    remoteCidr: undefined,
    remoteGroupId: direction === 'ingress' ? group.id : undefined,
    ...stamps(context),
  });
  return [group, rule('egress', 'IPv4'), rule('egress', 'IPv6'), rule('ingress', 'IPv4'), rule('ingress', 'IPv6')];
}

export function defaultGroupOf(state: ClusterState, tenantId: TenantId): SecurityGroup | undefined {
  for (const group of state.groupsOf(tenantId)) if (group.isDefault) return group;
  return undefined;
}
