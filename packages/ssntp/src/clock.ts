/** Time as sessions need it: monotonic milliseconds and one-shot timers. Tests put fake time in its place. */
export interface Clock {
  now(): number;
  setTimeout(callback: () => void, ms: number): unknown;
  /** Accepts a timer that has fired or was cleared. */
  clearTimeout(timer: unknown): void;
}

export const systemClock: Clock = {
  now: () => performance.now(),
  setTimeout: (callback, ms) => setTimeout(callback, ms),
  clearTimeout: (timer) => clearTimeout(timer as NodeJS.Timeout | undefined),
};
