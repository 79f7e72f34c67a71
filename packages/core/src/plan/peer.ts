import { Fields } from '../fields.ts';
import { parseIp } from '../ip.ts';
import type { IpAddress } from '../ip.ts';
import { parseIpv4 } from '../ipv4.ts';
import type { Ipv4 } from '../ipv4.ts';
import { parseMac } from '../mac.ts';
import type { Mac } from '../mac.ts';
import { parseVni } from '../vni.ts';
import type { Vni } from '../vni.ts';

/** An endpoint of a segment that lives on another node, a gateway included. Key: `<vni>/<mac>`. */
export type PeerBody = Readonly<{
  vni: Vni;
  mac: Mac;
  ips: readonly IpAddress[];
  /** Where to send what is for it: its node's VTEP, or the hub's. */ vtep: Ipv4;
}>;

export const peerKey = (vni: Vni, mac: Mac): string => `${vni}/${mac}`;

export function parsePeerBody(value: unknown): PeerBody {
  const f = new Fields(value, 'peer');
  return {
    vni: f.required('vni', parseVni),
    mac: f.required('mac', parseMac),
    ips: f.list('ips', parseIp),
    vtep: f.required('vtep', parseIpv4),
  };
}
