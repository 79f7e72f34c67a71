/**
 * Network namespaces.
 *
 * A namespace is a property of the *thread*. `run` therefore enters, calls and leaves within one synchronous function: nothing else of this
 * process can run in between. What is opened inside (a socket, an nftables context) belongs to that namespace for good and is used from
 * outside afterwards, so hardly anything needs to be inside.
 *
 * Traps, all seen: a thread that is born while we are inside stays inside for ever, so the pool of libuv must exist before (see
 * {@link warmThreadPool}) and no Worker may be made inside; a child process started inside lives inside.
 *
 * A namespace exists as long as something refers to it: a process, an open file, or a bind mount of its nsfs file – the pin, as
 * `ip netns` makes it.
 */
import { closeSync, fstatSync, mkdirSync, openSync, statfsSync, unlinkSync, writeSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { libc, sysCheck } from './libc.ts';
import { SysError, errnoNumber, fsCall, isSysError } from './sys-error.ts';

const CLONE_NEWNET = 0x4000_0000;
const MS_BIND = 0x1000;
const MNT_DETACH = 2;
const NSFS_MAGIC = 0x6e73_6673;
const SELF = '/proc/thread-self/ns/net';

/** Knows which namespace this thread is in. One per thread: a Worker loads its own copy of this module. */
class Thread {
  #current: number | undefined;

  /**
   * Calls `fn` in the namespace that `enter` moves this thread to; `enter` returns a descriptor of it. Nests. If there is no way back the
   * process ends: it must not run on in there.
   */
  within<T>(enter: () => number, fn: () => T): T {
    const back = (this.#current ??= openNsfs(SELF));
    try {
      this.#current = enter();
      return fn();
    } finally {
      this.#current = back;
      if (libc().setns(back, CLONE_NEWNET) !== 0) {
        writeSync(2, 'fatal: cannot leave a network namespace; ending the process\n');
        process.kill(process.pid, 'SIGABRT');
      }
    }
  }
}

const thread = new Thread();

/** An open network namespace. Disposing closes the handle; the namespace stays if it is pinned. */
export class Netns implements Disposable {
  /** Where it was opened; for an unpinned one, a path under /proc that is good for messages only. */
  readonly path: string;
  readonly fd: number;
  /** The number of the nsfs file: the namespace's identity while it lives. */
  readonly inode: number;
  #open = true;

  /** Takes over `fd`. Use {@link netnsOpen} and its sisters. */
  constructor(options: Readonly<{ path: string; fd: number }>) {
    this.path = options.path;
    this.fd = options.fd;
    this.inode = fstatSync(options.fd).ino;
  }

  /**
   * Calls `fn` inside this namespace and returns what it returns. `fn` must be synchronous – a promise is refused, since its rest would run
   * outside – and must start no thread or Worker, which would live in there for good. A child process that it spawns starts inside, which is
   * how a program is put into a namespace. Throws what `fn` throws; SysError if the namespace cannot be entered.
   */
  run<T>(fn: () => T): T {
    if (!this.#open) throw new Error(`network namespace ${this.path} is closed`);
    const enter = (): number => {
      sysCheck('setns', libc().setns(this.fd, CLONE_NEWNET), this.path);
      return this.fd;
    };
    const result = thread.within(enter, fn);
    if (isThenable(result)) throw new TypeError(`the function run in ${this.path} is asynchronous: its rest would run outside`);
    return result;
  }

  [Symbol.dispose](): void {
    if (!this.#open) return;
    this.#open = false;
    closeSync(this.fd);
  }
}

/** Opens the namespace pinned at `path` (or any nsfs file, like /proc/1/ns/net). Throws SysError: ENOENT, or EINVAL if it is none. */
export function netnsOpen(path: string): Netns {
  return new Netns({ path, fd: openNsfs(path) });
}

/** The namespace of the calling thread. */
export function netnsSelf(): Netns {
  return netnsOpen(SELF);
}

/**
 * Makes a namespace and pins it at `path`; missing parent directories are made. Nothing in it is configured, `lo` is down.
 * Throws SysError: EEXIST if one is pinned there, EPERM without the rights. A kill at any moment leaves at most an empty file, which the
 * next call takes over.
 */
export function netnsCreate(path: string): Netns {
  fsCall('mkdir', dirname(path), () => mkdirSync(dirname(path), { recursive: true }));
  if (netnsIsPinned(path)) throw new SysError('netnsCreate', errnoNumber('EEXIST'), path);
  const fd = fsCall('open', path, () => openSync(path, 'a', 0o444));
  const { size } = fstatSync(fd);
  closeSync(fd);
  if (size !== 0) throw new SysError('netnsCreate', errnoNumber('EEXIST'), `${path} is a file`);
  try {
    return inNewNamespace(() => {
      sysCheck('mount', libc().mount(SELF, path, null, MS_BIND, null), path);
      return netnsOpen(path);
    });
  } catch (error) {
    netnsDelete(path);
    throw error;
  }
}

/** Makes a namespace that only the returned handle, and what is opened in it, keeps alive: for probes and tests. */
export function netnsCreateUnpinned(): Netns {
  return inNewNamespace(netnsSelf);
}

/** Opens the namespace pinned at `path`, or makes it. */
export function netnsEnsure(path: string): Netns {
  return netnsIsPinned(path) ? netnsOpen(path) : netnsCreate(path);
}

/**
 * Takes the pin away; the namespace goes once nothing else refers to it, with all it holds. An absent one is success.
 * Throws SysError, and EINVAL rather than remove a file that is no pin (only an empty one: a creation that was interrupted).
 */
export function netnsDelete(path: string): void {
  // More than one pin may lie on top of each other if two processes made it at once.
  while (netnsIsPinned(path)) sysCheck('umount', libc().umount2(path, MNT_DETACH), path);
  try {
    const fd = fsCall('open', path, () => openSync(path, 'r'));
    const { size } = fstatSync(fd);
    closeSync(fd);
    if (size !== 0) throw new SysError('netnsDelete', errnoNumber('EINVAL'), `${path} is not a network namespace`);
    fsCall('unlink', path, () => unlinkSync(path));
  } catch (error) {
    if (!isSysError(error, 'ENOENT')) throw error;
  }
}

/** True if `path` exists and a namespace is mounted there. */
export function netnsIsPinned(path: string): boolean {
  try {
    return fsCall('statfs', path, () => statfsSync(path)).type === NSFS_MAGIC;
  } catch (error) {
    if (isSysError(error, 'ENOENT', 'ENOTDIR')) return false;
    throw error;
  }
}

/**
 * Makes libuv start its pool threads, all at once. The process shell awaits this before anything enters a namespace: threads that are born
 * while the main thread is inside would do this process's file and DNS work in there for ever.
 */
export async function warmThreadPool(): Promise<void> {
  await stat('/');
}

/** Calls `fn` on this thread in a namespace that is made for it, and comes back. */
function inNewNamespace<T>(fn: () => T): T {
  using opened = new DisposableStack();
  const enter = (): number => {
    sysCheck('unshare', libc().unshare(CLONE_NEWNET), 'a new network namespace');
    return opened.adopt(openNsfs(SELF), closeSync);
  };
  return thread.within(enter, fn);
}

function openNsfs(path: string): number {
  const fd = fsCall('open', path, () => openSync(path, 'r'));
  // /proc/…/ns/net is a link to nsfs: statfs on the path follows it.
  if (statfsSync(path).type !== NSFS_MAGIC) {
    closeSync(fd);
    throw new SysError('netnsOpen', errnoNumber('EINVAL'), `${path} is not a network namespace`);
  }
  return fd;
}

function isThenable(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
}
