import { viewOf } from '@weft/core/packet/bytes';
import { internetChecksum } from '@weft/core/packet/checksum';

const ECHO_REPLY = 0;
const ECHO_REQUEST = 8;
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
