import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { netnsCreateUnpinned } from './netns.ts';
import { canSpawnSession, spawnSession } from './spawn.ts';
import type { SpawnedProcess } from './spawn.ts';

const PATH = process.env['PATH'] ?? '/usr/bin:/bin';

/** Files that a child's output goes to, in a directory where it starts. */
class Place implements Disposable {
  readonly directory = mkdtempSync(join(tmpdir(), 'weft-spawn-'));
  readonly #fds = [openSync('/dev/null', 'r'), ...['out', 'err'].map((name) => openSync(join(this.directory, name), 'a'))];

  spawn(command: readonly [string, ...string[]], environment: Readonly<Record<string, string>> = { PATH }): SpawnedProcess {
    const [stdin, stdout, stderr] = this.#fds as [number, number, number];
    return spawnSession({ command, environment, directory: this.directory, stdio: [stdin, stdout, stderr] });
  }

  /** Runs a command to its end, and gives its output. */
  async output(...command: readonly [string, ...string[]]): Promise<string> {
    assert.deepEqual(await ended(this.spawn(command)), [0, null]);
    return readFileSync(join(this.directory, 'out'), 'utf8').trim();
  }

  [Symbol.dispose](): void {
    for (const fd of this.#fds) closeSync(fd);
    rmSync(this.directory, { recursive: true });
  }
}

function ended(child: SpawnedProcess): Promise<readonly [number | null, NodeJS.Signals | null]> {
  return new Promise((resolve, reject) => {
    // Nothing else keeps this process alive until then.
    const alive = setInterval(() => undefined, 1000);
    child.once('exit', (code, signal) => {
      clearInterval(alive);
      resolve([code, signal]);
    });
    child.once('error', (error) => {
      clearInterval(alive);
      reject(error);
    });
  });
}

test('a program runs in its directory, with its environment and its output, as the leader of a session', { skip: unable() }, async () => {
  using place = new Place();
  const script = 'echo $(pwd) $COLOUR $(cut -d" " -f6 /proc/self/stat | grep -c "^$$\\$")';
  assert.deepEqual(await ended(place.spawn(['sh', '-c', script], { PATH, COLOUR: 'blue' })), [0, null]);
  assert.equal(readFileSync(join(place.directory, 'out'), 'utf8').trim(), `${place.directory} blue 1`);
});

test('it gets the three descriptors and no other of ours', { skip: unable() }, async () => {
  using place = new Place();
  // The last is its own, with which it reads the directory.
  assert.equal(await place.output('ls', '/proc/self/fd'), '0\n1\n2\n3');
});

test('it starts in the network namespace that the thread is in', { skip: unable() }, async () => {
  using place = new Place();
  using netns = netnsCreateUnpinned();
  assert.deepEqual(await ended(netns.run(() => place.spawn(['readlink', '/proc/self/ns/net']))), [0, null]);
  assert.equal(readFileSync(join(place.directory, 'out'), 'utf8').trim(), `net:[${netns.inode}]`);
});

test('how it ended is told: by status, or by signal', { skip: unable() }, async () => {
  using place = new Place();
  assert.deepEqual(await ended(place.spawn(['sh', '-c', 'exit 7'])), [7, null]);
  const sleeping = place.spawn(['sleep', '1000']);
  process.kill(sleeping.pid!, 'SIGTERM');
  assert.deepEqual(await ended(sleeping), [null, 'SIGTERM']);
});

test('ends that come together are all told, and Node hears of its own children', { skip: unable() }, async () => {
  using place = new Place();
  const own = Array.from({ length: 10 }, (_, code) => spawn('sh', ['-c', `exit ${code}`], { stdio: 'ignore' }));
  const others = Array.from({ length: 40 }, (_, code) => place.spawn(['sh', '-c', `exit ${code}`]));
  const owned = Promise.all(own.map(async (child) => ((await once(child, 'exit')) as [number])[0]));
  assert.deepEqual(
    (await Promise.all(others.map(ended))).map(([code]) => code),
    [...others.keys()],
  );
  assert.deepEqual(await owned, [...own.keys()]);
});

test('what cannot be executed is told as Node tells it, and has no pid', { skip: unable() }, async () => {
  using place = new Place();
  const plain = join(place.directory, 'plain');
  writeFileSync(plain, 'no program');
  for (const [program, code] of [
    ['no-such-program', 'ENOENT'],
    ['/no/such/program', 'ENOENT'],
    [plain, 'EACCES'],
  ] as const) {
    const child = place.spawn([program]);
    assert.equal(child.pid, undefined, program);
    await assert.rejects(ended(child), { code, path: program }, program);
  }
});

test('a script without an interpreter is run by the shell, with its arguments', { skip: unable() }, async () => {
  using place = new Place();
  const script = join(place.directory, 'script');
  writeFileSync(script, 'echo "$1 $2"\n', { mode: 0o755 });
  assert.equal(await place.output(script, 'warp', 'and weft'), 'warp and weft');
});

function unable(): string | false {
  return canSpawnSession() ? false : 'the C library has no complete posix_spawn';
}
