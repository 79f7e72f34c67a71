import type { ServerResponse } from 'node:http';
import type { EventView } from '@weft/api/v1';
import type { EventLog, LogEvent } from '../event-log.ts';
import type { ControllerClock } from '../link.ts';

export type EventStreamOptions = Readonly<{
  /** The last event that the reader has; absent: only what happens from now on. */
  after: number | undefined;
}>;

export type EventStreamDeps = Readonly<{
  events: EventLog;
  clock: Pick<ControllerClock, 'setTimeout' | 'clearTimeout'>;
  /** The event as this reader sees it; undefined for what it may not see. */
  view: (event: LogEvent) => EventView | undefined;
  /** Asked now and then: whoever has lost the right to read is cut. */
  isAllowed: () => boolean;
  response: ServerResponse;
}>;

/** So often a reader hears that the connection lives; one that has taken nothing for two of these is cut. */
const HEARTBEAT_MS = 15_000;

/**
 * One reader of the event log, as server-sent events. Nothing is queued for it: it has a place in the log, and is given more whenever its
 * socket has room. A reader that falls out of the log is told so by an event `gap` and goes on with the oldest.
 */
export class EventStream {
  readonly #deps: EventStreamDeps;
  #seq: number;
  #listening: Disposable | undefined;
  #timer: unknown;
  #stalled = false;
  #ended = false;

  constructor({ after }: EventStreamOptions, deps: EventStreamDeps) {
    this.#deps = deps;
    this.#seq = after === undefined ? deps.events.last : deps.events.placeOf(after);
  }

  /** `ended` is called once, when the connection is over, whoever ended it. */
  start(requestId: string, ended: () => void): void {
    const { response, events } = this.#deps;
    response.on('drain', () => this.#pump());
    response.on('error', () => this.end());
    response.on('close', () => {
      this.end();
      ended();
    });
    response.writeHead(200, {
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
      // Nothing can follow on it, and an idle connection would outlive the stream.
      connection: 'close',
      'x-accel-buffering': 'no',
      'x-openstack-request-id': requestId,
    });
    // With its place, a reader that was given no event yet can come back to it.
    response.write(`id: ${this.#seq}\n\n`);
    this.#listening = events.listen(() => this.#pump());
    this.#beat();
    this.#pump();
  }

  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#listening?.[Symbol.dispose]();
    this.#deps.clock.clearTimeout(this.#timer);
    this.#deps.response.end();
  }

  /** As much as the socket takes. */
  #pump(): void {
    const { events, response, view } = this.#deps;
    if (this.#ended || response.writableNeedDrain) return;
    this.#stalled = false;
    if (events.hasLost(this.#seq)) response.write('event: gap\ndata: {}\n\n');
    for (const event of events.after(this.#seq)) {
      this.#seq = event.seq;
      const shown = view(event);
      if (shown !== undefined && !response.write(`id: ${event.seq}\nevent: ${event.name}\ndata: ${JSON.stringify(shown)}\n\n`)) return;
    }
    this.#seq = Math.max(this.#seq, events.last);
  }

  #beat(): void {
    const { clock, response, isAllowed } = this.#deps;
    this.#timer = clock.setTimeout(() => {
      if (!isAllowed()) return this.end();
      if (response.writableNeedDrain && this.#stalled) return void response.destroy();
      this.#stalled = response.writableNeedDrain;
      if (!this.#stalled) response.write(': alive\n\n');
      this.#beat();
    }, HEARTBEAT_MS);
    // A reader keeps no process alive.
    (this.#timer as { unref?: () => void }).unref?.();
  }
}
