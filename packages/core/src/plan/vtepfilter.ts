import { Fields } from '../fields.ts';
import { parseIpv4 } from '../ipv4.ts';
import type { Ipv4 } from '../ipv4.ts';

/** A VTEP from which this node admits tunnel packets. Key: the address. */
export type VtepFilterBody = Readonly<{ address: Ipv4 }>;

export const vtepFilterKey = (address: Ipv4): string => address;

export function parseVtepFilterBody(value: unknown): VtepFilterBody {
  return { address: new Fields(value, 'vtepfilter').required('address', parseIpv4) };
}
