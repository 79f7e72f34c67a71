import type { Ipv4 } from '@weft/core/ipv4';
import { linkGet } from '@weft/netlink/link';
import { Rtnl } from '@weft/netlink/rtnl';
import type { Place } from './place.ts';
import { tcpServer } from './tcp-server.ts';
import { TcpStream } from './tcp-stream.ts';
import { pause } from './ticker.ts';

/** Something that flows, and how many bytes of it have arrived so far. */
export type Flow = Disposable & Readonly<{ name: string; arrivedBytes: () => number }>;

/** A host that flows begin or end at, with the address at which it is reached. */
export type FlowEnd = Place & Readonly<{ ip: Ipv4 }>;

type FlowOptions = Readonly<{ name: string; from: FlowEnd; to: FlowEnd; kbps: number; timeoutMs: number; signal?: AbortSignal }>;

/** A TCP connection on which `from` sends to `to` as fast as `kbps`, if it may. What counts is what `to` has read. Throws if it cannot connect. */
export async function upload({ name, from, to, kbps, ...patience }: FlowOptions): Promise<Flow> {
  using stack = new DisposableStack();
  const server = stack.use(tcpServer(to, 0));
  const stream = stack.use(new TcpStream({ place: from, target: to.ip, port: server.port, bytesPerSecond: kbps * 125 }));
  await connected(name, stream, patience);
  const owned = stack.move();
  const arrivedBytes = (): number => (stream.result(), server.progress().bytes);
  return { name, arrivedBytes, [Symbol.dispose]: () => owned.dispose() };
}

/** As {@link upload}, but it is `to` that connects. */
export async function download({ name, from, to, kbps, ...patience }: FlowOptions): Promise<Flow> {
  using stack = new DisposableStack();
  const server = stack.use(tcpServer(from, 0, { afterGreeting: { bytesPerSecond: kbps * 125 } }));
  const stream = stack.use(new TcpStream({ place: to, target: from.ip, port: server.port, bytesPerSecond: 0 }));
  await connected(name, stream, patience);
  const owned = stack.move();
  return { name, arrivedBytes: () => stream.result().received.bytes, [Symbol.dispose]: () => owned.dispose() };
}

/** What arrives at an interface, whatever it is: bytes of frames, counted by the kernel. */
export function arriving(name: string, place: Place): Flow {
  const rtnl = Rtnl.open(place.netns);
  return {
    name,
    arrivedBytes: () => Number(linkGet(rtnl, place.ifname)?.stats.rxBytes ?? 0n),
    [Symbol.dispose]: () => rtnl[Symbol.dispose](),
  };
}

/** How fast each of them flows during one stretch of time, in kilobits a second. */
export async function throughput(flows: readonly Flow[], windowMs: number, signal?: AbortSignal): Promise<number[]> {
  const before = await look(flows);
  await pause(windowMs, signal);
  const after = await look(flows);
  return flows.map((_, at) => (8 * (after.bytes[at]! - before.bytes[at]!)) / (after.nowMs - before.nowMs));
}

/** Probes read in timers, and all that were due have run before an immediate: what came is counted, however late this process is. */
async function look(flows: readonly Flow[]): Promise<Readonly<{ nowMs: number; bytes: readonly number[] }>> {
  await new Promise((resolve) => setImmediate(resolve));
  return { nowMs: performance.now(), bytes: flows.map((flow) => flow.arrivedBytes()) };
}

async function connected(name: string, stream: TcpStream, patience: Readonly<{ timeoutMs: number; signal?: AbortSignal }>): Promise<void> {
  const started = await stream.start(patience);
  if (started.kind === 'failed') throw new Error(`${name} could not connect: ${started.errno}`);
}
