import assert from 'node:assert/strict';
import { appendFile, mkdtempDisposable, readdir, readFile, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { silentLogger } from '@weft/ssntp/logger';
import * as fc from 'fast-check';
import { AuditLog } from './audit-log.ts';
import type { AuditEntry } from './audit-log.ts';

const entry = (n: number): AuditEntry => ({
  time: '2026-11-20T09:00:00.000Z',
  request_id: `req-${n}`,
  global_request_id: null,
  from: '127.0.0.1',
  who: { token: 'fixed', role: 'admin' },
  method: 'PUT',
  route: '/v2.0/ports/:id',
  ids: [],
  dry_run: false,
  status: 200,
  error: null,
  changes: [],
});
const numbersIn = (text: string): number[] =>
  text
    .split('\n')
    .filter((line) => line.startsWith('{') && line.endsWith('}'))
    .map((line) => Number((JSON.parse(line) as AuditEntry).request_id.slice(4)));
const scratch = () => mkdtempDisposable(join(tmpdir(), 'weft-audit-'));

test('lines are there when their writer knows, in order, also after a restart, and for the owner only', async () => {
  await using directory = await scratch();
  const path = join(directory.path, 'audit.log');
  for (const first of [0, 10]) {
    await using log = await AuditLog.open({ path }, { log: silentLogger });
    await Promise.all(Array.from({ length: 9 }, (_, n) => log.write(entry(first + n))));
    await log.write(entry(first + 9));
    assert.equal(numbersIn(await readFile(path, 'utf8')).at(-1), first + 9);
  }
  assert.deepEqual(
    numbersIn(await readFile(path, 'utf8')),
    Array.from({ length: 20 }, (_, n) => n),
  );
  assert.equal((await stat(path)).mode & 0o777, 0o600);
});

test('whatever is written, the files stay bounded, and together hold the newest lines without a gap', async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 300, max: 2_000 }), fc.integer({ min: 1, max: 3 }), fc.nat(60), async (maxBytes, kept, count) => {
      await using directory = await scratch();
      const path = join(directory.path, 'audit.log');
      await using log = await AuditLog.open({ path, maxBytes, kept }, { log: silentLogger });
      for (let n = 0; n < count; n += 1) await log.write(entry(n));
      const names = (await readdir(directory.path)).toSorted().toReversed();
      assert.ok(names.length <= kept + 1, names.join(' '));
      const texts = await Promise.all(names.map((name) => readFile(join(directory.path, name), 'utf8')));
      for (const text of texts) assert.ok(Buffer.byteLength(text) <= maxBytes);
      const numbers = texts.flatMap(numbersIn);
      assert.deepEqual(
        numbers,
        Array.from(numbers, (_, index) => count - numbers.length + index),
      );
      assert.ok(count === 0 || numbers.length > 0);
    }),
    { numRuns: 30 },
  );
});

test('what a killed process left of a line does not spoil the next one', async () => {
  await using directory = await scratch();
  const path = join(directory.path, 'audit.log');
  await appendFile(path, `${JSON.stringify(entry(0))}\n{"time":"2026`);
  await using log = await AuditLog.open({ path }, { log: silentLogger });
  await log.write(entry(1));
  assert.deepEqual(numbersIn(await readFile(path, 'utf8')), [0, 1]);
});
