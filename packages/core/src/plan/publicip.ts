import { Fields } from '../fields.ts';
import { parseIpv4 } from '../ipv4.ts';
import type { Ipv4 } from '../ipv4.ts';
import { parseUuid } from '../uuid.ts';
import type { ConcentratorId, InstanceId } from '../uuid.ts';

/** A public address that a gateway of this node answers for, 1:1 for `internal` if that is given. Key: the public address. */
export type PublicIpBody = Readonly<{
  concentratorId: ConcentratorId;
  address: Ipv4;
  internal: Ipv4 | undefined;
  /** The workload behind `internal`, for what is told of it; absent where its port is plugged in nowhere. */
  instanceId?: InstanceId | undefined;
}>;

export const publicIpKey = (address: Ipv4): string => address;

export function parsePublicIpBody(value: unknown): PublicIpBody {
  const f = new Fields(value, 'publicip');
  return {
    concentratorId: f.required('concentratorId', parseUuid<ConcentratorId>),
    address: f.required('address', parseIpv4),
    internal: f.optional('internal', parseIpv4),
    instanceId: f.optional('instanceId', parseUuid<InstanceId>),
  };
}
