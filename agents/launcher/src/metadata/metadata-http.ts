import { createServer } from 'node:http';
import type { IncomingMessage, Server as HttpServer, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Clock } from '@weft/ssntp/clock';
import type { MetadataContent } from './content.ts';

/** A request is one line and a few short headers. */
const HEADER_BYTES = 4096;
/** Whoever needs longer has to ask again: a connection is one question and its answer. */
const LIFETIME_MS = 10_000;

const EMPTY = { 'Content-Length': 0 };

/** What is at a path for the other end of a connection; `stranger`: it is nobody's that is known here. */
export type Answer = MetadataContent | 'absent' | 'stranger';

export type MetadataHttpDeps = Readonly<{ clock: Clock; answer: (socket: Socket, path: string) => Answer }>;

/**
 * The metadata service's side of HTTP, for connections that others accept. It believes nothing that a request says about its sender: no
 * `Host`, no `X-Forwarded-For`. One question a connection, GET or HEAD, with a small header, and never longer than ten seconds.
 */
export class MetadataHttp {
  readonly #deps: MetadataHttpDeps;
  readonly #server: HttpServer;

  constructor(deps: MetadataHttpDeps) {
    this.#deps = deps;
    this.#server = createServer({ maxHeaderSize: HEADER_BYTES, requireHostHeader: false, keepAlive: false }, (request, response) =>
      this.#answer(request, response),
    );
    this.#server.maxRequestsPerSocket = 1;
    this.#server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
      const status = error.code === 'HPE_HEADER_OVERFLOW' ? '431 Request Header Fields Too Large' : '400 Bad Request';
      if (socket.writable) socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
      else socket.destroy();
    });
  }

  take(socket: Socket): void {
    const { clock } = this.#deps;
    const timer = clock.setTimeout(() => socket.destroy(), LIFETIME_MS);
    socket.once('close', () => clock.clearTimeout(timer));
    this.#server.emit('connection', socket);
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    response.setHeader('Connection', 'close');
    response.sendDate = false;
    if (request.method !== 'GET' && request.method !== 'HEAD')
      return void response.writeHead(405, { Allow: 'GET, HEAD', 'Content-Length': 0 }).end();
    const [path = ''] = (request.url ?? '').split('?', 1);
    const answer = this.#deps.answer(request.socket, path);
    if (answer === 'stranger') return void response.writeHead(403, EMPTY).end();
    if (answer === 'absent') return void response.writeHead(404, EMPTY).end();
    response.writeHead(200, { 'Content-Type': answer.type, 'Content-Length': answer.body.length });
    response.end(request.method === 'HEAD' ? undefined : answer.body);
  }
}
