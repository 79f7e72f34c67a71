import { allocateAddress, poolContains } from '../address-pool.ts';
import { cidrContains, cidrPrefixLength } from '../cidr.ts';
import type { ClusterState } from '../cluster-state.ts';
import type { Ipv4 } from '../ipv4.ts';
import type { Changes, Node, NodeRole } from '../resource.ts';
import type { NodeId } from '../uuid.ts';
import { Conflict, NotFound, Refused, revised, stamps } from './context.ts';
import type { CommandContext } from './context.ts';

export type ReportNode = Readonly<{
  id: NodeId;
  hostname: string;
  roles: readonly NodeRole[];
  addresses: readonly Ipv4[];
  /** Where the node says that its tunnels end. */
  vtep?: Ipv4 | undefined;
}>;

/**
 * What a node says of itself, taken over. Its VTEP is the address in a compute network that it names. One that names none has its first,
 * and that one as long as it has it: the order of addresses means nothing. An unchanged report changes nothing.
 */
export function reportNode(state: ClusterState, context: CommandContext, request: ReportNode): Changes {
  const old = state.nodes.get(request.id);
  const candidates = request.addresses.filter((address) => context.cluster.computeCidrs.some((cidr) => cidrContains(cidr, address)));
  const has = (vtep: Ipv4 | undefined): Ipv4 | undefined => candidates.find((address) => address === vtep);
  const vtep = has(request.vtep) ?? has(old?.vtep) ?? candidates[0];
  const holder = vtep === undefined ? undefined : state.nodeByVtep(vtep);
  if (holder !== undefined && holder.id !== request.id) {
    throw new Conflict('vtep_in_use', `address ${vtep} is the tunnel end of node ${holder.hostname} (${holder.id}) already`, {
      details: { vtep, node: holder.id },
      remedy: `Give the nodes different addresses, or delete node ${holder.id} if it is gone.`,
    });
  }
  const roles = request.roles.toSorted();
  if (old === undefined) {
    const node: Node = {
      kind: 'node',
      id: request.id,
      hostname: request.hostname,
      roles,
      vtep,
      givenAddress: undefined,
      ...stamps(context),
    };
    return { put: [node], remove: [] };
  }
  // A report without a compute address (its interface is down) does not take the known one away.
  const changed = { hostname: request.hostname, roles, vtep: vtep ?? old.vtep };
  const same = old.hostname === changed.hostname && old.vtep === changed.vtep && old.roles.join() === roles.join();
  return { put: same ? [] : [revised(context, old, changed)], remove: [] };
}

/**
 * An address in the compute network for a machine of concentrators that has none of its own: the one that it was given before, or a free one
 * of the cluster's range. It keeps it until the node is deleted.
 */
export function giveAddress(
  state: ClusterState,
  context: CommandContext,
  id: NodeId,
): Changes & Readonly<{ address: Ipv4; prefixLength: number }> {
  const node = state.nodes.get(id);
  const range = context.cluster.concentratorAddresses;
  if (node === undefined || !node.roles.includes('concentrator')) {
    throw new Refused('no_address_for_node', `node ${id} is no machine of concentrators, or has not reported yet`, { retryable: true });
  }
  if (range === undefined) {
    throw new Refused('no_concentrator_addresses', 'this cluster has no addresses for machines of concentrators', {
      remedy: 'Set `cluster.concentratorAddresses` in the server configuration, or give the machine an address and say `address: present`.',
    });
  }
  const prefixLength = cidrPrefixLength(range.cidr);
  const pool = { start: range.first, end: range.last };
  // A range that was changed moves a machine at its next question.
  if (node.givenAddress !== undefined && poolContains(pool, node.givenAddress)) {
    return { put: [], remove: [], address: node.givenAddress, prefixLength };
  }
  const taken = new Set<Ipv4>();
  for (const other of state.nodes.values()) for (const each of [other.vtep, other.givenAddress]) if (each !== undefined) taken.add(each);
  const [random = 0] = new Uint32Array(context.random(4).slice().buffer);
  const address = allocateAddress([pool], (each) => taken.has(each), random);
  if (address === undefined) {
    throw new Conflict(
      'concentrator_addresses_exhausted',
      `all addresses for machines of concentrators (${range.first}–${range.last}) are taken`,
      {
        remedy: 'Delete nodes that are gone, or widen `cluster.concentratorAddresses`.',
        retryable: true,
      },
    );
  }
  return { put: [revised<Node>(context, node, { givenAddress: address })], remove: [], address, prefixLength };
}

/** A node that is forgotten answers for nothing any more: addresses that waited for its word are free. */
export function deleteNode(state: ClusterState, id: NodeId): Changes {
  const node = state.nodes.get(id);
  if (node === undefined) throw new NotFound('node', id);
  for (const _ of state.instancesOn(id)) throw new Conflict('node_in_use', `node ${node.hostname} still runs instances`);
  for (const _ of state.concentratorsOn(id)) throw new Conflict('node_in_use', `node ${node.hostname} still hosts concentrators`);
  return { put: [], remove: [node, ...state.holdsOn(id)] };
}
