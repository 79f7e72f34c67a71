import type { Uuid } from '@weft/core/uuid';
import type { Frame } from '@weft/ssntp/frame';

/** The controller's connection to the scheduler, as much of it as is used here. `SsntpClient` is one. */
export interface SchedulerLink {
  /** Begins connecting, for ever. */
  start(): void;
  /** False when there is no connection. */
  send(frame: Frame): boolean;
  /** Asks a node and waits for its answer. Rejects with a WeftError: not connected, no answer in time, or the node's own refusal. */
  request(op: string, body: unknown, options: Readonly<{ destination: Uuid; timeoutMs: number }>): Promise<unknown>;
  close(): Promise<void>;
}

/** Monotonic milliseconds and timers as SSNTP has them, and the time of day in milliseconds since 1970. */
export interface ControllerClock {
  now(): number;
  setTimeout(callback: () => void, ms: number): unknown;
  clearTimeout(timer: unknown): void;
  wallMs(): number;
}
