/** Whole IPv6 frames for {@link sendFrame}: what a well-behaved endpoint sends, and what one sends that lies or hides what it says. */
import type { Ipv6 } from '@weft/core/ipv6';
import { ipv6ToBytes } from '@weft/core/ipv6';
import type { Mac } from '@weft/core/mac';
import { macToBytes } from '@weft/core/mac';
import { concatBytes, viewOf } from '@weft/core/packet/bytes';
import { internetChecksum } from '@weft/core/packet/checksum';
import { encodeEthernet, ETHERTYPE_IPV6 } from '@weft/core/packet/ethernet';

const HOP_BY_HOP = 0;
const UDP = 17;
const FRAGMENT = 44;
const ICMPV6 = 58;
const DESTINATION_OPTIONS = 60;
/** An option type for experiments (RFC 4727), which hosts skip; it carries a probe's mark. */
const EXPERIMENT = 253;
const ALL_NODES = { mac: '33:33:00:00:00:01' as Mac, ip: 'ff02::1' as Ipv6 };

export type Endpoint6 = Readonly<{ mac: Mac; ip: Ipv6 }>;
export type Envelope6 = Readonly<{ source: Endpoint6; destination: Endpoint6 }>;
type Upper = Readonly<{ protocol: number; bytes: Uint8Array }>;

export function udpFrame6(
  datagram: Envelope6 & Readonly<{ payload: Uint8Array; sourcePort?: number; destinationPort?: number }>,
): Uint8Array {
  return frameOf(datagram, udp6(datagram));
}

/** A neighbour solicitation for `target`; `told` is the MAC in its option, none if absent. */
export function solicitationFrame(asked: Envelope6 & Readonly<{ target: Ipv6; told?: Mac }>): Uint8Array {
  return frameOf(asked, icmp6(asked, 135, neighbourBody(0, asked.target, asked.told === undefined ? undefined : [1, asked.told])));
}

/** A neighbour advertisement, not asked for, that `target` has the MAC `told`. */
export function advertisementFrame(claim: Envelope6 & Readonly<{ target: Ipv6; told: Mac }>): Uint8Array {
  return frameOf(claim, icmp6(claim, 136, neighbourBody(0x20, claim.target, [2, claim.told])));
}

/** A redirect of `destination`’s traffic to `target`, as only routers send. */
export function redirectFrame(forged: Envelope6 & Readonly<{ target: Ipv6 }>): Uint8Array {
  return frameOf(
    forged,
    icmp6(forged, 137, concatBytes(new Uint8Array(4), ipv6ToBytes(forged.target), ipv6ToBytes(forged.destination.ip))),
  );
}

/** How a router advertisement is sent: plainly, behind other headers, or in fragments. */
export const HIDING = ['plain', 'hop-by-hop', 'destination options', 'fragment header', 'late fragment', 'empty first fragment'] as const;

/**
 * A router advertisement to all nodes with `mark` in an option that hosts skip, as RFC 7113 §2 hides it from switches. The frames belong together:
 * `late fragment` has only a long header in the first one, `empty first fragment` nothing of ICMPv6.
 */
export function routerAdvertisementFrames(source: Endpoint6, mark: Uint8Array, hiding: (typeof HIDING)[number]): readonly Uint8Array[] {
  const envelope = { source, destination: ALL_NODES };
  const units = Math.ceil((2 + mark.length) / 8);
  const body = new Uint8Array(12 + units * 8);
  body.set([64, 0, 0x07, 0x08]);
  body.set([EXPERIMENT, units, ...mark], 12);
  const message = icmp6(envelope, 134, body);
  const padding = Uint8Array.of(1, 4, 0, 0, 0, 0);
  switch (hiding) {
    case 'plain':
      return [frameOf(envelope, message)];
    case 'hop-by-hop':
      return [frameOf(envelope, behind(HOP_BY_HOP, padding, message))];
    case 'destination options':
      return [frameOf(envelope, behind(DESTINATION_OPTIONS, padding, message))];
    case 'fragment header':
      return [frameOf(envelope, fragment(message, 0, false))];
    case 'late fragment': {
      const whole = behind(DESTINATION_OPTIONS, Uint8Array.of(1, 12, ...new Uint8Array(12)), message);
      return split(envelope, whole, 8);
    }
    case 'empty first fragment':
      return split(envelope, behind(DESTINATION_OPTIONS, padding, message), 8);
  }
}

