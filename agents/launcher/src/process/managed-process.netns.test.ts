import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync, readdirSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { InetSocket } from '@weft/sys/inet-socket';
import { netnsCreate, netnsDelete } from '@weft/sys/netns';
import { eventually, fastClock, recordingLog, temporaryDirectory } from '../test-support.ts';
import { launchProcess } from './launch-process.ts';
import { ManagedProcess } from './managed-process.ts';
import type { ManagedProcessDeps, WantedProcess } from './managed-process.ts';
import { processRecordFile } from './process-record.ts';
import type { ProcessRecordFile } from './process-record.ts';
import { ProcessTable } from './process-table.ts';

/** 1 s of the process's pauses is 50 ms here. */
const clock = fastClock(20);

/** One managed process with its namespace and directory; `again` is what a restarted launcher makes of it. */
class Bench implements AsyncDisposable {
  readonly #directory = temporaryDirectory();
  readonly netnsPath = join(this.#directory.path, 'netns');
  readonly tag = randomUUID();
  readonly log = recordingLog();
  readonly record = processRecordFile(join(this.#directory.path, 'process.json'));
  readonly table = new ProcessTable({ clock });
  #current: ManagedProcess | undefined;
  bootId = 'boot-1';

  constructor() {
    netnsCreate(this.netnsPath)[Symbol.dispose]();
  }

  get path(): string {
    return this.#directory.path;
  }

  again(deps: Partial<ManagedProcessDeps> = {}): ManagedProcess {
    this.#current?.release();
    const options = { fields: {}, bootId: this.bootId, ownsNetns: true, graceMs: 5000 };
    const { record, table, log } = this;
    const defaults = { record, table, log, clock, launch: launchProcess, random: () => 0.5, onChange: () => undefined };
    this.#current = new ManagedProcess(options, { ...defaults, ...deps });
    return this.#current;
  }

  wanted(...command: readonly string[]): WantedProcess {
    return {
      fingerprint: command.join(' '),
      command,
      netnsPath: this.netnsPath,
      directory: this.#directory.path,
      environment: { PATH: process.env['PATH'] ?? '', BENCH: this.tag },
      stdout: join(this.#directory.path, 'stdout.log'),
      stderr: join(this.#directory.path, 'stderr.log'),
    };
  }

  /** The processes that this bench started, found without the code under test. */
  pids(): number[] {
    return readdirSync('/proc').flatMap((name) => {
      if (!/^\d+$/.test(name)) return [];
      const environment = readProc(`${name}/environ`) ?? '';
      return environment.split('\0').includes(`BENCH=${this.tag}`) ? [Number(name)] : [];
    });
  }

  /** Waits until so many run. */
  async count(number: number): Promise<number[]> {
    return await eventually(`${number} processes run`, () => {
      const pids = this.pids();
      return pids.length === number && pids;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.again().stop();
    netnsDelete(this.netnsPath);
    this.#directory[Symbol.dispose]();
  }
}

function readProc(path: string): string | undefined {
  try {
    return readFileSync(`/proc/${path}`, 'latin1');
  } catch {
    return undefined;
  }
}

/** Empty for one that is gone already, like the directory that is being listed. */
function readLink(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}

/** Works `times` times, then the launcher is killed, as far as the record is concerned. */
function killedAfter(record: ProcessRecordFile, times: number): ProcessRecordFile {
  let left = times;
  return {
    ...record,
    write: (value) => {
      if (left === 0) throw new Error('killed');
      left -= 1;
      record.write(value);
    },
  };
}

const running = (managed: ManagedProcess): number | undefined => (managed.state.kind === 'running' ? managed.state.pid : undefined);

test('a process starts in its namespace, as leader of a session, with its environment and nothing of ours', async () => {
  await using bench = new Bench();
  using socket = InetSocket.open({ kind: 'udp' });
  assert.equal(socket.kind, 'udp');
  const managed = bench.again();
  managed.want(bench.wanted('sh', '-c', 'echo out; echo err >&2; exec sleep 1000'));
  const pid = running(managed);
  assert.ok(pid !== undefined, 'it runs when want returns');
  await eventually(
    'it has written',
    () => existsSync(join(bench.path, 'stderr.log')) && readFileSync(join(bench.path, 'stderr.log'), 'utf8') !== '',
  );
  assert.equal(readFileSync(join(bench.path, 'stdout.log'), 'utf8'), 'out\n');
  assert.notEqual(readlinkSync(`/proc/${pid}/ns/net`), readlinkSync('/proc/self/ns/net'));
  const session = readProc(`${pid}/stat`)?.split(') ')[1]?.split(' ')[3];
  assert.equal(session, String(pid));
  const open = (owner: number | string): string[] => readdirSync(`/proc/${owner}/fd`).map((fd) => readLink(`/proc/${owner}/fd/${fd}`));
  const files = open(pid);
  assert.deepEqual(files.slice(0, 3), ['/dev/null', join(bench.path, 'stdout.log'), join(bench.path, 'stderr.log')]);
  // Beyond these there may be what whoever started this test left open, but nothing that was opened in here.
  assert.ok(!files.some((file) => file.startsWith('socket:') || file.includes('netns') || file.includes('eventpoll')), files.join(' '));
  assert.ok(
    open('self').some((file) => file.startsWith('socket:')),
    'there was a socket to inherit',
  );
  assert.equal(readlinkSync(`/proc/${pid}/cwd`), bench.path);
  const names = readProc(`${pid}/environ`)
    ?.split('\0')
    .map((line) => line.split('=')[0]);
  assert.deepEqual(
    new Set(names),
    new Set(['PATH', 'BENCH', 'WEFT_RUN', 'PWD', 'SHLVL', '_', 'OLDPWD', ''].filter((name) => names?.includes(name))),
  );
  assert.ok(names?.includes('WEFT_RUN'));
});

test('a restarted launcher adopts what runs', async () => {
  await using bench = new Bench();
  const first = bench.again();
  first.want(bench.wanted('sleep', '1000'));
  const pid = running(first);
  const second = bench.again();
  second.want(bench.wanted('sleep', '1000'));
  assert.equal(running(second), pid);
  assert.deepEqual(bench.pids(), [pid]);
  process.kill(pid!, 'SIGKILL');
  await eventually('its end is noticed, although it is not a child that is watched', () => {
    const now = running(second);
    return now !== undefined && now !== pid;
  });
  await bench.count(1);
});

for (const [when, writes] of [
  ['before it was noted that a process will start', 0],
  ['before the identity of a started process was noted', 1],
  ['right after the identity was noted', 2],
] as const) {
  test(`killed ${when}, the next launcher ends with exactly one process`, async () => {
    await using bench = new Bench();
    const first = bench.again({ record: killedAfter(bench.record, writes) });
    first.want(bench.wanted('sleep', '1000'));
    const before = bench.pids();
    assert.equal(before.length, writes === 0 ? 0 : 1);
    const second = bench.again();
    second.want(bench.wanted('sleep', '1000'));
    const pid = running(second);
    assert.ok(pid !== undefined);
    assert.deepEqual(bench.pids(), before.length === 0 ? [pid] : before);
    assert.equal(bench.record.read()?.state, 'running');
  });
}

test('killed after noting the start and before the start, the next launcher starts it', async () => {
  await using bench = new Bench();
  const first = bench.again({
    launch: () => {
      throw new Error('killed');
    },
  });
  first.want(bench.wanted('sleep', '1000'));
  assert.equal(bench.record.read()?.state, 'starting');
  const second = bench.again();
  second.want(bench.wanted('sleep', '1000'));
  assert.deepEqual(bench.pids(), [running(second)]);
});

test('killed while ending a process, the next launcher ends it', async () => {
  await using bench = new Bench();
  const first = bench.again();
  first.want(bench.wanted('sh', '-c', 'trap "" TERM; while :; do sleep 1000; done'));
  await bench.count(2);
  void first.stop();
  const second = bench.again();
  await second.stop();
  assert.deepEqual(bench.pids(), []);
  assert.equal(bench.record.read(), undefined);
});

test('a process of an earlier boot is not adopted', async () => {
  await using bench = new Bench();
  const first = bench.again();
  first.want(bench.wanted('sleep', '1000'));
  const old = running(first);
  bench.bootId = 'boot-2';
  const second = bench.again();
  second.want(bench.wanted('sleep', '1000'));
  const now = await eventually('another one runs', () => running(second));
  assert.notEqual(now, old);
  assert.deepEqual(await bench.count(1), [now]);
});

test('a record that cannot be read does not lead to a second process', async () => {
  await using bench = new Bench();
  const first = bench.again();
  first.want(bench.wanted('sleep', '1000'));
  const old = running(first);
  writeFileSync(join(bench.path, 'process.json'), '{"version":1');
  const second = bench.again();
  second.want(bench.wanted('sleep', '1000'));
  const now = await eventually('it runs', () => running(second));
  assert.notEqual(now, old);
  assert.deepEqual(await bench.count(1), [now]);
  assert.equal(bench.log.lines.filter(({ level }) => level === 'error').length, 1);
});

test('a process that ends is started again, after longer and longer pauses', async () => {
  await using bench = new Bench();
  const managed = bench.again();
  managed.want(bench.wanted('sh', '-c', 'echo run; exit 3'));
  const output = join(bench.path, 'stdout.log');
  await eventually('it ran three times', () => existsSync(output) && readFileSync(output, 'utf8').length >= 12);
  const { state } = managed;
  if (state.kind === 'exited') assert.match(state.error.message, /status 3/);
  const pauses = bench.log.lines.flatMap(({ fields }) => ('pauseMs' in fields ? [Number(fields.pauseMs)] : []));
  assert.deepEqual(pauses.slice(0, 2), [875, 1750]);
  assert.equal(bench.pids().length <= 1, true);
});

test('what a process that ended leaves running is ended before it is started again', async () => {
  await using bench = new Bench();
  const managed = bench.again();
  managed.want(bench.wanted('sh', '-c', 'setsid sleep 1000 & echo run; exec sleep 0.05'));
  const output = join(bench.path, 'stdout.log');
  await eventually('it ran three times', () => existsSync(output) && readFileSync(output, 'utf8').length >= 12);
  const sleepers = bench.pids().filter((pid) => readProc(`${pid}/cmdline`) === 'sleep\x001000\0');
  assert.ok(sleepers.length <= 1, `${sleepers.length} are left`);
});

test('ending reaches everything it started: who ignores SIGTERM, who left the session, who cleared its environment', async () => {
  await using bench = new Bench();
  const managed = bench.again();
  const script = 'trap "" TERM; setsid sleep 1001 & env -i setsid sleep 1002 & sleep 1003 & echo ready; wait; sleep 1004';
  managed.want(bench.wanted('sh', '-c', script));
  const inode = readlinkSync(`/proc/${running(managed)}/ns/net`);
  const inside = (): string[] =>
    readdirSync('/proc').filter((name) => {
      try {
        return /^\d+$/.test(name) && readlinkSync(`/proc/${name}/ns/net`) === inode;
      } catch {
        return false;
      }
    });
  await eventually('all four run', () => inside().length === 4);
  await managed.stop();
  assert.deepEqual(inside(), []);
  assert.equal(managed.state.kind, 'absent');
  assert.equal(bench.record.read(), undefined);
});

test('a process that obeys SIGTERM may finish what it does', async () => {
  await using bench = new Bench();
  const managed = bench.again();
  managed.want(bench.wanted('sh', '-c', 'trap "echo bye; exit 0" TERM; echo ready; while :; do sleep 0.01; done'));
  const output = join(bench.path, 'stdout.log');
  await eventually('it is ready', () => readFileSync(output, 'utf8') === 'ready\n');
  await managed.stop();
  assert.equal(readFileSync(output, 'utf8'), 'ready\nbye\n');
});

test('another command replaces the process, and the two never run together', async () => {
  await using bench = new Bench();
  const managed = bench.again();
  managed.want(bench.wanted('sleep', '1000'));
  const old = running(managed);
  managed.want(bench.wanted('sleep', '2000'));
  const now = await eventually('the other one runs', () => {
    assert.ok(bench.pids().length <= 1);
    const pid = running(managed);
    return pid !== old && pid;
  });
  assert.deepEqual(bench.pids(), [now]);
});

test('a namespace that was made anew gets a process of its own', async () => {
  await using bench = new Bench();
  const managed = bench.again();
  managed.want(bench.wanted('sleep', '1000'));
  const old = running(managed);
  netnsDelete(bench.netnsPath);
  netnsCreate(bench.netnsPath)[Symbol.dispose]();
  managed.want(bench.wanted('sleep', '1000'));
  const now = await eventually('it runs in the new one', () => {
    const pid = running(managed);
    return pid !== old && pid;
  });
  assert.deepEqual(bench.pids(), [now]);
});

test('a program that is not there, or a namespace that is not, is an error that says so and passes when it comes', async () => {
  await using bench = new Bench();
  const managed = bench.again();
  managed.want(bench.wanted('no-such-program'));
  const failed = await eventually('it failed', () => managed.state.kind === 'exited' && managed.state);
  assert.equal(failed.error.code, 'process_not_started');
  assert.match(failed.error.message, /no-such-program: ENOENT/);
  managed.want({ ...bench.wanted('sleep', '1000'), netnsPath: join(bench.path, 'none') });
  const missing = await eventually(
    'it failed otherwise',
    () => managed.state.kind === 'exited' && managed.state.error.code === 'namespace_missing' && managed.state,
  );
  assert.match(missing.error.message, /network namespace .*none is not there/);
  managed.want(bench.wanted('sleep', '1001'));
  assert.ok(running(managed) !== undefined, 'something else does not wait for the end of the pause');
});

test('what is wanted again while it is being ended is started once the old one is gone', async () => {
  await using bench = new Bench();
  const managed = bench.again();
  managed.want(bench.wanted('sleep', '1000'));
  const old = running(managed);
  const stopped = managed.stop();
  managed.want(bench.wanted('sleep', '1000'));
  await stopped;
  const now = await eventually('it runs again', () => running(managed));
  assert.notEqual(now, old);
  assert.deepEqual(bench.pids(), [now]);
});

test('a released process is left alone', async () => {
  await using bench = new Bench();
  const managed = bench.again();
  managed.want(bench.wanted('sleep', '1000'));
  const pid = running(managed);
  managed.release();
  managed.want(undefined);
  assert.deepEqual(bench.pids(), [pid]);
});
