import assert from 'node:assert/strict';
import test from 'node:test';
import { MessageWriter } from './codec/message-writer.ts';
import { NLMSG_DONE, NLMSG_ERROR, NLM_F_ACK, NLM_F_DUMP_INTR, decodeMessages } from './codec/message.ts';
import type { Message } from './codec/message.ts';
import { NetlinkError } from './netlink-error.ts';
import { NetlinkSocket } from './netlink-socket.ts';
import type { Datagrams, NetlinkRequest } from './netlink-socket.ts';

const GET = { code: 30, name: 'RTM_GETNEIGH' };
const NEW = { code: 28, name: 'RTM_NEWNEIGH' };
const request: NetlinkRequest = { type: GET, body: (m) => m.u32(1, 1) };

type Reply = Readonly<{ type: number; flags?: number; sequence: number; body?: Uint8Array }>;

/** Answers each send by the datagrams that `answer` makes of its messages. */
class FakeKernel implements Datagrams {
  readonly sends: Message[][] = [];
  readonly #answer: (sent: readonly Message[], count: number) => readonly (readonly Reply[])[];
  readonly #waiting: Uint8Array[] = [];

  constructor(answer: (sent: readonly Message[], count: number) => readonly (readonly Reply[])[]) {
    this.#answer = answer;
  }

  send(bytes: Uint8Array): void {
    assert.ok(bytes.length <= 150_000, `a send of ${bytes.length} bytes`);
    const sent = decodeMessages(Uint8Array.from(bytes));
    this.sends.push(sent);
    for (const replies of this.#answer(sent, this.sends.length)) {
      const writer = new MessageWriter();
      for (const { type, flags = 0, sequence, body } of replies) {
        writer.message(type, flags, sequence, (m) => m.raw(body ?? new Uint8Array(4)));
      }
      this.#waiting.push(writer.written());
    }
  }

  receive(): Uint8Array {
    const next = this.#waiting.shift();
    assert.ok(next !== undefined, 'waits for a datagram that will never come');
    return next;
  }

  [Symbol.dispose](): void {
    assert.deepEqual(this.#waiting, []);
  }
}

function errno(value: number): Uint8Array {
  const bytes = new Uint8Array(20);
  new DataView(bytes.buffer).setInt32(0, -value, true);
  return bytes;
}

test('an interrupted dump is read to its end and made again', () => {
  const kernel = new FakeKernel(([sent], count) => {
    const sequence = sent?.sequence ?? 0;
    const flags = count <= 2 ? NLM_F_DUMP_INTR : 0;
    return [[{ type: 28, flags, sequence }], [{ type: 28, sequence }], [{ type: NLMSG_DONE, flags, sequence }]];
  });
  using socket = new NetlinkSocket(kernel);
  assert.equal(socket.dump(request).length, 2);
  assert.equal(kernel.sends.length, 3);
});

test('a dump that never stands still is an error, not a short list', () => {
  const kernel = new FakeKernel(([sent]) => [[{ type: NLMSG_DONE, flags: NLM_F_DUMP_INTR, sequence: sent?.sequence ?? 0 }]]);
  using socket = new NetlinkSocket(kernel);
  assert.throws(
    () => socket.dump(request),
    (error) => error instanceof NetlinkError && error.errno === 'EINTR' && error.retryable,
  );
});

test('a dump that fails at its end is an error', () => {
  const kernel = new FakeKernel(([sent]) => [
    [
      { type: 28, sequence: sent?.sequence ?? 0 },
      { type: NLMSG_DONE, sequence: sent?.sequence ?? 0, body: errno(12) },
    ],
  ]);
  using socket = new NetlinkSocket(kernel);
  assert.throws(() => socket.dump(request), /RTM_GETNEIGH: ENOMEM/);
});

test('late replies to an earlier request are skipped', () => {
  const kernel = new FakeKernel(([sent]) => {
    const sequence = sent?.sequence ?? 0;
    return [
      [{ type: 28, sequence: sequence - 1 }],
      [{ type: NLMSG_ERROR, sequence: sequence - 1, body: errno(17) }],
      [{ type: 28, sequence }],
    ];
  });
  using socket = new NetlinkSocket(kernel);
  assert.equal(socket.get(request).type, 28);
});

test('a get never asks for an acknowledgement', () => {
  const kernel = new FakeKernel(([sent]) => [[{ type: 28, sequence: sent?.sequence ?? 0 }]]);
  using socket = new NetlinkSocket(kernel);
  socket.get(request);
  assert.equal((kernel.sends[0]?.[0]?.flags ?? NLM_F_ACK) & NLM_F_ACK, 0);
});

test('a batch is cut into chunks, acknowledged once each, and errors find their requests', () => {
  const failing = new Set([0, 7, 1999, 2500, 4999]);
  let seen = 0;
  const kernel = new FakeKernel((sent) =>
    sent.flatMap(({ sequence, flags }) => {
      const failed = failing.has(seen++);
      if (!failed && (flags & NLM_F_ACK) === 0) return [];
      return [[{ type: NLMSG_ERROR, sequence, body: errno(failed ? 2 : 0) }]];
    }),
  );
  using socket = new NetlinkSocket(kernel);
  const errors = socket.batch(
    Array.from({ length: 5000 }, (_, index) => ({ type: NEW, what: `entry ${index}`, body: (m) => m.bytes(1, new Uint8Array(60)) })),
  );
  assert.equal(errors.length, 5000);
  assert.ok(kernel.sends.length > 1);
  const failed = errors.flatMap((error, index) => (error === undefined ? [] : [[index, error.details['what'], error.errno]]));
  assert.deepEqual(
    failed,
    [...failing].map((index) => [index, `entry ${index}`, 'ENOENT']),
  );
});

test('a batch of which one request cannot be written sends nothing', () => {
  const kernel = new FakeKernel(() => []);
  using socket = new NetlinkSocket(kernel);
  const bad: NetlinkRequest = { type: NEW, body: (m) => m.bytes(1, new Uint8Array(70_000)) };
  assert.throws(() => socket.batch([request, bad]), /bytes long/);
  assert.deepEqual(kernel.sends, []);
});

test('an empty batch asks the kernel nothing', () => {
  const kernel = new FakeKernel(() => []);
  using socket = new NetlinkSocket(kernel);
  assert.deepEqual(socket.batch([]), []);
});
