import type { InstanceId, NodeId } from '@weft/core/uuid';
import { PayloadMap } from '../payload-map.ts';

/** STATUS Reply to START: the scheduler reserved the resources on this node until its next READY (design §4). */
export type Placement = Readonly<{ instance_uuid: InstanceId; node_uuid: NodeId }>;

export function parsePlacement(value: unknown): Placement {
  const map = new PayloadMap(value, 'placement');
  return { instance_uuid: map.uuid<InstanceId>('instance_uuid'), node_uuid: map.uuid<NodeId>('node_uuid') };
}
