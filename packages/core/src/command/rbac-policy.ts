import type { ClusterState } from '../cluster-state.ts';
import { EVERYBODY } from '../rbac-policy.ts';
import type { RbacAction, RbacPolicy } from '../rbac-policy.ts';
import type { Changes, Network } from '../resource.ts';
import { ambiguousSubnet, isGranted } from '../sharing.ts';
import type { NetworkId, RbacPolicyId, TenantId } from '../uuid.ts';
import { Conflict, NotFound, Refused, putChanged, revised, stamps, updated } from './context.ts';
import type { CommandContext } from './context.ts';

export type CreateRbacPolicy = Readonly<{ objectId: NetworkId; action: RbacAction; target: string }>;
type Decision = Changes & Readonly<{ rbacPolicy: RbacPolicy }>;

/** Another project, or everybody, may use a network from now on. The first policy `access_as_external` makes it a network outside. */
export function createRbacPolicy(state: ClusterState, context: CommandContext, { objectId, action, target }: CreateRbacPolicy): Decision {
  const network = state.networks.get(objectId);
  if (network === undefined) throw new NotFound('network', objectId);
  const present = [...state.policiesOf(network.id)];
  checkNew(present, action, target);
  const rbacPolicy = policyFor(context, network, action, target);
  if (action === 'access_as_shared') {
    checkUnambiguous(state, network);
    return { put: [rbacPolicy], remove: [], rbacPolicy };
  }
  if (!network.external) {
    for (const port of state.portsOf(network.id)) throw portsRemain(network.id, port.id);
    return { put: [rbacPolicy, revised(context, network, { external: true })], remove: [], rbacPolicy };
  }
  // An external network of before there were policies is everybody's, and stays so.
  const isOld = present.every((policy) => policy.action !== 'access_as_external');
  const wildcard = isOld && target !== EVERYBODY ? [policyFor(context, network, action, EVERYBODY)] : [];
  return { put: [rbacPolicy, ...wildcard], remove: [], rbacPolicy };
}

/** Another project may from now on what this one might. Throws Conflict while that one does. */
export function updateRbacPolicy(state: ClusterState, context: CommandContext, id: RbacPolicyId, target: string | undefined): Decision {
  const old = state.rbacPolicies.get(id);
  if (old === undefined) throw new NotFound('rbacPolicy', id);
  const rbacPolicy = updated(context, old, target === undefined ? {} : { target });
  if (rbacPolicy === old) return { put: [], remove: [], rbacPolicy };
  const others = [...state.policiesOf(old.objectId)].filter((policy) => policy.id !== id);
  checkNew(others, old.action, rbacPolicy.target);
  checkUnused(state, old, [...others, rbacPolicy]);
  return { put: putChanged(old, rbacPolicy), remove: [], rbacPolicy };
}

/** Throws Conflict while somebody uses the network by this policy only. With the last `access_as_external` the network becomes internal. */
export function deleteRbacPolicy(state: ClusterState, context: CommandContext, id: RbacPolicyId): Changes {
  const policy = state.rbacPolicies.get(id);
  if (policy === undefined) throw new NotFound('rbacPolicy', id);
  const others = [...state.policiesOf(policy.objectId)].filter((other) => other.id !== id);
  checkUnused(state, policy, others);
  const network = state.networks.get(policy.objectId);
  const isLast = policy.action === 'access_as_external' && !others.some(({ action }) => action === 'access_as_external');
  if (network === undefined || !isLast) return { put: [], remove: [policy] };
  return { put: [revised(context, network, { external: false, isDefault: undefined })], remove: [policy] };
}

/** The policy that `shared` and `router:external` of a network stand for. */
export function policyFor(context: CommandContext, network: Network, action: RbacAction, target: string): RbacPolicy {
  return {
    kind: 'rbacPolicy',
    id: context.uuid() as RbacPolicyId,
    tenantId: network.tenantId,
    objectType: 'network',
    objectId: network.id,
    action,
    target,
    ...stamps(context),
  };
}

