import { integerIn } from '@weft/core/fields';
import { parseIpv4 } from '@weft/core/ipv4';
import type { Ipv4 } from '@weft/core/ipv4';
import { PayloadMap } from '../payload-map.ts';

/** Request of a machine of concentrators: give me an address in the compute network. It has no body. */
export const UNDERLAY_ADDRESS = 'underlay_address';

/** The answer; the same as long as the node is known. */
export type UnderlayAddress = Readonly<{ address: Ipv4; prefix_length: number }>;

/** Throws InvalidValue. */
export function parseUnderlayAddress(value: unknown): UnderlayAddress {
  const map = new PayloadMap(value, 'underlay_address');
  return { address: map.parsed('address', parseIpv4), prefix_length: map.parsed('prefix_length', integerIn(1, 32)) };
}
