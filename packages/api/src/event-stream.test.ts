import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { WeftError } from '@weft/core/weft-error';
import { ApiError } from './api-error.ts';
import { followEvents, parseEventStream } from './event-stream.ts';
import type { StreamItem } from './event-stream.ts';

const event = (seq: number): string => `id: ${seq}\nevent: node.joined\ndata: ${JSON.stringify({ seq, message: 'ä – ö' })}\n\n`;
const TEXT = `id: 6\n\n: alive\n\n${event(7)}event: gap\ndata: {}\n\n${event(9)}id: 10\ndata: {"half`;

async function* pieces(bytes: Uint8Array, cuts: readonly number[]): AsyncGenerator<Uint8Array> {
  let from = 0;
  for (const cut of [...cuts.map((at) => at % bytes.length).toSorted((a, b) => a - b), bytes.length]) {
    yield bytes.subarray(from, cut);
    from = cut;
  }
}

test('a stream is read the same however it is cut, also within a character; what has no end is not told', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat(), { maxLength: 10 }), async (cuts) => {
      const items: StreamItem[] = [];
      for await (const item of parseEventStream(pieces(new TextEncoder().encode(TEXT), cuts))) items.push(item);
      const read = items.map(({ id, event: told }) => [id, told?.seq, told?.message]);
      assert.deepEqual(read, [
        [6, undefined, undefined],
        [7, 7, 'ä – ö'],
        [9, 9, 'ä – ö'],
      ]);
    }),
  );
});

test('a connection that ends is made again where it ended, until the signal says stop', async () => {
  const asked: (number | undefined)[] = [];
  const stop = new AbortController();
  const reason = new WeftError('stopped', 'enough');
  const open = async (after: number | undefined): Promise<AsyncIterable<Uint8Array>> => {
    asked.push(after);
    if (asked.length === 2) throw ApiError.unreachable('https://there', new Error('restarting'));
    const text = asked.length === 1 ? `id: 6\n\n` : event(7);
    return pieces(new TextEncoder().encode(text), []);
  };
  const seen: number[] = [];
  await assert.rejects(
    async () => {
      for await (const { seq } of followEvents({ after: undefined, signal: stop.signal }, open)) {
        seen.push(seq);
        if (seen.length === 1) stop.abort(reason);
      }
    },
    (error) => error === reason,
  );
  assert.deepEqual([seen, asked], [[7], [undefined, 6, 6]]);
});

test('what another try does not help is thrown at once, and so is whatever meets the first', async () => {
  for (const error of [ApiError.unreachable('https://there', new Error('nobody')), ApiError.fromAnswer('GET', { status: 401, text: '' })]) {
    const first = followEvents({ after: undefined, signal: undefined }, () => Promise.reject(error)).next();
    await assert.rejects(first, (thrown) => thrown === error);
  }
});
