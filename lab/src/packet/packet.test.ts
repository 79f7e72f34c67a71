import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { Ipv4 } from '@weft/core/ipv4';
import { ipv4FromNumber } from '@weft/core/ipv4';
import type { Mac } from '@weft/core/mac';
import { macFromBytes } from '@weft/core/mac';
import type { Vni } from '@weft/core/vni';
import { VNI_MAX } from '@weft/core/vni';
import { InvalidValue } from '@weft/core/weft-error';
import { arpGratuitous, arpProbe, decodeArp, encodeArp } from './arp.ts';
import { concatBytes } from '@weft/core/packet/bytes';
import { internetChecksum, ipv4PayloadChecksum } from '@weft/core/packet/checksum';
import { decodeDhcp, encodeDhcp } from '@weft/core/packet/dhcp';
import type { DhcpMessage } from '@weft/core/packet/dhcp';
import { decodeDhcpOptions, DHCP_MESSAGE_TYPES } from '@weft/core/packet/dhcp-options';
import type { DhcpMessageType } from '@weft/core/packet/dhcp-options';
import { decodeEthernet, encodeEthernet, encodeVlanTagged, ETHERTYPE_IPV4, ETHERTYPE_VLAN } from '@weft/core/packet/ethernet';
import { decodeIcmpEcho, encodeIcmpEcho } from './icmp-echo.ts';
import { decodeIpv4, encodeIpv4, fragmentIpv4, ipv4Packet, PROTOCOL_UDP } from '@weft/core/packet/ipv4';
import { encodeRouterAdvertisement } from './router-advertisement.ts';
import { decodeUdp, encodeUdp } from '@weft/core/packet/udp';
import { decodeVxlan, encodeVxlan } from './vxlan.ts';

const numRuns = Number(process.env['FUZZ_RUNS'] ?? 200);
const byte = fc.integer({ min: 0, max: 0xff });
const word = fc.integer({ min: 0, max: 0xffff });
const long = fc.integer({ min: 0, max: 0xffff_ffff });
const bytes = fc.uint8Array({ maxLength: 600 });
const mac = fc.uint8Array({ minLength: 6, maxLength: 6 }).map((raw) => macFromBytes(raw));
const ip = long.map(ipv4FromNumber);

/** A record with an ordinary prototype, which is what decoders make. */
function plain<T>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T>;
function plain<T>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }, requiredKeys: []): fc.Arbitrary<Partial<T>>;
function plain<T>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }, requiredKeys?: []): fc.Arbitrary<Partial<T>> {
  return fc.record(model, { noNullPrototype: true, ...(requiredKeys === undefined ? {} : { requiredKeys }) }) as fc.Arbitrary<Partial<T>>;
}

const packet = plain({
  source: ip,
  destination: ip,
  protocol: byte,
  ttl: byte,
  identification: word,
  dontFragment: fc.boolean(),
  moreFragments: fc.boolean(),
  offsetBytes: fc.integer({ min: 0, max: 0x1fff }).map((units) => 8 * units),
  payload: bytes,
});
const value = fc.uint8Array({ minLength: 1, maxLength: 600 });
const dhcp: fc.Arbitrary<DhcpMessage> = plain({
  op: fc.constantFrom('request' as const, 'reply' as const),
  transactionId: long,
  seconds: word,
  broadcast: fc.boolean(),
  clientAddress: ip,
  yourAddress: ip,
  nextServerAddress: ip,
  relayAddress: ip,
  hardwareAddress: mac,
  options: plain(
    {
      messageType: fc.constantFrom(...DHCP_MESSAGE_TYPES.slice(1)) as fc.Arbitrary<DhcpMessageType>,
      subnetMask: ip,
      routers: fc.array(ip, { minLength: 1, maxLength: 80 }),
      nameServers: fc.array(ip, { minLength: 1, maxLength: 3 }),
      hostName: fc.string({ minLength: 1, maxLength: 300 }),
      mtuBytes: word,
      broadcastAddress: ip,
      requestedAddress: ip,
      leaseSeconds: long,
      server: ip,
      parameterRequestList: fc.array(byte, { minLength: 1, maxLength: 20 }),
      clientIdentifier: value,
      other: fc
        .array(fc.tuple(fc.integer({ min: 128, max: 254 }), value), { minLength: 1, maxLength: 4 })
        .map((entries) => new Map(entries) as ReadonlyMap<number, Uint8Array>),
    },
    [],
  ),
});

