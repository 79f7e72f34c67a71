import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assert as holds, ipV4, ipV6, oneof, property } from 'fast-check';
import {
  ipCidrContains,
  ipCidrNetwork,
  ipCidrOf,
  ipCidrPrefixLength,
  ipCidrsOverlap,
  ipFromBytes,
  ipToBytes,
  isCidr4,
  isCidr6,
  isIpv4,
  isIpv6,
  parseIp,
  parseIpCidr,
} from './ip.ts';

test('an address or prefix is of exactly one family, and in its canonical form', () => {
  holds(
    property(oneof(ipV4(), ipV6()), (text) => {
      const address = parseIp(text);
      assert.equal(isIpv6(address), text.includes(':'));
      assert.equal(isIpv4(address), !isIpv6(address));
      assert.equal(parseIp(address), address);
      const whole = parseIpCidr(`${address}/${isIpv6(address) ? 128 : 32}`);
      assert.equal(isCidr6(whole), isIpv6(address));
      assert.equal(isCidr4(whole), !isCidr6(whole));
      assert.ok(ipCidrContains(whole, address));
      assert.ok(ipCidrsOverlap(whole, parseIpCidr(isIpv6(address) ? '::/0' : '0.0.0.0/0')));
      assert.equal(ipCidrPrefixLength(whole), isIpv6(address) ? 128 : 32);
      assert.equal(ipCidrNetwork(whole), address);
      assert.equal(ipCidrOf(address, ipCidrPrefixLength(whole)), whole);
      assert.equal(ipFromBytes(ipToBytes(address)), address);
    }),
  );
});

test('families have nothing in common', () => {
  const [all4, all6] = [parseIpCidr('0.0.0.0/0'), parseIpCidr('::/0')];
  assert.equal(ipCidrContains(all4, parseIp('::1')), false);
  assert.equal(ipCidrContains(all6, parseIp('10.0.0.1')), false);
  assert.equal(ipCidrsOverlap(all4, all6), false);
  assert.equal(ipCidrsOverlap(all6, all4), false);
});

test('what is neither is refused by name', () => {
  for (const wrong of ['', '10.0.0', 'fe80::1%eth0', 7, null]) assert.throws(() => parseIp(wrong, 'next hop'), /next hop/);
  assert.throws(() => parseIpCidr('fd00::1/64', 'destination'), /fd00::\/64/);
});
