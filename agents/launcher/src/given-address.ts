import { join } from 'node:path';
import type { Clock } from '@weft/ssntp/clock';
import type { Logger } from '@weft/ssntp/logger';
import { parseUnderlayAddress, UNDERLAY_ADDRESS } from '@weft/ssntp/payloads/underlay-address';
import type { UnderlayAddress } from '@weft/ssntp/payloads/underlay-address';
import { LeasedInterface } from './dhcp-client/leased-interface.ts';
import { ensureDirectory, readFileIfPresent, replaceFile } from './state-file.ts';
import type { NodeAddress } from './underlay.ts';

/** Puts a question to the controller. Rejects as `SsntpClient.request` does. */
export type Ask = (op: string, body: unknown) => Promise<unknown>;

export type GivenAddressOptions = Readonly<{ ifname: string; stateDir: string }>;
export type GivenAddressDeps = Readonly<{
  /** What the node's interfaces have now. */
  addresses: () => readonly NodeAddress[];
  ask: Ask;
  clock: Clock;
  log: Logger;
}>;

/** Between a question that failed and the next, and between one that was answered and the next: the range may have changed. */
const RETRY_MS = 1000;
const AGAIN_MS = 60_000;

/**
 * An address that the controller gives this node from the cluster's range, put on one of its interfaces for good. What was given last is
 * on disk, so that a restarted machine has it without a control plane.
 */
export class GivenAddress implements Disposable {
  readonly #options: GivenAddressOptions;
  readonly #deps: GivenAddressDeps;
  readonly #link: LeasedInterface;
  readonly #path: string;
  #given: UnderlayAddress | undefined;
  #timer: unknown;
  #complained = false;
  #stopped = false;

  private constructor(options: GivenAddressOptions, deps: GivenAddressDeps, link: LeasedInterface) {
    this.#options = options;
    this.#deps = deps;
    this.#link = link;
    this.#path = join(options.stateDir, 'given-address.json');
  }

  /** Has what an earlier process was given at once, and begins to ask. Throws InterfaceMissing, NetlinkError, and what the file system says. */
  static start(options: GivenAddressOptions, deps: GivenAddressDeps): GivenAddress {
    ensureDirectory(options.stateDir);
    const link = new LeasedInterface(options);
    try {
      link.ready();
      const given = new GivenAddress(options, deps, link);
      given.#take(given.#saved());
      void given.#askOnce();
      return given;
    } catch (error) {
      link[Symbol.dispose]();
      throw error;
    }
  }

  /** The address, once the interface has it: none or one. */
  now(): readonly NodeAddress[] {
    return this.#deps.addresses().filter(({ ip, ifname }) => ip === this.#given?.address && ifname === this.#options.ifname);
  }

  /** Asks no more; the address stays. */
  [Symbol.dispose](): void {
    this.#stopped = true;
    this.#deps.clock.clearTimeout(this.#timer);
    this.#link[Symbol.dispose]();
  }

  /** Never rejects. */
  async #askOnce(): Promise<void> {
    let pauseMs = RETRY_MS;
    try {
      const given = parseUnderlayAddress(await this.#deps.ask(UNDERLAY_ADDRESS, null));
      if (!this.#stopped) this.#take(given);
      pauseMs = AGAIN_MS;
      this.#complained = false;
    } catch (err) {
      if (!this.#complained)
        this.#deps.log.warn({ err, link: this.#options.ifname }, 'no address was given for the compute network, asking again');
      this.#complained = true;
    }
    if (this.#stopped) return;
    this.#timer = this.#deps.clock.setTimeout(() => void this.#askOnce(), pauseMs);
  }

  /** The new one comes before the old one goes; whatever is killed in between, the next question puts right. */
  #take(given: UnderlayAddress | undefined): void {
    if (given === undefined) return;
    const old = this.#given;
    this.#link.hold(given.address, given.prefix_length);
    this.#given = given;
    if (old?.address === given.address && old.prefix_length === given.prefix_length) return;
    replaceFile(this.#path, `${JSON.stringify(given)}\n`);
    if (old === undefined) return;
    this.#link.remove({ address: old.address, prefixLength: old.prefix_length });
    // The kernel takes later addresses of a network along with its first one.
    this.#link.hold(given.address, given.prefix_length);
    this.#deps.log.info({ address: given.address, previous: old.address }, 'another address was given for the compute network');
  }

  /** Undefined if there is none, or none that can be read. */
  #saved(): UnderlayAddress | undefined {
    try {
      const text = readFileIfPresent(this.#path);
      return text === undefined ? undefined : parseUnderlayAddress(JSON.parse(text));
    } catch (err) {
      this.#deps.log.warn({ err, path: this.#path }, 'the saved address cannot be read, asking for one');
      return undefined;
    }
  }
}
