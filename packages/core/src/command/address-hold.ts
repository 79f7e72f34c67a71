/**
 * No public address is answered for by two gateways (ciao.md §4.5: only the confirmation frees the address).
 *
 *     taken from gateway G on node N ──▶ held ──N has applied that, or N is forgotten──▶ free
 *                                          └── G itself may have it back at once
 *
 * Which commands take an address from a gateway is not listed anywhere: {@link withHolds} compares who answered before a change with who
 * answers after it, so that whatever way it went is covered.
 */
import type { AddressHold } from '../address-hold.ts';
import type { ClusterState } from '../cluster-state.ts';
import type { Ipv4 } from '../ipv4.ts';
import { answererOf } from '../public-gateway.ts';
import { renderPublicIp } from '../plan/render.ts';
import { isRouterInterface } from '../router.ts';
import type { Changes, Resource } from '../resource.ts';
import type { AddressHoldId, TenantId } from '../uuid.ts';
import { revised, stamps } from './context.ts';
import type { CommandContext } from './context.ts';
import { inverse } from './sequence.ts';

type Answering = Pick<AddressHold, 'address' | 'nodeId' | 'concentratorId' | 'formerTenantId' | 'internal'>;

/** The changes, and a hold for each address that they take from a gateway. The state is the same afterwards. */
export function withHolds(state: ClusterState, context: CommandContext, changes: Changes): Changes {
  const before = [...touchedAddresses(state, changes)].flatMap((address) => answering(state, address) ?? []);
  if (before.length === 0) return changes;
  const undo = inverse(state, changes);
  state.apply(changes);
  const taken = before.filter((was) => {
    const now = answering(state, was.address);
    return (now?.nodeId !== was.nodeId || now.concentratorId !== was.concentratorId) && state.nodes.has(was.nodeId);
  });
  state.apply(undo);
  return taken.length === 0 ? changes : { put: [...changes.put, ...taken.map((was) => hold(state, context, was))], remove: changes.remove };
}

/** Their nodes have confirmed. Those that are gone already are no error. */
export function releaseAddressHolds(state: ClusterState, ids: Iterable<AddressHoldId>): Changes & Readonly<{ released: AddressHold[] }> {
  const released = [...new Set(ids)].flatMap((id) => state.addressHolds.get(id) ?? []);
  return { put: [], remove: released, released };
}

function hold(state: ClusterState, context: CommandContext, was: Answering): AddressHold {
  for (const old of state.holdsAt(was.address)) {
    // A newer taking away, which the node has to confirm anew.
    if (old.nodeId === was.nodeId && old.concentratorId === was.concentratorId) return revised<AddressHold>(context, old, was);
  }
  return { kind: 'addressHold', id: context.uuid() as AddressHoldId, ...was, ...stamps(context) };
}

/** Who is to answer for an address now: for a floating IP, or as its own. */
function answering(state: ClusterState, address: Ipv4): Answering | undefined {
  const floating = state.floatingIpByAddress(address);
  const concentrator = floating === undefined ? state.concentratorByUplink(address) : answererOf(state, floating);
  if (concentrator?.nodeId === undefined) return undefined;
  const { id: concentratorId, nodeId, tenantId: formerTenantId } = concentrator;
  if (floating === undefined) return { address, nodeId, concentratorId, formerTenantId, internal: undefined };
  const body = renderPublicIp(state, nodeId, address);
  return body === undefined ? undefined : { address, nodeId, concentratorId, formerTenantId, internal: body.internal };
}

/** Addresses that somebody may answer for now and nobody, or somebody else, after the changes. */
function touchedAddresses(state: ClusterState, changes: Changes): Set<Ipv4> {
  const addresses = new Set<Ipv4>();
  const tenants = new Set<TenantId>();
  for (const { kind, id } of [...changes.remove, ...changes.put]) {
    const old = state.get(kind, id);
    if (old !== undefined) collect(state, old, addresses, tenants);
  }
  for (const tenantId of tenants) {
    for (const floating of state.floatingIpsOf(tenantId)) addresses.add(floating.address);
    for (const { uplink } of state.concentratorsOf(tenantId)) if (uplink !== undefined) addresses.add(uplink.address);
  }
  return addresses;
}

function collect(state: ClusterState, old: Resource, addresses: Set<Ipv4>, tenants: Set<TenantId>): void {
  const addFloating = (id: string): void => {
    const floating = state.get('floatingIp', id);
    if (floating !== undefined) addresses.add(floating.address);
  };
  switch (old.kind) {
    case 'floatingIp':
      addresses.add(old.address);
      break;
    case 'portForwarding':
      addFloating(old.floatingIpId);
      break;
    case 'natRule':
      if (old.floatingIpId !== undefined) addFloating(old.floatingIpId);
      break;
    case 'port':
      if (isRouterInterface(old)) tenants.add(old.tenantId);
      for (const rule of state.natRulesOfPort(old.id)) if (rule.floatingIpId !== undefined) addFloating(rule.floatingIpId);
      for (const floating of state.floatingIpsOfPort(old.id)) addresses.add(floating.address);
      for (const forwarding of state.forwardingsTo(old.id)) addFloating(forwarding.floatingIpId);
      break;
    case 'tenant':
      tenants.add(old.id);
      break;
    case 'concentrator':
    case 'router':
    case 'network':
    case 'subnet':
      tenants.add(old.tenantId);
      break;
    case 'securityGroup':
    case 'securityGroupRule':
    case 'node':
    case 'instance':
    case 'firewallRule':
    case 'addressHold':
    case 'user':
    case 'roleAssignment':
    case 'applicationCredential':
    case 'tokenKey':
    case 'tokenRevocation':
    case 'quota':
    case 'subnetPool':
    case 'rbacPolicy':
      break;
  }
}
