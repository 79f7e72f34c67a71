import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { ipv4FromBytes, ipv4FromNumber, ipv4ToBytes, ipv4ToNumber, parseIpv4 } from './ipv4.ts';
import { InvalidValue } from './weft-error.ts';

const number = fc.integer({ min: 0, max: 0xffff_ffff });

test('an address survives number, text and bytes', () => {
  fc.assert(
    fc.property(number, (n) => {
      const address = ipv4FromNumber(n);
      assert.equal(parseIpv4(address), address);
      assert.equal(ipv4ToNumber(address), n);
      assert.equal(ipv4FromBytes(ipv4ToBytes(address)), address);
      assert.equal(new DataView(ipv4ToBytes(address).buffer).getUint32(0), n, 'bytes are in network order');
    }),
  );
});

test('bytes are read at an offset, and too few are refused', () => {
  assert.equal(ipv4FromBytes(Uint8Array.of(1, 2, 10, 0, 0, 1), 2), '10.0.0.1');
  assert.throws(() => ipv4FromBytes(Uint8Array.of(1, 2, 10, 0, 0), 2), /IPv4 address bytes 5: are fewer than four/);
});

test('what is not exactly four decimal bytes is refused, naming the value', () => {
  const wrong = ['', '1.2.3', '1.2.3.4.5', '1.2.3.256', '1.2.3.-1', '01.2.3.4', '1.2.3.04', ' 1.2.3.4', '1.2.3.4\n', '1.2.3.4/32', '::1'];
  for (const value of [...wrong, '1.2.3.1e1', '0x1.2.3.4', 16_909_060, null, undefined, ['1.2.3.4'], {}]) {
    assert.throws(() => parseIpv4(value), InvalidValue, JSON.stringify(value));
  }
  assert.throws(() => parseIpv4('010.0.0.1', 'gateway_ip'), /^InvalidValue: gateway_ip "010\.0\.0\.1": is not a dotted IPv4 address$/);
});

test('any text parses to itself or is refused', () => {
  const text = fc.oneof(fc.string(), fc.stringMatching(/^[0-9.]{0,18}$/), fc.ipV4());
  fc.assert(
    fc.property(text, (value) => {
      let address: string;
      try {
        address = parseIpv4(value);
      } catch (error) {
        assert.ok(error instanceof InvalidValue);
        return;
      }
      assert.equal(address, value);
      assert.equal(ipv4FromNumber(ipv4ToNumber(parseIpv4(value))), value);
    }),
  );
});
