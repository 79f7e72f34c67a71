import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import {
  cidr6ClearingHostBits,
  cidr6Contains,
  cidr6Last,
  cidr6Network,
  cidr6Of,
  cidr6PrefixLength,
  cidrs6Overlap,
  parseCidr6,
} from './cidr6.ts';
import { ipv6FromBigint, ipv6ToBigint, parseIpv6 } from './ipv6.ts';
import { InvalidValue } from './weft-error.ts';

const number = fc.bigInt({ min: 0n, max: (1n << 128n) - 1n });

test('an address has one spelling, that of RFC 5952', () => {
  const spellings: readonly (readonly [string, string])[] = [
    ['::', '::'],
    ['::1', '::1'],
    ['FD00:0:0:0:0:0:0:1', 'fd00::1'],
    ['2001:DB8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['2001:0db8::0001', '2001:db8::1'],
    ['1::', '1::'],
    ['1:2:3:4:5:6:7::', '1:2:3:4:5:6:7:0'],
    ['::ffff:10.0.0.1', '::ffff:a00:1'],
    ['0:0:1:0:0:0:1:0', '0:0:1::1:0'],
  ];
  for (const [text, canonical] of spellings) assert.equal(parseIpv6(text), canonical, text);
});

test('what is no address is refused', () => {
  const bad = [
    '',
    ':',
    ':::',
    '1',
    '1::2::3',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '1:2:3:4:5:6:7:8::',
    'g::',
    '12345::',
    '::1%eth0',
    '10.0.0.1',
  ];
  for (const text of [...bad, '::10.0.0', '::10.0.0.1:1', '1.2.3.4::', ' ::1', '-1::', null, 5]) {
    assert.throws(() => parseIpv6(text), InvalidValue, String(text));
  }
});

test('text and number are two forms of one address', () => {
  fc.assert(
    fc.property(number, (value) => {
      const text = ipv6FromBigint(value);
      assert.equal(ipv6ToBigint(text), value);
      assert.equal(parseIpv6(text), text);
      assert.equal(parseIpv6(text.toUpperCase()), text);
    }),
  );
  fc.assert(
    fc.property(fc.ipV6(), (text) => assert.equal(new URL(`http://[${parseIpv6(text)}]`).hostname, new URL(`http://[${text}]`).hostname)),
  );
});

test('a prefix holds what shares its first bits, and two overlap if one holds the other', () => {
  fc.assert(
    fc.property(number, number, fc.nat(128), fc.nat(128), (a, b, p, q) => {
      const [x, y] = [cidr6Of(ipv6FromBigint(a), p), cidr6Of(ipv6FromBigint(b), q)];
      assert.equal(cidr6PrefixLength(x), p);
      assert.equal(cidr6Contains(x, ipv6FromBigint(b)), a >> BigInt(128 - p) === b >> BigInt(128 - p));
      assert.ok(cidr6Contains(x, cidr6Network(x)) && cidr6Contains(x, cidr6Last(x)));
      assert.equal(ipv6ToBigint(cidr6Last(x)) - ipv6ToBigint(cidr6Network(x)), (1n << BigInt(128 - p)) - 1n);
      assert.equal(cidrs6Overlap(x, y), cidr6Contains(x, cidr6Network(y)) || cidr6Contains(y, cidr6Network(x)));
      assert.equal(parseCidr6(x), x);
    }),
  );
  assert.equal(cidr6ClearingHostBits('FD00:1::5/64'), 'fd00:1::/64');
  for (const text of ['fd00:1::5/64', 'fd00::/129', 'fd00::', 'fd00::/01', '10.0.0.0/8'])
    assert.throws(() => parseCidr6(text), InvalidValue, text);
});
