import { WeftError } from '@weft/core/weft-error';
import type { Ipv4 } from '@weft/core/ipv4';
import type { Mac } from '@weft/core/mac';
import { addrDelete, addrReplace } from '@weft/netlink/addr';
import { linkGet, linkSet } from '@weft/netlink/link';
import type { Link } from '@weft/netlink/link';
import { isAbsent } from '@weft/netlink/netlink-error';
import { Rtnl } from '@weft/netlink/rtnl';
import type { Lease } from './lease.ts';

/** There is no such interface. */
export class InterfaceMissing extends WeftError {
  constructor(ifname: string) {
    super('interface_missing', `there is no interface ${ifname}`, {
      details: { link: ifname },
      remedy: 'Correct underlay.interface in the configuration, or attach the network.',
      retryable: true,
    });
  }
}

/** The interface whose address is leased, or given, in the network namespace of the calling thread. It is looked up each time: it may be another one. */
export class LeasedInterface implements Disposable {
  readonly #ifname: string;
  readonly #rtnl: Rtnl;

  constructor(options: Readonly<{ ifname: string }>) {
    this.#ifname = options.ifname;
    this.#rtnl = Rtnl.open();
  }

  /** Switches it on and tells its MAC. Throws InterfaceMissing. */
  ready(): Mac {
    const { index, mac, up } = this.#link();
    if (!up) linkSet(this.#rtnl, index, { up: true });
    if (mac === undefined) throw new InterfaceMissing(this.#ifname);
    return mac;
  }

  /** Throws InterfaceMissing, NetlinkError. */
  put({ address, prefixLength, endsAtMs }: Lease, nowMs: number): void {
    addrReplace(this.#rtnl, { index: this.#link().index, address, prefix: prefixLength, lifetimeSeconds: (endsAtMs - nowMs) / 1000 });
  }

  /** For good. Throws InterfaceMissing, NetlinkError. */
  hold(address: Ipv4, prefixLength: number): void {
    addrReplace(this.#rtnl, { index: this.#link().index, address, prefix: prefixLength });
  }

  /** Fine if it is not there. Throws NetlinkError. */
  remove({ address, prefixLength }: Pick<Lease, 'address' | 'prefixLength'>): void {
    try {
      addrDelete(this.#rtnl, { index: this.#link().index, address, prefix: prefixLength });
    } catch (error) {
      if (!isAbsent(error) && !(error instanceof InterfaceMissing)) throw error;
    }
  }

  [Symbol.dispose](): void {
    this.#rtnl[Symbol.dispose]();
  }

  #link(): Link {
    const link = linkGet(this.#rtnl, this.#ifname);
    if (link === undefined) throw new InterfaceMissing(this.#ifname);
    return link;
  }
}
