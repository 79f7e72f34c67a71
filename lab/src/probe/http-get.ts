import type { Ipv4 } from '@weft/core/ipv4';
import { InetSocket } from '@weft/sys/inet-socket';
import type { Place } from './place.ts';
import { poll } from './ticker.ts';

export type HttpRequest = Readonly<{
  target: Ipv4;
  port: number;
  path: string;
  method?: string;
  /** Beside `Host`, which is the target unless told; sent as they are. */
  headers?: Readonly<Record<string, string>>;
  timeoutMs: number;
  signal?: AbortSignal;
}>;

/** `answered`: a whole answer came, in its own length or until the connection's end. The others are as of a TCP connection; `cut`: it ended early. */
export type HttpOutcome =
  | Readonly<{ kind: 'answered'; status: number; headers: ReadonlyMap<string, string>; body: string }>
  | Readonly<{ kind: 'refused' | 'timeout' | 'cut' }>
  | Readonly<{ kind: 'unreachable'; errno: string }>;

/** Asks from `place`, through its own stack, in a connection of its own. Throws SysError, and the signal's reason. */
export async function httpGet(place: Place, request: HttpRequest): Promise<HttpOutcome> {
  const { target, port, path, method = 'GET', headers = {}, timeoutMs, signal } = request;
  using socket = InetSocket.open({ netns: place.netns, kind: 'tcp' });
  if (place.ip !== undefined) socket.bind(place.ip, 0);
  const startMs = performance.now();
  const withinMs = (): number => timeoutMs - (performance.now() - startMs);
  socket.connect(target, port);
  const state = await poll(() => decided(socket), { withinMs: withinMs(), signal });
  if (state === undefined) return { kind: 'timeout' };
  if (state !== 'connected') return state;
  const lines = Object.entries({ Host: target, ...headers }).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.send(new TextEncoder().encode(`${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n`));
  let text = '';
  const ended = await poll(
    () => {
      for (let got = socket.receive(); got !== undefined; got = socket.receive()) {
        if (got.kind !== 'data') return got.kind;
        text += new TextDecoder('latin1').decode(got.bytes);
      }
      return isWhole(text) ? 'whole' : undefined;
    },
    { withinMs: withinMs(), signal },
  );
  if (ended === undefined) return { kind: 'timeout' };
  return parse(text) ?? { kind: 'cut' };
}

function decided(socket: InetSocket): 'connected' | Exclude<HttpOutcome, { kind: 'answered' }> | undefined {
  const state = socket.connectState();
  if (state.kind === 'pending') return undefined;
  if (state.kind === 'connected') return 'connected';
  if (state.errno === 'ECONNREFUSED') return { kind: 'refused' };
  return state.errno === 'ETIMEDOUT' ? { kind: 'timeout' } : { kind: 'unreachable', errno: state.errno };
}

function isWhole(text: string): boolean {
  const answer = parse(text);
  const length = answer?.headers.get('content-length');
  return answer !== undefined && length !== undefined && answer.body.length >= Number(length);
}

function parse(text: string): Extract<HttpOutcome, { kind: 'answered' }> | undefined {
  const end = text.indexOf('\r\n\r\n');
  const status = /^HTTP\/1\.[01] (\d{3})/.exec(text)?.[1];
  if (end < 0 || status === undefined) return undefined;
  const lines = text.slice(0, end).split('\r\n').slice(1);
  const headers = new Map(
    lines.map((line): [string, string] => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]),
  );
  return { kind: 'answered', status: Number(status), headers, body: text.slice(end + 4) };
}
