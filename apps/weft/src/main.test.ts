import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const WEFT = fileURLToPath(new URL('../bin/weft.mjs', import.meta.url));
/** Tells every module that is loaded, on standard error. */
const TELL = `import { registerHooks } from 'node:module';
registerHooks({ load: (url, context, next) => { process._rawDebug('load ' + url); return next(url, context); } });`;

function modulesOf(...args: string[]): Readonly<{ status: number | null; modules: string[] }> {
  const tell = `data:text/javascript,${encodeURIComponent(TELL)}`;
  const { status, stderr } = spawnSync(process.execPath, ['--import', tell, WEFT, ...args], { encoding: 'utf8' });
  return { status, modules: stderr.split('\n').filter((line) => line.startsWith('load ')) };
}

void test('help and version load neither FFI nor the web server nor the lab', () => {
  for (const args of [['--help'], ['--version'], ['network', 'list', '--help'], ['server', '--version'], ['launcher', '--help']]) {
    const { status, modules } = modulesOf(...args);
    assert.equal(status, 0, args.join(' '));
    assert.notEqual(modules.length, 0);
    assert.deepEqual(
      modules.filter((module) => /koffi|fastify|better|\/lab\/src\/|node:sqlite/.test(module)),
      [],
      args.join(' '),
    );
  }
});
