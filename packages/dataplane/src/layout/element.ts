import type { ElementObject } from '../kernel-object.ts';

/** An element of a set or map of the fabric's bridge table. */
export function fabricElement(set: string, key: readonly string[], value?: string): ElementObject {
  return { kind: 'element', place: 'fabric', family: 'bridge', set, key, value };
}

/** Number → connection tracking zone, in the fabric's inet table. */
export function zoneElement(number: number, zone: number): ElementObject {
  return { kind: 'element', place: 'fabric', family: 'inet', set: 'zone', key: [String(number)], value: String(zone) };
}
