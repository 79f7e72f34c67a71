import { isIpv6 } from '@weft/core/ip';
import type { IpAddress } from '@weft/core/ip';
import type { Ipv4 } from '@weft/core/ipv4';
import { InetSocket } from '@weft/sys/inet-socket';
import { isSysError } from '@weft/sys/sys-error';
import type { Place } from './place.ts';
import { poll, Repetition } from './ticker.ts';

const ANY = '0.0.0.0' as Ipv4;

/** A server that sends every datagram back to where it came from; listens from the moment it is made until disposed. */
export class UdpEcho implements Disposable {
  readonly port: number;
  readonly #socket: InetSocket;
  readonly #repetition: Repetition;
  #received = 0;

  /** Throws SysError (EADDRINUSE…). */
  constructor(options: Readonly<{ place: Place; port: number }>) {
    using stack = new DisposableStack();
    this.#socket = stack.use(InetSocket.open({ netns: options.place.netns, kind: 'udp' }));
    this.#socket.bind(ANY, options.port);
    this.port = this.#socket.localPort();
    stack.move();
    this.#repetition = new Repetition(() => this.#step());
  }

  /** How many datagrams came. */
  get received(): number {
    this.#repetition.check();
    return this.#received;
  }

  [Symbol.dispose](): void {
    this.#repetition[Symbol.dispose]();
    this.#socket[Symbol.dispose]();
  }

  #step(): void {
    for (let got = this.#socket.receive(); got !== undefined; got = this.#socket.receive()) {
      if (got.kind !== 'data' || got.from === undefined || got.port === undefined) continue;
      this.#received++;
      try {
        this.#socket.sendTo(got.bytes, got.from, got.port);
      } catch (error) {
        // No way back to the sender, or a filter in it: an echo that gets lost, as on any network.
        if (!isSysError(error)) throw error;
      }
    }
  }
}

/** Starts a {@link UdpEcho} at every address of `place`'s namespace. Port 0 lets the kernel choose; see `port`. Throws SysError. */
export function udpEcho(place: Place, port: number): UdpEcho {
  return new UdpEcho({ place, port });
}

export type UdpAnswer =
  | Readonly<{ kind: 'answered'; from: IpAddress; bytes: Uint8Array; tookMs: number }>
  | Readonly<{ kind: 'timeout' }>
  | Readonly<{ kind: 'unreachable'; errno: string }>;

/** Sends one datagram from `place` through its own stack and waits for one back, from whomever. Throws the signal's reason. */
export async function udpAsk(
  place: Place,
  target: IpAddress,
  port: number,
  options: Readonly<{ payload: Uint8Array; timeoutMs: number; signal?: AbortSignal }>,
): Promise<UdpAnswer> {
  using socket = InetSocket.open({ netns: place.netns, kind: 'udp', family: isIpv6(target) ? 6 : 4 });
  const startMs = performance.now();
  try {
    socket.sendTo(options.payload, target, port);
  } catch (error) {
    if (isSysError(error)) return { kind: 'unreachable', errno: error.errno };
    throw error;
  }
  const received = await poll(() => socket.receive(), { withinMs: options.timeoutMs, signal: options.signal });
  if (received === undefined) return { kind: 'timeout' };
  if (received.kind === 'data' && received.from !== undefined) {
    return { kind: 'answered', from: received.from, bytes: received.bytes, tookMs: performance.now() - startMs };
  }
  return { kind: 'unreachable', errno: received.kind === 'failed' ? received.errno : 'EPROTO' };
}
