import { randomUUID } from 'node:crypto';
import { open, readFile, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

export type AtomicFileOptions = Readonly<{
  /** Permission bits, regardless of the umask; 0600 if absent. */
  mode?: number;
  /** Survive a power loss, not only a kill; true if absent. False is for files that a boot makes worthless anyway. */
  fsync?: boolean;
}>;

/** `.plan.json.<uuid>.partial` beside `plan.json`: a name per write, so that two writes at once cannot mix their bytes. */
const PARTIAL = /^\..+\.[0-9a-f]{8}-[0-9a-f-]{27}\.partial$/;

/**
 * Replaces a file as a whole: a reader, or a process after a crash, sees either the old or the new content. A kill may leave a `.partial`
 * file, which {@link removePartialFiles} clears away. Of two writes at once the one that ends last wins. Throws what the file system says;
 * the old content is then still there.
 */
export async function writeFileAtomic(path: string, data: string | Uint8Array, options: AtomicFileOptions = {}): Promise<void> {
  const { mode = 0o600, fsync = true } = options;
  const partial = join(dirname(path), `.${basename(path)}.${randomUUID()}.partial`);
  try {
    {
      await using file = await open(partial, 'wx', mode);
      await file.chmod(mode);
      await file.writeFile(data);
      // Before the rename: some file systems write a rename to disk before the data that it refers to.
      if (fsync) await file.sync();
    }
    await rename(partial, path);
  } catch (error) {
    await rm(partial, { force: true });
    throw error;
  }
  if (fsync) await syncDirectory(dirname(path));
}

/** The content as UTF-8 text, or undefined if there is no such file. */
export async function readFileIfPresent(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Removes a file, durably with `fsync`; fine if it is not there. */
export async function removeFile(path: string, options: Readonly<{ fsync?: boolean }> = {}): Promise<void> {
  await rm(path, { force: true });
  if (options.fsync ?? true) await syncDirectory(dirname(path));
}

/** Clears what killed writers left in `directory`; to be called by its owner before the first write. Returns the removed names. */
export async function removePartialFiles(directory: string): Promise<string[]> {
  const partial = (await readdir(directory)).filter((name) => PARTIAL.test(name));
  for (const name of partial) await rm(join(directory, name), { force: true });
  return partial;
}

async function syncDirectory(path: string): Promise<void> {
  await using directory = await open(path, 'r');
  await directory.sync();
}
