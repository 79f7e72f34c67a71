import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseCidr6 } from './cidr6.ts';
import { eui64Address, LINK_LOCAL } from './eui64.ts';
import { parseMac } from './mac.ts';

test('a host’s address in a /64 is the prefix and its MAC with ff:fe in the middle and one bit turned', () => {
  // RFC 4291 appendix A, and what Linux makes of it.
  assert.equal(eui64Address(LINK_LOCAL, parseMac('34:56:78:9a:bc:de')), 'fe80::3656:78ff:fe9a:bcde');
  assert.equal(eui64Address(parseCidr6('fd00:1::/64'), parseMac('02:00:0a:00:00:11')), 'fd00:1::aff:fe00:11');
});
