import { Fields, parseString } from '../fields.ts';
import { parseIpv4 } from '../ipv4.ts';
import type { Ipv4 } from '../ipv4.ts';
import { parseUuid } from '../uuid.ts';
import type { ConcentratorId } from '../uuid.ts';
import { parseVni } from '../vni.ts';
import type { Vni } from '../vni.ts';

/** What an address of the tenant is called in its own DNS, without the domain. Key: `<vni>/<address>`. */
export type DnsNameBody = Readonly<{ concentratorId: ConcentratorId; vni: Vni; address: Ipv4; name: string }>;

export const dnsNameKey = (vni: Vni, address: Ipv4): string => `${vni}/${address}`;

export function parseDnsNameBody(value: unknown): DnsNameBody {
  const f = new Fields(value, 'dnsname');
  return {
    concentratorId: f.required('concentratorId', parseUuid<ConcentratorId>),
    vni: f.required('vni', parseVni),
    address: f.required('address', parseIpv4),
    name: f.required('name', parseString),
  };
}
