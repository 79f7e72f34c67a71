import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import {
  cidrClearingHostBits,
  cidrContains,
  cidrHosts,
  cidrLast,
  cidrNetmask,
  cidrNetwork,
  cidrOf,
  cidrPrefixLength,
  cidrsOverlap,
  parseCidr,
} from './cidr.ts';
import type { Cidr } from './cidr.ts';
import { ipv4FromNumber, ipv4ToNumber, parseIpv4 } from './ipv4.ts';
import { InvalidValue } from './weft-error.ts';

const address = fc.integer({ min: 0, max: 0xffff_ffff }).map(ipv4FromNumber);
const prefix = fc.integer({ min: 0, max: 32 });
const cidr = fc.tuple(address, prefix).map(([within, length]) => cidrOf(within, length));

/** First and last address as numbers, by arithmetic that shares nothing with the code under test. */
function bounds(text: Cidr): Readonly<{ first: number; last: number }> {
  const first = ipv4ToNumber(cidrNetwork(text));
  return { first, last: first + 2 ** (32 - Number(text.split('/')[1])) - 1 };
}

test('a canonical prefix parses to itself; one with host bits is refused with the network it belongs to', () => {
  fc.assert(
    fc.property(address, prefix, (within, length) => {
      const network = cidrOf(within, length);
      assert.equal(parseCidr(network), network);
      assert.equal(cidrPrefixLength(network), length);
      const given = `${within}/${length}`;
      assert.equal(cidrClearingHostBits(given), network);
      if (given !== network) assert.throws(() => parseCidr(given), InvalidValue, given);
    }),
  );
  assert.throws(
    () => parseCidr('10.6.0.5/24', 'cidr'),
    /cidr "10\.6\.0\.5\/24": has bits set to the right of its prefix length; the network is 10\.6\.0\.0\/24/,
  );
});

test('what is not an IPv4 prefix is refused', () => {
  for (const value of [
    '10.0.0.0',
    '10.0.0.0/',
    '10.0.0.0/33',
    '10.0.0.0/08',
    '10.0.0.0/-1',
    '10.0.0.0/24/24',
    '10.0.0/24',
    '/24',
    '::/0',
  ]) {
    assert.throws(() => cidrClearingHostBits(value), InvalidValue, value);
  }
  for (const value of [null, undefined, 24, ['10.0.0.0/24']]) assert.throws(() => parseCidr(value), InvalidValue);
  assert.throws(() => parseCidr('10.0.0.0/33', 'cidr'), /cidr "10\.0\.0\.0\/33": is not an IPv4 prefix like 10\.1\.0\.0\/24/);
});

test('a prefix holds the addresses from its network to its last one, and no others', () => {
  fc.assert(
    fc.property(cidr, address, (network, other) => {
      const { first, last } = bounds(network);
      assert.equal(ipv4ToNumber(cidrLast(network)), last);
      for (const number of [first, last]) assert.ok(cidrContains(network, ipv4FromNumber(number)));
      if (first > 0) assert.ok(!cidrContains(network, ipv4FromNumber(first - 1)));
      if (last < 0xffff_ffff) assert.ok(!cidrContains(network, ipv4FromNumber(last + 1)));
      const number = ipv4ToNumber(other);
      assert.equal(cidrContains(network, other), number >= first && number <= last);
    }),
  );
});

test('two prefixes overlap exactly if an address is in both', () => {
  const near = fc.tuple(cidr, prefix).map(([a, length]) => [a, cidrOf(cidrLast(a), length)] as const);
  fc.assert(
    fc.property(fc.oneof(fc.tuple(cidr, cidr), near), ([a, b]) => {
      const [x, y] = [bounds(a), bounds(b)];
      const common = Math.max(x.first, y.first) <= Math.min(x.last, y.last);
      assert.equal(cidrsOverlap(a, b), common);
      assert.equal(cidrsOverlap(b, a), common);
    }),
  );
});

test('hosts leave out network and broadcast address, except where a prefix has no others', () => {
  const hosts = (text: string): string => Object.values(cidrHosts(parseCidr(text))).join('-');
  assert.equal(hosts('10.0.0.0/24'), '10.0.0.1-10.0.0.254');
  assert.equal(hosts('10.0.0.4/30'), '10.0.0.5-10.0.0.6');
  assert.equal(hosts('10.0.0.4/31'), '10.0.0.4-10.0.0.5');
  assert.equal(hosts('10.0.0.4/32'), '10.0.0.4-10.0.0.4');
  assert.equal(hosts('255.255.255.0/24'), '255.255.255.1-255.255.255.254');
});

test('the netmask has as many ones as the prefix is long', () => {
  fc.assert(
    fc.property(cidr, (network) => {
      const ones = ipv4ToNumber(cidrNetmask(network)).toString(2).padStart(32, '0');
      assert.equal(ones, '1'.repeat(cidrPrefixLength(network)).padEnd(32, '0'));
    }),
  );
  assert.equal(cidrNetmask(parseCidr('10.0.0.0/22')), parseIpv4('255.255.252.0'));
});
