import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { allocateAddress, poolContains, poolSize, poolsWithout } from './address-pool.ts';
import { ipv4FromNumber, ipv4ToNumber, parseIpv4 } from './ipv4.ts';
import type { Ipv4 } from './ipv4.ts';
import type { AllocationPool } from './subnet.ts';

/** Up to four small disjoint pools, some side by side, up to the last address there is. */
const pools = fc
  .tuple(
    fc.constantFrom(0x0a00_0000, 0xffff_ff00),
    fc.array(fc.record({ gap: fc.nat(3), size: fc.integer({ min: 1, max: 12 }) }), { maxLength: 4 }),
  )
  .map(([base, parts]) => {
    let next = base;
    return parts.map(({ gap, size }): AllocationPool<Ipv4> => {
      const start = next + gap;
      next = start + size;
      return { start: ipv4FromNumber(start), end: ipv4FromNumber(next - 1) };
    });
  });
const random = fc.integer({ min: 0, max: 0xffff_ffff });

function listed(given: readonly AllocationPool<Ipv4>[]): Ipv4[] {
  return given.flatMap(({ start, end }) => {
    const first = ipv4ToNumber(start);
    return Array.from({ length: ipv4ToNumber(end) - first + 1 }, (_, index) => ipv4FromNumber(first + index));
  });
}

test('it hands out every address of the pools once, whatever chance says, and then none', () => {
  fc.assert(
    fc.property(pools, fc.infiniteStream(random), (given, chance) => {
      const taken = new Set<Ipv4>();
      const all = listed(given);
      assert.equal(poolSize(given), BigInt(all.length));
      for (const number of chance.take(all.length)) {
        const address = allocateAddress(given, (candidate) => taken.has(candidate), number);
        assert.ok(address !== undefined && !taken.has(address), `${address} a second time`);
        taken.add(address);
      }
      assert.deepEqual([...taken].toSorted(), all.toSorted());
      assert.equal(
        allocateAddress(given, (candidate) => taken.has(candidate), 7),
        undefined,
      );
    }),
  );
});

test('while some are taken it finds one that is free, if there is one', () => {
  fc.assert(
    fc.property(pools, random, fc.func(fc.boolean()), (given, number, isTaken) => {
      const free = listed(given).filter((address) => !isTaken(address));
      const address = allocateAddress(given, (candidate) => isTaken(candidate), number);
      assert.equal(address === undefined, free.length === 0);
      if (address !== undefined) assert.ok(free.includes(address), `${address} is taken`);
    }),
  );
});

test('an address just released is not the next one, except by chance', () => {
  const pool = [{ start: parseIpv4('10.0.0.2'), end: parseIpv4('10.0.0.254') }];
  const addresses = new Set([0, 1, 100, 0xffff_ffff].map((number) => allocateAddress(pool, () => false, number)));
  assert.equal(addresses.size, 4);
});

test('pools without an address hold all the others, split around it', () => {
  fc.assert(
    fc.property(pools, fc.nat(60), (given, nth) => {
      const hole = listed(given)[nth] ?? parseIpv4('192.0.2.1');
      const left = poolsWithout(given, hole);
      assert.deepEqual(
        listed(left),
        listed(given).filter((address) => address !== hole),
      );
      assert.ok(left.every((pool) => !poolContains(pool, hole) && poolContains(pool, pool.start) && poolContains(pool, pool.end)));
    }),
  );
  const [start, end] = [parseIpv4('10.0.0.1'), parseIpv4('10.0.0.3')];
  assert.deepEqual(poolsWithout([{ start, end }], parseIpv4('10.0.0.2')), [
    { start, end: start },
    { start: end, end },
  ]);
});
