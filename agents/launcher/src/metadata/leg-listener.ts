import { Server } from 'node:net';
import type { Socket } from 'node:net';
import { METADATA_ADDRESS, METADATA_PORT } from '@weft/core/metadata-address';
import { linkGet } from '@weft/netlink/link';
import { Rtnl } from '@weft/netlink/rtnl';
import { InetSocket } from '@weft/sys/inet-socket';
import { netnsIsPinned, netnsOpen } from '@weft/sys/netns';

/** Connections of a segment that are open at once, and how many of them may be one address's. */
const CONNECTIONS = 64;
const CONNECTIONS_PER_ADDRESS = 16;
const BACKLOG = 64;

/** A leg of the metadata namespace. */
export type Leg = Readonly<{ netns: string; ifname: string }>;

/** Which interface the leg is now: another one when it, or its namespace, was made anew. Undefined if it is not there. Throws SysError, NetlinkError. */
export function legIdentity({ netns, ifname }: Leg): string | undefined {
  if (!netnsIsPinned(netns)) return undefined;
  using opened = netnsOpen(netns);
  using rtnl = Rtnl.open(opened);
  const link = linkGet(rtnl, ifname);
  return link === undefined ? undefined : `${opened.inode} ${link.index}`;
}

/**
 * Takes connections that come by one leg, and by no other: tenants use the same addresses, so the socket is bound to the interface, and what it
 * answers leaves by it. Which it was is {@link identity}; a leg made anew needs a new listener.
 */
export class LegListener {
  readonly identity: string;
  readonly #server: Server;
  readonly #open = new Map<Socket, string>();

  /** Throws SysError, and `ENODEV` as one if the leg went meanwhile. */
  constructor(
    options: Leg & Readonly<{ identity: string }>,
    deps: Readonly<{ connected: (socket: Socket) => void; failed: (error: Error) => void }>,
  ) {
    this.identity = options.identity;
    using netns = netnsOpen(options.netns);
    using socket = InetSocket.open({ netns, kind: 'tcp' });
    socket.bindToDevice(options.ifname);
    socket.bind(METADATA_ADDRESS, METADATA_PORT);
    socket.listen(BACKLOG);
    this.#server = new Server({ noDelay: true }, (connection) => this.#take(connection, deps.connected));
    this.#server.maxConnections = CONNECTIONS;
    this.#server.on('error', deps.failed);
    this.#server.listen({ fd: socket.detach(), backlog: BACKLOG });
  }

  /** Ends all of its connections too: a namespace lives as long as a socket in it. */
  close(): void {
    this.#server.close();
    for (const connection of this.#open.keys()) connection.destroy();
  }

  #take(connection: Socket, connected: (socket: Socket) => void): void {
    // Undefined if it is gone again.
    const address = connection.remoteAddress;
    const already = [...this.#open.values()].filter((other) => other === address).length;
    if (address === undefined || already >= CONNECTIONS_PER_ADDRESS) {
      connection.destroy();
      return;
    }
    this.#open.set(connection, address);
    connection.once('close', () => this.#open.delete(connection));
    connection.on('error', () => connection.destroy());
    connected(connection);
  }
}
