import { Fields, parseString } from '../fields.ts';
import { parseIp } from '../ip.ts';
import type { IpAddress } from '../ip.ts';
import { parseUuid } from '../uuid.ts';
import type { ConcentratorId } from '../uuid.ts';
import { parseVni } from '../vni.ts';
import type { Vni } from '../vni.ts';

/** What an address of the tenant is called in its own DNS, without the domain. Key: `<vni>/<address>`. */
export type DnsNameBody = Readonly<{ concentratorId: ConcentratorId; vni: Vni; address: IpAddress; name: string }>;

export const dnsNameKey = (vni: Vni, address: IpAddress): string => `${vni}/${address}`;

export function parseDnsNameBody(value: unknown): DnsNameBody {
  const f = new Fields(value, 'dnsname');
  return {
    concentratorId: f.required('concentratorId', parseUuid<ConcentratorId>),
    vni: f.required('vni', parseVni),
    address: f.required('address', parseIp),
    name: f.required('name', parseString),
  };
}
