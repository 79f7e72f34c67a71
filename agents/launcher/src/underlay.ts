import { cidrContains } from '@weft/core/cidr';
import type { Cidr } from '@weft/core/cidr';
import type { Ipv4 } from '@weft/core/ipv4';
import type { Clock } from '@weft/ssntp/clock';
import type { Logger } from '@weft/ssntp/logger';

/** Where a node's tunnels end, and the interface that has the address. */
export type Underlay = Readonly<{ vtep: Ipv4; underlayInterface: string }>;

export type NodeAddress = Readonly<{ ip: Ipv4; ifname: string }>;

/**
 * The address that tunnels end at: the one they end at now as long as the node has it, else its first in the cluster's compute networks,
 * which are in order of preference. The order of addresses means nothing while the chosen one is there.
 */
export function underlayOf(computeNetworks: readonly Cidr[], addresses: readonly NodeAddress[], current?: Underlay): Underlay | undefined {
  const candidates = computeNetworks.flatMap((cidr) => addresses.filter(({ ip }) => cidrContains(cidr, ip)));
  const found = candidates.find(({ ip }) => ip === current?.vtep) ?? candidates[0];
  return found === undefined ? undefined : { vtep: found.ip, underlayInterface: found.ifname };
}

export type UnderlayWatchDeps = Readonly<{
  /** The node's addresses now. */
  addresses: () => readonly NodeAddress[];
  /** The first address, and each one that takes another's place. */
  changed: (underlay: Underlay) => void;
  clock: Clock;
  log: Logger;
}>;

/** One system call each time; so long at most is a node that was given another address silent, beside the time to tell the others. */
const LOOK_MS = 1000;
/** When a wait is mentioned, in seconds since it began; the last one again and again (ciao's concentrators try at these times). */
const MENTION_SECONDS = [0, 1, 2, 5, 10, 20, 40, 60] as const;

/**
 * Follows the node's address in the compute network: waits for it, and notices when it is another one (a lease that was not renewed, a
 * network that was renumbered). A node that has none keeps the last one, for there is nothing better to say.
 */
export class UnderlayWatch {
  readonly #networks: readonly Cidr[];
  readonly #deps: UnderlayWatchDeps;
  #current: Underlay | undefined;
  #timer: unknown;
  /** Since when there is no address, and how often that was mentioned. */
  #waiting: { sinceMs: number; mentions: number } | undefined;

  constructor(options: Readonly<{ computeNetworks: readonly Cidr[] }>, deps: UnderlayWatchDeps) {
    this.#networks = options.computeNetworks;
    this.#deps = deps;
  }

  get current(): Underlay | undefined {
    return this.#current;
  }

  /** Looks now, and then every second. */
  start(): void {
    this.#look();
    this.#timer = this.#deps.clock.setTimeout(() => this.start(), LOOK_MS);
    // A look keeps no process alive.
    (this.#timer as { unref?: () => void }).unref?.();
  }

  stop(): void {
    this.#deps.clock.clearTimeout(this.#timer);
  }

  #look(): void {
    const { addresses, changed, log } = this.#deps;
    const found = underlayOf(this.#networks, addresses(), this.#current);
    if (found === undefined) return this.#wait();
    const before = this.#current;
    if (this.#waiting !== undefined && before?.vtep === found.vtep)
      log.info({ vtep: found.vtep }, 'the address in the compute network is back');
    this.#waiting = undefined;
    if (before?.vtep === found.vtep && before.underlayInterface === found.underlayInterface) return;
    this.#current = found;
    if (before !== undefined)
      log.info(
        { vtep: found.vtep, link: found.underlayInterface, previous: before.vtep },
        'the address in the compute network has changed',
      );
    changed(found);
  }

  #wait(): void {
    const { clock, log } = this.#deps;
    const waiting = (this.#waiting ??= { sinceMs: clock.now(), mentions: 0 });
    const { mentions } = waiting;
    const last = MENTION_SECONDS.length - 1;
    const due = mentions <= last ? MENTION_SECONDS[mentions]! : MENTION_SECONDS[last]! * (mentions - last + 1);
    const waitedSeconds = (clock.now() - waiting.sinceMs) / 1000;
    if (waitedSeconds < due) return;
    waiting.mentions += 1;
    const fields = { networks: this.#networks, waitedSeconds: Math.floor(waitedSeconds), vtep: this.#current?.vtep };
    const remedy = this.#networks.length === 0 ? 'set cluster.computeCidrs in the server’s configuration' : 'waiting for one';
    log.warn(fields, `this node has no address in a compute network, ${remedy}`);
  }
}
