import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempDisposableSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { FileLock } from './flock.ts';
import { isSysError } from './sys-error.ts';

test('a lock is held once, and free after it is disposed of', () => {
  using dir = mkdtempDisposableSync(join(tmpdir(), 'weft-flock-'));
  const path = join(dir.path, 'lock');
  {
    using lock = FileLock.tryAcquire(path);
    assert.equal(lock?.path, path);
    assert.equal(FileLock.tryAcquire(path), undefined);
    lock[Symbol.dispose]();
    lock[Symbol.dispose]();
  }
  using again = FileLock.tryAcquire(path);
  assert.ok(again !== undefined);
});

test('the lock of a killed process is free', async () => {
  using dir = mkdtempDisposableSync(join(tmpdir(), 'weft-flock-'));
  const path = join(dir.path, 'lock');
  const script = `
    import { FileLock } from ${JSON.stringify(new URL('flock.ts', import.meta.url))};
    globalThis.lock = FileLock.tryAcquire(${JSON.stringify(path)});
    process.stdout.write(globalThis.lock === undefined ? 'refused' : 'held');
    process.stdin.resume();`;
  const child = spawn(process.execPath, ['--input-type=module-typescript', '-e', script], { stdio: ['pipe', 'pipe', 'inherit'] });
  const [said] = (await once(child.stdout, 'data')) as [Buffer];
  assert.equal(said.toString(), 'held');
  assert.equal(FileLock.tryAcquire(path), undefined);
  child.kill('SIGKILL');
  await once(child, 'exit');
  using lock = FileLock.tryAcquire(path);
  assert.ok(lock !== undefined);
});

test('a lock in a directory that does not exist is an error', () => {
  assert.throws(
    () => FileLock.tryAcquire('/nowhere/lock'),
    (error) => isSysError(error, 'ENOENT'),
  );
});
