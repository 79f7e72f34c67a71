import { Fields, parseBoolean } from '../fields.ts';
import { parseIpv4 } from '../ipv4.ts';
import type { Ipv4 } from '../ipv4.ts';
import { parseMac } from '../mac.ts';
import type { Mac } from '../mac.ts';
import { parseRateLimit } from '../rate-limit.ts';
import type { RateLimit } from '../rate-limit.ts';
import { parseUuid } from '../uuid.ts';
import type { InstanceId, PortId, SecurityGroupId } from '../uuid.ts';
import { parseVni } from '../vni.ts';
import type { Vni } from '../vni.ts';

/** A port plugged in on this node. Key: the port's id. */
export type PortBody = Readonly<{
  portId: PortId;
  vni: Vni;
  mac: Mac;
  ips: readonly Ipv4[];
  /** The workload whose network namespace holds the port's other end. */
  instanceId: InstanceId;
  /** False: a port that forwards nothing. */
  adminStateUp: boolean;
  portSecurity: boolean;
  /** Sorted. Empty with port security on: nothing comes in, nothing goes out. */
  groups: readonly SecurityGroupId[];
  rateLimit?: RateLimit | undefined;
}>;

export const portKey = (portId: PortId): string => portId;

export function parsePortBody(value: unknown): PortBody {
  const f = new Fields(value, 'port');
  return {
    portId: f.required('portId', parseUuid<PortId>),
    vni: f.required('vni', parseVni),
    mac: f.required('mac', parseMac),
    ips: f.list('ips', parseIpv4),
    instanceId: f.required('instanceId', parseUuid<InstanceId>),
    adminStateUp: f.required('adminStateUp', parseBoolean),
    portSecurity: f.required('portSecurity', parseBoolean),
    groups: f.list('groups', parseUuid<SecurityGroupId>),
    rateLimit: f.optional('rateLimit', parseRateLimit),
  };
}
