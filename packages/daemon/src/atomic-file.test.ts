import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { readFileIfPresent, removeFile, removePartialFiles, writeFileAtomic } from './atomic-file.ts';

it('a file is written with its mode and replaced as a whole', async () => {
  using directory = temporaryDirectory();
  const path = join(directory.path, 'plan.json');
  await writeFileAtomic(path, 'first');
  assert.equal(statSync(path).mode & 0o777, 0o600);
  chmodSync(path, 0o444);
  await writeFileAtomic(path, Buffer.from('zweite ü'), { mode: 0o666, fsync: false });
  assert.equal(statSync(path).mode & 0o777, 0o666, 'regardless of the umask');
  assert.equal(await readFileIfPresent(path), 'zweite ü');
  assert.deepEqual(readdirSync(directory.path), ['plan.json']);
});

it('writes at the same time do not mix', async () => {
  using directory = temporaryDirectory();
  const path = join(directory.path, 'plan.json');
  const contents = Array.from({ length: 20 }, (_, index) => String(index).repeat(100_000));
  await Promise.all(contents.map((content) => writeFileAtomic(path, content, { fsync: false })));
  assert.ok(contents.includes(readFileSync(path, 'utf8')));
  assert.deepEqual(readdirSync(directory.path), ['plan.json']);
});

it('a failed write leaves the old content and nothing else', async () => {
  using directory = temporaryDirectory();
  const path = join(directory.path, 'taken');
  mkdirSync(path);
  await assert.rejects(writeFileAtomic(path, 'x'), { code: 'EISDIR' });
  await assert.rejects(writeFileAtomic(join(directory.path, 'absent', 'x'), 'x'), { code: 'ENOENT' });
  assert.deepEqual(readdirSync(directory.path), ['taken']);
});

it('an absent file reads as undefined and is removed without complaint; other errors are told', async () => {
  using directory = temporaryDirectory();
  const path = join(directory.path, 'x');
  assert.equal(await readFileIfPresent(path), undefined);
  await removeFile(path);
  await writeFileAtomic(path, '');
  assert.equal(await readFileIfPresent(path), '');
  await removeFile(path);
  assert.equal(await readFileIfPresent(path), undefined);
  await assert.rejects(readFileIfPresent(directory.path), { code: 'EISDIR' });
});

it('what killed writers left is cleared away, and only that', async () => {
  using directory = temporaryDirectory();
  const left = '.plan.json.0b0e7a3c-1f52-4c0b-9d6a-2f4f6f3a9c11.partial';
  for (const name of [left, 'plan.json', '.hidden', 'weft.db.partial']) writeFileSync(join(directory.path, name), 'x');
  assert.deepEqual(await removePartialFiles(directory.path), [left]);
  assert.deepEqual(readdirSync(directory.path).sort(), ['.hidden', 'plan.json', 'weft.db.partial']);
});

function temporaryDirectory(): Disposable & { readonly path: string } {
  const path = mkdtempSync(join(tmpdir(), 'weft-atomic-'));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}