/** A datagram in two fragments; the first holds `headBytes` of what is behind the fragment header, a multiple of 8. */
export function datagramFragments6(
  datagram: Envelope6 & Readonly<{ payload: Uint8Array; sourcePort?: number; destinationPort?: number; headBytes: number }>,
): readonly Uint8Array[] {
  return split(datagram, udp6(datagram), datagram.headBytes);
}

function udp6({ source, destination, payload, sourcePort = 4000, destinationPort = 4000 }: Parameters<typeof udpFrame6>[0]): Upper {
  const bytes = concatBytes(new Uint8Array(8), payload);
  const view = viewOf(bytes);
  view.setUint16(0, sourcePort);
  view.setUint16(2, destinationPort);
  view.setUint16(4, bytes.length);
  view.setUint16(6, checksum({ source, destination }, UDP, bytes) || 0xffff);
  return { protocol: UDP, bytes };
}

function icmp6(envelope: Envelope6, type: number, body: Uint8Array): Upper {
  const bytes = concatBytes(Uint8Array.of(type, 0, 0, 0), body);
  viewOf(bytes).setUint16(2, checksum(envelope, ICMPV6, bytes));
  return { protocol: ICMPV6, bytes };
}

function neighbourBody(flags: number, target: Ipv6, option: readonly [type: number, mac: Mac] | undefined): Uint8Array {
  const told = option === undefined ? [] : [option[0], 1, ...macToBytes(option[1])];
  return Uint8Array.of(flags, 0, 0, 0, ...ipv6ToBytes(target), ...told);
}

/** `options`: what fills the header behind its first two bytes, up to a multiple of 8. */
function behind(protocol: number, options: Uint8Array, { protocol: next, bytes }: Upper): Upper {
  return { protocol, bytes: concatBytes(Uint8Array.of(next, (options.length + 2) / 8 - 1), options, bytes) };
}

function fragment({ protocol, bytes }: Upper, offset: number, more: boolean): Upper {
  const header = Uint8Array.of(protocol, 0, 0, 0, 0, 0, 0, 7);
  viewOf(header).setUint16(2, offset | (more ? 1 : 0));
  return { protocol: FRAGMENT, bytes: concatBytes(header, bytes) };
}

function split(envelope: Envelope6, whole: Upper, headBytes: number): readonly Uint8Array[] {
  const { protocol, bytes } = whole;
  const parts = [
    fragment({ protocol, bytes: bytes.subarray(0, headBytes) }, 0, true),
    fragment({ protocol, bytes: bytes.subarray(headBytes) }, headBytes, false),
  ];
  return parts.map((part) => frameOf(envelope, part));
}

function frameOf({ source, destination }: Envelope6, { protocol, bytes }: Upper): Uint8Array {
  const header = Uint8Array.of(0x60, 0, 0, 0, bytes.length >> 8, bytes.length & 255, protocol, 255);
  const payload = concatBytes(header, ipv6ToBytes(source.ip), ipv6ToBytes(destination.ip), bytes);
  return encodeEthernet({ source: source.mac, destination: destination.mac, etherType: ETHERTYPE_IPV6, payload });
}

function checksum({ source, destination }: Envelope6, protocol: number, bytes: Uint8Array): number {
  const tail = Uint8Array.of(0, 0, bytes.length >> 8, bytes.length & 255, 0, 0, 0, protocol);
  return internetChecksum(concatBytes(ipv6ToBytes(source.ip), ipv6ToBytes(destination.ip), tail, bytes));
}
