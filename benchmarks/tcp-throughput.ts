import { spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import type { Ipv4 } from '@weft/core/ipv4';
import type { Netns } from '@weft/sys/netns';

/** From a workload's namespace to another one's address. */
export type TcpPath = Readonly<{ from: Netns; to: Netns; address: Ipv4 }>;

export type TcpTool = Readonly<{ name: string; measure: (path: TcpPath, signal: AbortSignal) => Promise<number> }>;

/** One connection, this long unless said otherwise; what slow start and the first ARP cost is left out. */
const MEASURE_MS = 1000;
const OMIT_MS = 300;
/** Of one measurement: a path that carries nothing is an error, not a wait for ever. */
const LIMIT_MS = 20_000;
/** Nobody listens on it in a workload that only sleeps. */
const PORT = 5201;
const PUMP = fileURLToPath(new URL('tcp-pump.ts', import.meta.url));

/** iperf3 if it is installed, otherwise a pump of our own. `measure` gives Gbit/s as the receiver saw them, over `measureMs` (whole seconds). */
export function tcpTool(measureMs = MEASURE_MS): TcpTool {
  const found = spawnSync('iperf3', ['--version'], { encoding: 'utf8' });
  if (found.status === 0)
    return { name: found.stdout.split('\n')[0]?.trim() ?? 'iperf3', measure: (path, signal) => measureByIperf(path, measureMs, signal) };
  return { name: 'own TCP pump (iperf3 is not installed)', measure: (path, signal) => measureByPump(path, measureMs, signal) };
}

async function measureByIperf({ from, to, address }: TcpPath, measureMs: number, signal: AbortSignal): Promise<number> {
  await using server = await Listener.start(
    to,
    ['iperf3', '--server', '--one-off', '--forceflush', '--bind', address, '--port', String(PORT)],
    signal,
  );
  const seconds = String(measureMs / 1000);
  const options = ['--client', address, '--port', String(PORT), '--time', seconds, '--omit', String(OMIT_MS / 1000), '--json'];
  const answer = JSON.parse(await outputOf(start(from, ['iperf3', ...options], signal))) as IperfReport;
  await server.ended;
  if (answer.error !== undefined) throw new Error(`iperf3: ${answer.error}`);
  return answer.end.sum_received.bits_per_second / 1e9;
}

type IperfReport = Readonly<{ error?: string; end: Readonly<{ sum_received: Readonly<{ bits_per_second: number }> }> }>;

async function measureByPump({ from, to, address }: TcpPath, measureMs: number, signal: AbortSignal): Promise<number> {
  const node = [process.execPath, PUMP] as const;
  await using server = await Listener.start(to, [...node, 'receive', address, String(PORT), String(OMIT_MS)], signal);
  await outputOf(start(from, [...node, 'send', address, String(PORT), String(measureMs + OMIT_MS)], signal));
  const { bytes, seconds } = JSON.parse(await server.ended) as Readonly<{ bytes: number; seconds: number }>;
  return (bytes * 8) / seconds / 1e9;
}

/** A receiver that has said that it listens. `ended`: what it printed afterwards. */
export class Listener implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly ended: Promise<string>;

  private constructor(child: ChildProcess, ended: Promise<string>) {
    this.#child = child;
    this.ended = ended;
  }

  static async start(netns: Netns, command: readonly [string, ...string[]], signal: AbortSignal): Promise<Listener> {
    const child = start(netns, command, signal);
    const lines: string[] = [];
    const listens = Promise.withResolvers<void>();
    const ended = new Promise<string>((resolve) => {
      const reader = createInterface({ input: child.stdout! });
      reader.on('line', (line) => {
        if (/listening/i.test(line)) listens.resolve();
        else lines.push(line);
      });
      reader.on('close', () => {
        listens.reject(new Error(`${command[0]} ended before it listened: ${lines.join(' ')}`));
        resolve(lines.at(-1) ?? '');
      });
    });
    const listener = new Listener(child, ended);
    await listens.promise;
    return listener;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.ended;
  }
}

export async function outputOf(child: ChildProcess): Promise<string> {
  const [output, [code]] = await Promise.all([text(child.stdout!), once(child, 'exit') as Promise<[number | null]>]);
  if (code !== 0) throw new Error(`${child.spawnargs.join(' ')} ended with ${code ?? child.signalCode}: ${output.trim()}`);
  return output;
}

/** A child that is started while this thread is inside a namespace lives there. */
export function start(netns: Netns, [program, ...args]: readonly [string, ...string[]], signal: AbortSignal): ChildProcess {
  signal.throwIfAborted();
  const limit = AbortSignal.any([signal, AbortSignal.timeout(LIMIT_MS)]);
  const child = netns.run(() => spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] }));
  const stop = (): void => void child.kill('SIGKILL');
  limit.addEventListener('abort', stop, { once: true });
  child.once('exit', () => limit.removeEventListener('abort', stop));
  return child;
}
