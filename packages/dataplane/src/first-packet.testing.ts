import assert from 'node:assert/strict';
import { ipProtocolNumber, ipProtocolWord, parseIpProtocol } from '@weft/core/ip-protocol';
import { viewOf } from '@weft/core/packet/bytes';
import { internetChecksum } from '@weft/core/packet/checksum';
import { decodeIpv4 } from '@weft/core/packet/ipv4';
import { icmpOf } from '@weft/core/reach/flow';
import type { Flow, FlowProtocol, Packet } from '@weft/core/reach/flow';

/**
 * The bytes of a first packet, as connection tracking takes one for the beginning of something new, with a tag that tells it from all others:
 * its source port, the identifier of an ICMP request, the call of enhanced GRE. Without such a number a packet and its answer would be
 * one connection with all others between the same two addresses. UDP-Lite is not among them: connection tracking (Linux 6.18) sums its pseudo
 * header with UDP's number, and so takes what is right for invalid.
 */

const SCTP_INIT = 1;
const SYN_OF_SYN_AND_ACK = 0x12;
/** Echo, timestamp, information and address mask requests: errors and answers begin nothing (RFC 792, RFC 950). */
const ICMP_REQUESTS: readonly number[] = [8, 13, 15, 17];
/** Version 1 with a key, around PPP (RFC 2637 §4.1). */
const GRE_FLAGS = 0x2001;
const GRE_PPP = 0x880b;

export const FIRST_PROTOCOLS: readonly number[] = [1, 6, 17, 47, 132];

export function numberOf(protocol: FlowProtocol): number {
  const number = ipProtocolNumber(parseIpProtocol(protocol, 'protocol'));
  assert.ok(number !== undefined);
  return number;
}

/** What follows the IP header; TCP's and UDP's is the stack's to write. */
export function encodeFirstPacket(flow: Pick<Flow, 'destination' | 'protocol' | 'port' | 'icmp'>, tag: number): Uint8Array {
  const { protocol, port = 0 } = flow;
  const bytes = new Uint8Array(protocol === 'sctp' ? 32 : 16);
  const view = viewOf(bytes);
  if (protocol === 'icmp') {
    const { type, code } = icmpOf(flow);
    view.setUint16(0, (type << 8) | code);
    view.setUint16(4, tag);
    view.setUint16(2, internetChecksum(bytes));
  } else if (protocol === '47') {
    view.setUint16(0, GRE_FLAGS);
    view.setUint16(2, GRE_PPP);
    view.setUint16(4, bytes.length - 8);
    view.setUint16(6, tag);
  } else {
    assert.equal(protocol, 'sctp');
    view.setUint16(0, tag);
    view.setUint16(2, port);
    // RFC 9260 §3.3.2: no verification tag yet; then ours, the window, and one stream each way.
    view.setUint8(12, SCTP_INIT);
    view.setUint16(14, 20);
    view.setUint32(16, tag);
    view.setUint32(20, 0x1_0000);
    view.setUint32(24, 0x1_0001);
    view.setUint32(8, crc32c(bytes), true);
  }
  return bytes;
}

/** Of an IPv4 packet that begins a connection; answers and errors do not. */
export function decodeFirstPacket(bytes: Uint8Array): Readonly<{ tag: number; packet: Packet }> | undefined {
  const ip = decodeIpv4(bytes);
  if (ip === undefined || !FIRST_PROTOCOLS.includes(ip.protocol) || ip.payload.length < 8) return undefined;
  const view = viewOf(ip.payload);
  const protocol = ipProtocolWord(parseIpProtocol(ip.protocol, 'protocol')) as FlowProtocol;
  const { source, destination } = ip;
  const first = (tag: number, port: number): ReturnType<typeof decodeFirstPacket> => ({
    tag,
    packet: { source, destination, protocol, port },
  });
  if (protocol === 'icmp') {
    const icmp = { type: view.getUint8(0), code: view.getUint8(1) };
    return ICMP_REQUESTS.includes(icmp.type)
      ? { tag: view.getUint16(4), packet: { source, destination, protocol, port: 0, icmp } }
      : undefined;
  }
  if (protocol === '47') return first(view.getUint16(6), 0);
  if (protocol === 'tcp' && (view.getUint8(13) & SYN_OF_SYN_AND_ACK) !== 2) return undefined;
  if (protocol === 'sctp' && view.getUint8(12) !== SCTP_INIT) return undefined;
  return first(view.getUint16(0), view.getUint16(2));
}

/** Castagnoli's polynomial, reflected (RFC 9260 appendix A). */
function crc32c(bytes: Uint8Array): number {
  let crc = 0xffff_ffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit += 1) crc = (crc >>> 1) ^ ((crc & 1) * 0x82f6_3b78);
  }
  return ~crc >>> 0;
}
