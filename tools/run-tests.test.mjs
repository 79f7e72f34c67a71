import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { obstacle, testEnvironment, TestRun, unshareCommand } from './run-tests.mjs';
import { chooseTestFiles, findTestFiles, testKind } from './test-files.mjs';

/** A directory with these files, which is gone after the test. @param {import('node:test').TestContext} t @param {Record<string, string>} files */
function directoryOf(t, files) {
  const dir = mkdtempSync(join(tmpdir(), 'weft-tools-'));
  t.after(() => rmSync(dir, { recursive: true }));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(join(dir, name, '..'), { recursive: true });
    writeFileSync(join(dir, name), text);
  }
  return dir;
}

/** Runs one made-up unit test file. @param {import('node:test').TestContext} t @param {string} text */
async function runOne(t, text, options = {}) {
  const dir = directoryOf(t, { 'x.test.mjs': text });
  let printed = '';
  const print = (/** @type {string} */ more) => {
    printed += more;
  };
  const run = new TestRun({ node: process.execPath, nodeArgs: [], ...options }, { print });
  await run.run('unit', [join(dir, 'x.test.mjs')]);
  return { counts: run.counts, printed };
}

const head = `import { describe, test } from 'node:test';\nimport assert from 'node:assert/strict';\n`;

test('passed, failed and skipped tests are counted once each, and a failure is printed in full', async (t) => {
  const { counts, printed } = await runOne(
    t,
    `${head}describe('outer', () => {
      test('good', () => {});
      test('bad', (t) => { t.diagnostic('seed 4711'); console.log('said before'); assert.deepEqual({ vni: 1 }, { vni: 2 }, new Error('vni', { cause: 'the cause' })); });
      test('not here', { skip: 'needs a moon' }, () => {});
    });`,
  );
  assert.deepEqual(counts, { passed: 1, failed: 1, skipped: 1 });
  for (const part of ['outer > bad', 'x.test.mjs:5:7', 'the cause', 'seed 4711', 'said before', 'not here – needs a moon']) {
    assert.ok(printed.includes(part), `${part} is missing in:\n${printed}`);
  }
  assert.ok(!printed.includes('\u001E'), 'the counts are for us, not for readers');
});

const broken = [
  { what: 'a file that throws while it is loaded', text: `throw new Error('early');`, says: 'early' },
  { what: 'a file that ends its process', text: `${head}test('a', () => {}); process.exit(7);`, says: 'exit code 7' },
  { what: 'a file that ends its process with 0 before its tests', text: `process.exit(0);`, says: 'no test in this file' },
  { what: 'a file killed by a signal', text: `${head}test('a', () => process.kill(process.pid, 'SIGKILL'));`, says: 'SIGKILL' },
  { what: 'a file without tests', text: 'export {};', says: 'no test in this file' },
  {
    what: 'an error after the last test',
    text: `${head}test('a', () => { setImmediate(() => { throw new Error('late'); }); });`,
    says: 'late',
  },
];
for (const { what, text, says } of broken) {
  test(`${what} counts as failed`, async (t) => {
    const { counts, printed } = await runOne(t, text);
    assert.equal(counts.failed, 1, printed);
    assert.ok(printed.includes(says), printed);
  });
}

test('a file that never ends is stopped and counts as failed', async (t) => {
  const { counts, printed } = await runOne(t, `${head}test('a', () => { for (;;); });`, { silenceMs: 1500 });
  assert.ok(counts.failed >= 1, printed);
  assert.match(printed, /nothing was reported for 1\.5 s/);
});

test('a runner that cannot be started counts as failed', async (t) => {
  const { counts, printed } = await runOne(t, '', { node: '/nonexistent/node' });
  assert.deepEqual(counts, { passed: 0, failed: 1, skipped: 0 });
  assert.match(printed, /nonexistent/);
});

test('skipped files are counted and their reason is printed', () => {
  let printed = '';
  const run = new TestRun(
    { node: process.execPath, nodeArgs: [] },
    {
      print: (text) => {
        printed += text;
      },
    },
  );
  run.skip(['a.netns.test.ts', 'b.netns.test.ts'], 'no namespaces here');
  assert.deepEqual(run.counts, { passed: 0, failed: 0, skipped: 2 });
  assert.match(printed, /b\.netns\.test\.ts {2}– no namespaces here/);
});

test('the kind of a test file is in its name', () => {
  const names = ['a.test.ts', 'a.test.mjs', 'a.netns.test.ts', 'a.system.test.ts', 'a.ts', 'test.mjs', 'a.testing.ts', 'a.test.ts.snap'];
  assert.deepEqual(names.map(testKind), ['unit', 'unit', 'netns', 'system', undefined, undefined, undefined, undefined]);
});

test('test files are found below ordinary directories only', (t) => {
  const dir = directoryOf(t, {
    'packages/a/src/b.test.ts': '',
    'packages/a/src/b.ts': '',
    'packages/a/node_modules/c/c.test.ts': '',
    '.hidden/d.test.ts': '',
    'tools/e.test.mjs': '',
    'packages/a/src/testdata/f.test.ts': '',
  });
  assert.deepEqual(findTestFiles(dir), [join(dir, 'packages/a/src/b.test.ts'), join(dir, 'tools/e.test.mjs')]);
  assert.deepEqual(chooseTestFiles(['src', 'src/b.test.ts'], dir, join(dir, 'packages/a')), ['packages/a/src/b.test.ts']);
  assert.throws(() => chooseTestFiles(['nothing.test.ts'], dir, dir), /nothing\.test\.ts does not exist/);
  assert.throws(() => chooseTestFiles(['packages/a/src/b.ts'], dir, dir), /is not a test file/);
  assert.throws(() => chooseTestFiles(['..'], dir, dir), /outside the repository/);
});

test('without root, namespaces are made inside a user namespace and system tests are refused with the reason', () => {
  assert.deepEqual(unshareCommand(false).slice(0, 2), ['unshare', '-Urnm']);
  assert.equal(obstacle('unit', false), undefined);
  assert.match(obstacle('system', false) ?? '', /needs root/);
});

test('tests find the system’s programs and do not take an outer test runner for theirs', () => {
  const env = testEnvironment({ PATH: '/home/someone/bin', NODE_TEST_CONTEXT: 'child-v8', FUZZ_RUNS: '9' });
  assert.equal(env.NODE_TEST_CONTEXT, undefined);
  assert.equal(env.FUZZ_RUNS, '9');
  assert.ok(env.PATH.split(':').includes('/usr/sbin'));
});
