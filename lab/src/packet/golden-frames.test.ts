import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import type { Vni } from '@weft/core/vni';
import { decodeArp, encodeArp } from './arp.ts';
import { concatBytes } from '@weft/core/packet/bytes';
import { ipv4PayloadChecksum } from '@weft/core/packet/checksum';
import { decodeDhcp } from '@weft/core/packet/dhcp';
import { decodeEthernet, encodeEthernet } from '@weft/core/packet/ethernet';
import type { EthernetFrame } from '@weft/core/packet/ethernet';
import { decodeIcmpEcho, encodeIcmpEcho } from './icmp-echo.ts';
import { decodeIpv4, encodeIpv4, fragmentIpv4, PROTOCOL_UDP } from '@weft/core/packet/ipv4';
import type { Ipv4Packet } from '@weft/core/packet/ipv4';
import { decodeUdp, encodeUdp } from '@weft/core/packet/udp';
import { decodeVxlan, encodeVxlan } from './vxlan.ts';

const hex = JSON.parse(readFileSync(new URL('testdata/frames.json', import.meta.url), 'utf8')) as Readonly<Record<string, string>>;

function bytesOf(name: string): Uint8Array {
  return Uint8Array.from(Buffer.from(hex[name]!, 'hex'));
}

function frameOf(name: string): EthernetFrame {
  return decodeEthernet(bytesOf(name)) ?? assert.fail(`${name}: no Ethernet`);
}

function packetOf(name: string): Ipv4Packet {
  return decodeIpv4(frameOf(name).payload) ?? assert.fail(`${name}: no IPv4`);
}

for (const name of ['arpRequest', 'arpReply']) {
  test(`the kernel's ${name} is read and written again byte for byte`, () => {
    const frame = frameOf(name);
    const message = decodeArp(frame.payload) ?? assert.fail('no ARP');
    assert.equal(message.kind, name === 'arpRequest' ? 'request' : 'reply');
    assert.equal(message.senderIp, name === 'arpRequest' ? '10.0.0.11' : '10.0.0.12');
    assert.deepEqual(encodeEthernet({ ...frame, payload: encodeArp(message) }), bytesOf(name));
  });
}

for (const name of ['echoRequest', 'echoReply']) {
  test(`ping's ${name} is read and written again byte for byte`, () => {
    const frame = frameOf(name);
    const packet = packetOf(name);
    const echo = decodeIcmpEcho(packet.payload) ?? assert.fail('no echo');
    assert.equal(echo.kind, name === 'echoRequest' ? 'request' : 'reply');
    assert.equal(echo.sequence, 1);
    assert.deepEqual(encodeEthernet({ ...frame, payload: encodeIpv4({ ...packet, payload: encodeIcmpEcho(echo) }) }), bytesOf(name));
  });
}

test('a datagram is cut into the same fragments as the kernel cuts it, with the same checksum', () => {
  const first = packetOf('udpFragmentFirst');
  const second = packetOf('udpFragmentSecond');
  const whole = concatBytes(first.payload, second.payload);
  assert.equal(ipv4PayloadChecksum(first.source, first.destination, PROTOCOL_UDP, whole), 0);
  const datagram = decodeUdp(whole) ?? assert.fail('no UDP');
  assert.equal(datagram.payload.length, 1600);
  const payload = encodeUdp(first.source, first.destination, datagram);
  const fragments = fragmentIpv4({ ...first, moreFragments: false, payload }, 1480).map(encodeIpv4);
  assert.deepEqual(fragments, [frameOf('udpFragmentFirst').payload, frameOf('udpFragmentSecond').payload]);
});

test("a datagram whose checksum the kernel left to the network card is read, though its checksum isn't right", () => {
  const packet = packetOf('udpPartialChecksum');
  assert.notEqual(ipv4PayloadChecksum(packet.source, packet.destination, PROTOCOL_UDP, packet.payload), 0);
  assert.equal(new TextDecoder().decode(decodeUdp(packet.payload)?.payload), 'weft');
});

test("the kernel's VXLAN packet is read down to the ARP inside and written again byte for byte", () => {
  const datagram = decodeUdp(packetOf('vxlan').payload) ?? assert.fail('no UDP');
  assert.equal(datagram.destinationPort, 14789);
  const vxlan = decodeVxlan(datagram.payload) ?? assert.fail('no VXLAN');
  assert.equal(vxlan.vni, 10_002 as Vni);
  const inner = decodeEthernet(vxlan.frame) ?? assert.fail('no inner frame');
  assert.equal(decodeArp(inner.payload)?.targetIp, '10.9.0.2');
  assert.deepEqual(encodeVxlan(vxlan), datagram.payload);
});

test("dnsmasq's OFFER and broadcast ACK are read with all options", () => {
  for (const [name, messageType, broadcast] of [
    ['dhcpOffer', 'offer', false],
    ['dhcpAckBroadcast', 'ack', true],
  ] as const) {
    const message = decodeDhcp(decodeUdp(packetOf(name).payload)?.payload ?? assert.fail(`${name}: no UDP`));
    assert.equal(message?.yourAddress, '10.0.0.66', name);
    assert.equal(message.broadcast, broadcast, name);
    const { other, ...options } = message.options;
    assert.deepEqual(
      { ...options, other: Array.from(other?.keys() ?? []) },
      {
        messageType,
        subnetMask: '255.255.255.0',
        routers: ['10.0.0.1'],
        mtuBytes: 1450,
        leaseSeconds: 3600,
        server: '10.0.0.12',
        other: [58, 59],
        // dnsmasq sends only what was asked for, and its broadcast address always
        broadcastAddress: '10.0.0.255',
      },
      name,
    );
  }
});
