import { mkdirSync, readFileSync, readdirSync, readlinkSync, rmSync, rmdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { WeftError } from '@weft/core/weft-error';
import { FileLock } from '@weft/sys/flock';
import { isSysError } from '@weft/sys/sys-error';

/** Another lab runs on this machine. */
export class LabBusy extends WeftError {
  constructor(path: string, holder: string) {
    super('lab_busy', `another lab is running on this machine (pid ${holder}, lock ${path})`, {
      details: { path, holder },
      remedy: 'End it with Ctrl-C in its terminal or with `weft lab down`, or use it: `weft lab status`.',
    });
  }
}

/**
 * The right to be the machine's one lab, held until disposed of or until this process dies. The file holds the pid.
 *
 * Unlike {@link FileLock} the file is removed at the end, for a lab leaves nothing behind. So whoever gets a lock makes sure that it is on
 * the file that still has the name.
 */
export class LabLock implements Disposable {
  readonly path: string;
  #lock: FileLock | undefined;

  private constructor(path: string, lock: FileLock) {
    this.path = path;
    this.#lock = lock;
  }

  /** Throws {@link LabBusy}. */
  static acquire(path: string): LabLock {
    for (;;) {
      mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
      const lock = tryAcquire(path);
      if (lock === 'gone') continue;
      if (lock === undefined) throw new LabBusy(path, lockHolder(path) ?? 'unknown');
      if (isUnlinked(path)) {
        lock[Symbol.dispose]();
        continue;
      }
      writeFileSync(path, `${process.pid}\n`);
      return new LabLock(path, lock);
    }
  }

  [Symbol.dispose](): void {
    if (this.#lock === undefined) return;
    rmSync(this.path, { force: true });
    removeIfEmpty(dirname(this.path));
    this.#lock[Symbol.dispose]();
    this.#lock = undefined;
  }
}

/** `gone`: the directory was removed, by a lab that was ending, since it was made. */
function tryAcquire(path: string): FileLock | 'gone' | undefined {
  try {
    return FileLock.tryAcquire(path);
  } catch (error) {
    if (isSysError(error, 'ENOENT')) return 'gone';
    throw error;
  }
}

function removeIfEmpty(directory: string): void {
  try {
    rmdirSync(directory);
  } catch (error) {
    // Somebody is taking the lock already, or has put something beside it.
    if (!['ENOTEMPTY', 'ENOENT'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
  }
}

/** The pid in the lock file, if there is one. That it is *held* only {@link LabLock.acquire} can tell. */
export function lockHolder(path: string): string | undefined {
  try {
    const text = readFileSync(path, 'utf8').trim();
    return /^\d+$/.test(text) ? text : undefined;
  } catch {
    return undefined;
  }
}

/** True if a file of this process that had that name has been removed since it was opened. */
function isUnlinked(path: string): boolean {
  return readdirSync('/proc/self/fd').some((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`) === `${path} (deleted)`;
    } catch {
      return false;
    }
  });
}
