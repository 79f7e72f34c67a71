import { parseCidr } from '../cidr.ts';
import type { Cidr } from '../cidr.ts';
import { Fields, integerIn, oneOf, parseBoolean } from '../fields.ts';
import { parseIpv4 } from '../ipv4.ts';
import type { Ipv4 } from '../ipv4.ts';
import type { Topology } from '../resource.ts';
import { parseUuid } from '../uuid.ts';
import type { ConcentratorId, TenantId } from '../uuid.ts';
import { parseVni } from '../vni.ts';
import type { Vni } from '../vni.ts';

/** Where a segment's gateway is, for whoever has to tell it something without the controller. */
export type RemoteGateway = Readonly<{
  concentratorId: ConcentratorId;
  tenantId: TenantId;
  vtep: Ipv4;
  /** The first of the segment's subnets that it serves. */
  subnet: Cidr;
}>;

/** A segment that this node carries: one bridge and one tunnel port. Key: the VNI. */
export type SegmentBody = Readonly<{
  vni: Vni;
  tunnel: 'vxlan';
  topology: Topology;
  /** True on the node of a concentrator segment's gateway: what arrives by the tunnel may leave by it. */
  hub: boolean;
  mtu: number;
  /** Somebody there may have addresses that only he knows about: ARP goes everywhere, and nobody answers for others. */
  floods?: true;
  /** Absent where there is none, and on its own node. */
  gateway?: RemoteGateway;
}>;

export const segmentKey = (vni: Vni): string => String(vni);

export function parseSegmentBody(value: unknown): SegmentBody {
  const f = new Fields(value, 'segment');
  const gateway = f.optional('gateway', parseRemoteGateway);
  return {
    vni: f.required('vni', parseVni),
    tunnel: f.required('tunnel', oneOf('vxlan')),
    topology: f.required('topology', oneOf('mesh', 'concentrator')),
    hub: f.required('hub', parseBoolean),
    mtu: f.required('mtu', integerIn(68, 65_535)),
    ...(f.optional('floods', parseBoolean) === true ? { floods: true as const } : {}),
    ...(gateway === undefined ? {} : { gateway }),
  };
}

function parseRemoteGateway(value: unknown, what: string): RemoteGateway {
  const f = new Fields(value, what);
  return {
    concentratorId: f.required('concentratorId', parseUuid<ConcentratorId>),
    tenantId: f.required('tenantId', parseUuid<TenantId>),
    vtep: f.required('vtep', parseIpv4),
    subnet: f.required('subnet', parseCidr),
  };
}
