import { closeSync, fstatSync, writeFileSync } from 'node:fs';
import { WeftError } from '@weft/core/weft-error';
import { koffi, libc, sysCheck } from './libc.ts';
import { closeLater } from './late-close.ts';
import { FD_SETSIZE, LowDescriptors } from './low-descriptors.ts';
import type { Netns } from './netns.ts';
import { once } from './once.ts';
import { withoutSignals } from './signals.ts';

/** nft refused a transaction; nothing of it was applied. `details.text` is nft's own message, `details.line` the first failing line. */
export class NftError extends WeftError {
  constructor(text: string, commands: string) {
    const line = failingLine(text, commands);
    super('nft_error', `nftables: ${firstError(text)}${line === undefined ? '' : ` in: ${line}`}`, {
      details: { text, ...(line === undefined ? {} : { line }) },
    });
  }
}

/** The nftables library is not installed. */
export class NftUnavailable extends WeftError {
  constructor(library: string, cause: unknown) {
    super('nft_unavailable', `loading ${library}`, {
      cause,
      details: { library },
      remedy: 'Install the nftables library: apt install libnftables1 (Debian, Ubuntu), dnf install nftables-libs (Fedora).',
    });
  }
}

const OUTPUT_JSON = 1 << 4;
const MFD_CLOEXEC = 1;
const F_DUPFD_CLOEXEC = 1030;

type Context = Readonly<{ __brand: 'nft_ctx' }>;

type Nftables = Readonly<{
  newContext: (flags: number) => Context | null;
  free: (context: Context) => void;
  setFlags: (context: Context, flags: number) => void;
  bufferOutput: (context: Context) => number;
  bufferError: (context: Context) => number;
  output: (context: Context) => string | null;
  error: (context: Context) => string | null;
  run: (context: Context, commands: string) => number;
  runFile: (context: Context, path: string) => number;
  setDryRun: (context: Context, on: boolean) => void;
}>;

const nftables = once(() => loadNftables('libnftables.so.1'));

/** libnftables waits for the kernel's answers with select(). */
const lowDescriptors = once(() => new LowDescriptors());

/** Binds libnftables. Throws NftUnavailable. */
export function loadNftables(name: string): Nftables {
  let library;
  try {
    library = koffi().load(name);
  } catch (cause) {
    throw new NftUnavailable(name, cause);
  }
  const bind = <T>(definition: string): T => library.func(definition) as T;
  return {
    newContext: bind('void *nft_ctx_new(uint32_t)'),
    free: bind('void nft_ctx_free(void *)'),
    setFlags: bind('void nft_ctx_output_set_flags(void *, uint)'),
    bufferOutput: bind('int nft_ctx_buffer_output(void *)'),
    bufferError: bind('int nft_ctx_buffer_error(void *)'),
    output: bind('str nft_ctx_get_output_buffer(void *)'),
    error: bind('str nft_ctx_get_error_buffer(void *)'),
    run: bind('int nft_run_cmd_from_buffer(void *, str)'),
    runFile: bind('int nft_run_cmd_from_filename(void *, str)'),
    setDryRun: bind('void nft_ctx_set_dry_run(void *, bool)'),
  };
}

/**
 * nftables of one namespace, in process. One buffer is one transaction: all of it is applied, or nothing.
 *
 * Traps: `iif`/`oif` (by index) are resolved in the caller's namespace, so rules must say `iifname`/`oifname`; a used context keeps some
 * 0.65 MB; `list tables` reads the whole ruleset, `list table …` only that table.
 */
export class NftContext implements Disposable {
  readonly #nftables: Nftables;
  #context: Context | undefined;
  /** Its descriptor, if it is the one that it was given. */
  readonly #socket: number | undefined;

  private constructor(library: Nftables, context: Context, socket: number | undefined) {
    this.#nftables = library;
    this.#context = context;
    this.#socket = socket;
  }

