import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import test from 'node:test';
import * as fc from 'fast-check';
import { parseStartTime, processIs, processStartTime } from './process-identity.ts';

test('a process is known by its start time until it has gone', async () => {
  const child = spawn(process.execPath, ['-e', 'process.stdin.resume()']);
  await once(child, 'spawn');
  const pid = child.pid ?? 0;
  const start = processStartTime(pid);
  assert.ok(start !== undefined && start > 0n);
  assert.equal(processIs(pid, start), true);
  assert.equal(processIs(pid, start + 1n), false);
  child.kill('SIGKILL');
  await once(child, 'exit');
  assert.equal(processStartTime(pid), undefined);
  assert.equal(processIs(pid, start), false);
});

test('a pid that cannot be has no start time', () => {
  for (const pid of [0, -1, 1.5, Number.NaN, 2 ** 31]) assert.equal(processStartTime(pid), undefined, `pid ${pid}`);
});

test('a command name with blanks, parentheses and numbers does not shift the fields', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 15 }), fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (name, start) => {
      const fields = Array.from({ length: 48 }, (_, index) => (index === 18 ? start : BigInt(index)));
      assert.equal(parseStartTime(`42 (${name}) S ${fields.join(' ')}\n`), start);
    }),
  );
  assert.equal(parseStartTime('garbage'), undefined);
  assert.equal(parseStartTime(''), undefined);
});
