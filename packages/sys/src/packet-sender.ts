import { closeLater } from './late-close.ts';
import { libc, sysCheck } from './libc.ts';
import type { Netns } from './netns.ts';
import { linkAddress } from './packet-socket.ts';

const AF_PACKET = 17;
const SOCK_RAW_NONBLOCK_CLOEXEC = 3 | 0o4000 | 0o2000000;

/**
 * Sends whole Ethernet frames out of any interface of one namespace, and hears nothing. Opening is cheap, but closing a packet socket takes
 * the kernel ten milliseconds and more, so whoever sends often keeps one.
 */
export class PacketSender implements Disposable {
  #fd: number | undefined;

  private constructor(fd: number) {
    this.#fd = fd;
  }

  /** Throws SysError: EPERM. */
  static open(netns?: Netns): PacketSender {
    // Protocol 0 and never bound: the kernel hands it no frame.
    const open = (): number => sysCheck('socket', libc().socket(AF_PACKET, SOCK_RAW_NONBLOCK_CLOEXEC, 0), 'packet');
    return new PacketSender(netns === undefined ? open() : netns.run(open));
  }

  /** Sends one frame, Ethernet header included, out of the interface of that number. Throws SysError: ENXIO if it is gone, ENETDOWN, EMSGSIZE. */
  send(ifindex: number, frame: Uint8Array): void {
    if (this.#fd === undefined) throw new Error('the packet sender is closed');
    const protocol = ((frame[12] ?? 0) << 8) | (frame[13] ?? 0);
    const address = linkAddress(protocol, ifindex);
    sysCheck('sendto', libc().sendto(this.#fd, frame, frame.length, 0, address, address.length), `interface ${ifindex}`);
  }

  [Symbol.dispose](): void {
    if (this.#fd !== undefined) closeLater(this.#fd);
    this.#fd = undefined;
  }
}
