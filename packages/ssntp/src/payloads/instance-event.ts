import type { InstanceId } from '@weft/core/uuid';
import { PayloadMap } from '../payload-map.ts';

/** EVENT InstanceDeleted and InstanceStopped, under `instance_deleted:` and `instance_stopped:`. */
export type InstanceEvent = Readonly<{ instance_uuid: InstanceId }>;

export function parseInstanceDeleted(value: unknown): InstanceEvent {
  return { instance_uuid: new PayloadMap(value, 'payload').map('instance_deleted').uuid<InstanceId>('instance_uuid') };
}

export function parseInstanceStopped(value: unknown): InstanceEvent {
  return { instance_uuid: new PayloadMap(value, 'payload').map('instance_stopped').uuid<InstanceId>('instance_uuid') };
}
