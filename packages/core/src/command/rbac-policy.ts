import type { ClusterState } from '../cluster-state.ts';
import { EVERYBODY } from '../rbac-policy.ts';
import type { RbacAction, RbacPolicy } from '../rbac-policy.ts';
import type { Changes } from '../resource.ts';
import { isGranted } from '../sharing.ts';
import type { NetworkId, RbacPolicyId, TenantId } from '../uuid.ts';
import { Conflict, NotFound, putChanged, updated } from './context.ts';
import type { CommandContext } from './context.ts';
import { checkUnambiguous, policyFor } from './network-policies.ts';
import { updateNetwork } from './network.ts';

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
    // It becomes one as by `router:external`, but for this project only.
    const { put, remove } = updateNetwork(state, context, network.id, { external: true });
    return { put: [...put.filter(({ kind }) => kind !== 'rbacPolicy'), rbacPolicy], remove, rbacPolicy };
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
  const isLast = policy.action === 'access_as_external' && !others.some(({ action }) => action === 'access_as_external');
  if (!isLast) return { put: [], remove: [policy] };
  const { put, remove } = updateNetwork(state, context, policy.objectId, { external: false });
  return { put, remove };
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
