import { isIpv4, isIpv6 } from './ip.ts';
import type { IpAddress } from './ip.ts';
import { ipv4FromNumber, ipv4ToNumber } from './ipv4.ts';
import type { Ipv4 } from './ipv4.ts';
import { ipv6FromBigint, ipv6ToBigint } from './ipv6.ts';
import type { Ipv6 } from './ipv6.ts';
import type { AllocationPool } from './subnet.ts';

/**
 * Pools of both families. What is asked once for a subnet goes by bigints; giving out IPv4 addresses, which happens for every port, by
 * numbers.
 */

/** How many addresses the pools hold together. */
export function poolSize(pools: readonly AllocationPool[]): bigint {
  return pools.reduce((sum, pool) => sum + valueOf(pool.end) - valueOf(pool.start) + 1n, 0n);
}

/**
 * An address of the pools that is not taken, or undefined if all are. It starts looking at a random place, so that an address just
 * released is not handed to somebody else at once, while neighbours still hold its old MAC. `random` is 0…2³²−1.
 */
export function allocateAddress(
  pools: readonly AllocationPool<Ipv4>[],
  isTaken: (address: Ipv4) => boolean,
  random: number,
): Ipv4 | undefined {
  const size = pools.reduce((sum, pool) => sum + ipv4ToNumber(pool.end) - ipv4ToNumber(pool.start) + 1, 0);
  for (let offset = 0; offset < size; offset += 1) {
    const address = nthAddress(pools, (random + offset) % size);
    if (!isTaken(address)) return address;
  }
  return undefined;
}

/** {@link allocateAddress} for IPv6: of a large pool, among its first 2³² addresses, which are short to write. */
export function allocateAddress6(
  pools: readonly AllocationPool<Ipv6>[],
  isTaken: (address: Ipv6) => boolean,
  random: number,
): Ipv6 | undefined {
  const size = poolSize(pools);
  for (let offset = 0n; offset < size; offset += 1n) {
    const address = nthAddress6(pools, (BigInt(random) + offset) % size);
    if (!isTaken(address)) return address;
  }
  return undefined;
}

/** The pools without one address: its pool is split around it. */
export function poolsWithout<A extends IpAddress>(pools: readonly AllocationPool<A>[], address: A): readonly AllocationPool<A>[] {
  const hole = valueOf(address);
  return pools.flatMap((pool) => {
    if (!poolContains(pool, address)) return [pool];
    const left = hole > valueOf(pool.start) ? [{ start: pool.start, end: neighbour(address, -1n) }] : [];
    const right = hole < valueOf(pool.end) ? [{ start: neighbour(address, 1n), end: pool.end }] : [];
    return [...left, ...right];
  });
}

/** False also where the families differ. */
export function poolContains(pool: AllocationPool, address: IpAddress): boolean {
  if (isIpv4(pool.start) !== isIpv4(address)) return false;
  const value = valueOf(address);
  return value >= valueOf(pool.start) && value <= valueOf(pool.end);
}

/** Whether an address comes before another one of its family. */
export function isBefore(a: IpAddress, b: IpAddress): boolean {
  return valueOf(a) < valueOf(b);
}

function valueOf(address: IpAddress): bigint {
  return isIpv6(address) ? ipv6ToBigint(address) : BigInt(ipv4ToNumber(address));
}

/** Of the same family: that is what the type says. */
function neighbour<A extends IpAddress>(address: A, step: bigint): A {
  const value = valueOf(address) + step;
  return (isIpv6(address) ? ipv6FromBigint(value) : ipv4FromNumber(Number(value))) as A;
}

function nthAddress(pools: readonly AllocationPool<Ipv4>[], n: number): Ipv4 {
  let left = n;
  for (const pool of pools) {
    const start = ipv4ToNumber(pool.start);
    const size = ipv4ToNumber(pool.end) - start + 1;
    if (left < size) return ipv4FromNumber(start + left);
    left -= size;
  }
  throw new RangeError(`${n} is beyond the pools`);
}

function nthAddress6(pools: readonly AllocationPool<Ipv6>[], n: bigint): Ipv6 {
  let left = n;
  for (const pool of pools) {
    const start = ipv6ToBigint(pool.start);
    const size = ipv6ToBigint(pool.end) - start + 1n;
    if (left < size) return ipv6FromBigint(start + left);
    left -= size;
  }
  throw new RangeError(`${n} is beyond the pools`);
}
