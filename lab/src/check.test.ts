import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WeftError } from '@weft/core/weft-error';
import { CheckFailed, expect, explain, runChecks } from './check.ts';
import type { Check, CheckResult } from './check.ts';

const never = new AbortController().signal;

function check(id: string, needs: string[], run: () => Promise<string>): Check<undefined> {
  return { id, needs, disturbs: false, run };
}

async function resultsOf(checks: readonly Check<undefined>[]): Promise<[string, boolean, string][]> {
  const reported: CheckResult[] = [];
  const results = await runChecks(checks, undefined, { report: (result) => reported.push(result), signal: never });
  assert.deepEqual(results, reported);
  return results.map(({ check, ok, detail }) => [check, ok, detail]);
}

void test('a failed check fails those that need it, unrun, and no other', async () => {
  let ran = 0;
  const results = await resultsOf([
    check('a', [], () => Promise.reject(new CheckFailed('one', 'two', 'there'))),
    check('b', ['a'], () => Promise.resolve(String(++ran))),
    check('c', ['b'], () => Promise.resolve(String(++ran))),
    check('d', [], () => Promise.resolve('fine')),
  ]);
  assert.equal(ran, 0);
  assert.deepEqual(results, [
    ['a', false, 'expected one; seen: two (see there)'],
    ['b', false, 'not run: it needs a, which failed'],
    ['c', false, 'not run: it needs b, which failed'],
    ['d', true, 'fine'],
  ]);
});

void test('an abort ends the run with its reason and reports nothing more', async () => {
  const controller = new AbortController();
  const reported: CheckResult[] = [];
  const reason = new Error('Ctrl-C');
  const checks = [
    check('a', [], () => Promise.resolve('fine')),
    check('b', [], () => {
      controller.abort(reason);
      return Promise.reject(reason);
    }),
  ];
  await assert.rejects(
    runChecks(checks, undefined, { report: (result) => reported.push(result), signal: controller.signal }),
    (error) => error === reason,
  );
  assert.deepEqual(
    reported.map((result) => result.check),
    ['a'],
  );
});

void test('a list of checks with a double id, or a need that comes later, is refused', async () => {
  const fine = (): Promise<string> => Promise.resolve('');
  const deps = { report: () => undefined, signal: never };
  await assert.rejects(runChecks([check('a', [], fine), check('a', [], fine)], undefined, deps), /two checks/);
  await assert.rejects(runChecks([check('a', ['b'], fine), check('b', [], fine)], undefined, deps), /needs b/);
});

void test('expect throws what was expected and what was seen', () => {
  expect(true, 'x', 'y');
  assert.throws(() => expect(false, '3 replies', '0 replies'), { message: 'expected 3 replies; seen: 0 replies' });
});

void test('an explanation follows causes and keeps the stack of bugs only', () => {
  const cause = new TypeError('x is undefined');
  const text = explain(new WeftError('outer', 'doing something', { cause }));
  assert.match(text, /^doing something\n {2}because: TypeError: x is undefined\n +at /);
});
