import { Fields, parseString } from '../fields.ts';
import { parseIp } from '../ip.ts';
import type { IpAddress } from '../ip.ts';
import { parseUuid } from '../uuid.ts';
import type { ConcentratorId } from '../uuid.ts';
import { parseVni } from '../vni.ts';
import type { Vni } from '../vni.ts';

/** What an address of the tenant is called in its own DNS. Key: `<vni>/<address>`, or `public/<address>`. */
export type DnsNameBody = Readonly<{
  concentratorId: ConcentratorId;
  /** Absent for a public address. */
  vni?: Vni | undefined;
  address: IpAddress;
  /** Without a domain, unless it ends with a dot. */
  name: string;
  /** With a dot at its end. Its first one, before the cluster's. */
  domain?: string | undefined;
}>;

/** In place of a segment in keys of public addresses. */
export const PUBLIC = 'public';

export const dnsNameKey = (vni: Vni | undefined, address: IpAddress): string => `${vni ?? PUBLIC}/${address}`;

export function parseDnsNameBody(value: unknown): DnsNameBody {
  const f = new Fields(value, 'dnsname');
  return {
    concentratorId: f.required('concentratorId', parseUuid<ConcentratorId>),
    vni: f.optional('vni', parseVni),
    address: f.required('address', parseIp),
    name: f.required('name', parseString),
    domain: f.optional('domain', parseString),
  };
}
