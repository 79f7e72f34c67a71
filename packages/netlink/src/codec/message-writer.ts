import { InvalidValue } from '@weft/core/weft-error';
import { HEADER_BYTES, align4, viewOf } from './message.ts';

const NLA_F_NESTED = 0x8000;
const MAX_ATTRIBUTE_BYTES = 0xffff;

/**
 * Writes netlink messages one after the other into a buffer that grows, for one `send`.
 *
 *     writer.message(RTM_NEWLINK, flags, 1, (m) => {
 *       m.bytes(header);
 *       m.text(IFLA_IFNAME, 'br0');
 *       m.nest(IFLA_LINKINFO, (info) => info.text(IFLA_INFO_KIND, 'bridge'));
 *     });
 */
export class MessageWriter {
  #bytes = new Uint8Array(512);
  #view = viewOf(this.#bytes);
  #length = 0;

  /** Bytes written so far. */
  get length(): number {
    return this.#length;
  }

  /** What was written, as a view that the next write invalidates. */
  written(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  /** Forgets everything from `length` on, keeping the memory. */
  truncate(length = 0): void {
    this.#length = length;
  }

  /** Appends a message; `body` writes its payload. If `body` throws, nothing is appended. */
  message(type: number, flags: number, sequence: number, body: (writer: this) => void): void {
    const start = this.#length;
    this.#grow(HEADER_BYTES);
    this.#view.setUint16(start + 4, type, true);
    this.#view.setUint16(start + 6, flags, true);
    this.#view.setUint32(start + 8, sequence, true);
    this.#view.setUint32(start + 12, 0, true);
    try {
      body(this);
    } catch (error) {
      this.#length = start;
      throw error;
    }
    this.#view.setUint32(start, this.#length - start, true);
    this.#pad();
  }

  /** Adds flags to the message that begins at byte `start`. */
  addFlags(start: number, flags: number): void {
    this.#view.setUint16(start + 6, this.#view.getUint16(start + 6, true) | flags, true);
  }

  /** Bytes that are no attribute: the fixed part at the start of a payload. */
  raw(bytes: Uint8Array): void {
    const at = this.#grow(bytes.length);
    this.#bytes.set(bytes, at);
    this.#pad();
  }

  bytes(type: number, value: Uint8Array): void {
    const at = this.#attribute(type, value.length);
    this.#bytes.set(value, at);
    this.#pad();
  }

  u8(type: number, value: number): void {
    const at = this.#attribute(type, 1);
    this.#view.setUint8(at, value);
    this.#pad();
  }

  u16be(type: number, value: number): void {
    const at = this.#attribute(type, 2);
    this.#view.setUint16(at, value, false);
    this.#pad();
  }

  u32(type: number, value: number): void {
    const at = this.#attribute(type, 4);
    this.#view.setUint32(at, value, true);
  }

  u32be(type: number, value: number): void {
    const at = this.#attribute(type, 4);
    this.#view.setUint32(at, value, false);
  }

  /** Text with a final NUL. */
  text(type: number, value: string): void {
    this.bytes(type, new TextEncoder().encode(`${value}\0`));
  }

  /** An attribute that holds attributes (or, for veth's peer, whatever `body` writes). Throws InvalidValue if it outgrows 64 KiB. */
  nest(type: number, body: (writer: this) => void): void {
    const start = this.#attribute(type | NLA_F_NESTED, 0) - 4;
    body(this);
    const length = this.#length - start;
    if (length > MAX_ATTRIBUTE_BYTES) throw new InvalidValue('netlink attribute', type, `would be ${length} bytes long`);
    this.#view.setUint16(start, length, true);
  }

  /** Begins an attribute with room for `length` bytes and returns where they go. */
  #attribute(type: number, length: number): number {
    if (4 + length > MAX_ATTRIBUTE_BYTES) throw new InvalidValue('netlink attribute', type, `would be ${4 + length} bytes long`);
    const start = this.#grow(4 + length);
    this.#view.setUint16(start, 4 + length, true);
    this.#view.setUint16(start + 2, type, true);
    return start + 4;
  }

  #pad(): void {
    const end = align4(this.#length);
    const at = this.#grow(end - this.#length);
    this.#bytes.fill(0, at, end);
  }

  #grow(count: number): number {
    const at = this.#length;
    if (at + count > this.#bytes.length) {
      const bytes = new Uint8Array(Math.max(2 * this.#bytes.length, align4(at + count)));
      bytes.set(this.#bytes.subarray(0, at));
      this.#bytes = bytes;
      this.#view = viewOf(bytes);
    }
    this.#length = at + count;
    return at;
  }
}
