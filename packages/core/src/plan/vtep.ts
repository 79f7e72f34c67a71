import { Fields } from '../fields.ts';
import { parseIpv4 } from '../ipv4.ts';
import type { Ipv4 } from '../ipv4.ts';
import { parseVni } from '../vni.ts';
import type { Vni } from '../vni.ts';

/**
 * Where a segment's broadcasts go (of which only DHCP leaves a node): the gateway's node, or, on the gateway's node, every other node of
 * the segment. Key: `<vni>/<address>`.
 */
export type VtepBody = Readonly<{ vni: Vni; address: Ipv4 }>;

export const vtepKey = (vni: Vni, address: Ipv4): string => `${vni}/${address}`;

export function parseVtepBody(value: unknown): VtepBody {
  const f = new Fields(value, 'vtep');
  return { vni: f.required('vni', parseVni), address: f.required('address', parseIpv4) };
}
