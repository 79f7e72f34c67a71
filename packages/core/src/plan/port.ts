import { Fields, listOf, parseBoolean } from '../fields.ts';
import type { Parse } from '../fields.ts';
import { parseIp, parseIpCidr } from '../ip.ts';
import type { IpAddress, IpCidr } from '../ip.ts';
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
  ips: readonly IpAddress[];
  /** The workload whose network namespace holds the port's other end. */
  instanceId: InstanceId;
  /** False: a port that forwards nothing. */
  adminStateUp: boolean;
  portSecurity: boolean;
  /** Sorted. Empty with port security on: nothing comes in, nothing goes out. */
  groups: readonly SecurityGroupId[];
  /** What else it may send as. */
  pairs?: readonly PortPair[] | undefined;
  /** Sorted. MACs of its pairs that lead here, beside its own. */
  macs?: readonly Mac[] | undefined;
  rateLimit?: RateLimit | undefined;
}>;

export type PortPair = Readonly<{ mac: Mac; cidr: IpCidr }>;

export const portKey = (portId: PortId): string => portId;

const parsePair: Parse<PortPair> = (value, what) => {
  const f = new Fields(value, what);
  return { mac: f.required('mac', parseMac), cidr: f.required('cidr', parseIpCidr) };
};

export function parsePortBody(value: unknown): PortBody {
  const f = new Fields(value, 'port');
  return {
    portId: f.required('portId', parseUuid<PortId>),
    vni: f.required('vni', parseVni),
    mac: f.required('mac', parseMac),
    ips: f.list('ips', parseIp),
    instanceId: f.required('instanceId', parseUuid<InstanceId>),
    adminStateUp: f.required('adminStateUp', parseBoolean),
    portSecurity: f.required('portSecurity', parseBoolean),
    groups: f.list('groups', parseUuid<SecurityGroupId>),
    pairs: f.optional('pairs', listOf(parsePair)),
    macs: f.optional('macs', listOf(parseMac)),
    rateLimit: f.optional('rateLimit', parseRateLimit),
  };
}
