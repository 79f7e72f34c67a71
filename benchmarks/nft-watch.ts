import { decodeMessages } from '@weft/netlink/codec/message';
import { NETLINK_NETFILTER, NetlinkFd } from '@weft/sys/netlink-fd';
import { netnsOpen } from '@weft/sys/netns';

/** linux/netfilter/nfnetlink.h and nf_tables.h: the group of nftables' events, and the one that ends a transaction. */
const NFNLGRP_NFTABLES = 7;
const NFNL_SUBSYS_NFTABLES = 10;
const NFT_MSG_NEWGEN = 15;
const TRANSACTION = (NFNL_SUBSYS_NFTABLES << 8) | NFT_MSG_NEWGEN;

/** Follows a namespace's rules by the kernel's own events: how many transactions have taken effect since it was made. */
export class NftWatch implements Disposable {
  readonly #events: NetlinkFd;
  #transactions = 0;

  constructor(netnsPath: string) {
    using netns = netnsOpen(netnsPath);
    this.#events = NetlinkFd.open(NETLINK_NETFILTER, netns);
    this.#events.join(NFNLGRP_NFTABLES);
  }

  /** Takes in what the kernel has told. Throws SysError (ENOBUFS) if it told more than could be kept. */
  read(): number {
    for (let bytes = this.#events.receiveNow(); bytes !== undefined; bytes = this.#events.receiveNow()) {
      for (const message of decodeMessages(bytes)) if (message.type === TRANSACTION) this.#transactions += 1;
    }
    return this.#transactions;
  }

  [Symbol.dispose](): void {
    this.#events[Symbol.dispose]();
  }
}
