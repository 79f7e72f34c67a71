/**
 * One frame on the wire. Four forms, and type and operand alone decide which:
 *
 *     header      major(1)=1  minor(1)=0  type(1)  operand(1)  field(4, big endian)
 *     CONNECT     field = role mask; source(16)  destination(16)
 *     CONNECTED   field = role mask; source(16)  destination(16)  length(4)  payload(length)
 *     routed      field = 32 + payload length; destination(16)  origin(16)  payload
 *     plain       field = payload length; payload
 *
 * Unknown types and operands have the plain form, so that a peer can answer InvalidFrameType and read on.
 */
import type { Uuid } from '@weft/core/uuid';
import { NIL_UUID, uuidFromBytes, uuidToBytes } from '@weft/core/uuid';
import { WeftError } from '@weft/core/weft-error';
import { Command, FrameType, Status, isRoutedFrame } from './operands.ts';

export const MAJOR = 1;
export const MINOR = 0;

/** No body is longer; without a limit one peer could make the other buffer without end. */
export const MAX_BODY_BYTES = 1024 * 1024;

export type FrameBody =
  | Readonly<{ kind: 'connect'; role: number; source: Uuid; destination: Uuid }>
  | Readonly<{ kind: 'connected'; role: number; source: Uuid; destination: Uuid; payload: Uint8Array }>
  | Readonly<{ kind: 'routed'; destination: Uuid; origin: Uuid; payload: Uint8Array }>
  | Readonly<{ kind: 'plain'; payload: Uint8Array }>;

/** A decoded frame. The version is not part of it: a decoder accepts major 1 only, and any minor number, which by definition changes no form. */
export type Frame = Readonly<{ type: number; operand: number; body: FrameBody }>;

export type PlainFrame = Frame & Readonly<{ body: Extract<FrameBody, { kind: 'plain' }> }>;
export type RoutedFrame = Frame & Readonly<{ body: Extract<FrameBody, { kind: 'routed' }> }>;

/** The byte stream is not SSNTP, or no longer: the connection cannot be used on. */
export class FrameError extends WeftError {
  constructor(message: string) {
    super('invalid_frame', message);
  }
}

const EMPTY = new Uint8Array(0);
const HEADER_BYTES = 8;
const UUIDS_BYTES = 32;

/** A frame of the original protocol. Throws FrameError when the operand is one that must be routed. */
export function plainFrame(type: number, operand: number, payload: Uint8Array = EMPTY): PlainFrame {
  if (isRoutedFrame(type, operand)) throw new FrameError(`frame ${type}/${operand} needs a destination`);
  return { type, operand, body: { kind: 'plain', payload } };
}

/** A frame that the scheduler routes by its destination; nil means the leading controller. The scheduler writes the true origin. */
export function routedFrame(
  type: number,
  operand: number,
  destination: Uuid,
  payload: Uint8Array = EMPTY,
  origin: Uuid = NIL_UUID,
): RoutedFrame {
  return { type, operand, body: { kind: 'routed', destination, origin, payload } };
}

/** The payload of any frame; CONNECT has none. */
export function framePayload(frame: Frame): Uint8Array {
  return frame.body.kind === 'connect' ? EMPTY : frame.body.payload;
}

/** The frame's bytes, in an array of their own. Throws FrameError when the body exceeds {@link MAX_BODY_BYTES}. */
export function encodeFrame(frame: Frame): Uint8Array {
  const { type, operand, body } = frame;
  const payload = framePayload(frame);
  const bodyBytes = body.kind === 'routed' ? UUIDS_BYTES + payload.length : payload.length;
  if (bodyBytes > MAX_BODY_BYTES) throw new FrameError(`encoding a frame of ${bodyBytes} bytes, more than ${MAX_BODY_BYTES}`);
  if (body.kind !== formOf(type, operand)) throw new FrameError(`frame ${type}/${operand} has not the form ${body.kind}`);
  const payloadOffset = payloadOffsetOf(body.kind);
  const bytes = new Uint8Array(payloadOffset + payload.length);
  const view = new DataView(bytes.buffer);
  bytes.set([MAJOR, MINOR, type, operand]);
  view.setUint32(4, body.kind === 'connect' || body.kind === 'connected' ? body.role : bodyBytes);
  if (body.kind !== 'plain') {
    bytes.set(uuidToBytes(body.kind === 'routed' ? body.destination : body.source), HEADER_BYTES);
    bytes.set(uuidToBytes(body.kind === 'routed' ? body.origin : body.destination), HEADER_BYTES + 16);
  }
  if (body.kind === 'connected') view.setUint32(HEADER_BYTES + UUIDS_BYTES, payload.length);
  bytes.set(payload, payloadOffset);
  return bytes;
}

