import type { InstanceId, NodeId } from '@weft/core/uuid';
import { PayloadMap } from '../payload-map.ts';

/** COMMAND DELETE under `delete:`. With `stop` the answer is InstanceStopped instead of InstanceDeleted. */
export type Delete = Readonly<{ instance_uuid: InstanceId; workload_agent_uuid: NodeId; stop: boolean }>;

export function parseDelete(value: unknown): Delete {
  const map = new PayloadMap(value, 'payload').map('delete');
  return {
    instance_uuid: map.uuid<InstanceId>('instance_uuid'),
    workload_agent_uuid: map.uuid<NodeId>('workload_agent_uuid'),
    stop: map.boolean('stop'),
  };
}

/** COMMAND EVACUATE and Restore: a node goes into maintenance, or comes back. */
export type NodeCommand = Readonly<{ workload_agent_uuid: NodeId }>;

export function parseEvacuate(value: unknown): NodeCommand {
  return { workload_agent_uuid: new PayloadMap(value, 'payload').map('evacuate').uuid<NodeId>('workload_agent_uuid') };
}

export function parseRestore(value: unknown): NodeCommand {
  return { workload_agent_uuid: new PayloadMap(value, 'payload').map('restore').uuid<NodeId>('workload_agent_uuid') };
}

/** COMMAND AttachVolume, which Weft refuses (`not_supported`). */
export type AttachVolume = Readonly<{ instance_uuid: InstanceId; volume_uuid: string; workload_agent_uuid: NodeId }>;

export function parseAttachVolume(value: unknown): AttachVolume {
  const map = new PayloadMap(value, 'payload').map('attach_volume');
  return {
    instance_uuid: map.uuid<InstanceId>('instance_uuid'),
    volume_uuid: map.requiredString('volume_uuid'),
    workload_agent_uuid: map.uuid<NodeId>('workload_agent_uuid'),
  };
}
