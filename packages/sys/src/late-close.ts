import { close, closeSync } from 'node:fs';
import { once } from './once.ts';

/** So many at once: descriptors are few, and a caller that opens faster than they close is to be slowed down. */
const PENDING_LIMIT = 1024;
/** By then the kernel has mostly destroyed what it would wait for, and a pool thread is not held up by it either. */
const PAUSE_MS = 50;

/** How many are to be closed, and those whose time has not come. */
const pending = once(() => ({ count: 0, waiting: [] as number[] }));

/**
 * Closes a socket a little later, on a pool thread. The kernel lets some wait until every processor has forgotten them – ten milliseconds and
 * more for a packet socket, and for one of nftables as long as something that it removed is not destroyed – and nobody needs to wait along.
 * It is open until then, so nothing may depend on its end.
 */
export function closeLater(fd: number): void {
  const now = pending();
  if (now.count >= PENDING_LIMIT) return closeSync(fd);
  now.count += 1;
  now.waiting.push(fd);
  if (now.waiting.length === 1) setTimeout(closeWaiting, PAUSE_MS).unref();
}

function closeWaiting(): void {
  const now = pending();
  for (const fd of now.waiting.splice(0)) {
    close(fd, () => {
      now.count -= 1;
    });
  }
}
