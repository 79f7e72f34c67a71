import type { ClusterState } from '../cluster-state.ts';
import { quotaIdOf } from '../quota.ts';
import { changedRateLimit } from '../rate-limit.ts';
import type { RateLimitChange } from '../rate-limit.ts';
import type { Changes, Resource, Tenant } from '../resource.ts';
import type { SecurityGroup, SecurityGroupRule } from '../security-group.ts';
import type { SecurityGroupId, TenantId } from '../uuid.ts';
import { Conflict, NotFound, putChanged, Refused, stamps, updated } from './context.ts';
import type { CommandContext } from './context.ts';
import { EVERYTHING, ruleRecord } from './security-group.ts';

export type CreateTenant = Readonly<{
  /** Default: a new one. */
  id?: TenantId;
  externalId?: string;
  name: string;
  tokenHash: string;
  description?: string;
  enabled?: boolean;
  /** Default true: subnets are routed without a router (design §8). */
  automaticGateway?: boolean;
}>;

/** A tenant, with its default security group: everything out, from the group itself in (neutron-api.md §7). */
export function createTenant(state: ClusterState, context: CommandContext, request: CreateTenant): Changes & Readonly<{ tenant: Tenant }> {
  checkName(state, request.name, undefined);
  const tenant: Tenant = {
    kind: 'tenant',
    id: request.id ?? (context.uuid() as TenantId),
    ...(request.externalId === undefined ? {} : { externalId: request.externalId }),
    name: request.name,
    description: request.description ?? '',
    enabled: request.enabled ?? true,
    tokenHash: request.tokenHash,
    automaticGateway: request.automaticGateway ?? true,
    sshReach: false,
    rateLimit: undefined,
    ...stamps(context),
  };
  return { put: [tenant, ...defaultGroup(context, tenant.id)], remove: [], tenant };
}

export type UpdateTenant = Readonly<
  Partial<Pick<Tenant, 'name' | 'description' | 'enabled' | 'sshReach'>> & { rateLimit?: RateLimitChange }
>;

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
  if (request.name !== undefined) checkName(state, request.name, id);
  const { rateLimit = {}, ...plain } = request;
  const tenant = updated(context, old, { ...plain, rateLimit: changedRateLimit(old.rateLimit, rateLimit) });
  return { put: putChanged(old, tenant), remove: [], tenant };
}

export function deleteTenant(state: ClusterState, id: TenantId): Changes {
  const tenant = state.tenants.get(id);
  if (tenant === undefined) throw new NotFound('tenant', id);
  for (const network of state.networksOf(id)) {
    throw new Conflict('tenant_in_use', `tenant ${tenant.name} still has network ${network.id}`, { remedy: 'Delete its networks first.' });
  }
  for (const router of state.routersOf(id)) {
    throw new Conflict('tenant_in_use', `tenant ${tenant.name} still has router ${router.id}`, { remedy: 'Delete its routers first.' });
  }
  for (const floating of state.floatingIpsOf(id)) {
    throw new Conflict('tenant_in_use', `tenant ${tenant.name} still has public address ${floating.address}`, {
      remedy: 'Delete its floating IPs first.',
    });
  }
  const pools = [...state.subnetPools.values()].filter(({ tenantId }) => tenantId === id);
  for (const pool of pools) {
    for (const { networkId } of state.subnetsFrom(pool.id)) {
      throw new Conflict(
        'tenant_in_use',
        `tenant ${tenant.name} still has subnet pool ${pool.id}, which network ${networkId} has a prefix of`,
        {
          remedy: 'Delete the subnets from its pools first.',
        },
      );
    }
  }
  for (const networkId of state.networksUsedBy(id)) {
    throw new Conflict('tenant_in_use', `tenant ${tenant.name} still has ports on network ${networkId}`, {
      remedy: 'Delete its ports on shared networks first.',
    });
  }
  const remove: Resource[] = [
    tenant,
    ...pools,
    ...[...state.rbacPolicies.values()].filter(({ target }) => target === id),
    ...state.firewallRulesOf(id),
    ...state.natRulesOf(id),
    ...state.identity.assignmentsIn(id),
    ...state.identity.credentialsFor(id),
  ];
  for (const group of state.groupsOf(id)) remove.push(group, ...state.rulesOf(group.id));
  const concentrator = state.concentratorOf(id);
  if (concentrator !== undefined) remove.push(concentrator);
  const quota = state.quotas.get(quotaIdOf(id));
  if (quota !== undefined) remove.push(quota);
  return { put: [], remove };
}

function checkName(state: ClusterState, name: string, self: TenantId | undefined): void {
  if (name === '') throw new Refused('invalid_name', 'a tenant needs a name');
  for (const other of state.tenants.values()) {
    if (other.name === name && other.id !== self) throw new Conflict('tenant_exists', `a tenant named ${name} exists already`);
  }
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
  const rule = (direction: 'ingress' | 'egress', ethertype: 'IPv4' | 'IPv6'): SecurityGroupRule =>
    ruleRecord(context, group, { ...EVERYTHING, direction, ethertype, remoteGroupId: direction === 'ingress' ? group.id : undefined });
  return [group, rule('egress', 'IPv4'), rule('egress', 'IPv6'), rule('ingress', 'IPv4'), rule('ingress', 'IPv6')];
}

export function defaultGroupOf(state: ClusterState, tenantId: TenantId): SecurityGroup | undefined {
  for (const group of state.groupsOf(tenantId)) if (group.isDefault) return group;
  return undefined;
}
