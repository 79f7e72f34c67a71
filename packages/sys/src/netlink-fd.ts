import { closeSync } from 'node:fs';
import { libc, sysCheck } from './libc.ts';
import type { Netns } from './netns.ts';
import { once } from './once.ts';
import { encodeInt } from './socket-address.ts';
import { SysError, errnoName, errnoNumber } from './sys-error.ts';

const AF_NETLINK = 16;
const SOCK_RAW_CLOEXEC = 3 | 0o2000000;
const SOL_SOCKET = 1;
const SO_RCVBUF = 8;
const SO_RCVTIMEO = 20;
const SO_RCVBUFFORCE = 33;
const SOL_NETLINK = 270;
const NETLINK_ADD_MEMBERSHIP = 1;
const NETLINK_CAP_ACK = 10;
const NETLINK_EXT_ACK = 11;
const NETLINK_GET_STRICT_CHK = 12;
const MSG_DONTWAIT = 0x40;
/** Makes recv return the true length of a datagram, so that a cut one is noticed. */
const MSG_TRUNC = 0x20;

/** What the kernel may queue for us: a burst of a few thousand events or errors. */
const RECEIVE_QUEUE_BYTES = 8 << 20;
/** The kernel fills at most 32 KiB per datagram of a dump; single objects are smaller. */
const DATAGRAM_BYTES = 256 << 10;
const TIMEOUT_SECONDS = 5;

/** One for all sockets of a thread, of which there may be thousands: what is received is copied out at once. */
const buffer = once(() => new Uint8Array(DATAGRAM_BYTES));

export const NETLINK_ROUTE = 0;
export const NETLINK_NETFILTER = 12;

/** A netlink socket: datagrams of bytes to and from the kernel, in the namespace where it was opened. */
export class NetlinkFd implements Disposable {
  #fd: number | undefined;

  private constructor(fd: number) {
    this.#fd = fd;
  }

  /** `protocol` is {@link NETLINK_ROUTE} or {@link NETLINK_NETFILTER}. Throws SysError. */
  static open(protocol: number, netns?: Netns): NetlinkFd {
    const open = (): number => sysCheck('socket', libc().socket(AF_NETLINK, SOCK_RAW_CLOEXEC, protocol), `netlink protocol ${protocol}`);
    const fd = netns === undefined ? open() : netns.run(open);
    try {
      setup(fd);
    } catch (error) {
      closeSync(fd);
      throw error;
    }
    return new NetlinkFd(fd);
  }

  /** For a poll() over many sockets; it stays ours to close. */
  get fd(): number {
    if (this.#fd === undefined) throw new Error('the netlink socket is closed');
    return this.#fd;
  }

  /** Sends one buffer of messages; the kernel has carried them out when this returns. Throws SysError, EMSGSIZE over some 200 kB. */
  send(bytes: Uint8Array): void {
    sysCheck('send', libc().send(this.fd, bytes, bytes.length, 0), 'netlink');
  }

  /** Waits for the next datagram. Throws SysError: ETIMEDOUT after five seconds, ENOBUFS if the kernel had to drop some. */
  receive(): Uint8Array {
    const bytes = this.#receive(0);
    if (bytes === undefined) throw new SysError('recv', errnoNumber('ETIMEDOUT'), `netlink: no answer within ${TIMEOUT_SECONDS} s`);
    return bytes;
  }

  /** The next datagram if one is waiting. Throws SysError, ENOBUFS if the kernel had to drop some (then read everything again). */
  receiveNow(): Uint8Array | undefined {
    return this.#receive(MSG_DONTWAIT);
  }

  /** Joins a multicast group: events of that kind arrive from now on. Throws SysError. */
  join(group: number): void {
    const value = encodeInt(group);
    sysCheck('setsockopt', libc().setsockopt(this.fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, value, 4), `netlink group ${group}`);
  }

  [Symbol.dispose](): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }

  #receive(flags: number): Uint8Array | undefined {
    for (;;) {
      const length = libc().recv(this.fd, buffer(), DATAGRAM_BYTES, flags | MSG_TRUNC);
      if (length > DATAGRAM_BYTES) throw new SysError('recv', errnoNumber('EMSGSIZE'), `netlink: a datagram of ${length} bytes`);
      if (length >= 0) return buffer().slice(0, length);
      const errno = libc().errno();
      if (errnoName(errno) === 'EAGAIN') return undefined;
      if (errnoName(errno) !== 'EINTR') throw new SysError('recv', errno, 'netlink');
    }
  }
}

function setup(fd: number): void {
  const option = (level: number, name: number, value: Uint8Array, what: string): number =>
    sysCheck('setsockopt', libc().setsockopt(fd, level, name, value, value.length), what);
  const seconds = new Uint8Array(16);
  seconds[0] = TIMEOUT_SECONDS;
  option(SOL_SOCKET, SO_RCVTIMEO, seconds, 'SO_RCVTIMEO');
  const queue = encodeInt(RECEIVE_QUEUE_BYTES);
  // Beyond rmem_max only with CAP_NET_ADMIN; without it as much as there is.
  if (libc().setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, queue, 4) < 0) option(SOL_SOCKET, SO_RCVBUF, queue, 'SO_RCVBUF');
  option(SOL_NETLINK, NETLINK_CAP_ACK, encodeInt(1), 'NETLINK_CAP_ACK');
  option(SOL_NETLINK, NETLINK_EXT_ACK, encodeInt(1), 'NETLINK_EXT_ACK');
  option(SOL_NETLINK, NETLINK_GET_STRICT_CHK, encodeInt(1), 'NETLINK_GET_STRICT_CHK');
  // Connected to the kernel (port 0), the socket accepts answers from no other process.
  const kernel = new Uint8Array(12);
  kernel[0] = AF_NETLINK;
  sysCheck('connect', libc().connect(fd, kernel, kernel.length), 'netlink');
}
