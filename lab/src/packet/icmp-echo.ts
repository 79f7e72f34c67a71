import { viewOf } from '@weft/core/packet/bytes';
import { internetChecksum } from '@weft/core/packet/checksum';

const ECHO_REPLY = 0;
const ECHO_REQUEST = 8;
const ECHO_REQUEST_V6 = 128;
const ECHO_REPLY_V6 = 129;
const HEADER_BYTES = 8;

/** An ICMP echo message, what ping sends and gets; identifier and sequence are 16 bits (RFC 792). */
export type IcmpEcho = Readonly<{ kind: 'request' | 'reply'; identifier: number; sequence: number; payload: Uint8Array }>;

export function encodeIcmpEcho(echo: IcmpEcho): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES + echo.payload.length);
  const view = viewOf(bytes);
  view.setUint8(0, echo.kind === 'request' ? ECHO_REQUEST : ECHO_REPLY);
  view.setUint16(4, echo.identifier);
  view.setUint16(6, echo.sequence);
  bytes.set(echo.payload, HEADER_BYTES);
  view.setUint16(2, internetChecksum(bytes));
  return bytes;
}

/** The same message of ICMPv6 (RFC 4443 §4), for a socket whose kernel writes the checksum. */
export function asIcmpv6(icmp: Uint8Array): Uint8Array {
  const bytes = Uint8Array.from(icmp);
  bytes.set([icmp[0] === ECHO_REQUEST ? ECHO_REQUEST_V6 : ECHO_REPLY_V6, 0, 0, 0]);
  return bytes;
}

/** An ICMPv6 echo, whose checksum the kernel has looked at, as {@link decodeIcmpEcho} takes it; undefined for another message. */
export function fromIcmpv6(icmpv6: Uint8Array): Uint8Array | undefined {
  if (icmpv6[0] !== ECHO_REQUEST_V6 && icmpv6[0] !== ECHO_REPLY_V6) return undefined;
  const bytes = Uint8Array.from(icmpv6);
  bytes.set([icmpv6[0] === ECHO_REQUEST_V6 ? ECHO_REQUEST : ECHO_REPLY, 0, 0, 0]);
  viewOf(bytes).setUint16(2, internetChecksum(bytes));
  return bytes;
}

/** Undefined for other ICMP messages, truncated ones and wrong checksums. `payload` shares memory with `bytes`. */
export function decodeIcmpEcho(bytes: Uint8Array): IcmpEcho | undefined {
  if (bytes.length < HEADER_BYTES) return undefined;
  const view = viewOf(bytes);
  const type = view.getUint8(0);
  if ((type !== ECHO_REPLY && type !== ECHO_REQUEST) || view.getUint8(1) !== 0 || internetChecksum(bytes) !== 0) return undefined;
  return {
    kind: type === ECHO_REQUEST ? 'request' : 'reply',
    identifier: view.getUint16(4),
    sequence: view.getUint16(6),
    payload: bytes.subarray(HEADER_BYTES),
  };
}
