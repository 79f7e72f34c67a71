/**
 * SSNTP: what its frames cost, and how fast a session answers, in memory and over mutual TLS. The limit beside the session is the transport
 * itself: the same bytes echoed by a bare TLS 1.3 socket of this process.
 */
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import tls from 'node:tls';
import type { TLSSocket } from 'node:tls';
import type { Uuid } from '@weft/core/uuid';
import { uuidFromBytes } from '@weft/core/uuid';
import { createAuthority, issueLeaf } from '@weft/pki/certificate';
import type { ByteStream } from '@weft/ssntp/byte-stream';
import { systemClock } from '@weft/ssntp/clock';
import { encodeFrame, FrameDecoder, routedFrame } from '@weft/ssntp/frame';
import { memoryStreamPair } from '@weft/ssntp/memory-stream';
import { Command, FrameType, Status } from '@weft/ssntp/operands';
import { oidsOfRoles, Role } from '@weft/ssntp/role';
import { Session } from '@weft/ssntp/session';
import type { SessionHandler } from '@weft/ssntp/session';
import type { TlsCredentials } from '@weft/ssntp/tls';
import { connectTls, listenTls } from '@weft/ssntp/tls';
import type { Benchmark, BenchmarkContext } from './benchmark.ts';
import { formatCount } from './figures.ts';
import { measure } from './micro.ts';
import type { MicroTask } from './micro.ts';

const SERVER = uuidFromBytes(new Uint8Array(16).fill(1));
const AGENT = uuidFromBytes(new Uint8Array(16).fill(2));
const PAYLOAD = Buffer.from(JSON.stringify({ text: 'x'.repeat(1000) }));
const REQUEST = routedFrame(FrameType.COMMAND, Command.Request, SERVER, PAYLOAD, AGENT);
const REPLY = routedFrame(FrameType.STATUS, Status.Reply, AGENT, PAYLOAD, SERVER);
/** In flight at once, where round trips are counted and not timed one by one. */
const WINDOW = 64;

/** Sends requests and waits for as many replies. */
type RoundTrips = (count: number) => Promise<void>;

async function run({ print, signal }: BenchmarkContext): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const credentials = await makeCredentials();
  const overMemory = await sessionRoundTrips(
    memoryStreamPair({ roles: Role.CNAgent, uuid: AGENT, address: 'memory' }, { roles: Role.Scheduler, uuid: SERVER, address: 'memory' }),
    stack,
  );
  const overTls = await sessionRoundTrips(await tlsStreams(credentials, stack, signal), stack);
  const bare = await bareTls(credentials, stack);
  print(`Frames with ${formatCount(PAYLOAD.length)} B of payload; ${WINDOW} round trips at once where it says so.\n`);
  const results = await measure(
    [
      ...codecTasks(),
      ...roundTripTasks('session in memory', overMemory),
      ...roundTripTasks('session over TLS', overTls),
      ...roundTripTasks('limit: bare TLS echo', bare),
    ],
    { print, signal },
  );
  const rate = (name: string): number => results.find((result) => result.name === name)?.perSecond ?? Number.NaN;
  for (const suffix of [', one by one', `, ${WINDOW} at once`]) {
    const ratio = rate(`session over TLS${suffix}`) / rate(`limit: bare TLS echo${suffix}`);
    print(`\n  session ÷ bare TLS${suffix}: ${ratio.toFixed(2)}`);
  }
}

function codecTasks(): MicroTask[] {
  const one = encodeFrame(REQUEST);
  const many = Buffer.concat(Array.from({ length: 1000 }, () => one));
  const chunks = Array.from({ length: Math.ceil(many.length / 65_536) }, (_, n) => many.subarray(n * 65_536, (n + 1) * 65_536));
  const decode = (pieces: readonly Uint8Array[]): number => {
    const decoder = new FrameDecoder();
    let frames = 0;
    for (const piece of pieces) {
      decoder.push(piece);
      while (decoder.next() !== undefined) frames += 1;
    }
    return frames;
  };
  if (decode(chunks) !== 1000) throw new Error('frames were lost');
  return [
    { name: 'encode a frame', fn: () => encodeFrame(REQUEST) },
    { name: 'decode a frame', fn: () => decode([one]) },
    { name: 'decode a frame out of a stream in pieces of 64 KiB', fn: () => decode(chunks), perCall: 1000 },
  ];
}

function roundTripTasks(name: string, roundTrips: RoundTrips): MicroTask[] {
  return [
    { name: `${name}, one by one`, fn: () => roundTrips(1), asynchronous: true },
    { name: `${name}, ${WINDOW} at once`, fn: () => roundTrips(WINDOW), perCall: WINDOW, asynchronous: true },
  ];
}

