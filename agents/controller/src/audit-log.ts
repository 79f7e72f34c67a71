/**
 * Who changed what, as JSON lines in a file of its own: one line for each request that is not a mere look, written before it is answered.
 *
 *     audit.log ──full──▶ audit.log.1 ──▶ audit.log.2 ──▶ … ──▶ gone
 *
 * A line holds nothing that a client wrote freely – no body, no query, no header – so no secret can be in it. It is in the file when its
 * writer knows so, and survives the process; a power loss may cost the newest ones.
 */
import { open, rename } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import type { Logger } from '@weft/ssntp/logger';

/** One change that a request made: a record's id and the revision that it has now; gone, if `removed`. */
export type AuditChange = Readonly<{ kind: string; id: string; revision: number; removed?: true }>;

export type AuditEntry = Readonly<{
  /** RFC 3339, milliseconds. */
  time: string;
  request_id: string;
  /** The one that the client gave it, for its own log: `req-<uuid>`. */
  global_request_id: string | null;
  /** The address that the request came from. */
  from: string;
  /** Null: nobody that is known. `token`: one of the fixed ones, or one that the identity service gave a user. */
  who: Readonly<{ token: 'fixed' | 'user'; role: string; user?: string; project?: string }> | null;
  method: string;
  /** The pattern of the path, without what a client filled in: `/v2.0/ports/:id`. Null where there is none. */
  route: string | null;
  /** The ids that the path named. */
  ids: readonly string[];
  dry_run: boolean;
  status: number;
  /** The code of a refusal. */
  error: string | null;
  changes: readonly AuditChange[];
}>;

/** Where lines go. Resolves when the line is written; never rejects. */
export type AuditSink = Readonly<{ write: (entry: AuditEntry) => Promise<void> }>;

export type AuditLogOptions = Readonly<{
  path: string;
  /** A file that would grow beyond it is put aside. Default 16 MiB. */
  maxBytes?: number;
  /** How many files that are full are kept. Default 4. */
  kept?: number;
}>;

const MAX_BYTES = 16 * 1024 * 1024;
const KEPT = 4;
const NEWLINE = 10;

export class AuditLog implements AuditSink, AsyncDisposable {
  readonly #path: string;
  readonly #maxBytes: number;
  readonly #kept: number;
  readonly #log: Logger;
  #file: FileHandle;
  #size: number;
  #queue: Promise<void> = Promise.resolve();
  /** Lines of the next append: what comes while one is under way goes together. */
  #waiting: Uint8Array[] = [];
  #failing = false;

  private constructor(options: AuditLogOptions, deps: Readonly<{ log: Logger }>, file: FileHandle, size: number) {
    this.#path = options.path;
    this.#maxBytes = options.maxBytes ?? MAX_BYTES;
    this.#kept = options.kept ?? KEPT;
    this.#log = deps.log;
    this.#file = file;
    this.#size = size;
  }

  /** Continues the file, or begins it: readable by its owner only. Throws what the file system says. */
  static async open(options: AuditLogOptions, deps: Readonly<{ log: Logger }>): Promise<AuditLog> {
    const [file, size] = await openForAppend(options.path);
    return new AuditLog(options, deps, file, size);
  }

  /** A line that cannot be written is told to the log: what it tells of is done already and cannot be taken back. */
  write(entry: AuditEntry): Promise<void> {
    this.#waiting.push(Buffer.from(`${JSON.stringify(entry)}\n`));
    if (this.#waiting.length === 1) this.#queue = this.#append(this.#queue);
    return this.#queue;
  }

  async #append(before: Promise<void>): Promise<void> {
    await before;
    const lines = Buffer.concat(this.#waiting);
    this.#waiting = [];
    try {
      if (this.#size > 0 && this.#size + lines.length > this.#maxBytes) await this.#rotate();
      await this.#file.appendFile(lines);
      this.#size += lines.length;
      if (this.#failing) this.#log.info({ file: this.#path }, 'audit log written again');
      this.#failing = false;
    } catch (error) {
      if (!this.#failing) this.#log.error({ file: this.#path, err: error }, 'audit log cannot be written');
      this.#failing = true;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#queue;
    await this.#file.close();
  }

  /** Killed in between, the next process finds a gap in the numbers, and no line lost but those of the oldest file. */
  async #rotate(): Promise<void> {
    for (let n = this.#kept - 1; n >= 1; n -= 1) await renameIfPresent(`${this.#path}.${n}`, `${this.#path}.${n + 1}`);
    await renameIfPresent(this.#path, `${this.#path}.1`);
    const full = this.#file;
    [this.#file, this.#size] = await openForAppend(this.#path);
    await full.close();
  }
}

/** With its size. What a killed process left of a line is ended, so that the next one begins anew. */
async function openForAppend(path: string): Promise<readonly [file: FileHandle, size: number]> {
  const file = await open(path, 'a+', 0o600);
  try {
    const { size } = await file.stat();
    if (size === 0) return [file, 0];
    const { buffer } = await file.read(Buffer.alloc(1), 0, 1, size - 1);
    if (buffer[0] === NEWLINE) return [file, size];
    await file.appendFile('\n');
    return [file, size + 1];
  } catch (error) {
    await file.close();
    throw error;
  }
}

async function renameIfPresent(from: string, to: string): Promise<void> {
  try {
    await rename(from, to);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}
