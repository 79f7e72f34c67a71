import { cidrPrefixLength } from '../cidr.ts';
import type { ClusterState } from '../cluster-state.ts';
import { allocateAddress } from '../address-pool.ts';
import type { Changes, Concentrator, NodeRole, Port, Uplink } from '../resource.ts';
import type { ConcentratorId, NetworkId, NodeId, RouterId, TenantId } from '../uuid.ts';
import { Conflict, NotFound, revised, stamps, updated } from './context.ts';
import type { CommandContext } from './context.ts';

/** The scheduler's answer: where a concentrator lives from now on. The same answer twice changes nothing. */
export function placeConcentrator(state: ClusterState, context: CommandContext, id: ConcentratorId, nodeId: NodeId): Changes {
  const old = state.concentrators.get(id);
  if (old === undefined) throw new NotFound('concentrator', id);
  if (!state.nodes.has(nodeId)) throw new NotFound('node', nodeId);
  if (old.nodeId === nodeId) return { put: [], remove: [] };
  return { put: [revised(context, old, { nodeId, generation: old.generation + 1 })], remove: [] };
}

export type MoveConcentrator = Readonly<{
  id: ConcentratorId;
  /** A network node or a concentrator's machine. Absent: the ready network node with the fewest concentrators. */
  nodeId: NodeId | undefined;
  /** Whether a node is there to take it over now. */
  isReady: (nodeId: NodeId) => boolean;
}>;

/** Roles whose nodes host concentrators. The scheduler, and a move that names no node, choose among network nodes alone. */
const HOSTS: ReadonlySet<NodeRole> = new Set<NodeRole>(['network', 'concentrator']);

/** A concentrator goes to another node, with all that belongs to it; its new generation fences the old one. */
export function moveConcentrator(state: ClusterState, context: CommandContext, { id, nodeId, isReady }: MoveConcentrator): Changes {
  const concentrator = state.concentrators.get(id);
  if (concentrator === undefined) throw new NotFound('concentrator', id);
  if (nodeId === undefined) return placeConcentrator(state, context, id, anotherNode(state, concentrator, isReady));
  const node = state.nodes.get(nodeId);
  if (node === undefined) throw new NotFound('node', nodeId);
  if (concentrator.nodeId === nodeId) {
    throw new Conflict('same_node', `concentrator ${id} is on node ${node.hostname} already`, { remedy: 'Name another node.' });
  }
  if (!node.roles.some((role) => HOSTS.has(role))) {
    throw new Conflict('not_a_network_node', `node ${node.hostname} hosts no concentrators: its roles are ${node.roles.join(', ')}`, {
      remedy: 'Name a network node, or a machine that runs weft concentrator.',
    });
  }
  if (!isReady(nodeId)) {
    throw new Conflict('no_network_node', `node ${node.hostname} is not connected`, {
      remedy: 'Start its agent, or name another node.',
      retryable: true,
    });
  }
  return placeConcentrator(state, context, id, nodeId);
}

function anotherNode(state: ClusterState, concentrator: Concentrator, isReady: (nodeId: NodeId) => boolean): NodeId {
  const load = (nodeId: NodeId): number => [...state.concentratorsOn(nodeId)].length;
  const [best] = [...state.nodes.values()]
    .filter(({ id, roles }) => id !== concentrator.nodeId && roles.includes('network') && isReady(id))
    .toSorted((a, b) => load(a.id) - load(b.id) || (a.id < b.id ? -1 : 1));
  if (best === undefined) {
    throw new Conflict('no_network_node', `there is no other network node that concentrator ${concentrator.id} could go to`, {
      remedy: 'Add a network node, or start the launcher of one that is disconnected.',
      retryable: true,
    });
  }
  return best.id;
}

/** The concentrator that a tenant needs from now on, unless it has one: with its first gateway, and again after it was retired. */
export function missingConcentrator(state: ClusterState, context: CommandContext, tenantId: TenantId): Concentrator[] {
  if (state.concentratorOf(tenantId) !== undefined || state.tenants.get(tenantId)?.automaticGateway !== true) return [];
  return [
    {
      kind: 'concentrator',
      id: context.uuid() as ConcentratorId,
      tenantId,
      routerId: undefined,
      networkId: undefined,
      nodeId: undefined,
      generation: 0,
      uplink: freeUplink(state, context),
      ...stamps(context),
    },
  ];
}

