import type { IpAddress } from '@weft/core/ip';
import { EchoSocket } from './echo-socket.ts';
import type { Place } from './place.ts';
import { poll } from './ticker.ts';

export type PingOptions = Readonly<{
  count?: number;
  intervalMs?: number;
  /** How long to wait after the last request was sent; all earlier ones have at least as long. */
  timeoutMs?: number;
  payloadBytes?: number;
  signal?: AbortSignal;
}>;

/** `rttMs` in order of arrival, one per answer. `sendError` is the errno of the last request that the sender's own stack refused. */
export type PingResult = Readonly<{ sent: number; received: number; rttMs: readonly number[]; sendError?: string }>;

/**
 * Sends echo requests from `place`'s namespace, through its own stack, and counts answers. Ends as soon as all are answered. What the
 * stack refuses (no route, interface down) counts as sent and unanswered. Throws SysError if the socket cannot be made.
 */
export async function ping(place: Place, target: IpAddress, options: PingOptions = {}): Promise<PingResult> {
  const { count = 1, intervalMs = 50, timeoutMs = 1000, payloadBytes = 56, signal } = options;
  using socket = new EchoSocket({ netns: place.netns, target, payloadBytes });
  const sentMs: number[] = [];
  const rttMs = new Map<number, number>();
  let sendError: string | undefined;
  const read = (): void => {
    socket.read((number) => {
      const at = sentMs[number];
      if (at !== undefined && !rttMs.has(number)) rttMs.set(number, performance.now() - at);
    });
  };
  for (let number = 0; number < count; number++) {
    sentMs.push(performance.now());
    sendError = socket.send(number) ?? sendError;
    if (number < count - 1) await poll(read, { withinMs: intervalMs, signal });
  }
  await poll(() => (read(), rttMs.size === count || undefined), { withinMs: timeoutMs, signal });
  return { sent: count, received: rttMs.size, rttMs: [...rttMs.values()], ...(sendError === undefined ? {} : { sendError }) };
}
