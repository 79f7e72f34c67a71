/**
 * Counters in elements of nftables sets, read one by one. libnftables can list a set, or look an element up, but reads all of its elements for
 * either: a second for fifty thousand. The kernel itself gives one element in microseconds.
 * Source: linux/netfilter/nf_tables.h, NFT_MSG_GETSETELEM; the message begins with `struct nfgenmsg` (family u8, version u8, resource u16).
 */
import { NETLINK_NETFILTER } from '@weft/sys/netlink-fd';
import type { Netns } from '@weft/sys/netns';
import { AttributeMap } from './codec/attributes.ts';
import { align4, viewOf } from './codec/message.ts';
import { isAbsent } from './netlink-error.ts';
import { NetlinkSocket } from './netlink-socket.ts';

const GETSETELEM = { code: (10 << 8) | 13, name: 'NFT_MSG_GETSETELEM' };
const FAMILIES = { inet: 1, ip: 2, bridge: 7, ip6: 10 } as const;
const HEADER_BYTES = 4;
const NFTA_SET_ELEM_LIST_TABLE = 1;
const NFTA_SET_ELEM_LIST_SET = 2;
const NFTA_SET_ELEM_LIST_ELEMENTS = 3;
const NFTA_LIST_ELEM = 1;
const NFTA_SET_ELEM_KEY = 1;
const NFTA_SET_ELEM_EXPR = 7;
const NFTA_DATA_VALUE = 1;
const NFTA_EXPR_NAME = 1;
const NFTA_EXPR_DATA = 2;
const NFTA_COUNTER_BYTES = 1;
const NFTA_COUNTER_PACKETS = 2;

export type NftSetName = Readonly<{ family: keyof typeof FAMILIES; table: string; set: string }>;
export type NftCount = Readonly<{ packets: number; bytes: number }>;

/** The counters of one namespace. */
export class NftCounters implements Disposable {
  readonly #socket: NetlinkSocket;

  private constructor(socket: NetlinkSocket) {
    this.#socket = socket;
  }

  /** Serves `netns`, by default this thread's namespace. Throws SysError. */
  static open(netns?: Netns): NftCounters {
    return new NftCounters(NetlinkSocket.open(NETLINK_NETFILTER, netns));
  }

  /** What an element has counted; undefined if there is no such element, counter, set or table. `key`: {@link nftKey}. Throws NetlinkError. */
  read({ family, table, set }: NftSetName, key: Uint8Array): NftCount | undefined {
    try {
      const { payload } = this.#socket.get({
        type: GETSETELEM,
        what: `${family} ${table} ${set}`,
        body: (m) => {
          m.raw(Uint8Array.of(FAMILIES[family], 0, 0, 0));
          m.text(NFTA_SET_ELEM_LIST_TABLE, table);
          m.text(NFTA_SET_ELEM_LIST_SET, set);
          m.nest(NFTA_SET_ELEM_LIST_ELEMENTS, (list) =>
            list.nest(NFTA_LIST_ELEM, (element) => element.nest(NFTA_SET_ELEM_KEY, (data) => data.bytes(NFTA_DATA_VALUE, key))),
          );
        },
      });
      return decodeCount(payload);
    } catch (error) {
      if (isAbsent(error)) return undefined;
      throw error;
    }
  }

  [Symbol.dispose](): void {
    this.#socket[Symbol.dispose]();
  }
}

/** The key of an element: its parts one after the other, each filled up to a multiple of four bytes. */
export function nftKey(...parts: readonly Uint8Array[]): Uint8Array {
  const key = new Uint8Array(parts.reduce((length, part) => length + align4(part.length), 0));
  let at = 0;
  for (const part of parts) {
    key.set(part, at);
    at += align4(part.length);
  }
  return key;
}

/** An interface name in a key: 16 bytes. */
export function nftIfname(name: string): Uint8Array {
  const bytes = new Uint8Array(16);
  new TextEncoder().encodeInto(name, bytes.subarray(0, 15));
  return bytes;
}

/** A packet mark in a key: 4 bytes, in the machine's order. */
export function nftMark(mark: number): Uint8Array {
  const bytes = new Uint8Array(4);
  viewOf(bytes).setUint32(0, mark, true);
  return bytes;
}

function decodeCount(payload: Uint8Array): NftCount | undefined {
  const element = AttributeMap.decode(payload, HEADER_BYTES).nested(NFTA_SET_ELEM_LIST_ELEMENTS)?.nested(NFTA_LIST_ELEM);
  const expression = element?.nested(NFTA_SET_ELEM_EXPR);
  if (expression?.text(NFTA_EXPR_NAME) !== 'counter') return undefined;
  const counter = expression.nested(NFTA_EXPR_DATA);
  return { packets: u64be(counter, NFTA_COUNTER_PACKETS), bytes: u64be(counter, NFTA_COUNTER_BYTES) };
}

function u64be(map: AttributeMap | undefined, type: number): number {
  const value = map?.atLeast(type, 8);
  return value === undefined ? 0 : Number(viewOf(value).getBigUint64(0, false));
}
