import { closeSync, mkdirSync, openSync, readFileSync, renameSync, rmdirSync, rmSync, writeSync } from 'node:fs';
import { open, rename } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

/**
 * Files that a killed process leaves either old or new, never half. Each has one writer at a time (the launcher holds a lock on its
 * directories), so the name of the unfinished file is fixed, and the next write takes over what a kill left of it.
 */
const partialPath = (path: string): string => join(dirname(path), `.${basename(path)}.partial`);

/** Replaces a file so that it survives a power loss too. Throws what the file system says; the old content is then still there. */
export async function replaceFileDurably(path: string, parts: Iterable<string> | AsyncIterable<string>): Promise<void> {
  {
    await using file = await open(partialPath(path), 'w', 0o600);
    for await (const part of parts) await file.appendFile(part);
    // Before the rename: some file systems write a rename to disk before the data that it refers to.
    await file.sync();
  }
  await rename(partialPath(path), path);
  await using directory = await open(dirname(path), 'r');
  await directory.sync();
}

/** Replaces a file, at once and not durably: for what a boot makes worthless. */
export function replaceFile(path: string, text: string, mode = 0o600): void {
  const fd = openSync(partialPath(path), 'w', mode);
  try {
    writeSync(fd, text);
  } finally {
    closeSync(fd);
  }
  renameSync(partialPath(path), path);
}

/** The content, or undefined if there is no such file. */
export function readFileIfPresent(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Fine if it is not there. */
export function removeFile(path: string): void {
  rmSync(path, { force: true });
}

/** Makes a directory and its parents; fine if it is there. */
export function ensureDirectory(path: string, mode = 0o700): void {
  mkdirSync(path, { recursive: true, mode });
}

/** Removes a directory with all it holds, and its parent if nothing else is left there; fine if it is not there. */
export function removeDirectory(path: string): void {
  rmSync(path, { recursive: true, force: true });
  try {
    rmdirSync(dirname(path));
  } catch (error) {
    if (!['ENOTEMPTY', 'ENOENT'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
  }
}
