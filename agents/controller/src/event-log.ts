import type { EventName, EventView } from '@weft/api/v1';
import type { TenantId } from '@weft/core/uuid';

/** What happened, once for each fact; in memory only. `tenantId` absent: the operator's business. */
export type LogEvent = Readonly<{
  /** Rises by one; across restarts, too, so that a reader who asks for what came after the last one it saw misses nothing unawares. */
  seq: number;
  /** RFC 3339. */
  time: string;
  tenantId: TenantId | undefined;
  type: EventView['type'];
  name: EventName;
  /** Ids, addresses: by what they are. */
  resources: Readonly<Record<string, string>>;
  message: string;
}>;

export type NewEvent = Omit<LogEvent, 'seq' | 'time' | 'type'> & Readonly<{ type?: LogEvent['type'] }>;

const CAPACITY = 10_000;

/** The newest events. Each is added when what it says is durable, or was reported by its node. */
export class EventLog {
  readonly #capacity: number;
  readonly #wallMs: () => number;
  readonly #listeners = new Set<() => void>();
  readonly #events: LogEvent[] = [];
  /** Nothing happens a thousand times a second for the whole life of a process, so the next process begins higher than this one ended. */
  #next: number;

  constructor(options: Readonly<{ capacity?: number }>, deps: Readonly<{ wallMs: () => number }>) {
    this.#capacity = options.capacity ?? CAPACITY;
    this.#wallMs = deps.wallMs;
    this.#next = deps.wallMs();
  }

  add(event: NewEvent): void {
    this.#events.push({ type: 'info', ...event, seq: this.#next, time: new Date(this.#wallMs()).toISOString() });
    this.#next += 1;
    if (this.#events.length > this.#capacity) this.#events.shift();
    for (const listener of this.#listeners) listener();
  }

  /** The number of the newest event, or the one before the first. */
  get last(): number {
    return this.#next - 1;
  }

  /** Where a reader goes on who has seen this number; from the start if it was never given, because the clock was put back. */
  placeOf(seq: number): number {
    return seq > this.last ? 0 : seq;
  }

  /** Whether events after this one are no longer, or not any more, here. */
  hasLost(after: number): boolean {
    return after + 1 < (this.#events[0]?.seq ?? this.#next);
  }

  /** Oldest first. */
  *after(seq: number): Generator<LogEvent> {
    const first = this.#events[0]?.seq;
    if (first === undefined) return;
    for (let index = Math.max(0, seq + 1 - first); index < this.#events.length; index += 1) {
      const event = this.#events[index];
      if (event !== undefined) yield event;
    }
  }

  /** Calls back after each event, until disposed of. */
  listen(listener: () => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }
}
