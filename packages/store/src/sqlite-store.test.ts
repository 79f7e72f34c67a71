import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { createInterface } from 'node:readline';
import { it } from 'node:test';
import { openSqliteStore } from './sqlite-store.ts';
import { putting, storeContract } from './store-contract.ts';
import { StoreConflict, StoreFailure } from './store.ts';
import type { StoreFailureCode } from './store.ts';

const WRITER = new URL('./testdata/committing-process.ts', import.meta.url).pathname;

storeContract('the SQLite store', async () => {
  const directory = temporaryDirectory();
  return {
    open: () => openSqliteStore({ path: join(directory.path, 'weft.db') }),
    [Symbol.asyncDispose]: async () => directory[Symbol.dispose](),
  };
});

it('a store in memory works and leaves no file', async () => {
  await using store = await openSqliteStore({ path: ':memory:' });
  assert.equal(await store.commit(putting('a')), 1);
  assert.equal((await store.snapshot()).entries.length, 1);
});

it('the files are for their owner only, also when they were not', async () => {
  using directory = temporaryDirectory();
  const path = join(directory.path, 'weft.db');
  writeFileSync(path, '', { mode: 0o666 });
  await using store = await openSqliteStore({ path });
  await store.commit(putting('a'));
  for (const name of readdirSync(directory.path)) assert.equal(statSync(join(directory.path, name)).mode & 0o777, 0o600, name);
});

it('a second opening is refused while the first is open, in this process or another, and works afterwards', async () => {
  using directory = temporaryDirectory();
  const path = join(directory.path, 'weft.db');
  {
    await using store = await openSqliteStore({ path });
    await assertFails('store_locked', path);
    await using other = startWriter(path);
    assert.deepEqual(await other.end, { code: 3, lines: ['store_locked'] });
    await store.commit(putting('still mine'));
  }
  await using store = await openSqliteStore({ path });
  assert.equal((await store.snapshot()).revision, 1);
});

it('a file that is no store is refused by name and stays as it is', async () => {
  using directory = temporaryDirectory();
  const garbage = join(directory.path, 'garbage.db');
  writeFileSync(garbage, 'no database at all, '.repeat(400), { mode: 0o644 });
  const foreign = join(directory.path, 'foreign.db');
  using database = new DatabaseSync(foreign);
  database.exec('CREATE TABLE theirs (x)');
  await assertFails('store_corrupt', garbage);
  await assertFails('store_foreign', foreign);
  await assertFails('store_foreign', directory.path);
  await assertFails('store_missing', join(directory.path, 'absent', 'weft.db'));
  assert.equal(statSync(garbage).mode & 0o777, 0o644);
  assert.deepEqual(database.prepare('SELECT name FROM sqlite_schema').all().length, 1);
});

it('a store of a later release, or with damaged facts about itself, is refused', async () => {
  const cases: [string, StoreFailureCode][] = [
    ["UPDATE meta SET value = 2 WHERE name = 'schema'", 'store_schema_newer'],
    ["UPDATE meta SET value = 'x' WHERE name = 'schema'", 'store_corrupt'],
    ["UPDATE meta SET value = -1 WHERE name = 'revision'", 'store_corrupt'],
    ["DELETE FROM meta WHERE name = 'epoch'", 'store_corrupt'],
    ['DROP TABLE history', 'store_corrupt'],
  ];
  for (const [damage, code] of cases) {
    using directory = temporaryDirectory();
    const path = join(directory.path, 'weft.db');
    await (await openSqliteStore({ path }))[Symbol.asyncDispose]();
    {
      using database = new DatabaseSync(path);
      database.exec(damage);
    }
    await assertFails(code, path);
  }
});

it('a compaction of many revisions that is cut short by closing has forgotten them all', async () => {
  using directory = temporaryDirectory();
  const path = join(directory.path, 'weft.db');
  {
    await using store = await openSqliteStore({ path });
    await Promise.all(Array.from({ length: 5_000 }, () => store.commit(putting('a'))));
    const compaction = store.compact(5_000);
    const ended = assert.rejects(compaction, { code: 'store_closed' });
    await store[Symbol.asyncDispose]();
    await ended;
  }
  await using store = await openSqliteStore({ path });
  await assert.rejects(store.history({ after: 4_998 }), { code: 'store_history_gone' });
  assert.equal((await store.history({ after: 4_999 })).length, 1);
});

it('a conflict says which key and how it is', async () => {
  await using store = await openSqliteStore({ path: ':memory:' });
  await store.commit(putting('a'));
  const commit = store.commit({ ...putting('b'), compare: [{ key: 'a', revision: 7 }] });
  await assert.rejects(commit, (error) => error instanceof StoreConflict && error.message.includes('a is at revision 1, not at 7'));
});

it('nothing that was answered is lost when the process is killed at any moment', { timeout: 60_000 }, async () => {
  using directory = temporaryDirectory();
  const path = join(directory.path, 'weft.db');
  const answered = new Map<string, number>();
  let revision = 0;
  for (const answers of [1, 7, 40, 90]) {
    await using writer = startWriter(path);
    // Killed upon its n-th answer, in whatever it does at that moment.
    const { lines } = await writer.killAfter(answers);
    assert.ok(lines.length >= answers, `${lines.length} answers`);
    for (const line of lines) {
      const [made, key] = line.split(' ');
      answered.set(key!, Number(made));
    }
    await using store = await openSqliteStore({ path });
    const found = await store.snapshot();
    const entries = new Map(found.entries.map((entry) => [entry.key, entry.revision]));
    for (const [key, made] of answered) assert.equal(entries.get(key), made, `${key} after ${answers} answers`);
    assert.ok(found.revision >= revision + answers);
    revision = found.revision;
    const history = await store.history({ after: 0 });
    assert.deepEqual(
      history.map((change) => change.revision),
      Array.from({ length: revision }, (_, index) => index + 1),
      'history has neither gap nor double',
    );
  }
});

async function assertFails(code: StoreFailureCode, path: string): Promise<void> {
  const names = (error: unknown): boolean => {
    assert.ok(error instanceof StoreFailure, String(error));
    assert.equal(error.code, code);
    assert.ok(error.message.includes(path) && error.remedy !== undefined, error.message);
    return true;
  };
  await assert.rejects(openSqliteStore({ path }), names);
}

type Ended = Readonly<{ code: number | null; lines: readonly string[] }>;

/** A process that commits to the store until it is killed and prints each answer; exits 3 with a code where it cannot open the store. */
function startWriter(path: string): AsyncDisposable & { readonly end: Promise<Ended>; killAfter(answers: number): Promise<Ended> } {
  const child = spawn(process.execPath, [WRITER, path], { stdio: ['ignore', 'pipe', 'inherit'] });
  const lines: string[] = [];
  let limit = Number.POSITIVE_INFINITY;
  createInterface(child.stdout).on('line', (line) => {
    lines.push(line);
    if (lines.length >= limit) child.kill('SIGKILL');
  });
  const end = new Promise<Ended>((resolve, reject) => child.on('error', reject).on('close', (code) => resolve({ code, lines })));
  return {
    end,
    killAfter: (answers) => {
      limit = answers;
      return end;
    },
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGKILL');
      await end;
    },
  };
}

function temporaryDirectory(): Disposable & { readonly path: string } {
  const path = mkdtempSync(join(tmpdir(), 'weft-store-'));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}
