import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { Ipv4 } from '@weft/core/ipv4';
import type { Mac } from '@weft/core/mac';
import type { DhcpMessage } from '@weft/core/packet/dhcp';
import type { DhcpOptions } from '@weft/core/packet/dhcp-options';
import { InvalidValue } from '@weft/core/weft-error';
import { leaseOf, parseLease } from './lease.ts';

const MAC = '02:00:00:00:00:01' as Mac;
const NONE = '0.0.0.0' as Ipv4;
const seconds = (value: number): Uint8Array => Uint8Array.of(value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255);

function ack(yourAddress: string, options: DhcpOptions): DhcpMessage {
  const addresses = { clientAddress: NONE, nextServerAddress: NONE, relayAddress: NONE, yourAddress: yourAddress as Ipv4 };
  return { op: 'reply', transactionId: 1, seconds: 0, broadcast: false, ...addresses, hardwareAddress: MAC, options };
}

const GOOD: DhcpOptions = { messageType: 'ack', leaseSeconds: 3600, server: '10.88.0.200' as Ipv4, subnetMask: '255.255.255.0' as Ipv4 };

test('a lease is renewed after half its time and rebound after seven eighths, unless the server says otherwise', () => {
  const lease = leaseOf(ack('10.88.0.70', GOOD), MAC, 1_000_000);
  assert.deepEqual(lease, {
    address: '10.88.0.70',
    prefixLength: 24,
    server: '10.88.0.200',
    serverMac: MAC,
    renewAtMs: 1_000_000 + 1_800_000,
    rebindAtMs: 1_000_000 + 3_150_000,
    endsAtMs: 1_000_000 + 3_600_000,
  });
  const times = (renew: number, rebind: number): number[] => {
    const other = new Map([
      [58, seconds(renew)],
      [59, seconds(rebind)],
    ]);
    const { renewAtMs, rebindAtMs } = leaseOf(ack('10.88.0.70', { ...GOOD, other }), MAC, 0);
    return [renewAtMs / 1000, rebindAtMs / 1000];
  };
  assert.deepEqual(times(100, 200), [100, 200]);
  for (const [renew, rebind] of [
    [200, 100],
    [0, 100],
    [100, 3600],
    [4000, 5000],
  ] as const)
    assert.deepEqual(times(renew, rebind), [1800, 3150]);
});

test('what no node could live with is refused, and says what it is', () => {
  const refused = (address: string, options: object, message: RegExp): void => {
    assert.throws(() => leaseOf(ack(address, { ...GOOD, ...options }), MAC, 0), message);
  };
  for (const address of ['0.0.0.0', '127.0.0.1', '224.0.0.1', '255.255.255.255']) refused(address, {}, /leased address/);
  refused('10.88.0.70', { leaseSeconds: undefined }, /lease time/);
  refused('10.88.0.70', { leaseSeconds: 0 }, /lease time/);
  refused('10.88.0.70', { server: undefined }, /DHCP server/);
  for (const subnetMask of [undefined, '255.0.255.0', '0.0.0.0', '0.0.0.255']) refused('10.88.0.70', { subnetMask }, /subnet mask/);
});

test('every lease that is taken is read back as it was saved, and its times are in order', () => {
  const arbitrary = fc.record({
    leaseSeconds: fc.integer({ min: 1, max: 0xffff_ffff }),
    renew: fc.integer({ min: 0, max: 0xffff_ffff }),
    rebind: fc.integer({ min: 0, max: 0xffff_ffff }),
    length: fc.integer({ min: 1, max: 32 }),
    nowMs: fc.integer({ min: 0, max: 4_000_000_000_000 }),
  });
  fc.assert(
    fc.property(arbitrary, ({ leaseSeconds, renew, rebind, length, nowMs }) => {
      const mask = length === 32 ? 0xffff_ffff : ~(0xffff_ffff >>> length) >>> 0;
      const subnetMask = [24, 16, 8, 0].map((shift) => (mask >>> shift) & 255).join('.') as Ipv4;
      const other = new Map([
        [58, seconds(renew)],
        [59, seconds(rebind)],
      ]);
      const lease = leaseOf(ack('10.88.0.70', { ...GOOD, leaseSeconds, subnetMask, other }), MAC, nowMs);
      assert.equal(lease.prefixLength, length);
      assert.ok(nowMs < lease.renewAtMs && lease.renewAtMs < lease.rebindAtMs && lease.rebindAtMs < lease.endsAtMs, JSON.stringify(lease));
      assert.deepEqual(parseLease(JSON.parse(JSON.stringify(lease))), lease);
    }),
  );
});

test('whatever a file holds is a lease or an error that says what is wrong with it', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      assert.throws(
        () => parseLease(value),
        (error) => error instanceof InvalidValue,
      );
    }),
  );
});
