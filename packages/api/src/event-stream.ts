import { setTimeout as delay } from 'node:timers/promises';
import { ApiError } from './api-error.ts';
import type { EventView } from './v1.ts';

/** The server says something every 15 s. */
const SILENT_MS = 45_000;
const RETRY_MIN_MS = 250;
const RETRY_MAX_MS = 10_000;

export type FollowOptions = Readonly<{ after: number | undefined; signal: AbortSignal | undefined }>;

/** A connection that delivers what came after an event, or undefined: what happens from now on. */
export type OpenStream = (after: number | undefined, signal: AbortSignal) => Promise<AsyncIterable<Uint8Array>>;

/**
 * Events as they happen, each once; a connection that ends or falls silent is made again where it ended. Throws what `open` rejects with,
 * unless that is worth another try, and the signal's reason. Ending the iteration ends the connection.
 */
export async function* followEvents({ after, signal }: FollowOptions, open: OpenStream): AsyncGenerator<EventView> {
  let last = after;
  let failures = 0;
  let isFirst = true;
  for (;;) {
    signal?.throwIfAborted();
    const over = new AbortController();
    const both = signal === undefined ? over.signal : AbortSignal.any([signal, over.signal]);
    let timer = setTimeout(() => over.abort(), SILENT_MS);
    try {
      const chunks = alive(await open(last, both), () => {
        clearTimeout(timer);
        timer = setTimeout(() => over.abort(), SILENT_MS);
      });
      isFirst = false;
      for await (const { id, event } of parseEventStream(chunks)) {
        failures = 0;
        last = id;
        if (event !== undefined) yield event;
      }
    } catch (error) {
      signal?.throwIfAborted();
      // The first one is for whoever asked; later the server is being restarted, or the network is away.
      if (isFirst || (error instanceof ApiError && !error.retryable)) throw error;
    } finally {
      clearTimeout(timer);
      over.abort();
    }
    const pauseMs = Math.min(RETRY_MAX_MS, RETRY_MIN_MS * 2 ** failures);
    await delay(pauseMs, undefined, signal === undefined ? {} : { signal }).catch(() => signal?.throwIfAborted());
    failures += 1;
  }
}

async function* alive<T>(chunks: AsyncIterable<T>, heard: () => void): AsyncGenerator<T> {
  for await (const chunk of chunks) {
    heard();
    yield chunk;
  }
}

/** A place in the log, and what stands there; without an event it is only where the reader is. */
export type StreamItem = Readonly<{ id: number; event: EventView | undefined }>;

/** Server-sent events (HTML Living Standard §9.2.6) with ids that are numbers, as ours have; comments and all else are left out. */
export async function* parseEventStream(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<StreamItem> {
  const decoder = new TextDecoder();
  let rest = '';
  let [id, data] = ['', ''];
  for await (const chunk of chunks) {
    rest += decoder.decode(chunk, { stream: true });
    const lines = rest.split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      if (line.startsWith('id:')) id = line.slice(3).trim();
      else if (line.startsWith('data:')) data += line.slice(5).trim();
      else if (line === '') {
        // A `gap` has no id.
        if (/^\d+$/.test(id)) yield { id: Number(id), event: data === '' ? undefined : (JSON.parse(data) as EventView) };
        [id, data] = ['', ''];
      }
    }
  }
}
