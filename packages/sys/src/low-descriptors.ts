import { closeSync, openSync } from 'node:fs';
import { WeftError } from '@weft/core/weft-error';

/** glibc's FD_SETSIZE: a library that waits with select() ends the process when it meets a descriptor from here on. */
export const FD_SETSIZE = 1024;
const RESERVED = 8;

/** No descriptor is low enough for a library that can use only low ones. */
export class NoLowDescriptor extends WeftError {
  constructor() {
    super('no_low_descriptor', `this process has no file descriptor below ${FD_SETSIZE} left`, {
      remedy: 'Report this: it holds too many files or sockets open. Restarting it helps.',
      retryable: true,
    });
  }
}

/**
 * Descriptors below FD_SETSIZE, held back for a library that waits with select(), however many files the process opens meanwhile. Descriptor
 * numbers are given out lowest first, so one that is let go is the next one to be opened.
 */
export class LowDescriptors {
  readonly #held: number[] = [];

  /** Takes descriptors into reserve while there are low ones. Cheap when the reserve is full. */
  refill(): void {
    while (this.#held.length < RESERVED) {
      const fd = openSync('/dev/null', 'r');
      if (fd >= FD_SETSIZE) {
        closeSync(fd);
        return;
      }
      this.#held.push(fd);
    }
  }

  /** Calls `open`, which opens one descriptor and returns: it gets a low one, the number that `open` is told. Throws NoLowDescriptor, and then nothing was called. */
  with<T>(open: (fd: number) => T): T {
    this.refill();
    const fd = this.#held.pop();
    if (fd === undefined) throw new NoLowDescriptor();
    closeSync(fd);
    return open(fd);
  }
}
