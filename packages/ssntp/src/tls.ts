/**
 * The network transport: TLS 1.3 only, certificates of the cluster's authority on both ends. What a connection's certificate proves goes into
 * `ByteStream.peer`; judging it against CONNECT is the session's.
 */
import { once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';
import { isIP } from 'node:net';
import tls from 'node:tls';
import type { TLSSocket } from 'node:tls';
import { WeftError } from '@weft/core/weft-error';
import type { ByteStream, StreamPeer } from './byte-stream.ts';
import { peerOfCertificate } from './certificate-peer.ts';
import { Role, hasAnyRole, roleName } from './role.ts';

/** PEM texts: the authority that both ends trust, and this end's certificate and key. */
export type TlsCredentials = Readonly<{ ca: string; cert: string; key: string }>;

export type TlsListenOptions = TlsCredentials &
  Readonly<{
    /** An address to bind; absent: all of them. */
    host?: string;
    /** 0: any free one; see {@link TlsListener.port}. */
    port: number;
    handshakeTimeoutMs?: number;
  }>;

export type TlsConnectOptions = TlsCredentials &
  Readonly<{
    /** An IP address, or a name; a literal address is never looked up. The server's certificate must name it. */
    host: string;
    port: number;
    signal: AbortSignal;
    handshakeTimeoutMs?: number;
  }>;

/** The connection could not be made or secured. */
export class TlsConnectFailed extends WeftError {
  constructor(host: string, port: number, cause: unknown) {
    super('tls_connect_failed', `connecting to ${host} port ${port}`, { cause, details: { host, port }, retryable: true });
  }
}

export type TlsListener = Readonly<{
  port: number;
  address: string;
  /** Stops listening; no stream is handed over any more, those that were live on. */
  close(): void;
}> &
  Disposable;

const DEFAULT_HANDSHAKE_TIMEOUT_MS = 10_000;

const PROTOCOL = { minVersion: 'TLSv1.3', maxVersion: 'TLSv1.3' } as const;

/**
 * Listens, and hands over each connection whose client proved a certificate of our authority. Every other connection is one call of `onFault`
 * and nothing else. Rejects when the address cannot be bound.
 */
export async function listenTls(
  options: TlsListenOptions,
  onStream: (stream: ByteStream) => void,
  onFault: (fault: Readonly<{ address: string; error: Error }>) => void = () => {},
): Promise<TlsListener> {
  const { host, port, ca, cert, key, handshakeTimeoutMs = DEFAULT_HANDSHAKE_TIMEOUT_MS } = options;
  const server = tls.createServer({
    ...PROTOCOL,
    ca,
    cert,
    key,
    requestCert: true,
    rejectUnauthorized: true,
    handshakeTimeout: handshakeTimeoutMs,
  });
  let closed = false;
  const refuse = (socket: Socket, error: Error): void => {
    if (!closed) onFault({ address: addressOf(socket), error });
    socket.destroy();
  };
  server.on('tlsClientError', (error, socket) => refuse(socket, error));
  server.on('secureConnection', (socket) => {
    const certificate = socket.getPeerX509Certificate();
    if (closed || !socket.authorized || certificate === undefined) return refuse(socket, new Error('no certificate of our authority'));
    onStream(new TlsStream(socket, peerOfCertificate(certificate, addressOf(socket))));
  });
  server.listen({ port, host });
  await once(server, 'listening');
  server.on('error', (error) => onFault({ address: 'listener', error }));
  const bound = server.address() as AddressInfo;
  const close = (): void => {
    if (!closed) server.close();
    closed = true;
  };
  return { port: bound.port, address: bound.address, close, [Symbol.dispose]: close };
}

/**
 * Connects and checks that the server's certificate is of our authority, names `host` and has a server's role. A server that refuses *our*
 * certificate says so only afterwards (TLS 1.3): then the stream closes with an error. Rejects with TlsConnectFailed or the signal's reason.
 */
export async function connectTls(options: TlsConnectOptions): Promise<ByteStream> {
  const { host, port, ca, cert, key, signal, handshakeTimeoutMs = DEFAULT_HANDSHAKE_TIMEOUT_MS } = options;
  signal.throwIfAborted();
  const { promise, resolve, reject } = Promise.withResolvers<ByteStream>();
  const name = isIP(host) === 0 ? { servername: host } : {};
  const socket = tls.connect({ ...PROTOCOL, ...name, host, port, ca, cert, key, rejectUnauthorized: true });
  const fail = (error: unknown): void => {
    reject(error);
    socket.destroy();
  };
  const onAbort = (): void => fail(signal.reason);
  const onError = (error: Error): void => fail(new TlsConnectFailed(host, port, error));
  const onSecure = (): void => {
    const certificate = socket.getPeerX509Certificate();
    if (certificate === undefined) return onError(new Error('the server showed no certificate'));
    const peer = peerOfCertificate(certificate, addressOf(socket));
    if (!hasAnyRole(peer.roles, Role.Scheduler | Role.Server)) {
      return onError(new Error(`the certificate's role ${roleName(peer.roles)} is not that of a server`));
    }
    // Made here and not after the promise: from this moment the stream must be there to hear of errors.
    resolve(new TlsStream(socket, peer));
  };
  const timer = setTimeout(() => onError(new Error(`no connection within ${handshakeTimeoutMs} ms`)), handshakeTimeoutMs);
  signal.addEventListener('abort', onAbort, { once: true });
  socket.on('error', onError);
  socket.once('secureConnect', onSecure);
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', onAbort);
    // A destroyed socket may still report an error; its listener stays. On a stream, fail() has no effect any more.
  }
}

