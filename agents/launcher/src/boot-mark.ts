import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { readFileIfPresent, replaceFile } from './state-file.ts';

/**
 * Tells a restart of the launcher from a boot of the node: a random mark in a directory that a boot empties (design §5).
 *
 * It is made when the node's plan has been confirmed, not when the launcher starts. So a launcher that is killed before the confirmation
 * still finds no mark, and what may only start after a confirmation stays withheld.
 */
export class BootMark {
  readonly #path: string;
  #id: string | undefined;

  constructor(options: Readonly<{ runDir: string }>) {
    this.#path = join(options.runDir, 'boot-id');
  }

  /** The mark of this boot; undefined if none was made since. */
  get id(): string | undefined {
    this.#id ??= readFileIfPresent(this.#path)?.trim() || undefined;
    return this.#id;
  }

  /** Makes the mark if there is none, and returns it. */
  ensure(): string {
    const known = this.id;
    if (known !== undefined) return known;
    const id = randomUUID();
    replaceFile(this.#path, `${id}\n`, 0o644);
    this.#id = id;
    return id;
  }
}
