import { Fields, integerIn, oneOf, parseBoolean } from '../fields.ts';
import { parseVni } from '../vni.ts';
import type { Vni } from '../vni.ts';
import type { Topology } from '../resource.ts';

/** A segment that this node carries: one bridge and one tunnel port. Key: the VNI. */
export type SegmentBody = Readonly<{
  vni: Vni;
  tunnel: 'vxlan';
  topology: Topology;
  /** True on the node of a concentrator segment's gateway: what arrives by the tunnel may leave by it. */
  hub: boolean;
  mtu: number;
}>;

export const segmentKey = (vni: Vni): string => String(vni);

export function parseSegmentBody(value: unknown): SegmentBody {
  const f = new Fields(value, 'segment');
  return {
    vni: f.required('vni', parseVni),
    tunnel: f.required('tunnel', oneOf('vxlan')),
    topology: f.required('topology', oneOf('mesh', 'concentrator')),
    hub: f.required('hub', parseBoolean),
    mtu: f.required('mtu', integerIn(68, 65_535)),
  };
}
