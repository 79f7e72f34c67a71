import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { BROADCAST_MAC, isMulticastMac, localMac, macFromBytes, macToBytes, parseMac } from './mac.ts';
import { InvalidValue } from './weft-error.ts';

const bytes = fc.uint8Array({ minLength: 6, maxLength: 6 });

test('an address survives bytes and text, in any case and with either separator', () => {
  fc.assert(
    fc.property(bytes, (given) => {
      const mac = macFromBytes(given);
      assert.deepEqual(macToBytes(mac), given);
      for (const text of [mac, mac.toUpperCase(), mac.replaceAll(':', '-')]) assert.equal(parseMac(text), mac, text);
    }),
  );
});

test('bytes are read at an offset, and too few are refused', () => {
  assert.equal(macFromBytes(Uint8Array.of(9, 2, 0, 0, 0, 0, 255), 1), '02:00:00:00:00:ff');
  assert.throws(() => macFromBytes(Uint8Array.of(9, 2, 0, 0, 0, 0), 1), /MAC address bytes 6: are fewer than six/);
});

test('what is not six hex bytes is refused, naming the value', () => {
  const wrong = ['', '02:00:00:00:00', '02:00:00:00:00:00:00', '02:00-00:00:00:00', '2:0:0:0:0:1', '0200.0000.0001', '020000000001'];
  for (const value of [...wrong, '02:00:00:00:00:0g', '02:00:00:00:00:01\n', 2, null, undefined, ['02:00:00:00:00:01']]) {
    assert.throws(() => parseMac(value), InvalidValue, JSON.stringify(value));
  }
  assert.throws(() => parseMac('02:00:00:00:00', 'mac_address'), /^InvalidValue: mac_address "02:00:00:00:00": is not a MAC address$/);
});

test('an address made up is local, unicast and carries the five random bytes', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 5, maxLength: 5 }), (random) => {
      const mac = localMac(random);
      assert.deepEqual(macToBytes(mac), Uint8Array.of(2, ...random));
      assert.ok(!isMulticastMac(mac));
    }),
  );
  assert.throws(() => localMac(Uint8Array.of(1, 2, 3, 4)), InvalidValue, 'a short random source is noticed');
});

test('the lowest bit of the first byte makes a group of receivers', () => {
  assert.ok(isMulticastMac(BROADCAST_MAC));
  assert.ok(isMulticastMac(parseMac('01:00:5e:00:00:01')));
  assert.ok(!isMulticastMac(parseMac('fe:00:00:00:00:01')));
});
