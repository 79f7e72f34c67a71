import { ipCidrsOverlap } from './ip.ts';
import type { ClusterState } from './cluster-state.ts';
import { EVERYBODY } from './rbac-policy.ts';
import type { RbacAction, RbacPolicy } from './rbac-policy.ts';
import type { Network, Port } from './resource.ts';
import type { Subnet } from './subnet.ts';
import type { NetworkId, TenantId } from './uuid.ts';

/**
 * Networks of more than one project. Whose a network is, its gateways are, too, and all that they do: public addresses, firewall and NAT rules,
 * reach by SSH. A *guest* is a port of another project on it. It is on the segment with its own project's security groups, and gets out by
 * the owner's gateway; nothing of its own project's gateway leads to it.
 */

/** Whether one of the policies says so for this project; for `undefined`: for everybody. */
export function isGranted(policies: Iterable<RbacPolicy>, action: RbacAction, tenantId: TenantId | undefined): boolean {
  for (const policy of policies) if (policy.action === action && (policy.target === EVERYBODY || policy.target === tenantId)) return true;
  return false;
}

/** Whether ports of the project may be on a network that is another's. */
export function isSharedWith(state: ClusterState, networkId: NetworkId, tenantId: TenantId | undefined): boolean {
  return isGranted(state.policiesOf(networkId), 'access_as_shared', tenantId);
}

/** Whether the project may use a network outside. One without any policy about that was made before there were policies: for all. */
export function isExternalTo(state: ClusterState, network: Network, tenantId: TenantId | undefined): boolean {
  if (!network.external) return false;
  const policies = [...state.policiesOf(network.id)].filter(({ action }) => action === 'access_as_external');
  return policies.length === 0 || isGranted(policies, 'access_as_external', tenantId);
}

/** Whether a port is on another project's network. */
export function isGuest(state: ClusterState, port: Pick<Port, 'tenantId' | 'networkId'>): boolean {
  return state.networks.get(port.networkId)?.tenantId !== port.tenantId;
}

/** Whether anybody but its owner may have ports on it. */
export function isShared(state: ClusterState, networkId: NetworkId): boolean {
  for (const { action } of state.policiesOf(networkId)) if (action === 'access_as_shared') return true;
  return false;
}

/** The projects with ports on the network, and the one whose it is. */
export function usersOf(state: ClusterState, network: Network): ReadonlySet<TenantId> {
  const users = new Set([network.tenantId]);
  for (const { tenantId } of isShared(state, network.id) ? state.portsOf(network.id) : []) users.add(tenantId);
  return users;
}

/**
 * A subnet of another network of the project's that has some of the subnet's addresses, if one of the two networks is shared. Groups know their
 * members by address. On a segment that several projects are on, an address must therefore be nobody's elsewhere who is on the segment,
 * too: else a stranger who has it here would be let in as the member that has it there (ADR 11). `as`: as if the network was shared.
 */
export function ambiguousSubnet(
  state: ClusterState,
  tenantId: TenantId,
  network: Network,
  subnets: Iterable<Pick<Subnet, 'cidr'>>,
  as?: 'shared',
): Subnet | undefined {
  const wanted = [...subnets];
  const isOneShared = as === 'shared' || isShared(state, network.id);
  const used = new Set<NetworkId>(state.networksUsedBy(tenantId));
  for (const { id } of state.networksOf(tenantId)) used.add(id);
  for (const id of used) {
    if (id === network.id || state.networks.get(id)?.external !== false) continue;
    if (!isOneShared && !isShared(state, id)) continue;
    for (const other of state.subnetsOf(id)) if (wanted.some(({ cidr }) => ipCidrsOverlap(cidr, other.cidr))) return other;
  }
  return undefined;
}
