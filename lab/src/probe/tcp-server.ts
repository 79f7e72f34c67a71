import { isIpv6 } from '@weft/core/ip';
import type { IpAddress } from '@weft/core/ip';
import { InetSocket } from '@weft/sys/inet-socket';
import { isSysError } from '@weft/sys/sys-error';
import { concatBytes } from '@weft/core/packet/bytes';
import type { Place } from './place.ts';
import { ProgressMeter } from './progress-meter.ts';
import type { Progress } from './progress-meter.ts';
import { RateSchedule } from './rate-schedule.ts';
import { Repetition } from './ticker.ts';

/** So that one busy connection cannot keep a step from ending. */
const READS_PER_STEP = 16;

export type TcpServerOptions = Readonly<{
  /** Default: every IPv4 address of the namespace. `::` is every one of both families, and IPv4 peers then seem to be `::ffff:…`. */
  address?: IpAddress;
  /** Only what arrives by this interface. Default: by any. */
  device?: string;
  /** Only take what comes (default), send it back, or send bytes of its own at a rate. */
  afterGreeting?: 'sink' | 'echo' | Readonly<{ bytesPerSecond: number }>;
  /** From which standstill on {@link TcpServer.progress} counts a stall. */
  stallMs?: number;
}>;

type Connection = { readonly socket: InetSocket; readonly schedule: RateSchedule | undefined; unsent: Uint8Array };

/**
 * Answers every connection with the peer's address, as seen here, and a newline. That shows what address translation made of the client.
 * Connections stay open until the peer closes or this is disposed.
 */
export class TcpServer implements Disposable {
  readonly port: number;
  readonly #options: TcpServerOptions;
  readonly #listener: InetSocket;
  readonly #connections = new Set<Connection>();
  readonly #peers: IpAddress[] = [];
  readonly #meter: ProgressMeter;
  readonly #repetition: Repetition;

  /** Listens from now on. Throws SysError (EADDRINUSE…). */
  constructor(options: TcpServerOptions & Readonly<{ place: Place; port: number }>) {
    using stack = new DisposableStack();
    this.#options = options;
    const address = options.address ?? ('0.0.0.0' as IpAddress);
    this.#listener = stack.use(InetSocket.open({ netns: options.place.netns, kind: 'tcp', family: isIpv6(address) ? 6 : 4 }));
    if (options.device !== undefined) this.#listener.bindToDevice(options.device);
    this.#listener.bind(address, options.port);
    this.#listener.listen(512);
    this.port = this.#listener.localPort();
    this.#meter = new ProgressMeter({ startMs: performance.now(), ...(options.stallMs === undefined ? {} : { stallMs: options.stallMs }) });
    stack.move();
    this.#repetition = new Repetition(() => this.#step());
  }

  /** The peers of all connections so far, in order of arrival. */
  get peers(): readonly IpAddress[] {
    this.#repetition.check();
    return this.#peers;
  }

  /** How many connections are open now. */
  get open(): number {
    this.#repetition.check();
    return this.#connections.size;
  }

  /** What was received over all connections together, and how long it stood still. */
  progress(): Progress {
    this.#repetition.check();
    return this.#meter.progress();
  }

  [Symbol.dispose](): void {
    this.#repetition[Symbol.dispose]();
    for (const connection of this.#connections) connection.socket[Symbol.dispose]();
    this.#connections.clear();
    this.#listener[Symbol.dispose]();
  }

  #step(): void {
    const nowMs = performance.now();
    for (let next = this.#listener.accept(); next !== undefined; next = this.#listener.accept()) {
      const { afterGreeting } = this.#options;
      const schedule =
        typeof afterGreeting === 'object' ? new RateSchedule({ perSecond: afterGreeting.bytesPerSecond, startMs: nowMs }) : undefined;
      this.#connections.add({ socket: next.socket, schedule, unsent: new TextEncoder().encode(`${next.from}\n`) });
      this.#peers.push(next.from);
    }
    let received = 0;
    for (const connection of this.#connections) {
      received += this.#read(connection);
      if (this.#connections.has(connection)) this.#write(connection, nowMs);
    }
    this.#meter.look(nowMs, received);
  }

  #read(connection: Connection): number {
    let received = 0;
    // What is to be echoed and cannot be sent stays in the kernel: the peer must feel it.
    for (let reads = 0; reads < READS_PER_STEP && (this.#options.afterGreeting !== 'echo' || connection.unsent.length === 0); reads++) {
      const got = connection.socket.receive();
      if (got === undefined) break;
      if (got.kind !== 'data') {
        this.#drop(connection);
        break;
      }
      received += got.bytes.length;
      if (this.#options.afterGreeting === 'echo') this.#send(connection, got.bytes);
      if (!this.#connections.has(connection)) break;
    }
    return received;
  }

  #write(connection: Connection, nowMs: number): void {
    const due = connection.schedule?.due(nowMs) ?? 0;
    // A rate that the path cannot carry is not saved up.
    const more = connection.unsent.length === 0 ? new Uint8Array(due).fill(0x70) : new Uint8Array();
    this.#send(connection, more);
  }

  #send(connection: Connection, more: Uint8Array): void {
    connection.unsent = concatBytes(connection.unsent, more);
    if (connection.unsent.length === 0) return;
    try {
      connection.unsent = connection.unsent.subarray(connection.socket.send(connection.unsent));
    } catch (error) {
      if (!isSysError(error)) throw error;
      this.#drop(connection);
    }
  }

  #drop(connection: Connection): void {
    this.#connections.delete(connection);
    connection.socket[Symbol.dispose]();
  }
}

/** Starts a {@link TcpServer} in `place`'s namespace. Port 0 lets the kernel choose; see `port`. Throws SysError. */
export function tcpServer(place: Place, port: number, options: TcpServerOptions = {}): TcpServer {
  return new TcpServer({ ...options, place, port });
}