/**
 * Turns bytes, split anywhere, into frames: `push` what arrived, then take `next` until it is undefined. Payloads are views of received
 * memory, which is never written again. `next` throws FrameError at a frame that cannot be read, and from then on always.
 */
export class FrameDecoder {
  /** Received and not yet decoded: `#bytes[#start…#end)`. Written bytes are never overwritten, only followed by new ones. */
  #bytes: Uint8Array = EMPTY;
  #start = 0;
  #end = 0;
  #fault: FrameError | undefined;

  push(chunk: Uint8Array): void {
    const pending = this.#end - this.#start;
    if (pending === 0) {
      this.#bytes = chunk;
      this.#start = 0;
      this.#end = chunk.length;
      return;
    }
    // Only memory allocated here has room after `#end`: a chunk taken over above ends exactly there.
    if (this.#end + chunk.length > this.#bytes.length) {
      const grown = new Uint8Array(2 * (pending + chunk.length));
      grown.set(this.#bytes.subarray(this.#start, this.#end));
      this.#bytes = grown;
      this.#start = 0;
      this.#end = pending;
    }
    this.#bytes.set(chunk, this.#end);
    this.#end += chunk.length;
  }

  /** The next whole frame, or undefined until more bytes arrive. */
  next(): Frame | undefined {
    if (this.#fault !== undefined) throw this.#fault;
    const bytes = this.#bytes.subarray(this.#start, this.#end);
    try {
      const length = frameLength(bytes);
      if (length === undefined || bytes.length < length) return undefined;
      this.#start += length;
      return readFrame(bytes.subarray(0, length));
    } catch (error) {
      if (error instanceof FrameError) {
        this.#fault = error;
        this.#bytes = EMPTY;
        this.#start = 0;
        this.#end = 0;
      }
      throw error;
    }
  }
}

/** How long the frame at the start of `bytes` is, or undefined while that cannot be told. Judges as early as it can: a stranger is cut off at its first byte. */
function frameLength(bytes: Uint8Array): number | undefined {
  const major = bytes[0];
  if (major !== undefined && major !== MAJOR) throw new FrameError(`decoding a frame: major version ${major} is not ${MAJOR}`);
  if (bytes.length < HEADER_BYTES) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const form = formOf(view.getUint8(2), view.getUint8(3));
  const offset = payloadOffsetOf(form);
  if (form === 'connect') return offset;
  if (form === 'connected' && bytes.length < offset) return undefined;
  const bodyBytes = view.getUint32(form === 'connected' ? HEADER_BYTES + UUIDS_BYTES : 4);
  if (bodyBytes > MAX_BODY_BYTES) throw new FrameError(`decoding a frame: ${bodyBytes} bytes announced, more than ${MAX_BODY_BYTES}`);
  if (form !== 'routed') return offset + bodyBytes;
  if (bodyBytes < UUIDS_BYTES) throw new FrameError(`decoding a frame: ${bodyBytes} bytes announced, too few for two UUIDs`);
  return HEADER_BYTES + bodyBytes;
}

/** Reads exactly one frame. */
function readFrame(bytes: Uint8Array): Frame {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const [type, operand, field] = [view.getUint8(2), view.getUint8(3), view.getUint32(4)];
  const kind = formOf(type, operand);
  const payload = bytes.subarray(payloadOffsetOf(kind));
  if (kind === 'plain') return { type, operand, body: { kind, payload } };
  const [first, second] = [uuidFromBytes(bytes, HEADER_BYTES), uuidFromBytes(bytes, HEADER_BYTES + 16)];
  if (kind === 'routed') return { type, operand, body: { kind, destination: first, origin: second, payload } };
  if (kind === 'connect') return { type, operand, body: { kind, role: field, source: first, destination: second } };
  return { type, operand, body: { kind, role: field, source: first, destination: second, payload } };
}

function formOf(type: number, operand: number): FrameBody['kind'] {
  if (type === FrameType.COMMAND && operand === Command.CONNECT) return 'connect';
  if (type === FrameType.STATUS && operand === Status.CONNECTED) return 'connected';
  return isRoutedFrame(type, operand) ? 'routed' : 'plain';
}

function payloadOffsetOf(form: FrameBody['kind']): number {
  if (form === 'plain') return HEADER_BYTES;
  return HEADER_BYTES + UUIDS_BYTES + (form === 'connected' ? 4 : 0);
}