class TlsStream implements ByteStream {
  readonly peer: StreamPeer;
  readonly localAddress: string | undefined;
  readonly #socket: TLSSocket;
  #corked = false;
  #closed = false;
  #error: Error | undefined;
  #close: ((error: Error | undefined) => void) | undefined;

  constructor(socket: TLSSocket, peer: StreamPeer) {
    this.peer = peer;
    this.localAddress = socket.localAddress;
    this.#socket = socket;
    // Frames are whole messages that somebody waits for; those of one turn are joined below instead.
    socket.setNoDelay(true);
    socket.on('error', (error) => {
      this.#error ??= error;
    });
    socket.once('close', () => {
      this.#closed = true;
      this.#announceClose();
    });
  }

  get bufferedBytes(): number {
    return this.#socket.writableLength;
  }

  /** What is written within one turn of the event loop goes out as one TLS record, if it fits. */
  write(bytes: Uint8Array): boolean {
    if (!this.#socket.writable) return false;
    if (!this.#corked) {
      this.#corked = true;
      this.#socket.cork();
      process.nextTick(() => {
        this.#corked = false;
        this.#socket.uncork();
      });
    }
    return this.#socket.write(bytes);
  }

  onData(listener: (bytes: Uint8Array) => void): void {
    this.#socket.removeAllListeners('data').on('data', listener);
  }

  onDrain(listener: () => void): void {
    this.#socket.removeAllListeners('drain').on('drain', listener);
  }

  onClose(listener: (error: Error | undefined) => void): void {
    this.#close = listener;
    if (this.#closed) process.nextTick(() => this.#announceClose());
  }

  close(): void {
    this.#socket.end();
  }

  destroy(error?: Error): void {
    this.#error ??= error;
    this.#socket.destroy();
  }

  #announceClose(): void {
    const listener = this.#close;
    this.#close = undefined;
    listener?.(this.#error);
  }
}

function addressOf(socket: Socket): string {
  const { remoteAddress, remotePort } = socket;
  if (remoteAddress === undefined) return 'unknown';
  return remoteAddress.includes(':') ? `[${remoteAddress}]:${remotePort}` : `${remoteAddress}:${remotePort}`;
}
