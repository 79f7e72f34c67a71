import { cidrContains, cidrNetwork, cidrPrefixLength, parseCidr } from './cidr.ts';
import type { Cidr } from './cidr.ts';
import { Fields, parseString } from './fields.ts';
import type { Parse } from './fields.ts';
import type { Ipv4 } from './ipv4.ts';
import { parseMac } from './mac.ts';
import type { Mac } from './mac.ts';

/**
 * What a port may send as beside its own addresses: a virtual address that moves between ports, or whatever a router or an appliance
 * forwards (neutron-api.md §5.1, `allowed_address_pairs`). Nobody is told where such an address is: whoever has it answers ARP for it.
 */
export type AddressPair = Readonly<{
  mac: Mac;
  cidr: Cidr;
  /** As it was written: an address alone is a prefix of one, and host bits are cleared. */
  text: string;
}>;

/** Of one port, as Neutron has it. */
export const MAX_ADDRESS_PAIRS = 10;

export const parseAddressPair: Parse<AddressPair> = (value, what) => {
  const f = new Fields(value, what);
  return { mac: f.required('mac', parseMac), cidr: f.required('cidr', parseCidr), text: f.required('text', parseString) };
};

/** The address of a pair that is one; undefined for a longer prefix. */
export function pairAddress({ cidr }: Pick<AddressPair, 'cidr'>): Ipv4 | undefined {
  return cidrPrefixLength(cidr) === 32 ? cidrNetwork(cidr) : undefined;
}

/** Whether one of a port's pairs lets it send as that address. */
export function pairsInclude(pairs: readonly AddressPair[] | undefined, address: Ipv4): boolean {
  return pairs?.some(({ cidr }) => cidrContains(cidr, address)) ?? false;
}
