import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseCidr6 } from './cidr6.ts';
import { eui64Address } from './eui64.ts';
import { parseMac } from './mac.ts';

test('the address that a host makes of its MAC is that of RFC 4291', () => {
  assert.equal(eui64Address(parseCidr6('2001:db8::/64'), parseMac('34:56:78:9a:bc:de')), '2001:db8::3656:78ff:fe9a:bcde');
  assert.equal(eui64Address(parseCidr6('fd00:1::/64'), parseMac('02:00:00:00:00:01')), 'fd00:1::ff:fe00:1');
});
