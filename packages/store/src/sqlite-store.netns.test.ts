import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, rmdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { openSqliteStore } from './sqlite-store.ts';
import { putting } from './store-contract.ts';
import { StoreFailure } from './store.ts';

// Needs a mount namespace of its own: the file systems that fail here are real ones.

it('on a full disk a commit fails as a whole, can be repeated, and works once there is space', async () => {
  using disk = smallDisk();
  const path = join(disk.path, 'weft.db');
  await using store = await openSqliteStore({ path });
  const ballast = join(disk.path, 'ballast');
  writeFileSync(ballast, Buffer.alloc(256 * 1024));
  let answered = 0;
  await assert.rejects(
    async () => {
      for (;;) {
        await store.commit({
          put: [1, 2].map((part) => ({ key: `${answered}/${part}`, value: JSON.stringify('x'.repeat(8_000)) })),
          delete: [],
        });
        answered++;
      }
    },
    isFailure('store_full', true),
  );
  const full = await store.snapshot();
  assert.deepEqual([full.revision, full.entries.length], [answered, 2 * answered]);
  rmSync(ballast);
  assert.equal(await store.commit(putting('again')), answered + 1);
});

it('a read-only file system is named', async () => {
  using disk = smallDisk();
  const path = join(disk.path, 'weft.db');
  await (await openSqliteStore({ path }))[Symbol.asyncDispose]();
  execFileSync('mount', ['-o', 'remount,ro', disk.path]);
  await assert.rejects(openSqliteStore({ path }), isFailure('store_read_only', false));
  await assert.rejects(openSqliteStore({ path: join(disk.path, 'new.db') }), isFailure('store_read_only', false));
});

function isFailure(code: string, retryable: boolean): (error: unknown) => boolean {
  return (error) => error instanceof StoreFailure && error.code === code && error.retryable === retryable && error.remedy !== undefined;
}

function smallDisk(): Disposable & { readonly path: string } {
  const path = mkdtempSync(join(tmpdir(), 'weft-disk-'));
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', path]);
  return {
    path,
    [Symbol.dispose]: () => {
      execFileSync('umount', ['-l', path]);
      rmdirSync(path);
    },
  };
}
