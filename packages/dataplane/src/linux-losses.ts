import { decodeMessages } from '@weft/netlink/codec/message';
import { decodeLink } from '@weft/netlink/link-message';
import { NETLINK_ROUTE, NetlinkFd } from '@weft/sys/netlink-fd';
import type { Netns } from '@weft/sys/netns';
import { isSysError } from '@weft/sys/sys-error';

const RTNLGRP_LINK = 1;
const RTM_DELLINK = 17;

/** Hears which links of a namespace go, or leave their bridge. What nobody asks for waits in the kernel, up to 8 MiB. */
export class LinkLosses implements Disposable {
  readonly inode: number;
  readonly #events: NetlinkFd;

  /** Throws SysError. */
  constructor(netns: Netns) {
    this.inode = netns.inode;
    this.#events = NetlinkFd.open(NETLINK_ROUTE, netns);
    this.#events.join(RTNLGRP_LINK);
  }

  /** Names since the last call of this or of {@link skip}; undefined if there were more than the kernel kept. Throws SysError. */
  take(): string[] | undefined {
    const names = new Set<string>();
    try {
      for (let bytes = this.#events.receiveNow(); bytes !== undefined; bytes = this.#events.receiveNow()) {
        for (const message of decodeMessages(bytes)) if (message.type === RTM_DELLINK) names.add(decodeLink(message).name);
      }
    } catch (error) {
      if (!isSysError(error, 'ENOBUFS')) throw error;
      this.skip();
      return undefined;
    }
    return [...names];
  }

  /** What was heard up to now was our own doing. Throws SysError. */
  skip(): void {
    for (;;) {
      try {
        while (this.#events.receiveNow() !== undefined);
        return;
      } catch (error) {
        if (!isSysError(error, 'ENOBUFS')) throw error;
      }
    }
  }

  [Symbol.dispose](): void {
    this.#events[Symbol.dispose]();
  }
}
