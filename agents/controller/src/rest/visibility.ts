import { maySee } from '@weft/api/caller';
import type { Caller } from '@weft/api/caller';
import type { ClusterState } from '@weft/core/cluster-state';
import { NotFound } from '@weft/core/command/context';
import type { IdentityRecord } from '@weft/core/identity';
import type { Quota } from '@weft/core/quota';
import type { Network, Resource } from '@weft/core/resource';
import { isExternalTo, isSharedWith } from '@weft/core/sharing';
import type { TenantId } from '@weft/core/uuid';

/** Something of the state that one tenant owns. */
export type Owned = Exclude<Extract<Resource, { tenantId: TenantId }>, IdentityRecord | Quota>;
export type OwnedKind = Owned['kind'];

/** The record, if the caller may know of it. Throws NotFound. */
export function visible<K extends OwnedKind>(state: ClusterState, caller: Caller, kind: K, id: string): Extract<Owned, { kind: K }> {
  const record: Extract<Owned, { kind: K }> | undefined = state.get(kind, id.toLowerCase());
  if (record === undefined || !isVisible(state, caller, record)) throw new NotFound(kind, id);
  return record;
}

/**
 * What the caller owns, and what it may use of others: networks outside, shared ones with their subnets, and shared subnet pools. Whose a network is sees all ports
 * on it (neutron-api.md §5.1, §12).
 */
export function isVisible(state: ClusterState, caller: Caller, record: Owned): boolean {
  if (maySee(caller, record)) return true;
  if (record.kind === 'network') return isUsable(state, caller, record);
  if (record.kind === 'subnetPool') return record.shared;
  if (record.kind === 'subnet') return isSharedWith(state, record.networkId, caller.tenantId);
  return record.kind === 'port' && ownsNetworkOf(state, caller, record);
}

/** Whether the caller may know of a network's subnets, too. */
export function seesInside(state: ClusterState, caller: Caller, network: Network): boolean {
  return maySee(caller, network) || isSharedWith(state, network.id, caller.tenantId);
}

/** Whether the caller may change a record that it may know of. */
export function mayChange(state: ClusterState, caller: Caller, record: Owned, verb: 'update' | 'delete'): boolean {
  return maySee(caller, record) || (verb === 'delete' && record.kind === 'port' && ownsNetworkOf(state, caller, record));
}

function isUsable(state: ClusterState, caller: Caller, network: Network): boolean {
  return isSharedWith(state, network.id, caller.tenantId) || isExternalTo(state, network, caller.tenantId);
}

function ownsNetworkOf(state: ClusterState, caller: Caller, record: Extract<Owned, { kind: 'port' }>): boolean {
  const network = state.networks.get(record.networkId);
  return network !== undefined && maySee(caller, network);
}
