import assert from 'node:assert/strict';
import { mkdir, mkdtempDisposable, readFile, readdir, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { SecretNotWritten, writeSecret } from './secret-file.ts';

test('a secret is readable by its owner only, also when it replaces a file that others could read', async () => {
  await using directory = await mkdtempDisposable(join(tmpdir(), 'weft-secret-'));
  const path = join(directory.path, 'node.key');
  await writeFile(path, 'old', { mode: 0o644 });
  await writeSecret(path, 'new');
  assert.equal(await readFile(path, 'utf8'), 'new');
  assert.equal((await stat(path)).mode & 0o777, 0o600);
  assert.deepEqual(await readdir(directory.path), ['node.key']);
});

test('the draft of a writer that was killed neither stops the next one nor stays', async () => {
  await using directory = await mkdtempDisposable(join(tmpdir(), 'weft-secret-'));
  const path = join(directory.path, 'node.key');
  await writeFile(`${path}.tmp`, 'half');
  await writeSecret(path, 'whole');
  assert.equal(await readFile(path, 'utf8'), 'whole');
  assert.deepEqual(await readdir(directory.path), ['node.key']);
});

test('a secret that cannot be written leaves no draft and says which path', async () => {
  await using directory = await mkdtempDisposable(join(tmpdir(), 'weft-secret-'));
  const path = join(directory.path, 'occupied');
  await mkdir(join(path, 'below'), { recursive: true });
  await assert.rejects(writeSecret(path, 'x'), (error) => error instanceof SecretNotWritten && error.details['path'] === path);
  assert.deepEqual(await readdir(directory.path), ['occupied']);
});
