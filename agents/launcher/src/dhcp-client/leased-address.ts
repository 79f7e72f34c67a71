import { join } from 'node:path';
import type { Clock } from '@weft/ssntp/clock';
import type { Logger } from '@weft/ssntp/logger';
import { ensureDirectory } from '../state-file.ts';
import type { NodeAddress } from '../underlay.ts';
import { DhcpClient } from './dhcp-client.ts';
import { DhcpSocket } from './dhcp-socket.ts';
import { LeaseFile } from './lease-file.ts';
import { LeasedInterface } from './leased-interface.ts';

export type LeasedAddressOptions = Readonly<{ ifname: string; hostname: string; stateDir: string }>;
export type LeasedAddressDeps = Readonly<{
  /** What the node's interfaces have now. */
  addresses: () => readonly NodeAddress[];
  clock: Clock;
  wallMs: () => number;
  random: () => number;
  log: Logger;
}>;

/** An address that this node has asked for by DHCP on one of its interfaces, kept as long as its server lets it have it. */
export class LeasedAddress implements Disposable {
  readonly #ifname: string;
  readonly #addresses: LeasedAddressDeps['addresses'];
  readonly #link: LeasedInterface;
  readonly #client: DhcpClient;

  private constructor(ifname: string, addresses: LeasedAddressDeps['addresses'], link: LeasedInterface, client: DhcpClient) {
    this.#ifname = ifname;
    this.#addresses = addresses;
    this.#link = link;
    this.#client = client;
  }

  /** Begins to ask; a lease that an earlier process saved is there at once. Throws InterfaceMissing, and what the file system says. */
  static start({ ifname, hostname, stateDir }: LeasedAddressOptions, deps: LeasedAddressDeps): LeasedAddress {
    const { addresses, wallMs, log } = deps;
    ensureDirectory(stateDir);
    const link = new LeasedInterface({ ifname });
    try {
      const mac = link.ready();
      const client = new DhcpClient(
        { mac, hostname },
        {
          ...deps,
          open: () => new DhcpSocket({ ifname, mac }),
          put: (lease) => link.put(lease, wallMs()),
          remove: (lease) => link.remove(lease),
          saved: new LeaseFile({ path: join(stateDir, 'lease.json') }, { log }),
        },
      );
      client.start();
      return new LeasedAddress(ifname, addresses, link, client);
    } catch (error) {
      link[Symbol.dispose]();
      throw error;
    }
  }

  /** The leased address, once the interface has it: none or one. */
  now(): readonly NodeAddress[] {
    const leased = this.#client.lease?.address;
    return this.#addresses().filter(({ ip, ifname }) => ip === leased && ifname === this.#ifname);
  }

  /** Asks no more; the address stays until its lease ends. */
  [Symbol.dispose](): void {
    this.#client.stop();
    this.#link[Symbol.dispose]();
  }
}