  /** Opens a context on `netns` (default: this thread's namespace) and keeps to it. Throws NftUnavailable, SysError, NoLowDescriptor. */
  static open(netns?: Netns): NftContext {
    const library = nftables();
    let socket: number | undefined;
    const create = (): Context | null =>
      lowDescriptors().with((fd) => {
        const made = library.newContext(0);
        socket = isSocket(fd) ? fd : undefined;
        return made;
      });
    const context = netns === undefined ? create() : netns.run(create);
    if (context === null) throw new WeftError('nft_error', 'making an nftables context');
    library.bufferOutput(context);
    library.bufferError(context);
    return new NftContext(library, context, socket);
  }

  /** Runs commands in nft's text syntax and returns what they print. Throws NftError, and then nothing was changed. */
  run(commands: string): string {
    return this.#run(commands, 0);
  }

  /** Runs commands (`list table bridge weft`) and returns their JSON output, parsed; undefined if they print none. Throws NftError. */
  json(commands: string): unknown {
    const output = this.#run(commands, OUTPUT_JSON);
    return output === '' ? undefined : (JSON.parse(output) as unknown);
  }

  [Symbol.dispose](): void {
    if (this.#context === undefined) return;
    // Whoever closes the last descriptor waits until the kernel has destroyed what transactions removed: not us, but a pool thread.
    const last = this.#socket === undefined ? -1 : libc().fcntl(this.#socket, F_DUPFD_CLOEXEC, FD_SETSIZE);
    this.#nftables.free(this.#context);
    this.#context = undefined;
    if (last >= 0) closeLater(last);
    // The number that it had is free now, and the lowest.
    lowDescriptors().refill();
  }

  #run(commands: string, flags: number): string {
    if (this.#context === undefined) throw new Error('the nftables context is closed');
    // A NUL would end the buffer early, and only its first part would be applied.
    if (commands.includes('\0')) throw new NftError('Error: the commands contain a NUL character', commands);
    this.#nftables.setFlags(this.#context, flags);
    const { run } = this.#nftables;
    const context = this.#context;
    // After a transaction is committed the library asks with select() for what the kernel has to say of it. A signal at that moment would make
    // it say "Interrupted system call", as if nothing had been changed; so there is none, and an error means what it says.
    const status = withoutSignals(() => run(context, commands));
    const output = this.#nftables.output(context) ?? '';
    const error = this.#nftables.error(context) ?? '';
    if (status !== 0) throw new NftError(this.#locate(context, commands) ?? error.trimEnd(), commands);
    return output;
  }

  /**
   * For a buffer of several lines nft shows the *first* one, whichever failed. Read from a file they are numbered, so a failed transaction
   * is checked once more from one, without being applied.
   */
  #locate(context: Context, commands: string): string | undefined {
    if (!commands.trim().includes('\n')) return undefined;
    const fd = sysCheck('memfd_create', libc().memfdCreate('nft', MFD_CLOEXEC));
    const path = `/proc/self/fd/${fd}`;
    this.#nftables.setDryRun(context, true);
    try {
      writeFileSync(fd, commands);
      if (this.#nftables.runFile(context, path) === 0) return undefined;
      return (this.#nftables.error(context) ?? '').trimEnd().replaceAll(path, 'line');
    } finally {
      this.#nftables.output(context);
      this.#nftables.setDryRun(context, false);
      closeSync(fd);
    }
  }
}

function isSocket(fd: number): boolean {
  try {
    return fstatSync(fd).isSocket();
  } catch {
    return false;
  }
}

function firstError(text: string): string {
  return /Error: (.*)/.exec(text)?.[1] ?? text.split('\n', 1)[0] ?? '';
}

/** nft says `line:3:12-18: Error: …`, counted from 1, if it can tell. */
function failingLine(text: string, commands: string): string | undefined {
  const lines = commands.trimEnd().split('\n');
  const number = lines.length === 1 ? 1 : Number(/^line:(\d+):\d+-\d+: Error/m.exec(text)?.[1] ?? 0);
  return lines[number - 1]?.trim();
}