test('what was encoded is decoded as it was', () => {
  const same = <T>(arbitrary: fc.Arbitrary<T>, decode: (raw: Uint8Array) => T | undefined, encode: (value: T) => Uint8Array): void => {
    fc.assert(
      fc.property(arbitrary, (value) => assert.deepEqual(decode(encode(value)), value)),
      { numRuns },
    );
  };
  same(plain({ destination: mac, source: mac, etherType: word, payload: bytes }), decodeEthernet, encodeEthernet);
  const kind = fc.constantFrom('request' as const, 'reply' as const);
  same(plain({ kind, senderMac: mac, senderIp: ip, targetMac: mac, targetIp: ip }), decodeArp, encodeArp);
  same(packet, decodeIpv4, encodeIpv4);
  same(plain({ kind, identifier: word, sequence: word, payload: bytes }), decodeIcmpEcho, encodeIcmpEcho);
  const vni = fc.integer({ min: 1, max: VNI_MAX }) as unknown as fc.Arbitrary<Vni>;
  same(plain({ vni, frame: bytes }), decodeVxlan, encodeVxlan);
  same(dhcp, decodeDhcp, encodeDhcp);
});

test('a datagram is decoded as it was, and its checksum is right and never 0', () => {
  fc.assert(
    fc.property(ip, ip, plain({ sourcePort: word, destinationPort: word, payload: bytes }), (source, destination, datagram) => {
      const encoded = encodeUdp(source, destination, datagram);
      assert.deepEqual(decodeUdp(encoded), datagram);
      assert.equal(ipv4PayloadChecksum(source, destination, PROTOCOL_UDP, encoded), 0);
      assert.notDeepEqual(encoded.subarray(6, 8), Uint8Array.of(0, 0));
    }),
    { numRuns },
  );
});

test('arbitrary and damaged bytes are decoded or refused, without throwing', () => {
  const decoders = [decodeEthernet, decodeArp, decodeIpv4, decodeIcmpEcho, decodeUdp, decodeVxlan, decodeDhcp, decodeDhcpOptions];
  const damaged = fc
    .tuple(dhcp.map(encodeDhcp), fc.array(fc.tuple(fc.nat(700), byte), { maxLength: 8 }), fc.nat(700))
    .map(([message, changes, length]) => {
      for (const [at, to] of changes) if (at < message.length) message[at] = to;
      return message.subarray(0, length);
    });
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 2000 }), damaged, packet.map(encodeIpv4)), (raw) => {
      for (const decode of decoders) assert.doesNotThrow(() => decode(raw), decode.name);
    }),
    { numRuns },
  );
});

test('a header with any one bit changed, but for its length, is no IPv4 packet', () => {
  fc.assert(
    fc.property(packet, fc.integer({ min: 4, max: 159 }), (whole, bit) => {
      const encoded = encodeIpv4(whole);
      encoded[bit >> 3]! ^= 1 << (bit & 7);
      assert.equal(decodeIpv4(encoded), undefined);
    }),
    { numRuns },
  );
});

test('fragments hold the payload in order, in multiples of 8, and only the last says that nothing follows', () => {
  fc.assert(
    fc.property(bytes, fc.integer({ min: 0, max: 700 }), (payload, size) => {
      const fragments = fragmentIpv4(ipv4Packet('10.0.0.1' as Ipv4, '10.0.0.2' as Ipv4, PROTOCOL_UDP, payload, 7), size);
      assert.deepEqual(concatBytes(...fragments.map((fragment) => fragment.payload)), payload);
      let offset = 0;
      for (const [index, fragment] of fragments.entries()) {
        assert.equal(fragment.offsetBytes, offset, `fragment ${index}`);
        assert.equal(fragment.moreFragments, index < fragments.length - 1, `fragment ${index}`);
        offset += fragment.payload.length;
      }
      assert.doesNotThrow(() => fragments.map(encodeIpv4));
    }),
    { numRuns },
  );
});

