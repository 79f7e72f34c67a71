import { cidrPrefixLength } from '../cidr.ts';
import type { ClusterState } from '../cluster-state.ts';
import { allocateAddress } from '../address-pool.ts';
import type { Changes, Uplink } from '../resource.ts';
import type { ConcentratorId, NodeId } from '../uuid.ts';
import { Conflict, NotFound, revised } from './context.ts';
import type { CommandContext } from './context.ts';

/** The scheduler's answer: where a concentrator lives from now on. The same answer twice changes nothing. */
export function placeConcentrator(state: ClusterState, context: CommandContext, id: ConcentratorId, nodeId: NodeId): Changes {
  const old = state.concentrators.get(id);
  if (old === undefined) throw new NotFound('concentrator', id);
  if (!state.nodes.has(nodeId)) throw new NotFound('node', nodeId);
  if (old.nodeId === nodeId) return { put: [], remove: [] };
  return { put: [revised(context, old, { nodeId, generation: old.generation + 1 })], remove: [] };
}

/** An address on the outside that no gateway has; undefined where the cluster has no uplink. */
export function freeUplink(state: ClusterState, context: CommandContext): Uplink | undefined {
  const { uplink } = context.cluster;
  if (uplink === undefined) return undefined;
  const taken = new Set([...state.concentrators.values()].map((other) => other.uplink?.address));
  const random = context.random(4);
  const address = allocateAddress(
    [{ start: uplink.first, end: uplink.last }],
    (candidate) => taken.has(candidate) || candidate === uplink.gateway,
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
