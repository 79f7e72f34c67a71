/**
 * Netlink messages: a 16-byte header `length u32, type u16, flags u16, sequence u32, port u32`, a payload, padding to four bytes. All in
 * the byte order of the machine; Weft runs on little-endian ones only (x86-64, arm64). Source: RFC 3549, linux/netlink.h.
 */
import { NetlinkDecodeError } from './netlink-decode-error.ts';

export const HEADER_BYTES = 16;

export const NLM_F_REQUEST = 0x1;
export const NLM_F_ACK = 0x4;
export const NLM_F_DUMP_INTR = 0x10;
export const NLM_F_DUMP = 0x300;
export const NLM_F_REPLACE = 0x100;
export const NLM_F_EXCL = 0x200;
export const NLM_F_CREATE = 0x400;
export const NLM_F_APPEND = 0x800;
const NLM_F_CAPPED = 0x100;
const NLM_F_ACK_TLVS = 0x200;

export const NLMSG_NOOP = 1;
export const NLMSG_ERROR = 2;
export const NLMSG_DONE = 3;

export type Message = Readonly<{ type: number; flags: number; sequence: number; payload: Uint8Array }>;

/** Splits a datagram into its messages; payloads are views into it. Throws NetlinkDecodeError. */
export function decodeMessages(bytes: Uint8Array): Message[] {
  const view = viewOf(bytes);
  const messages: Message[] = [];
  let offset = 0;
  while (offset < bytes.length) {
    if (bytes.length - offset < HEADER_BYTES) throw new NetlinkDecodeError('cut message header', offset, bytes.length);
    const length = view.getUint32(offset, true);
    if (length < HEADER_BYTES || length > bytes.length - offset) throw new NetlinkDecodeError('bad message length', offset, bytes.length);
    messages.push({
      type: view.getUint16(offset + 4, true),
      flags: view.getUint16(offset + 6, true),
      sequence: view.getUint32(offset + 8, true),
      payload: bytes.subarray(offset + HEADER_BYTES, offset + length),
    });
    offset += align4(length);
  }
  return messages;
}

/** What an NLMSG_ERROR says: errno 0 is an acknowledgement. `attributes` is where the extended acknowledgement begins, if there is one. */
export type Outcome = Readonly<{ errno: number; attributes: number | undefined }>;

/** Decodes the payload of an NLMSG_ERROR or NLMSG_DONE. Throws NetlinkDecodeError. */
export function decodeOutcome(message: Message): Outcome {
  const { type, flags, payload } = message;
  if (payload.length < 4) throw new NetlinkDecodeError('cut error code', 0, payload.length);
  const view = viewOf(payload);
  const errno = Math.abs(view.getInt32(0, true));
  if ((flags & NLM_F_ACK_TLVS) === 0) return { errno, attributes: undefined };
  if (type === NLMSG_DONE) return { errno, attributes: 4 };
  // The request's header follows, and unless it was capped, its payload, too.
  if (payload.length < 4 + HEADER_BYTES) throw new NetlinkDecodeError('cut error', 4, payload.length);
  const request = (flags & NLM_F_CAPPED) === 0 ? view.getUint32(4, true) : HEADER_BYTES;
  return { errno, attributes: 4 + align4(Math.max(request, HEADER_BYTES)) };
}

export function align4(length: number): number {
  return (length + 3) & ~3;
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
