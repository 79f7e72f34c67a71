import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { WeftError } from '@weft/core/weft-error';

/** The file could not be written; its path holds the old content or the new, whole. */
export class SecretNotWritten extends WeftError {
  constructor(path: string, cause: unknown) {
    super('secret_not_written', `writing ${path}`, { cause, details: { path } });
  }
}

/**
 * Writes a secret so that only its owner can read it, and so that whenever this process is killed the path holds the old content or the new:
 * a new file (mode 0600 from its first moment), synchronised, then renamed over the path. The draft has one fixed name, so that what a killed
 * writer left is taken away by the next; one path has one writer. Throws SecretNotWritten.
 */
export async function writeSecret(path: string, content: string): Promise<void> {
  const draft = `${path}.tmp`;
  try {
    await rm(draft, { force: true });
    await writeSynced(draft, content);
    await rename(draft, path);
    await syncDirectory(dirname(path));
  } catch (cause) {
    await rm(draft, { force: true }).catch(() => {});
    throw new SecretNotWritten(path, cause);
  }
}

async function writeSynced(path: string, content: string): Promise<void> {
  await using file = await open(path, 'wx', 0o600);
  await file.writeFile(content);
  await file.sync();
}

/** A rename survives a power cut only when the directory was written too. */
async function syncDirectory(path: string): Promise<void> {
  await using directory = await open(path, 'r');
  await directory.sync();
}
