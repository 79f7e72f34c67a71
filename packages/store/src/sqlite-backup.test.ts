import assert from 'node:assert/strict';
import { copyFileSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { backupSqliteStore, restoreSqliteStore } from './sqlite-backup.ts';
import { openSqliteStore } from './sqlite-store.ts';
import { putting } from './store-contract.ts';

it('a backup taken under commits, restored elsewhere, holds what was answered before it, under a new epoch', async () => {
  using files = temporaryDirectory();
  const { directory, path, backup } = files;
  await using store = await openSqliteStore({ path });
  await Promise.all(Array.from({ length: 2_000 }, (_, index) => store.commit(putting(`before/${index}`, JSON.stringify('x'.repeat(500))))));
  const during = 50;
  const backingUp = backupSqliteStore(store, backup);
  for (let index = 0; index < during; index++) await store.commit(putting(`during/${index}`));
  await backingUp;
  assert.equal(statSync(backup).mode & 0o777, 0o600);

  const other = join(directory, 'other.db');
  const restored = await restoreSqliteStore(backup, other);
  assert.notEqual(restored.epoch, store.epoch);
  await using copy = await openSqliteStore({ path: other });
  assert.equal(copy.epoch, restored.epoch);
  const { revision, entries } = await copy.snapshot();
  assert.equal(revision, restored.revision);
  assert.ok(revision >= 2_000 && revision <= 2_000 + during, `revision ${revision}`);
  assert.equal(entries.length, revision, 'as of one revision: every commit put one new key');
  assert.equal((await copy.history({ after: 0 })).length, revision);
  assert.deepEqual(readdirSync(directory).sort(), ['backup.db', 'other.db', 'other.db-wal', 'weft.db', 'weft.db-wal']);
});

it('one backup at a time, and closing waits for it', async () => {
  using files = temporaryDirectory();
  const { path, backup } = files;
  const store = await openSqliteStore({ path });
  await store.commit(putting('a'));
  const first = backupSqliteStore(store, backup);
  await assert.rejects(backupSqliteStore(store, backup), { code: 'store_backup_running' });
  await store[Symbol.asyncDispose]();
  assert.ok(statSync(backup).size > 0);
  await first;
});

it('neither backup nor restore replaces anything unless told to', async () => {
  using files = temporaryDirectory();
  const { path, backup } = files;
  await using store = await openSqliteStore({ path });
  writeFileSync(backup, 'precious');
  await assert.rejects(backupSqliteStore(store, backup), { code: 'store_exists' });
  await assert.rejects(restoreSqliteStore(path, backup), { code: 'store_exists' });
  assert.equal(readFileSync(backup, 'utf8'), 'precious');
  await backupSqliteStore(store, backup, { force: true });
  assert.notEqual(readFileSync(backup, 'latin1').slice(0, 8), 'precious');
});

it('a forced restore replaces a store with its log, even one that is damaged, but not one in use', async () => {
  using files = temporaryDirectory();
  const { directory, path, backup } = files;
  {
    await using store = await openSqliteStore({ path });
    await store.commit(putting('kept'));
    await backupSqliteStore(store, backup);
    await store.commit(putting('after the backup'));
    await assert.rejects(restoreSqliteStore(backup, path, { force: true }), { code: 'store_locked' });
    // What a killed server leaves: the database and a log with answered commits.
    copyFileSync(path, join(directory, 'killed.db'));
    copyFileSync(`${path}-wal`, join(directory, 'killed.db-wal'));
  }
  const damaged = join(directory, 'damaged.db');
  writeFileSync(damaged, 'x'.repeat(8192));
  copyFileSync(join(directory, 'killed.db-wal'), `${damaged}-wal`);
  for (const target of [path, join(directory, 'killed.db'), damaged]) {
    await restoreSqliteStore(backup, target, { force: true });
    await using store = await openSqliteStore({ path: target });
    assert.deepEqual(
      (await store.snapshot()).entries.map(({ key }) => key),
      ['kept'],
      target,
    );
  }
});

it('a damaged, foreign or live source is refused and the store stays as it was', async () => {
  using files = temporaryDirectory();
  const { directory, path, backup } = files;
  {
    await using store = await openSqliteStore({ path });
    await Promise.all(Array.from({ length: 300 }, (_, index) => store.commit(putting(`key/${index}`, JSON.stringify('x'.repeat(400))))));
    await backupSqliteStore(store, backup);
    await assert.rejects(restoreSqliteStore(path, join(directory, 'other.db')), { code: 'store_foreign' });
  }
  const whole = readFileSync(backup);
  const sources: [string, Uint8Array, string][] = [
    ['truncated', whole.subarray(0, Math.floor(whole.length / 2)), 'store_corrupt'],
    ['overwritten', Buffer.from(whole).fill(0xa5, 4096 * 4, 4096 * 12), 'store_corrupt'],
    ['garbage', Buffer.from('x'.repeat(8192)), 'store_corrupt'],
    ['empty', Buffer.alloc(0), 'store_foreign'],
  ];
  for (const [name, content, code] of sources) {
    const source = join(directory, name);
    writeFileSync(source, content);
    await assert.rejects(restoreSqliteStore(source, path, { force: true }), { code }, name);
    assert.deepEqual(readFileSync(source), Buffer.from(content), `${name} is not changed`);
  }
  await assert.rejects(restoreSqliteStore(join(directory, 'absent'), path, { force: true }), { code: 'store_missing' });
  await using store = await openSqliteStore({ path });
  assert.equal((await store.snapshot()).revision, 300);
  assert.deepEqual(
    readdirSync(directory).filter((name) => name.includes('restoring')),
    [],
  );
});

it('what a killed backup or restore left does not disturb the next', async () => {
  using files = temporaryDirectory();
  const { directory, path, backup } = files;
  {
    await using store = await openSqliteStore({ path });
    await store.commit(putting('a'));
    writeFileSync(`${backup}.partial`, 'half');
    await backupSqliteStore(store, backup);
  }
  writeFileSync(`${path}.restoring`, 'half');
  writeFileSync(`${path}.restoring-wal`, 'half');
  const { revision } = await restoreSqliteStore(backup, path, { force: true });
  assert.equal(revision, 1);
  assert.deepEqual(readdirSync(directory).sort(), ['backup.db', 'weft.db']);
});

function temporaryDirectory(): Disposable & Readonly<{ directory: string; path: string; backup: string }> {
  const directory = mkdtempSync(join(tmpdir(), 'weft-backup-'));
  return {
    directory,
    path: join(directory, 'weft.db'),
    backup: join(directory, 'backup.db'),
    [Symbol.dispose]: () => rmSync(directory, { recursive: true, force: true }),
  };
}
