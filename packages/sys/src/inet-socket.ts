import { closeSync } from 'node:fs';
import type { IpAddress } from '@weft/core/ip';
import { libc, sysCheck } from './libc.ts';
import type { Netns } from './netns.ts';
import { AF_INET, AF_INET6, SOCKET_ADDRESS_BYTES, decodeInetAddress, decodeInt, encodeInetAddress, encodeInt } from './socket-address.ts';
import { SysError, errnoName } from './sys-error.ts';

const SOCK_NONBLOCK_CLOEXEC = 0o4000 | 0o2000000;
const KINDS = {
  tcp: { type: 1, protocol: 6 },
  udp: { type: 2, protocol: 17 },
  icmp: { type: 3, protocol: 1 },
} as const;
const IPPROTO_ICMPV6 = 58;
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const SO_ERROR = 4;
const SO_BROADCAST = 6;
const SO_BINDTODEVICE = 25;
const MSG_NOSIGNAL = 0x4000;
const SOCK_RAW = 3;
const POLLOUT = 4;
const RECEIVE_BYTES = 1 << 16;

export type InetSocketKind = keyof typeof KINDS;

export type ConnectState = Readonly<{ kind: 'pending' }> | Readonly<{ kind: 'connected' }> | Readonly<{ kind: 'failed'; errno: string }>;

export type Received =
  | Readonly<{ kind: 'data'; bytes: Uint8Array; from?: IpAddress; port?: number }>
  | Readonly<{ kind: 'closed' }>
  | Readonly<{ kind: 'failed'; errno: string }>;

/**
 * An IP socket in any namespace, used from this thread and never blocking: "not yet" is a value, so the caller polls. For probes, checks
 * and announcements; a server with many connections wants Node's own sockets.
 *
 * `raw` is one of any protocol: it is given copies of what this namespace's own stack takes, and its ports mean nothing.
 * `icmp` is a raw socket, too: what is sent begins with the ICMP header, what is received with the *IP* header; it needs CAP_NET_RAW. Of
 * IPv6 it is ICMPv6, received without that header, and the kernel writes and checks its checksum.
 * `scope`, where an address is asked for, is the index of the interface that a link-local one is on.
 */
export class InetSocket implements Disposable {
  readonly kind: InetSocketKind | 'raw';
  #fd: number | undefined;
  /** SO_ERROR can be read once only. */
  #connect: ConnectState = { kind: 'pending' };
  #buffer: Uint8Array | undefined;

  private constructor(kind: InetSocketKind | 'raw', fd: number) {
    this.kind = kind;
    this.#fd = fd;
  }

  /** Opens a socket in `netns` (default: this thread's namespace). Throws SysError. */
  static open(
    options: Readonly<{ netns?: Netns; family?: 4 | 6 } & ({ kind: InetSocketKind } | { kind: 'raw'; protocol: number })>,
  ): InetSocket {
    const { netns, kind, family = 4 } = options;
    const { type, protocol: given } = options.kind === 'raw' ? { type: SOCK_RAW, protocol: options.protocol } : KINDS[options.kind];
    const protocol = family === 6 && kind === 'icmp' ? IPPROTO_ICMPV6 : given;
    const domain = family === 6 ? AF_INET6 : AF_INET;
    const open = (): number => sysCheck('socket', libc().socket(domain, type | SOCK_NONBLOCK_CLOEXEC, protocol), kind);
    const socket = new InetSocket(kind, netns === undefined ? open() : netns.run(open));
    try {
      socket.#setFlag(kind === 'tcp' ? SO_REUSEADDR : SO_BROADCAST);
    } catch (error) {
      socket[Symbol.dispose]();
      throw error;
    }
    return socket;
  }

