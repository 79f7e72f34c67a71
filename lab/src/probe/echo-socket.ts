import { randomInt } from 'node:crypto';
import { isIpv6 } from '@weft/core/ip';
import type { IpAddress } from '@weft/core/ip';
import { InetSocket } from '@weft/sys/inet-socket';
import type { Netns } from '@weft/sys/netns';
import { isSysError } from '@weft/sys/sys-error';
import { concatBytes, viewOf } from '@weft/core/packet/bytes';
import { asIcmpv6, decodeIcmpEcho, encodeIcmpEcho, fromIcmpv6 } from '../packet/icmp-echo.ts';
import { decodeIpv4 } from '@weft/core/packet/ipv4';
import { token } from './token.ts';

/** What the sender's own stack says when the network cannot be reached: for a probe that is an outcome, not an error. */
const NETWORK_ERRNOS = ['ENETUNREACH', 'EHOSTUNREACH', 'ENETDOWN', 'EHOSTDOWN', 'ENETRESET', 'EAGAIN', 'ENOBUFS', 'EPERM', 'EADDRNOTAVAIL'];

/**
 * Numbered echo requests to one target through a namespace's own IP stack: its routes, its address resolution. Answers are known by a
 * random mark, so any number of these may run at once.
 */
export class EchoSocket implements Disposable {
  readonly #socket: InetSocket;
  readonly #target: IpAddress;
  readonly #identifier = randomInt(0x1_0000);
  readonly #mark = token();
  readonly #filler: Uint8Array;

  /** `payloadBytes` beyond the ICMP header, at least the 20 that the mark and the number need. */
  constructor(options: Readonly<{ netns: Netns; target: IpAddress; payloadBytes?: number }>) {
    this.#target = options.target;
    this.#filler = new Uint8Array(Math.max(0, (options.payloadBytes ?? 0) - this.#mark.length - 4)).fill(0x77);
    this.#socket = InetSocket.open({ netns: options.netns, kind: 'icmp', family: isIpv6(options.target) ? 6 : 4 });
  }

  /** Undefined if it was sent, else the errno with which the stack refused it. Throws SysError for anything else. */
  send(number: number): string | undefined {
    const counter = new Uint8Array(4);
    viewOf(counter).setUint32(0, number);
    const payload = concatBytes(this.#mark, counter, this.#filler);
    try {
      const request = encodeIcmpEcho({ kind: 'request', identifier: this.#identifier, sequence: number & 0xffff, payload });
      this.#socket.sendTo(isIpv6(this.#target) ? asIcmpv6(request) : request, this.#target, 0);
      return undefined;
    } catch (error) {
      if (isSysError(error, ...NETWORK_ERRNOS)) return error.errno;
      throw error;
    }
  }

  /** Calls `answered` with the number of each answer that is waiting. */
  read(answered: (number: number) => void): void {
    for (let received = this.#socket.receive(); received !== undefined; received = this.#socket.receive()) {
      // The error of an earlier echo (an ICMP unreachable); that echo stays unanswered.
      if (received.kind !== 'data') continue;
      const message = isIpv6(this.#target) ? fromIcmpv6(received.bytes) : decodeIpv4(received.bytes)?.payload;
      const echo = message === undefined ? undefined : decodeIcmpEcho(message);
      if (echo?.kind !== 'reply' || echo.identifier !== this.#identifier || echo.payload.length < this.#mark.length + 4) continue;
      if (this.#mark.some((byte, index) => echo.payload[index] !== byte)) continue;
      answered(viewOf(echo.payload).getUint32(this.#mark.length));
    }
  }

  [Symbol.dispose](): void {
    this.#socket[Symbol.dispose]();
  }
}
