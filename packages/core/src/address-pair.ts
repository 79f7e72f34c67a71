import { cidrNetwork, cidrPrefixLength } from './cidr.ts';
import { cidr6Network, cidr6PrefixLength } from './cidr6.ts';
import { Fields, parseString } from './fields.ts';
import type { Parse } from './fields.ts';
import { ipCidrContains, isCidr6, parseIpCidr } from './ip.ts';
import type { IpAddress, IpCidr } from './ip.ts';
import { parseMac } from './mac.ts';
import type { Mac } from './mac.ts';

/**
 * What a port may send as beside its own addresses: a virtual address that moves between ports, or whatever a router or an appliance
 * forwards (neutron-api.md §5.1, `allowed_address_pairs`). Nobody is told where such an address is: whoever has it answers ARP for it.
 */
export type AddressPair = Readonly<{
  mac: Mac;
  cidr: IpCidr;
  /** As it was written: an address alone is a prefix of one, and host bits are cleared. */
  text: string;
}>;

/** Of one port, as Neutron has it. */
export const MAX_ADDRESS_PAIRS = 10;

export const parseAddressPair: Parse<AddressPair> = (value, what) => {
  const f = new Fields(value, what);
  return { mac: f.required('mac', parseMac), cidr: f.required('cidr', parseIpCidr), text: f.required('text', parseString) };
};

/** The address of a pair that is one; undefined for a longer prefix. */
export function pairAddress({ cidr }: Pick<AddressPair, 'cidr'>): IpAddress | undefined {
  if (isCidr6(cidr)) return cidr6PrefixLength(cidr) === 128 ? cidr6Network(cidr) : undefined;
  return cidrPrefixLength(cidr) === 32 ? cidrNetwork(cidr) : undefined;
}

/** Whether one of a port's pairs lets it send as that address. */
export function pairsInclude(pairs: readonly AddressPair[] | undefined, address: IpAddress): boolean {
  return pairs?.some(({ cidr }) => ipCidrContains(cidr, address)) ?? false;
}
