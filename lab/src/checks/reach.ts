import { expect } from '../check.ts';
import type { CheckContext } from '../check-context.ts';
import { arrivals } from '../probe/arrives.ts';
import type { Place } from '../probe/place.ts';

/** Where a frame may be looked for, under a name that messages use. */
export type Listener = Readonly<{ name: string; place: Place }>;

/** From the end of sending. Frames within one machine take far less than a millisecond; a loaded machine gets its time. */
const SILENCE_MS = 150;
const ARRIVAL_MS = 3000;

/**
 * Sends once, listening everywhere at once: the frame must be seen at every place of `at`, and at none of `notAt`. The silence is thus that of
 * the very frame that was seen to be sent. With nobody in `at` an earlier arrival must have shown that the probe works.
 */
export async function expectReach(
  context: CheckContext,
  probe: Readonly<{
    what: string;
    token: Uint8Array;
    send: () => void;
    at: readonly Listener[];
    notAt: readonly Listener[];
    where?: string;
  }>,
): Promise<void> {
  const { what, token, send, at, notAt, where } = probe;
  const receivers = [...at, ...notAt].map((listener) => listener.place);
  const common = { receivers, token, sender: send, signal: context.signal };
  const seen =
    notAt.length === 0
      ? await arrivals({ ...common, withinMs: ARRIVAL_MS, expect: 'arrival' })
      : await arrivals({ ...common, withinMs: SILENCE_MS, expect: 'silence' });
  const missing = at.filter((_, index) => seen[index]!.count === 0);
  const present = notAt.filter((_, index) => seen[at.length + index]!.count > 0);
  const names = (listeners: readonly Listener[]): string => listeners.map((listener) => listener.name).join(', ');
  expect(missing.length === 0, `${what} to arrive at ${names(at)}`, `nothing at ${names(missing)}`, where);
  expect(present.length === 0, `${what} not to arrive at ${names(notAt)}`, `it arrived at ${names(present)}`, where);
}
