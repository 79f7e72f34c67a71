/**
 * A TCP port of this process's namespace that leads into another one: how a browser or a CLI on the machine reaches the control node.
 *
 * Node connects a socket a tick after it is asked to, when this thread is no longer inside a namespace. So the socket is made and its
 * connection started here by the C library, inside; Node takes it over before the connection stands.
 */
import { closeSync } from 'node:fs';
import { Socket, createServer } from 'node:net';
import type { Server } from 'node:net';
import { once } from 'node:events';
import type { Ipv4 } from '@weft/core/ipv4';
import { WeftError } from '@weft/core/weft-error';
import { libc, sysCheck } from '@weft/sys/libc';
import type { Netns } from '@weft/sys/netns';
import { AF_INET, encodeInetAddress } from '@weft/sys/socket-address';
import { SysError, errnoName } from '@weft/sys/sys-error';

const SOCK_STREAM_NONBLOCK_CLOEXEC = 1 | 0o4000 | 0o2000000;
const LOOPBACK = '127.0.0.1';

export type RelayOptions = Readonly<{ port: number; netns: Netns; target: Ipv4; targetPort: number }>;

/** The relay's port is taken. */
export class RelayPortTaken extends WeftError {
  constructor(port: number, cause: unknown) {
    super('relay_port_taken', `listening on ${LOOPBACK}:${port}, where the lab offers its API`, {
      details: { port },
      remedy: `Find who listens there with \`ss -ltnp sport = :${port}\` and end it.`,
      cause,
    });
  }
}

export class Relay implements AsyncDisposable {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(options: RelayOptions) {
    this.#server = createServer((near) => this.#join(near, options));
  }

  /** Listens on the loopback address. Throws {@link RelayPortTaken}. */
  static async listen(options: RelayOptions): Promise<Relay> {
    const relay = new Relay(options);
    relay.#server.listen(options.port, LOOPBACK);
    try {
      await once(relay.#server, 'listening');
    } catch (error) {
      throw new RelayPortTaken(options.port, error);
    }
    return relay;
  }

  /** Where it listens. */
  get port(): number {
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('the relay does not listen');
    return address.port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    if (!this.#server.listening) return;
    this.#server.close();
    await once(this.#server, 'close');
  }

  #join(near: Socket, { netns, target, targetPort }: RelayOptions): void {
    let far: Socket;
    try {
      far = connectInside(netns, target, targetPort);
    } catch {
      // As if nobody listened there.
      near.resetAndDestroy();
      return;
    }
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      this.#sockets.add(socket);
      socket.setNoDelay(true);
      socket.on('error', () => other.destroy());
      socket.on('close', () => {
        this.#sockets.delete(socket);
        other.destroy();
      });
      socket.pipe(other);
    }
  }
}

/** Starts a connection inside a namespace; the returned socket is used from outside. Throws SysError when it fails at once. */
export function connectInside(netns: Netns, address: Ipv4, port: number): Socket {
  const fd = netns.run(() => {
    const opened = sysCheck('socket', libc().socket(AF_INET, SOCK_STREAM_NONBLOCK_CLOEXEC, 0), 'tcp');
    const target = encodeInetAddress(address, port);
    if (libc().connect(opened, target, target.length) === 0) return opened;
    const errno = libc().errno();
    if (errnoName(errno) === 'EINPROGRESS') return opened;
    closeSync(opened);
    throw new SysError('connect', errno, `${address}:${port}`);
  });
  return new Socket({ fd, readable: true, writable: true, allowHalfOpen: true });
}