/** Whether anything lives behind a gateway: a workload, or, of the tenant's, a public address or NAT rule that leads to a port. */
export function isConcentratorUsed(state: ClusterState, concentrator: Concentrator): boolean {
  // A router's goes when the router has neither an interface nor an external gateway, with the command that takes the last one.
  if (concentrator.routerId !== undefined) return true;
  if (concentrator.networkId !== undefined) {
    for (const port of state.portsOf(concentrator.networkId)) if (state.instanceOfPort(port.id) !== undefined) return true;
    return false;
  }
  for (const network of state.networksOf(concentrator.tenantId)) {
    if (network.external) continue;
    for (const port of state.portsOf(network.id)) if (state.instanceOfPort(port.id) !== undefined) return true;
  }
  for (const floating of state.floatingIpsOf(concentrator.tenantId)) {
    if (floating.portId !== undefined) return true;
    for (const _ of state.forwardingsOf(floating.id)) return true;
  }
  for (const rule of state.natRulesOf(concentrator.tenantId)) if (rule.direction === 'inbound') return true;
  return false;
}

/** Takes an unused concentrator away; the next workload or public address of its tenant gets a new one. Used again meanwhile: no change. */
export function retireConcentrator(state: ClusterState, id: ConcentratorId): Changes {
  const concentrator = state.concentrators.get(id);
  if (concentrator === undefined || isConcentratorUsed(state, concentrator)) return { put: [], remove: [] };
  return { put: [], remove: [concentrator] };
}

/** The concentrator that a router is to have: with the first interface or external gateway it is made, with the last it goes. */
export function routerConcentrator(
  state: ClusterState,
  context: CommandContext,
  router: Readonly<{ id: RouterId; tenantId: TenantId }>,
  uplink: Uplink | undefined,
): Concentrator {
  const old = state.concentratorOfRouter(router.id);
  if (old !== undefined) return updated(context, old, { uplink });
  const id = context.uuid() as ConcentratorId;
  return {
    kind: 'concentrator',
    id,
    tenantId: router.tenantId,
    routerId: router.id,
    networkId: undefined,
    nodeId: undefined,
    generation: 0,
    uplink,
    ...stamps(context),
  };
}

/** The concentrator that a network with a `network:dhcp` port is to have, unless it has it. */
export function missingDhcpConcentrator(state: ClusterState, context: CommandContext, networkId: NetworkId): Concentrator[] {
  const port = state.dhcpPortOn(networkId);
  if (port === undefined || state.concentratorOfNetwork(networkId) !== undefined) return [];
  return [dhcpConcentrator(context, port)];
}

/** It meets no outside. */
export function dhcpConcentrator(context: CommandContext, { tenantId, networkId }: Pick<Port, 'tenantId' | 'networkId'>): Concentrator {
  const id = context.uuid() as ConcentratorId;
  return {
    kind: 'concentrator',
    id,
    tenantId,
    routerId: undefined,
    networkId,
    nodeId: undefined,
    generation: 0,
    uplink: undefined,
    ...stamps(context),
  };
}

/** An address on the outside that no gateway has, or may still answer for; undefined where the cluster has no uplink. */
export function freeUplink(state: ClusterState, context: CommandContext): Uplink | undefined {
  const { uplink } = context.cluster;
  if (uplink === undefined) return undefined;
  const random = context.random(4);
  const address = allocateAddress(
    [{ start: uplink.first, end: uplink.last }],
    (candidate) =>
      candidate === uplink.gateway ||
      state.concentratorByUplink(candidate) !== undefined ||
      state.floatingIpByAddress(candidate) !== undefined ||
      state.isHeldByAnother(candidate, undefined),
    new DataView(random.buffer, random.byteOffset, 4).getUint32(0),
  );
  if (address === undefined) {
    throw new Conflict(
      'uplink_exhausted',
      `No more IP addresses available on the uplink ${uplink.cidr} (${uplink.first}-${uplink.last}).`,
      {
        remedy: 'Widen `uplink.first`…`uplink.last` in the server configuration.',
      },
    );
  }
  return { address, prefixLength: cidrPrefixLength(uplink.cidr), gateway: uplink.gateway };
}