/** A client and a server session; the server answers every request at once. */
async function sessionRoundTrips([client, server]: readonly [ByteStream, ByteStream], stack: AsyncDisposableStack): Promise<RoundTrips> {
  const counter = new ReplyCounter();
  const established = Promise.withResolvers<void>();
  const handler = (frame: SessionHandler['frame']): SessionHandler => ({
    established: (session) => void (session.peerUuid === SERVER && established.resolve()),
    frame,
    closed: (_, reason) => counter.fail(new Error(`the session ended: ${reason.message}`)),
  });
  const serverHandler = handler((session) => void session.send(REPLY));
  const common = { clock: systemClock };
  const answering = new Session(
    { uuid: SERVER, role: Role.Scheduler },
    { kind: 'server', configuration: () => undefined },
    { ...common, stream: server, handler: serverHandler },
  );
  const clientHandler = handler(() => counter.arrived());
  const asking = new Session(
    { uuid: AGENT, role: Role.CNAgent },
    { kind: 'client' },
    { ...common, stream: client, handler: clientHandler },
  );
  stack.defer(() => {
    asking.close();
    answering.close();
  });
  await established.promise;
  return (count) => {
    const replies = counter.expect(count);
    for (let n = 0; n < count; n += 1) if (!asking.send(REQUEST)) counter.fail(new Error('a request could not be sent'));
    return replies;
  };
}

async function tlsStreams(
  credentials: Readonly<{ server: TlsCredentials; agent: TlsCredentials }>,
  stack: AsyncDisposableStack,
  signal: AbortSignal,
): Promise<[ByteStream, ByteStream]> {
  const accepted = Promise.withResolvers<ByteStream>();
  const listener = stack.use(await listenTls({ ...credentials.server, host: '127.0.0.1', port: 0 }, accepted.resolve));
  const client = await connectTls({ ...credentials.agent, host: '127.0.0.1', port: listener.port, signal });
  return [client, await accepted.promise];
}

/** The same bytes over the same kind of connection, with nothing of ours. */
async function bareTls(
  { server, agent }: Readonly<{ server: TlsCredentials; agent: TlsCredentials }>,
  stack: AsyncDisposableStack,
): Promise<RoundTrips> {
  const bytes = encodeFrame(REQUEST);
  const counter = new ReplyCounter();
  const listener = tls.createServer({ ...server, minVersion: 'TLSv1.3', requestCert: true, rejectUnauthorized: true }, (socket) => {
    socket.setNoDelay(true).on('error', (error) => counter.fail(error));
    eachFrame(socket, bytes.length, () => socket.write(bytes));
  });
  stack.defer(() => void listener.close());
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const { port } = listener.address() as AddressInfo;
  const socket = tls.connect({ ...agent, host: '127.0.0.1', port, minVersion: 'TLSv1.3' });
  stack.defer(() => void socket.destroy());
  await once(socket, 'secureConnect');
  socket.setNoDelay(true);
  eachFrame(socket, bytes.length, () => counter.arrived());
  return (count) => {
    const replies = counter.expect(count);
    for (let n = 0; n < count; n += 1) socket.write(bytes);
    return replies;
  };
}

function eachFrame(socket: TLSSocket, frameBytes: number, arrived: () => void): void {
  let bytes = 0;
  socket.on('data', (chunk: Buffer) => {
    for (bytes += chunk.length; bytes >= frameBytes; bytes -= frameBytes) arrived();
  });
}

/** Resolves when as many replies have come as were asked for. */
class ReplyCounter {
  #left = 0;
  #done = Promise.withResolvers<void>();

  expect(count: number): Promise<void> {
    this.#left = count;
    this.#done = Promise.withResolvers();
    return this.#done.promise;
  }

  arrived(): void {
    this.#left -= 1;
    if (this.#left === 0) this.#done.resolve();
  }

  fail(error: Error): void {
    if (this.#left > 0) this.#done.reject(error);
  }
}

async function makeCredentials(): Promise<Readonly<{ server: TlsCredentials; agent: TlsCredentials }>> {
  const authority = await createAuthority({ name: 'Weft benchmark', days: 1 });
  const issue = async (uuid: Uuid, role: number): Promise<TlsCredentials> => {
    const leaf = await issueLeaf(authority, { uuid, oids: oidsOfRoles(role), ipAddresses: ['127.0.0.1'], name: 'benchmark', days: 1 });
    return { ca: authority.certPem, cert: leaf.certPem, key: leaf.keyPem };
  };
  return { server: await issue(SERVER, Role.Scheduler), agent: await issue(AGENT, Role.CNAgent) };
}

export const ssntpBenchmark: Benchmark = {
  name: 'ssntp',
  about: 'encode and decode frames, round trips in memory and over TLS',
  needsKernel: false,
  run,
};
