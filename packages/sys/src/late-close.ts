import { close, closeSync } from 'node:fs';
import { once } from './once.ts';

/** So many at once: descriptors are few, and a caller that opens faster than they close is to be slowed down. */
const PENDING_LIMIT = 256;

/** How many are being closed. */
const pending = once(() => ({ count: 0 }));

/**
 * Closes a socket on a pool thread. The kernel lets some wait until every processor has forgotten them – ten milliseconds and more for a packet
 * socket – and nobody needs to wait along. It is open until then, so nothing may depend on its end.
 */
export function closeLater(fd: number): void {
  const now = pending();
  if (now.count >= PENDING_LIMIT) return closeSync(fd);
  now.count += 1;
  close(fd, () => {
    now.count -= 1;
  });
}
