import { InvalidValue } from './weft-error.ts';

/** A VXLAN network identifier, 24 bits (RFC 7348 §5). */
export type Vni = number & { readonly __brand: 'Vni' };

/** Weft's own range: clear of Docker swarm (from 4096) and flannel (1) on the same node (design §3). */
export const VNI_MIN = 10_000;
export const VNI_MAX = 16_777_215;

export function parseVni(value: unknown, what = 'VNI'): Vni {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 1 || value > VNI_MAX) {
    throw new InvalidValue(what, value, `is not an integer from 1 to ${VNI_MAX}`);
  }
  return value as Vni;
}
