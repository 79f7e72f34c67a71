import assert from 'node:assert/strict';
import type { Ipv4 } from '@weft/core/ipv4';
import type { Place } from '@weft/lab/probe/place';
import { TcpServer } from '@weft/lab/probe/tcp-server';
import { TcpStream } from '@weft/lab/probe/tcp-stream';
import { waitFor } from '@weft/lab/wait';

/** One TCP connection with bytes both ways from the first moment, or from the server only; `bytes` came from there. */
export class Talk implements Disposable {
  readonly #stack = new DisposableStack();
  readonly #stream: TcpStream;

  constructor(from: Place, target: Ipv4, port: number, to: Readonly<{ place: Place; port: number }>, who: 'both' | 'server' = 'both') {
    this.#stack.use(new TcpServer({ ...to, afterGreeting: { bytesPerSecond: 20_000 } }));
    this.#stream = this.#stack.use(new TcpStream({ place: from, target, port, bytesPerSecond: who === 'both' ? 20_000 : 0 }));
  }

  async start(): Promise<this> {
    assert.equal((await this.#stream.start({ timeoutMs: 3000 })).kind, 'connected');
    await this.goesOn(1000);
    return this;
  }

  get bytes(): number {
    return this.#stream.result().received.bytes;
  }

  async goesOn(bytes: number): Promise<void> {
    const before = this.bytes;
    await waitFor({ expected: `${bytes} bytes more`, withinMs: 10_000 }, () => {
      const seen = this.bytes - before;
      return seen >= bytes ? { done: true } : { seen: `${seen}` };
    });
  }

  [Symbol.dispose](): void {
    this.#stack.dispose();
  }
}

/** Those that go on do so for a second's worth of bytes, in which the others get none. */
export async function assertOver(over: readonly Talk[], goingOn: readonly Talk[], what: string): Promise<void> {
  // What was on its way when they ended may still be read.
  for (const talk of goingOn) await talk.goesOn(2000);
  const stopped = over.map(({ bytes }) => bytes);
  for (const talk of goingOn) await talk.goesOn(20_000);
  assert.deepEqual(
    over.map(({ bytes }, at) => bytes - (stopped[at] ?? 0)),
    over.map(() => 0),
    what,
  );
}
