import type { InstanceId, NodeId } from '@weft/core/uuid';
import { PayloadMap } from '../payload-map.ts';

/** EVENT InstanceDeleted and InstanceStopped, under `instance_deleted:` and `instance_stopped:`. */
export type InstanceEvent = Readonly<{
  instance_uuid: InstanceId;
  /** The node whose session it came from: written by the scheduler, whatever the sender says. The receiver checks that the instance is there. */
  node_uuid?: NodeId | undefined;
}>;

export function parseInstanceDeleted(value: unknown): InstanceEvent {
  return parseInstanceEvent(value, 'instance_deleted');
}

export function parseInstanceStopped(value: unknown): InstanceEvent {
  return parseInstanceEvent(value, 'instance_stopped');
}

function parseInstanceEvent(value: unknown, key: string): InstanceEvent {
  const map = new PayloadMap(value, 'payload').map(key);
  return { instance_uuid: map.uuid<InstanceId>('instance_uuid'), node_uuid: map.optionalUuid<NodeId>('node_uuid') };
}