  /** Port 0 lets the kernel choose. Throws SysError: EADDRINUSE, EADDRNOTAVAIL. */
  bind(address: IpAddress, port: number, scope = 0): void {
    const bytes = encodeInetAddress(address, port, scope);
    sysCheck('bind', libc().bind(this.#descriptor(), bytes, bytes.length), `${address} port ${port}`);
  }

  /**
   * From now on it takes only what arrives by this interface of its namespace, and what it and its connections send leaves by it. That holds for
   * the interface as it is, not for a later one of that name. Throws SysError: ENODEV.
   */
  bindToDevice(ifname: string): void {
    const name = new TextEncoder().encode(ifname);
    sysCheck('setsockopt', libc().setsockopt(this.#descriptor(), SOL_SOCKET, SO_BINDTODEVICE, name, name.length), ifname);
  }

  /** Gives the descriptor away, to whoever closes it from now on; this is closed. */
  detach(): number {
    const fd = this.#descriptor();
    this.#fd = undefined;
    return fd;
  }

  localPort(): number {
    const bytes = new Uint8Array(SOCKET_ADDRESS_BYTES);
    sysCheck('getsockname', libc().getsockname(this.#descriptor(), bytes, encodeInt(SOCKET_ADDRESS_BYTES)));
    return decodeInetAddress(bytes).port;
  }

  listen(backlog = 128): void {
    sysCheck('listen', libc().listen(this.#descriptor(), backlog));
  }

  /** A connection that is waiting, or undefined. Throws SysError. */
  accept(): Readonly<{ socket: InetSocket; from: IpAddress; port: number }> | undefined {
    const bytes = new Uint8Array(SOCKET_ADDRESS_BYTES);
    const fd = libc().accept4(this.#descriptor(), bytes, encodeInt(SOCKET_ADDRESS_BYTES), SOCK_NONBLOCK_CLOEXEC);
    if (fd < 0) {
      const errno = libc().errno();
      // ECONNABORTED: it was reset before we came to it.
      if (['EAGAIN', 'ECONNABORTED'].includes(errnoName(errno))) return undefined;
      throw new SysError('accept4', errno);
    }
    const { address, port } = decodeInetAddress(bytes);
    const socket = new InetSocket(this.kind, fd);
    socket.#connect = { kind: 'connected' };
    return { socket, from: address, port };
  }

  /** Starts to connect; {@link connectState} tells how it went, also of a failure that is known at once. */
  connect(address: IpAddress, port: number): void {
    this.#connect = { kind: 'pending' };
    const bytes = encodeInetAddress(address, port);
    if (libc().connect(this.#descriptor(), bytes, bytes.length) === 0) {
      this.#connect = { kind: 'connected' };
      return;
    }
    const errno = errnoName(libc().errno());
    if (errno !== 'EINPROGRESS') this.#connect = { kind: 'failed', errno };
  }

  connectState(): ConnectState {
    if (this.#connect.kind !== 'pending' || !this.#writable()) return this.#connect;
    const value = new Uint8Array(4);
    sysCheck('getsockopt', libc().getsockopt(this.#descriptor(), SOL_SOCKET, SO_ERROR, value, encodeInt(4)), 'SO_ERROR');
    const errno = decodeInt(value);
    this.#connect = errno === 0 ? { kind: 'connected' } : { kind: 'failed', errno: errnoName(errno) };
    return this.#connect;
  }

  /** Sends to the connected peer; returns how many bytes were taken, 0 when it would block. Throws SysError: EPIPE, ECONNREFUSED… */
  send(bytes: Uint8Array): number {
    const sent = libc().send(this.#descriptor(), bytes, bytes.length, MSG_NOSIGNAL);
    if (sent >= 0) return sent;
    const errno = libc().errno();
    if (errnoName(errno) === 'EAGAIN') return 0;
    throw new SysError('send', errno, this.kind);
  }

  /** Sends one datagram (`port` is ignored for icmp and raw). Throws SysError: ENETUNREACH, EMSGSIZE, EPERM if a filter dropped it… */
  sendTo(bytes: Uint8Array, address: IpAddress, port: number, scope = 0): void {
    const to = encodeInetAddress(address, this.kind === 'icmp' || this.kind === 'raw' ? 0 : port, scope);
    sysCheck('sendto', libc().sendto(this.#descriptor(), bytes, bytes.length, MSG_NOSIGNAL, to, to.length), `${address} port ${port}`);
  }

  /** What has arrived, or undefined. Of a TCP stream up to 64 KiB, without `from`; else one datagram with its sender. */
  receive(): Received | undefined {
    const buffer = (this.#buffer ??= new Uint8Array(RECEIVE_BYTES));
    const address = new Uint8Array(SOCKET_ADDRESS_BYTES);
    const length = libc().recvfrom(this.#descriptor(), buffer, RECEIVE_BYTES, 0, address, encodeInt(SOCKET_ADDRESS_BYTES));
    if (length < 0) {
      const errno = errnoName(libc().errno());
      return errno === 'EAGAIN' ? undefined : { kind: 'failed', errno };
    }
    if (this.kind === 'tcp') return length === 0 ? { kind: 'closed' } : { kind: 'data', bytes: buffer.slice(0, length) };
    const { address: from, port } = decodeInetAddress(address);
    return { kind: 'data', bytes: buffer.slice(0, length), from, port };
  }

  [Symbol.dispose](): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }

  #setFlag(name: number): void {
    sysCheck('setsockopt', libc().setsockopt(this.#descriptor(), SOL_SOCKET, name, encodeInt(1), 4));
  }

  #writable(): boolean {
    const entry = new Uint8Array(8);
    entry.set(encodeInt(this.#descriptor()));
    entry[4] = POLLOUT;
    return sysCheck('poll', libc().poll(entry, 1, 0)) > 0;
  }

  #descriptor(): number {
    if (this.#fd === undefined) throw new Error('the socket is closed');
    return this.#fd;
  }
}
