/**
 * Where a workload goes. Next fit: the first node after the last chosen one that can take it, which spreads equal work over equal nodes and
 * looks at one or two nodes of ten thousand while there is room.
 */
import type { NodeId } from '@weft/core/uuid';
import type { StartFailureReason } from '@weft/ssntp/payloads/failure';
import type { Start } from '@weft/ssntp/payloads/start';
import { Role, hasAnyRole } from '@weft/ssntp/role';

/** `connected` until the first READY. */
export type NodeStatus = 'connected' | 'ready' | 'full' | 'offline' | 'maintenance';

/** What placement needs to know of a node; megabytes. */
export type PlacementNode = Readonly<{
  uuid: NodeId;
  roles: number;
  status: NodeStatus;
  hostname: string;
  /** As of the last READY, less what was placed since. Below zero: unknown, which fits only work that asks for nothing. */
  memAvailableMb: number;
  diskAvailableMb: number;
}>;

export type Requirements = Readonly<{
  memMb: number;
  diskMb: number;
  /** A concentrator: it needs a network node, everything else a compute node. */
  networkNode: boolean;
  nodeId: NodeId | undefined;
  hostname: string | undefined;
}>;

export type PlacementResult<N> =
  | Readonly<{ kind: 'placed'; node: N; index: number }>
  | Readonly<{
      kind: 'failed';
      reason: Extract<StartFailureReason, 'full_cloud' | 'full_cn' | 'no_cn' | 'no_net_cn' | 'node_maintenance'>;
    }>;

const MB_PER_GIB = 1024;

/** Local volumes count against the node's disk, others do not. */
export function requirementsOf({ requirements, storage }: Start): Requirements {
  return {
    memMb: requirements.mem_mb,
    diskMb: storage.reduce((sum, volume) => sum + (volume.local ? volume.size * MB_PER_GIB : 0), 0),
    networkNode: requirements.network_node,
    nodeId: requirements.node_id,
    hostname: requirements.hostname,
  };
}

/** Chooses among `nodes`, beginning after index `last` and going round. Pure: whoever places takes the resources off the node. */
export function place<N extends PlacementNode>(nodes: readonly N[], wanted: Requirements, last = -1): PlacementResult<N> {
  let index = last;
  for (let step = 0; step < nodes.length; step++) {
    index = index + 1 < nodes.length ? index + 1 : 0;
    const node = nodes[index];
    if (node !== undefined && isCandidate(node, wanted) && hasRoom(node, wanted)) return { kind: 'placed', node, index };
  }
  return { kind: 'failed', reason: failureOf(nodes, wanted) };
}

/** Of the right kind, ready, and the one that was asked for. */
function isCandidate(node: PlacementNode, wanted: Requirements): boolean {
  return node.status === 'ready' && isMeant(node, wanted);
}

function isMeant(node: PlacementNode, { networkNode, nodeId, hostname }: Requirements): boolean {
  return (
    hasAnyRole(node.roles, networkNode ? Role.NetworkingAgent : Role.CNAgent) &&
    (nodeId === undefined || node.uuid === nodeId) &&
    (hostname === undefined || node.hostname === hostname)
  );
}

function hasRoom(node: PlacementNode, { memMb, diskMb }: Requirements): boolean {
  return (memMb === 0 || node.memAvailableMb >= memMb) && (diskMb === 0 || node.diskAvailableMb >= diskMb);
}

/** Looks once more at all nodes, since only failures need to know why. */
function failureOf(nodes: readonly PlacementNode[], wanted: Requirements): Extract<PlacementResult<never>, { kind: 'failed' }>['reason'] {
  if (wanted.networkNode) return 'no_net_cn';
  const meant = nodes.filter((node) => isMeant(node, wanted));
  const pinned = wanted.nodeId !== undefined || wanted.hostname !== undefined;
  if (pinned && meant.some(({ status }) => status === 'maintenance')) return 'node_maintenance';
  // A node that says FULL is there, and so is the cloud: there is no more room, which is another matter than no node.
  if (!meant.some(({ status }) => status === 'ready' || status === 'full')) return 'no_cn';
  return pinned ? 'full_cn' : 'full_cloud';
}
