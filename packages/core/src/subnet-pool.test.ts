import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { cidrClearingHostBits, cidrNetwork, cidrPrefixLength, cidrsOverlap, parseCidr } from './cidr.ts';
import type { Cidr } from './cidr.ts';
import { ipv4FromNumber, ipv4ToNumber } from './ipv4.ts';
import { cidrSize, compactPrefixes, freePrefix, poolHolds } from './subnet-pool.ts';

/** Of 10.0.0.0/20, so that they meet. */
const prefix = fc
  .record({ offset: fc.nat(4095), length: fc.integer({ min: 20, max: 30 }) })
  .map(({ offset, length }) => cidrClearingHostBits(`${ipv4FromNumber(0x0a_00_00_00 + offset)}/${length}`));
const prefixes = fc.array(prefix, { minLength: 1, maxLength: 12 });

const sizeOf = (list: readonly Cidr[]): number => list.reduce((sum, cidr) => sum + cidrSize(cidr), 0);

test('compact prefixes hold the same addresses, each once, and in as few prefixes as in any other order', () => {
  fc.assert(
    fc.property(prefixes, (list) => {
      const compact = compactPrefixes(list);
      for (const cidr of list) assert.ok(poolHolds({ prefixes: compact }, cidr), cidr);
      for (const [at, cidr] of compact.entries())
        assert.ok(
          compact.slice(at + 1).every((other) => !cidrsOverlap(cidr, other)),
          cidr,
        );
      assert.deepEqual(compactPrefixes(list.toReversed()), compact);
      assert.deepEqual(compactPrefixes(compact), compact);
      const addresses = new Set(list.flatMap((cidr) => parts(cidr, 30)));
      assert.equal(sizeOf(compact), addresses.size * 4);
    }),
  );
  assert.deepEqual(compactPrefixes(['10.0.1.0/24', '10.0.0.0/24'].map((text) => parseCidr(text))), ['10.0.0.0/23']);
});

/** The prefixes of some length that make a prefix up; none if it is longer. */
function parts(cidr: Cidr, length: number): Cidr[] {
  const size = 2 ** (32 - length);
  const count = cidrPrefixLength(cidr) > length ? 0 : cidrSize(cidr) / size;
  const first = ipv4ToNumber(cidrNetwork(cidr));
  return Array.from({ length: count }, (_, at) => parseCidr(`${ipv4FromNumber(first + at * size)}/${length}`));
}

test('a prefix that is given is the pool’s, of the length, nobody else’s, and none is kept back', () => {
  fc.assert(
    fc.property(prefixes, prefixes, fc.integer({ min: 20, max: 30 }), (list, taken, length) => {
      const pool = { prefixes: compactPrefixes(list) };
      const found = freePrefix(pool, length, taken);
      if (found !== undefined) {
        assert.equal(cidrPrefixLength(found), length);
        assert.ok(poolHolds(pool, found));
        assert.ok(taken.every((other) => !cidrsOverlap(other, found)));
        return;
      }
      for (const part of pool.prefixes.flatMap((cidr) => parts(cidr, length)))
        assert.ok(
          taken.some((other) => cidrsOverlap(other, part)),
          `${part} was free`,
        );
    }),
  );
});
