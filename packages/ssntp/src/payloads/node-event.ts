import type { NodeId } from '@weft/core/uuid';
import { PayloadMap } from '../payload-map.ts';

/** The original's two kinds, and one for each role of Weft that is a node of its own. A node with several roles has an event for each. */
export const NODE_TYPES = ['compute_node', 'network_node', 'concentrator', 'hyperswitch'] as const;
export type NodeType = (typeof NODE_TYPES)[number];

/** EVENT NodeConnected and NodeDisconnected, under `node_connected:` and `node_disconnected:`. */
export type NodeEvent = Readonly<{ node_uuid: NodeId; node_type: NodeType }>;

export function parseNodeConnected(value: unknown): NodeEvent {
  return parseNodeEvent(value, 'node_connected');
}

export function parseNodeDisconnected(value: unknown): NodeEvent {
  return parseNodeEvent(value, 'node_disconnected');
}

function parseNodeEvent(value: unknown, key: string): NodeEvent {
  const map = new PayloadMap(value, 'payload').map(key);
  return { node_uuid: map.uuid<NodeId>('node_uuid'), node_type: map.oneOf('node_type', NODE_TYPES) };
}
