import { NETLINK_ROUTE } from '@weft/sys/netlink-fd';
import type { Netns } from '@weft/sys/netns';
import type { Message } from './codec/message.ts';
import type { NetlinkError } from './netlink-error.ts';
import { NetlinkSocket } from './netlink-socket.ts';
import type { NetlinkRequest } from './netlink-socket.ts';

export type { NetlinkRequest };

/**
 * rtnetlink of one namespace: links, addresses, routes, neighbours, forwarding entries. The object files (`link.ts`, `fdb.ts`, …) build the
 * requests. Its socket keeps the namespace in which it was opened; hold one per namespace. Source: rtnetlink(7).
 */
export class Rtnl implements Disposable {
  readonly #socket: NetlinkSocket;

  private constructor(socket: NetlinkSocket) {
    this.#socket = socket;
  }

  /** Serves `netns`, by default this thread's namespace. Throws SysError. */
  static open(netns?: Netns): Rtnl {
    return new Rtnl(NetlinkSocket.open(NETLINK_ROUTE, netns));
  }

  /** One request and its acknowledgement. Throws NetlinkError. */
  request(request: NetlinkRequest): void {
    this.#socket.request(request);
  }

  /** Many requests in few system calls, in order; each one's error at its index. A failure does not stop those behind it. */
  batch(requests: readonly NetlinkRequest[]): (NetlinkError | undefined)[] {
    return this.#socket.batch(requests);
  }

  /** One object. Throws NetlinkError. */
  get(request: NetlinkRequest): Message {
    return this.#socket.get(request);
  }

  /** A whole table. Throws NetlinkError, EINTR if it would not keep still. */
  dump(request: NetlinkRequest): Message[] {
    return this.#socket.dump(request);
  }

  [Symbol.dispose](): void {
    this.#socket[Symbol.dispose]();
  }
}
