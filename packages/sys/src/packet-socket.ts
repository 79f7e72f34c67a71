import { closeSync } from 'node:fs';
import { closeLater } from './late-close.ts';
import { libc, sysCheck } from './libc.ts';
import type { Netns } from './netns.ts';
import { encodeInt } from './socket-address.ts';
import { SysError, errnoName } from './sys-error.ts';

const AF_PACKET = 17;
const SOCK_RAW_NONBLOCK_CLOEXEC = 3 | 0o4000 | 0o2000000;
const ETH_P_ALL = 3;
const PACKET_OUTGOING = 4;
/** Larger than any frame, GSO frames included. */
const FRAME_BYTES = 0x1_0100;

/**
 * Whole Ethernet frames on one interface, in any namespace, non-blocking.
 *
 * Frames that the machine itself sends out of the interface are seen too (`outgoing`). They may lack checksums and be longer than the MTU,
 * since offloads come later; a VLAN tag is not in the frame (the kernel has taken it out).
 */
export class PacketSocket implements Disposable {
  readonly ifname: string;
  #fd: number | undefined;
  readonly #buffer = new Uint8Array(FRAME_BYTES);

  private constructor(ifname: string, fd: number) {
    this.ifname = ifname;
    this.#fd = fd;
  }

  /** `protocol` is an EtherType, all by default. Throws SysError: ENODEV if there is no such interface, EPERM. */
  static open(options: Readonly<{ netns?: Netns; ifname: string; protocol?: number }>): PacketSocket {
    const { netns, ifname, protocol = ETH_P_ALL } = options;
    const open = (): number => {
      const index = libc().ifNameToIndex(ifname);
      if (index === 0) throw new SysError('if_nametoindex', libc().errno(), ifname);
      // Protocol 0: nothing arrives before bind has said from which interface.
      const fd = sysCheck('socket', libc().socket(AF_PACKET, SOCK_RAW_NONBLOCK_CLOEXEC, 0), `packet on ${ifname}`);
      try {
        const address = linkAddress(protocol, index);
        sysCheck('bind', libc().bind(fd, address, address.length), `packet on ${ifname}`);
      } catch (error) {
        closeSync(fd);
        throw error;
      }
      return fd;
    };
    return new PacketSocket(ifname, netns === undefined ? open() : netns.run(open));
  }

  /**
   * Sends one frame, Ethernet header included. In the moment after an interface has come up frames are dropped without a word.
   * Throws SysError: ENETDOWN, EMSGSIZE over the MTU, EAGAIN or ENOBUFS when queues are full.
   */
  send(frame: Uint8Array): void {
    sysCheck('send', libc().send(this.#descriptor(), frame, frame.length, 0), this.ifname);
  }

  /** The next frame, or undefined if none is waiting. Throws SysError, ENETDOWN once after the interface went down. */
  receive(): Readonly<{ frame: Uint8Array; outgoing: boolean }> | undefined {
    const address = new Uint8Array(20);
    const length = libc().recvfrom(this.#descriptor(), this.#buffer, FRAME_BYTES, 0, address, encodeInt(address.length));
    if (length < 0) {
      const errno = libc().errno();
      if (errnoName(errno) === 'EAGAIN') return undefined;
      throw new SysError('recvfrom', errno, this.ifname);
    }
    return { frame: this.#buffer.slice(0, length), outgoing: address[10] === PACKET_OUTGOING };
  }

  [Symbol.dispose](): void {
    if (this.#fd !== undefined) closeLater(this.#fd);
    this.#fd = undefined;
  }

  #descriptor(): number {
    if (this.#fd === undefined) throw new Error(`the packet socket on ${this.ifname} is closed`);
    return this.#fd;
  }
}

/** `struct sockaddr_ll`: family, protocol (network order), interface index; the rest is for receiving. */
export function linkAddress(protocol: number, index: number): Uint8Array {
  const bytes = new Uint8Array(20);
  bytes[0] = AF_PACKET;
  bytes[2] = protocol >>> 8;
  bytes[3] = protocol & 255;
  bytes.set(encodeInt(index), 4);
  return bytes;
}
