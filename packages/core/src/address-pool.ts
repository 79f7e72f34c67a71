import { ipv4FromNumber, ipv4ToNumber } from './ipv4.ts';
import type { Ipv4 } from './ipv4.ts';
import type { AllocationPool } from './resource.ts';

/** How many addresses the pools hold together. */
export function poolSize(pools: readonly AllocationPool[]): number {
  return pools.reduce((sum, pool) => sum + ipv4ToNumber(pool.end) - ipv4ToNumber(pool.start) + 1, 0);
}

/**
 * An address of the pools that is not taken, or undefined if all are. It starts looking at a random place, so that an address just
 * released is not handed to somebody else at once, while neighbours still hold its old MAC. `random` is 0…2³²−1.
 */
export function allocateAddress(pools: readonly AllocationPool[], isTaken: (address: Ipv4) => boolean, random: number): Ipv4 | undefined {
  const size = poolSize(pools);
  for (let offset = 0; offset < size; offset += 1) {
    const address = nthAddress(pools, (random + offset) % size);
    if (!isTaken(address)) return address;
  }
  return undefined;
}

/** The pools without one address: its pool is split around it. */
export function poolsWithout(pools: readonly AllocationPool[], address: Ipv4): readonly AllocationPool[] {
  const hole = ipv4ToNumber(address);
  return pools.flatMap((pool) => {
    const start = ipv4ToNumber(pool.start);
    const end = ipv4ToNumber(pool.end);
    if (hole < start || hole > end) return [pool];
    const left = hole > start ? [{ start: pool.start, end: ipv4FromNumber(hole - 1) }] : [];
    const right = hole < end ? [{ start: ipv4FromNumber(hole + 1), end: pool.end }] : [];
    return [...left, ...right];
  });
}

export function poolContains(pool: AllocationPool, address: Ipv4): boolean {
  const number = ipv4ToNumber(address);
  return number >= ipv4ToNumber(pool.start) && number <= ipv4ToNumber(pool.end);
}

function nthAddress(pools: readonly AllocationPool[], n: number): Ipv4 {
  let left = n;
  for (const pool of pools) {
    const start = ipv4ToNumber(pool.start);
    const size = ipv4ToNumber(pool.end) - start + 1;
    if (left < size) return ipv4FromNumber(start + left);
    left -= size;
  }
  throw new RangeError(`${n} is beyond the pools`);
}
