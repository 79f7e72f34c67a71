import { NetlinkDecodeError } from './netlink-decode-error.ts';
import { align4, viewOf } from './message.ts';

/** The two high bits say "nested" and "network byte order"; neither is reliable, so readers go by the type alone. */
const TYPE_MASK = 0x3fff;

export type Attribute = Readonly<{ type: number; value: Uint8Array }>;

/** Splits `bytes` from `offset` on into attributes in their order; values are views. Throws NetlinkDecodeError. Source: linux/netlink.h. */
export function decodeAttributes(bytes: Uint8Array, offset = 0): Attribute[] {
  if (offset > bytes.length) throw new NetlinkDecodeError('attributes beyond the end', offset, bytes.length);
  const view = viewOf(bytes);
  const attributes: Attribute[] = [];
  while (offset < bytes.length) {
    if (bytes.length - offset < 4) throw new NetlinkDecodeError('cut attribute header', offset, bytes.length);
    const length = view.getUint16(offset, true);
    if (length < 4 || length > bytes.length - offset) throw new NetlinkDecodeError('bad attribute length', offset, bytes.length);
    attributes.push({ type: view.getUint16(offset + 2, true) & TYPE_MASK, value: bytes.subarray(offset + 4, offset + length) });
    offset += align4(length);
  }
  return attributes;
}

/**
 * Attributes by type; of several with one type the last counts (arrays are read with {@link decodeAttributes}). Getters return undefined
 * for an absent attribute and throw NetlinkDecodeError for one that is too short.
 */
export class AttributeMap {
  readonly #values = new Map<number, Uint8Array>();

  static decode(bytes: Uint8Array, offset = 0): AttributeMap {
    const map = new AttributeMap();
    for (const { type, value } of decodeAttributes(bytes, offset)) map.#values.set(type, value);
    return map;
  }

  bytes(type: number): Uint8Array | undefined {
    return this.#values.get(type);
  }

  /** As {@link bytes}, refusing less than `length`. */
  atLeast(type: number, length: number): Uint8Array | undefined {
    const value = this.#values.get(type);
    if (value !== undefined && value.length < length) throw new NetlinkDecodeError(`short attribute ${type}`, value.length, length);
    return value;
  }

  u8(type: number): number | undefined {
    return this.atLeast(type, 1)?.[0];
  }

  u16be(type: number): number | undefined {
    const value = this.atLeast(type, 2);
    return value === undefined ? undefined : viewOf(value).getUint16(0, false);
  }

  u32(type: number): number | undefined {
    const value = this.atLeast(type, 4);
    return value === undefined ? undefined : viewOf(value).getUint32(0, true);
  }

  u32be(type: number): number | undefined {
    const value = this.atLeast(type, 4);
    return value === undefined ? undefined : viewOf(value).getUint32(0, false);
  }

  /** Text up to its NUL. */
  text(type: number): string | undefined {
    const value = this.#values.get(type);
    if (value === undefined) return undefined;
    const end = value.indexOf(0);
    return new TextDecoder().decode(end === -1 ? value : value.subarray(0, end));
  }

  nested(type: number): AttributeMap | undefined {
    const value = this.#values.get(type);
    return value === undefined ? undefined : AttributeMap.decode(value);
  }
}