/** What a network's `shared` being set or not changes of its policies. Throws Conflict. */
export function sharedChanges(state: ClusterState, context: CommandContext, network: Network, shared: boolean): Changes {
  const all = [...state.policiesOf(network.id)].filter(({ action }) => action === 'access_as_shared');
  const wildcard = all.find(({ target }) => target === EVERYBODY);
  if (shared === (wildcard !== undefined)) return { put: [], remove: [] };
  if (wildcard === undefined) {
    checkUnambiguous(state, network);
    return { put: [policyFor(context, network, 'access_as_shared', EVERYBODY)], remove: [] };
  }
  const others = all.filter((policy) => policy !== wildcard);
  for (const { tenantId } of state.portsOf(network.id)) {
    if (tenantId === network.tenantId || isGranted(others, 'access_as_shared', tenantId)) continue;
    throw new Conflict(
      'invalid_shared_setting',
      `Unable to reconfigure sharing settings for network ${network.id}. Multiple tenants are using it.`,
      { remedy: 'Delete the ports of other projects on it first, or let those projects have it by RBAC policies of their own.' },
    );
  }
  return { put: [], remove: [wildcard] };
}

/** What a network's `router:external` being set or not changes of its policies. */
export function externalChanges(state: ClusterState, context: CommandContext, network: Network, external: boolean): Changes {
  const all = [...state.policiesOf(network.id)].filter(({ action }) => action === 'access_as_external');
  if (!external) return { put: [], remove: all };
  return { put: all.length > 0 ? [] : [policyFor(context, network, 'access_as_external', EVERYBODY)], remove: [] };
}

/** Throws Conflict where groups could not tell the members of a project from strangers on the network. */
export function checkGuest(state: ClusterState, network: Network, tenantId: TenantId): void {
  if (!state.tenants.has(tenantId)) throw new NotFound('tenant', tenantId);
  if (!isGranted(state.policiesOf(network.id), 'access_as_shared', tenantId)) {
    throw new Refused('network_not_shared', `Bad port request: network ${network.id} is not shared with project ${tenantId}.`, {
      remedy: 'Share it first: an RBAC policy with the action access_as_shared.',
    });
  }
  const other = ambiguousSubnet(state, tenantId, network, state.subnetsOf(network.id));
  if (other === undefined) return;
  throw new Conflict(
    'shared_addresses_overlap',
    `Subnet ${other.id} (${other.cidr}) of network ${other.networkId} has addresses of the shared network ${network.id}: security groups could not tell who of both is meant.`,
    { details: { subnet: other.id }, remedy: 'Use a shared network with other addresses, or renumber the subnet.' },
  );
}

function checkUnambiguous(state: ClusterState, network: Network): void {
  const other = ambiguousSubnet(state, network.tenantId, network, state.subnetsOf(network.id), 'shared');
  if (other === undefined) return;
  throw new Conflict(
    'shared_addresses_overlap',
    `Network ${network.id} cannot be shared: its addresses are those of subnet ${other.id} (${other.cidr}) of network ${other.networkId}, too, and security groups could not tell who of both is meant.`,
    { details: { subnet: other.id }, remedy: 'Share a network with addresses that its project has nowhere else.' },
  );
}

function checkNew(present: readonly RbacPolicy[], action: RbacAction, target: string): void {
  if (!present.some((policy) => policy.action === action && policy.target === target)) return;
  throw new Conflict('duplicate_rbac_policy', 'An RBAC policy already exists with those values.');
}

function checkUnused(state: ClusterState, policy: RbacPolicy, remaining: readonly RbacPolicy[]): void {
  const network = state.networks.get(policy.objectId);
  if (network === undefined) return;
  const lacks = (tenantId: TenantId): boolean => tenantId !== network.tenantId && !isGranted(remaining, policy.action, tenantId);
  if (policy.action === 'access_as_shared') {
    for (const port of state.portsOf(network.id)) if (lacks(port.tenantId)) throw inUse(policy, `port ${port.id}`);
    return;
  }
  const isLast = !remaining.some(({ action }) => action === 'access_as_external');
  for (const subnet of state.subnetsOf(network.id))
    for (const { id, tenantId } of state.floatingIpsIn(subnet.id)) if (isLast || lacks(tenantId)) throw inUse(policy, `floating IP ${id}`);
  for (const { id, tenantId, externalGateway } of state.routers.values())
    if (externalGateway?.networkId === network.id && (isLast || lacks(tenantId))) throw inUse(policy, `router ${id}`);
}

function inUse({ id, objectId }: RbacPolicy, by: string): Conflict {
  return new Conflict(
    'rbac_policy_in_use',
    `RBAC policy on object ${objectId} cannot be removed because other objects depend on it. Details: ${by}.`,
    { details: { policy: id }, remedy: 'Delete what uses the network by this policy first.' },
  );
}

function portsRemain(networkId: NetworkId, port: string): Conflict {
  return new Conflict('network_in_use', `Network ${networkId} cannot become external: port ${port} is on it.`, {
    details: { port },
    remedy: 'Delete its ports first.',
  });
}
