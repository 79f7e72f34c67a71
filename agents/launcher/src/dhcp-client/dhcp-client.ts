/**
 * A node's own DHCP client (RFC 2131), for the address that its tunnels end at.
 *
 *     DISCOVER ─▶ OFFER ─▶ REQUEST ─▶ ACK ─▶ bound ── T1 ─▶ renewing (its server) ── T2 ─▶ rebinding (any server) ─▶ ended
 *        ▲                                     ▲                   │ ACK                        │ ACK                  │
 *        │                                     └───────────────────┴────────────────────────────┘                      │
 *        └──────────────────────────────────── NAK ────────────────────────────────────────────────────────────────────┘
 *
 * A saved lease is used at once, and confirmed beside. It takes an address and nothing else: no route, no name server. The address ends in the
 * kernel when the lease does, so it goes even if this process does not live to see that. Stopping keeps it.
 */
import type { Mac } from '@weft/core/mac';
import type { DhcpMessage } from '@weft/core/packet/dhcp';
import type { DhcpMessageType, DhcpOptions } from '@weft/core/packet/dhcp-options';
import type { Clock } from '@weft/ssntp/clock';
import type { Logger } from '@weft/ssntp/logger';
import { EVERYBODY, NO_ADDRESS } from './dhcp-socket.ts';
import type { DhcpAnswer, DhcpEnvelope } from './dhcp-socket.ts';
import { leaseOf } from './lease.ts';
import type { Lease } from './lease.ts';

export type DhcpClientOptions = Readonly<{ mac: Mac; hostname: string }>;

export type DhcpClientDeps = Readonly<{
  /** Opened for each question. Throws when the interface cannot be used. */
  open: () => Disposable & Readonly<{ send(message: DhcpMessage, envelope: DhcpEnvelope): void; receive(): DhcpAnswer | undefined }>;
  /** Gives the interface the address until the lease ends; again is fine. Throws NetlinkError. */
  put: (lease: Lease) => void;
  /** Takes it away; fine if it is not there. */
  remove: (lease: Lease) => void;
  saved: Readonly<{ load(): Lease | undefined; save(lease: Lease | undefined): void }>;
  clock: Clock;
  /** Milliseconds since 1970: leases outlive processes, and a machine's sleep. */
  wallMs: () => number;
  random: () => number;
  log: Logger;
}>;

/** What is asked: again after `windowMs` without one of the expected answers, by whoever asked. */
type Question = Readonly<{
  options: DhcpOptions;
  transactionId: number;
  clientAddress: Lease['address'];
  to: DhcpEnvelope['to'];
  expected: readonly DhcpMessageType[];
  windowMs: number;
  answered: (answer: DhcpAnswer, askedAtMs: number) => void;
  silent: () => void;
}>;

/** Subnet mask, lease time, server, and when to renew and to rebind. */
const WANTED = [1, 51, 54, 58, 59];
/** How long an answer is waited for: 4, 8, 16, 32 and then 64 s, a second more or less (RFC 2131 §4.1). */
const FIRST_WINDOW_MS = 4000;
const LONGEST_WINDOW_MS = 64_000;
const LISTEN_MS = 20;
const REQUESTS = 3;
/** RFC 2131 §4.4.5: no more often than once a minute while the lease is good. */
const RENEW_PAUSE_MS = 60_000;
/** While it holds an address it sees to it, in case somebody took it away. */
const HOLD_MS = 10_000;
/** After a refusal, lest two that disagree fill the wire. */
const REFUSED_MS = 2000;

export class DhcpClient {
  readonly #options: DhcpClientOptions;
  readonly #deps: DhcpClientDeps;
  #lease: Lease | undefined;
  #timer: unknown;
  #socket: ReturnType<DhcpClientDeps['open']> | undefined;
  #sinceMs = 0;
  /** When its server may be asked for more time again, after it did not answer. */
  #notBeforeMs = 0;
  /** Why there is no answer, told once. */
  #complained = false;
  #stopped = false;

  constructor(options: DhcpClientOptions, deps: DhcpClientDeps) {
    this.#options = options;
    this.#deps = deps;
  }

  /** What the node has now. */
  get lease(): Lease | undefined {
    return this.#lease;
  }

