import type { ClusterState } from '../cluster-state.ts';
import { EVERYBODY } from '../rbac-policy.ts';
import type { RbacAction, RbacPolicy } from '../rbac-policy.ts';
import type { Changes, Network } from '../resource.ts';
import { ambiguousSubnet, isGranted } from '../sharing.ts';
import type { RbacPolicyId, TenantId } from '../uuid.ts';
import { Conflict, NotFound, Refused, stamps } from './context.ts';
import type { CommandContext } from './context.ts';

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

/** Throws Conflict where the network's own project has its addresses elsewhere, too. */
export function checkUnambiguous(state: ClusterState, network: Network): void {
  const other = ambiguousSubnet(state, network.tenantId, network, state.subnetsOf(network.id), 'shared');
  if (other === undefined) return;
  throw new Conflict(
    'shared_addresses_overlap',
    `Network ${network.id} cannot be shared: its addresses are those of subnet ${other.id} (${other.cidr}) of network ${other.networkId}, too, and security groups could not tell who of both is meant.`,
    { details: { subnet: other.id }, remedy: 'Share a network with addresses that its project has nowhere else.' },
  );
}
