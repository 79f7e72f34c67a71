import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { once } from 'node:events';
import { connect, Server } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { test } from 'node:test';
import { fastClock } from '../test-support.ts';
import { MetadataHttp } from './metadata-http.ts';
import type { Answer } from './metadata-http.ts';

/** Answers on loopback, ten seconds being a tenth of one. */
class Bench implements AsyncDisposable {
  readonly asked: string[] = [];
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  constructor(answer: (path: string) => Answer) {
    const http = new MetadataHttp({
      clock: fastClock(100),
      answer: (_socket, path) => {
        this.asked.push(path);
        return answer(path);
      },
    });
    this.#server = new Server((socket) => http.take(socket)).listen(0, '127.0.0.1');
  }

  /** Sends this and returns all that comes until the other side ends. */
  async say(...parts: readonly (string | Buffer)[]): Promise<string> {
    if (!this.#server.listening) await once(this.#server, 'listening');
    const socket = connect((this.#server.address() as AddressInfo).port, '127.0.0.1');
    this.#sockets.add(socket);
    let text = '';
    socket.on('data', (data: Buffer) => (text += data.toString('latin1')));
    socket.on('error', () => undefined);
    for (const part of parts) socket.write(part);
    await once(socket, 'close');
    return text;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }
}

const BODY = Buffer.from('i-7');
const served = (path: string): Answer =>
  path === '/id' ? { type: 'text/plain', body: BODY } : path === '/strange' ? 'stranger' : 'absent';
const status = (text: string): string => text.split('\r\n', 1)[0] ?? '';

test('GET and HEAD are answered, once a connection; what is not there is 404, other methods are 405, and a stranger is told nothing', async () => {
  await using bench = new Bench(served);
  const got = await bench.say('GET /id?x=1 HTTP/1.1\r\nHost: anything\r\n\r\nGET /id HTTP/1.1\r\n\r\n');
  assert.match(got, /^HTTP\/1\.1 200 OK\r\nConnection: close\r\nContent-Type: text\/plain\r\nContent-Length: 3\r\n\r\ni-7$/);
  assert.match(await bench.say('HEAD /id HTTP/1.0\r\n\r\n'), /Content-Length: 3\r\n\r\n$/);
  assert.equal(status(await bench.say('GET /no HTTP/1.1\r\nHost: x\r\n\r\n')), 'HTTP/1.1 404 Not Found');
  assert.equal(status(await bench.say('GET /strange HTTP/1.1\r\nHost: x\r\n\r\n')), 'HTTP/1.1 403 Forbidden');
  for (const method of ['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'TRACE']) {
    const answer = await bench.say(`${method} /id HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx`);
    assert.equal(status(answer), 'HTTP/1.1 405 Method Not Allowed', method);
    assert.match(answer, /Allow: GET, HEAD/);
  }
  assert.deepEqual(bench.asked, ['/id', '/id', '/no', '/strange']);
});

test('a header that is too large, or no HTTP, is refused, and the next is served', async () => {
  await using bench = new Bench(served);
  assert.match(status(await bench.say(`GET /id HTTP/1.1\r\nX: ${'x'.repeat(5000)}\r\n\r\n`)), / 431 /);
  assert.match(status(await bench.say('\x16\x03\x01\x00\xa5\x01\r\n\r\n')), / 400 /);
  assert.equal(bench.asked.length, 0);
  assert.match(status(await bench.say('GET /id HTTP/1.1\r\nHost: x\r\n\r\n')), / 200 /);
});

test('whoever says nothing, or never comes to an end, is cut off', async () => {
  await using bench = new Bench(served);
  const outcomes = await Promise.all([
    bench.say(),
    bench.say('GET /id HTTP/1.1\r\nX: '),
    bench.say('CONNECT /id HTTP/1.1\r\nHost: x\r\n\r\n'),
  ]);
  for (const text of outcomes) assert.ok(!text.includes('200'), text);
  assert.equal(bench.asked.length, 0);
});
