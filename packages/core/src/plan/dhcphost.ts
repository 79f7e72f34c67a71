import { parseDhcpOption } from '../dhcp-option.ts';
import type { PlannedDhcpOption } from '../dhcp-option.ts';
import { Fields, listOf, parseString } from '../fields.ts';
import { parseIp } from '../ip.ts';
import type { IpAddress } from '../ip.ts';
import { parseMac } from '../mac.ts';
import type { Mac } from '../mac.ts';
import { parseUuid } from '../uuid.ts';
import type { ConcentratorId } from '../uuid.ts';
import { parseVni } from '../vni.ts';
import type { Vni } from '../vni.ts';

/** Which address a gateway of this node leases to whom. Key: `<vni>/<address>`. A kind of its own, see ADR 0002. */
export type DhcpHostBody = Readonly<{
  concentratorId: ConcentratorId;
  vni: Vni;
  address: IpAddress;
  mac: Mac;
  hostname: string;
  /** Sorted by name. In place of its subnet's, and beside them. */
  options?: readonly PlannedDhcpOption[] | undefined;
}>;

export const dhcpHostKey = (vni: Vni, address: IpAddress): string => `${vni}/${address}`;

/** What a leaseholder is called by DHCP; names of workloads are the DNS server's affair. */
export const dhcpHostName = (address: IpAddress): string => `host-${address.replaceAll(/[.:]/g, '-')}`;

export function parseDhcpHostBody(value: unknown): DhcpHostBody {
  const f = new Fields(value, 'dhcphost');
  return {
    concentratorId: f.required('concentratorId', parseUuid<ConcentratorId>),
    vni: f.required('vni', parseVni),
    address: f.required('address', parseIp),
    mac: f.required('mac', parseMac),
    hostname: f.required('hostname', parseString),
    options: f.optional('options', listOf(parseDhcpOption)),
  };
}
