import type { Logger } from '@weft/ssntp/logger';
import { readFileIfPresent, removeFile, replaceFile } from '../state-file.ts';
import { parseLease } from './lease.ts';
import type { Lease } from './lease.ts';

/** What the node's own lease is, for the next process: written at each change, so that a killed one's address is not given up. */
export class LeaseFile {
  readonly #path: string;
  readonly #log: Logger;

  constructor(options: Readonly<{ path: string }>, deps: Readonly<{ log: Logger }>) {
    this.#path = options.path;
    this.#log = deps.log;
  }

  /** Undefined if there is none, or none that can be read: then another one is asked for. */
  load(): Lease | undefined {
    try {
      const text = readFileIfPresent(this.#path);
      return text === undefined ? undefined : parseLease(JSON.parse(text));
    } catch (err) {
      this.#log.warn({ err, path: this.#path }, 'the saved lease cannot be read, asking for a new one');
      return undefined;
    }
  }

  /** Throws what the file system says. */
  save(lease: Lease | undefined): void {
    if (lease === undefined) removeFile(this.#path);
    else replaceFile(this.#path, `${JSON.stringify(lease)}\n`);
  }
}
