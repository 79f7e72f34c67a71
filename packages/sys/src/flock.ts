import { closeSync, openSync } from 'node:fs';
import { libc } from './libc.ts';
import { SysError, errnoName, fsCall } from './sys-error.ts';

const LOCK_EX = 2;
const LOCK_NB = 4;

/** An exclusive lock on a file, held until disposed of or until the process dies: the kernel lets it go, however that happens. */
export class FileLock implements Disposable {
  readonly path: string;
  #fd: number | undefined;

  private constructor(path: string, fd: number) {
    this.path = path;
    this.#fd = fd;
  }

  /** Takes the lock, making the file if need be; `undefined` if somebody has it, this process included. Throws SysError. */
  static tryAcquire(path: string): FileLock | undefined {
    const fd = fsCall('open', path, () => openSync(path, 'a'));
    if (libc().flock(fd, LOCK_EX | LOCK_NB) === 0) return new FileLock(path, fd);
    const errno = libc().errno();
    closeSync(fd);
    if (errnoName(errno) === 'EAGAIN') return undefined;
    throw new SysError('flock', errno, path);
  }

  /** The file stays: to remove it could let two processes hold "the" lock on two files of that name. */
  [Symbol.dispose](): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }
}
