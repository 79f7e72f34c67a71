import type { InstanceId, NodeId } from '@weft/core/uuid';
import { PayloadMap } from '../payload-map.ts';

/** Reasons of ERROR StartFailure (ssntp.md §11.9); the first three and `node_maintenance` also come from the scheduler. */
export const START_FAILURE_REASONS = [
  'full_cloud',
  'no_cn',
  'no_net_cn',
  'full_cn',
  'node_maintenance',
  'invalid_payload',
  'invalid_data',
  'already_running',
  'instance_exists',
  'image_failure',
  'launch_failure',
  'network_failure',
] as const;
export type StartFailureReason = (typeof START_FAILURE_REASONS)[number];

/** ERROR StartFailure. From the scheduler it names no node. */
export type StartFailure = Readonly<{
  node_uuid?: NodeId | undefined;
  instance_uuid: InstanceId;
  reason: StartFailureReason;
  restart: boolean;
}>;

export function parseStartFailure(value: unknown): StartFailure {
  const map = new PayloadMap(value, 'start_failure');
  return {
    node_uuid: map.optionalUuid<NodeId>('node_uuid'),
    instance_uuid: map.uuid<InstanceId>('instance_uuid'),
    reason: map.oneOf('reason', START_FAILURE_REASONS),
    restart: map.boolean('restart'),
  };
}

/** ERROR DeleteFailure and, with a volume, AttachVolumeFailure. */
export type NodeFailure = Readonly<{
  node_uuid: NodeId | undefined;
  instance_uuid: InstanceId;
  volume_uuid?: string | undefined;
  reason: string;
}>;

export function parseNodeFailure(value: unknown): NodeFailure {
  const map = new PayloadMap(value, 'failure');
  return {
    node_uuid: map.optionalUuid<NodeId>('node_uuid'),
    instance_uuid: map.uuid<InstanceId>('instance_uuid'),
    volume_uuid: map.string('volume_uuid') || undefined,
    reason: map.requiredString('reason'),
  };
}
