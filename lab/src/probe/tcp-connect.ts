import { isIpv6, parseIp } from '@weft/core/ip';
import type { IpAddress } from '@weft/core/ip';
import { InetSocket } from '@weft/sys/inet-socket';
import type { Place } from './place.ts';
import { pause, poll } from './ticker.ts';

/**
 * How an attempt ended. `connected`: a {@link TcpServer} greeted and saw us as `seenAs`. `silent`: connected, but no such greeting came.
 * `timeout`: no answer at all, as when a filter drops. `refused`: a RST. `unreachable`: our own stack or a router said no.
 */
export type TcpOutcome =
  | Readonly<{ kind: 'connected'; seenAs: IpAddress; tookMs: number }>
  | Readonly<{ kind: 'silent' }>
  | Readonly<{ kind: 'timeout' }>
  | Readonly<{ kind: 'refused' }>
  | Readonly<{ kind: 'unreachable'; errno: string }>;

/** Connects from `place`, through its own stack, reads the greeting and closes. Throws SysError, and the signal's reason. */
export async function tcpConnect(
  place: Place,
  target: IpAddress,
  port: number,
  options: Readonly<{ timeoutMs: number; signal?: AbortSignal }>,
): Promise<TcpOutcome> {
  const { timeoutMs, signal } = options;
  using socket = InetSocket.open({ netns: place.netns, kind: 'tcp', family: isIpv6(target) ? 6 : 4 });
  const startMs = performance.now();
  socket.connect(target, port);
  const failure = await poll(() => connectOutcome(socket), { withinMs: timeoutMs, signal });
  if (failure === undefined) return { kind: 'timeout' };
  if (failure !== 'connected') return failure;
  let text = '';
  const withinMs = timeoutMs - (performance.now() - startMs);
  const greeting = await poll(
    () => {
      const got = socket.receive();
      if (got?.kind === 'data') text += new TextDecoder('latin1').decode(got.bytes);
      return text.includes('\n') || text.length > 64 || (got !== undefined && got.kind !== 'data') ? text : undefined;
    },
    { withinMs, signal },
  );
  const seenAs = addressOf(greeting ?? '');
  return seenAs === undefined ? { kind: 'silent' } : { kind: 'connected', seenAs, tookMs: performance.now() - startMs };
}

/** Connections that stay open until disposed. */
export type HeldConnections = Disposable & Readonly<{ connected: number }>;

/**
 * Opens `count` connections, all at once or `gapMs` apart, waits until each is decided or `timeoutMs` have passed since the last attempt,
 * and holds those that were made: how many a limit lets through. Throws SysError, and the signal's reason.
 */
export async function tcpHold(
  place: Place,
  target: IpAddress,
  port: number,
  options: Readonly<{ count: number; gapMs?: number; timeoutMs: number; signal?: AbortSignal }>,
): Promise<HeldConnections> {
  const { count, gapMs = 0, timeoutMs, signal } = options;
  using stack = new DisposableStack();
  const sockets: InetSocket[] = [];
  for (let made = 0; made < count; made++) {
    const socket = stack.use(InetSocket.open({ netns: place.netns, kind: 'tcp', family: isIpv6(target) ? 6 : 4 }));
    sockets.push(socket);
    socket.connect(target, port);
    if (gapMs > 0) await pause(gapMs, signal);
  }
  const decided = (): true | undefined => sockets.every((socket) => socket.connectState().kind !== 'pending') || undefined;
  await poll(decided, { withinMs: timeoutMs, signal });
  const connected = sockets.filter((socket) => socket.connectState().kind === 'connected').length;
  const held = stack.move();
  return { connected, [Symbol.dispose]: () => held.dispose() };
}

function connectOutcome(socket: InetSocket): 'connected' | TcpOutcome | undefined {
  const state = socket.connectState();
  switch (state.kind) {
    case 'pending':
      return undefined;
    case 'connected':
      return 'connected';
    case 'failed':
      if (state.errno === 'ECONNREFUSED') return { kind: 'refused' };
      if (state.errno === 'ETIMEDOUT') return { kind: 'timeout' };
      return { kind: 'unreachable', errno: state.errno };
  }
}

function addressOf(greeting: string): IpAddress | undefined {
  const line = /^([\da-f.:]+)\n/.exec(greeting)?.[1];
  try {
    return line === undefined ? undefined : parseIp(line);
  } catch {
    return undefined;
  }
}