  start(): void {
    const { saved, wallMs } = this.#deps;
    const lease = saved.load();
    if (lease === undefined) return this.#begin();
    if (lease.endsAtMs <= wallMs()) {
      this.#drop(lease);
      return this.#begin();
    }
    // Its address may be there, so it is this process's to take away again.
    this.#lease = lease;
    this.#sinceMs = wallMs();
    if (this.#take(lease)) this.#confirm(lease);
    else this.#recover(lease);
  }

  /** Asks no more. The address stays, until its lease ends. */
  stop(): void {
    this.#stopped = true;
    this.#quiet();
  }

  #begin(): void {
    this.#sinceMs = this.#deps.wallMs();
    this.#discover(0);
  }

  #discover(attempt: number): void {
    const transactionId = this.#newTransaction();
    this.#ask({
      options: { messageType: 'discover' },
      transactionId,
      clientAddress: NO_ADDRESS,
      to: EVERYBODY,
      expected: ['offer'],
      windowMs: this.#window(attempt),
      answered: (offer) => this.#request(offer, transactionId, 0),
      silent: () => {
        this.#complain({}, 'no DHCP server answers, asking again');
        this.#discover(attempt + 1);
      },
    });
  }

  /** Takes the offer. */
  #request(offer: DhcpAnswer, transactionId: number, attempt: number): void {
    const { yourAddress: requestedAddress, options } = offer.message;
    const server = options.server === undefined ? {} : { server: options.server };
    this.#ask({
      options: { messageType: 'request', requestedAddress, ...server },
      transactionId,
      clientAddress: NO_ADDRESS,
      to: EVERYBODY,
      expected: ['ack', 'nak'],
      windowMs: this.#window(attempt),
      answered: (answer, askedAtMs) => this.#settle(answer, askedAtMs),
      silent: () => (attempt + 1 < REQUESTS ? this.#request(offer, transactionId, attempt + 1) : this.#discover(0)),
    });
  }

  /** Whether a lease of an earlier process still holds. Who says nothing does not mind. */
  #confirm(lease: Lease, attempt = 0): void {
    this.#ask({
      options: { messageType: 'request', requestedAddress: lease.address },
      transactionId: this.#newTransaction(),
      clientAddress: NO_ADDRESS,
      to: EVERYBODY,
      expected: ['ack', 'nak'],
      windowMs: this.#window(attempt),
      answered: (answer, askedAtMs) => this.#settle(answer, askedAtMs),
      silent: () => (attempt + 1 < REQUESTS ? this.#confirm(lease, attempt + 1) : this.#hold(lease)),
    });
  }

  /** Waits for the time to renew, and renews, until the end. */
  #hold(lease: Lease): void {
    const { wallMs } = this.#deps;
    const now = wallMs();
    if (now >= lease.endsAtMs) return this.#lose('the lease has ended, and nobody gave it more time');
    const renewAtMs = Math.max(lease.renewAtMs, this.#notBeforeMs);
    if (now >= renewAtMs) return this.#renew(lease, now >= lease.rebindAtMs);
    this.#after(Math.min(renewAtMs - now, lease.endsAtMs - now, HOLD_MS), () => {
      if (this.#take(lease)) this.#hold(lease);
      else this.#recover(lease);
    });
  }

  #renew(lease: Lease, rebinding: boolean): void {
    this.#sinceMs = this.#deps.wallMs();
    this.#ask({
      options: { messageType: 'request' },
      transactionId: this.#newTransaction(),
      clientAddress: lease.address,
      to: rebinding ? EVERYBODY : { mac: lease.serverMac, ip: lease.server },
      expected: ['ack', 'nak'],
      windowMs: FIRST_WINDOW_MS,
      answered: (answer, askedAtMs) => this.#settle(answer, askedAtMs),
      silent: () => {
        this.#complain({ address: lease.address }, 'the DHCP server does not renew the lease, asking again');
        this.#renewLater(lease);
      },
    });
  }

  #renewLater(lease: Lease): void {
    const now = this.#deps.wallMs();
    const next = now >= lease.rebindAtMs ? lease.endsAtMs : lease.rebindAtMs;
    this.#notBeforeMs = now + Math.min(Math.max((next - now) / 2, RENEW_PAUSE_MS), Math.max(0, next - now));
    this.#hold(lease);
  }

  /** After something went wrong: what is leased is leased still, until it ends; else it begins anew. */
  #recover(lease: Lease | undefined): void {
    this.#after(REFUSED_MS, () => (lease === undefined ? this.#begin() : this.#hold(lease)));
  }

  /** The end of a question: an address, or a word against it. */
  #settle({ message, from }: DhcpAnswer, askedAtMs: number): void {
    const { log } = this.#deps;
    if (message.options.messageType === 'nak') return this.#lose('the DHCP server refuses the address');
    const before = this.#lease;
    let lease: Lease;
    try {
      lease = leaseOf(message, from, askedAtMs);
    } catch (err) {
      this.#complain({ err }, 'a lease cannot be used, asking for another one');
      return before === undefined ? this.#recover(before) : this.#renewLater(before);
    }
    if (!this.#take(lease)) return this.#recover(before);
    if (before !== undefined && before.address !== lease.address) this.#drop(before);
    if (this.#complained || before?.address !== lease.address) {
      log.info({ address: lease.address, server: lease.server, endsInMs: lease.endsAtMs - askedAtMs }, 'address leased');
    }
    this.#complained = false;
    this.#save(lease);
    this.#hold(lease);
  }

  /** Gives the interface the address. False if that failed. */
  #take(lease: Lease): boolean {
    try {
      this.#deps.put(lease);
      this.#lease = lease;
      return true;
    } catch (err) {
      this.#complain({ err, address: lease.address }, 'the interface does not take the leased address, trying again');
      return false;
    }
  }

  #lose(why: string): void {
    const lease = this.#lease;
    this.#lease = undefined;
    if (lease !== undefined) {
      this.#deps.log.warn({ address: lease.address, reason: why }, 'the leased address is given up');
      this.#drop(lease);
    }
    this.#recover(undefined);
  }

  #drop(lease: Lease): void {
    const { remove, log } = this.#deps;
    try {
      remove(lease);
    } catch (err) {
      log.warn({ err, address: lease.address }, 'an address that is no longer leased could not be taken away');
    }
    this.#save(undefined);
  }

  /** Without it the next process would ask for another address than this one has. */
  #save(lease: Lease | undefined): void {
    const { saved, log } = this.#deps;
    try {
      saved.save(lease);
    } catch (err) {
      log.warn({ err }, 'the lease could not be saved');
    }
  }

  #ask(question: Question): void {
    const { clock, wallMs } = this.#deps;
    this.#quiet();
    if (this.#stopped) return;
    const askedAtMs = wallMs();
    const endMs = clock.now() + question.windowMs;
    try {
      this.#socket = this.#deps.open();
      this.#socket.send(this.#messageOf(question), { source: question.clientAddress, to: question.to });
    } catch (err) {
      this.#complain({ err }, 'the interface cannot be used for DHCP, trying again');
    }
    const listen = (): void => {
      const answer = this.#receive(question);
      if (answer === undefined && clock.now() < endMs) return this.#after(LISTEN_MS, listen);
      this.#quiet();
      if (answer === undefined) question.silent();
      else question.answered(answer, askedAtMs);
    };
    this.#after(LISTEN_MS, listen);
  }

  #receive({ transactionId, expected }: Question): DhcpAnswer | undefined {
    try {
      for (let answer = this.#socket?.receive(); answer !== undefined; answer = this.#socket?.receive()) {
        const { message } = answer;
        const type = message.options.messageType;
        const ours = message.transactionId === transactionId && message.hardwareAddress === this.#options.mac;
        if (ours && type !== undefined && expected.includes(type)) return answer;
      }
    } catch (err) {
      this.#complain({ err }, 'the interface cannot be used for DHCP, trying again');
    }
    return undefined;
  }

  #messageOf({ options, transactionId, clientAddress }: Question): DhcpMessage {
    return {
      op: 'request',
      transactionId,
      seconds: Math.min(0xffff, Math.max(0, Math.floor((this.#deps.wallMs() - this.#sinceMs) / 1000))),
      broadcast: false,
      clientAddress,
      yourAddress: NO_ADDRESS,
      nextServerAddress: NO_ADDRESS,
      relayAddress: NO_ADDRESS,
      hardwareAddress: this.#options.mac,
      options: { ...options, parameterRequestList: WANTED, hostName: this.#options.hostname },
    };
  }

  #newTransaction(): number {
    return Math.floor(this.#deps.random() * 2 ** 32);
  }

  #window(attempt: number): number {
    return Math.min(LONGEST_WINDOW_MS, FIRST_WINDOW_MS * 2 ** Math.min(attempt, 8)) + 2000 * (this.#deps.random() - 0.5);
  }

  #after(ms: number, action: () => void): void {
    this.#deps.clock.clearTimeout(this.#timer);
    if (!this.#stopped) this.#timer = this.#deps.clock.setTimeout(action, ms);
  }

  #quiet(): void {
    this.#deps.clock.clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#socket?.[Symbol.dispose]();
    this.#socket = undefined;
  }

  #complain(fields: object, message: string): void {
    if (!this.#complained) this.#deps.log.warn(fields, message);
    this.#complained = true;
  }
}