test('a packet or datagram that IPv4 cannot carry is refused', () => {
  const [source, destination] = ['10.0.0.1' as Ipv4, '10.0.0.2' as Ipv4];
  const whole = ipv4Packet(source, destination, PROTOCOL_UDP, new Uint8Array(65_516));
  assert.throws(() => encodeIpv4(whole), InvalidValue);
  assert.throws(() => encodeIpv4({ ...whole, payload: new Uint8Array(1), offsetBytes: 4 }), InvalidValue);
  assert.throws(() => encodeUdp(source, destination, { sourcePort: 1, destinationPort: 2, payload: new Uint8Array(65_508) }), InvalidValue);
});

test('the checksum of the example of RFC 1071 is the one computed there, also when the length is odd', () => {
  assert.equal(internetChecksum(Uint8Array.of(0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7)), 0x220d);
  assert.equal(internetChecksum(Uint8Array.of(0x12)), 0xffff - 0x1200);
  assert.equal(internetChecksum(new Uint8Array(65_535).fill(0xff)), 0x00ff);
});

test('a gratuitous ARP names the owner twice, a probe names no sender', () => {
  const owner = { mac: '02:00:0a:00:00:01' as Mac, ip: '10.0.0.1' as Ipv4 };
  assert.deepEqual(
    [arpGratuitous(owner).senderIp, arpGratuitous(owner).targetIp, arpProbe(owner.mac, owner.ip).senderIp],
    [owner.ip, owner.ip, '0.0.0.0'],
  );
});

test('a tagged frame carries its tag before the EtherType', () => {
  const [destination, source] = ['02:00:0a:00:00:01' as Mac, '02:00:0a:00:00:02' as Mac];
  const tagged = decodeEthernet(encodeVlanTagged(5, { destination, source, etherType: ETHERTYPE_IPV4, payload: Uint8Array.of(9) }));
  assert.deepEqual(tagged, { destination, source, etherType: ETHERTYPE_VLAN, payload: Uint8Array.of(0, 5, 8, 0, 9) });
});

test("a router advertisement's ICMPv6 checksum covers the pseudo header and its mark", () => {
  const mark = Uint8Array.from({ length: 16 }, (_, index) => index);
  const frame = encodeRouterAdvertisement('02:00:0a:00:00:01' as Mac, mark);
  const body = frame.subarray(54);
  const pseudo = concatBytes(frame.subarray(22, 54), Uint8Array.of(0, 0, 0, body.length, 0, 0, 0, 58));
  assert.equal(internetChecksum(concatBytes(pseudo, body)), 0);
  assert.ok(Buffer.from(frame).includes(Buffer.from(mark)));
  assert.equal(body.length % 8, 0);
});

test('options that a server put into the boot file and server name fields are found', () => {
  const message = encodeDhcp({
    op: 'reply',
    transactionId: 1,
    seconds: 0,
    broadcast: false,
    clientAddress: '0.0.0.0' as Ipv4,
    yourAddress: '10.0.0.66' as Ipv4,
    nextServerAddress: '0.0.0.0' as Ipv4,
    relayAddress: '0.0.0.0' as Ipv4,
    hardwareAddress: '02:00:0a:00:00:01' as Mac,
    options: { messageType: 'ack', other: new Map([[52, Uint8Array.of(3)]]) },
  });
  message.set([26, 2, 5, 170, 255], 108);
  message.set([12, 1, 0x77, 255], 44);
  const options = decodeDhcp(message)?.options;
  assert.deepEqual([options?.messageType, options?.mtuBytes, options?.hostName], ['ack', 1450, 'w']);
});
