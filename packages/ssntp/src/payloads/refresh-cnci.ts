import type { Cidr } from '@weft/core/cidr';
import { parseCidr } from '@weft/core/cidr';
import type { Ipv4 } from '@weft/core/ipv4';
import { parseIpv4 } from '@weft/core/ipv4';
import type { ConcentratorId } from '@weft/core/uuid';
import { PayloadMap } from '../payload-map.ts';

/** COMMAND RefreshCNCI under `cnci_refresh:`: all concentrators of a tenant, the receiver included (ssntp.md §11.5). */
export type RefreshCnci = Readonly<{
  cnci_uuid: ConcentratorId;
  cncis: readonly Readonly<{ physical_ip: Ipv4; subnet: Cidr; tunnel_ip: Ipv4; tunnel_id: number }>[];
}>;

export function parseRefreshCnci(value: unknown): RefreshCnci {
  const map = new PayloadMap(value, 'payload').map('cnci_refresh');
  return {
    cnci_uuid: map.uuid<ConcentratorId>('cnci_uuid'),
    cncis: map.list('cncis', (item, path) => {
      const cnci = new PayloadMap(item, path);
      return {
        physical_ip: cnci.parsed('physical_ip', parseIpv4),
        subnet: cnci.parsed('subnet', parseCidr),
        tunnel_ip: cnci.parsed('tunnel_ip', parseIpv4),
        tunnel_id: cnci.integer('tunnel_id', 0),
      };
    }),
  };
}
