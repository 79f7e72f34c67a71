import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Plan, planRefText } from '@weft/core/plan/plan';
import type { PlanRef } from '@weft/core/plan/plan';
import type { InstanceId } from '@weft/core/uuid';
import type { ErrorInfo } from '@weft/core/weft-error';
import { netnsCreate, netnsDelete } from '@weft/sys/netns';
import { launchProcess } from './process/launch-process.ts';
import { ProcessTable } from './process/process-table.ts';
import { Runner } from './runner.ts';
import type { InstanceState } from './runner.ts';
import { eventually, fastClock, instanceBody, portBody, recordingLog, temporaryDirectory, testId } from './test-support.ts';

const clock = fastClock(20);
const FAILURE: ErrorInfo = { code: 'broken', message: 'it broke', retryable: true };
const NONE: ReadonlyMap<string, ErrorInfo> = new Map();
const ID = testId<InstanceId>(1);

/** A node with namespaces 1 and 2, a plan, and a runner that can be put in place of a killed one. */
class Bench implements AsyncDisposable {
  readonly #directory = temporaryDirectory();
  readonly plan = new Plan();
  readonly deleted: InstanceId[] = [];
  readonly log = recordingLog();
  connected = true;
  runner = this.again();

  constructor() {
    for (const number of [1, 2]) netnsCreate(this.netns(testId(number)))[Symbol.dispose]();
  }

  netns(id: InstanceId): string {
    return join(this.#directory.path, 'netns', id);
  }

  directory(id: InstanceId): string {
    return join(this.#directory.path, 'instances', id);
  }

  again(): Runner {
    const options = { stateDir: this.#directory.path, bootId: 'boot', environment: { PATH: process.env['PATH'] ?? '' } };
    const deleted = (id: InstanceId): boolean => {
      if (this.connected) this.deleted.push(id);
      return this.connected;
    };
    const dataplane = { workloadNetns: (id: InstanceId) => this.netns(id) };
    const { log } = this;
    const table = new ProcessTable({ clock });
    return new Runner(options, {
      dataplane,
      deleted,
      log,
      clock,
      table,
      launch: launchProcess,
      random: () => 0.5,
      onFailures: () => undefined,
    });
  }

  /** What a launcher that is killed and started again does. */
  restart(): void {
    this.runner.close();
    this.runner = this.again();
  }

  put(number: number, command: readonly string[], generation = 1): void {
    this.plan.set('port', testId(number), portBody(number));
    this.plan.set('instance', testId(number), instanceBody(number, command, generation));
  }

  change(...refs: readonly PlanRef[]): void {
    this.runner.apply(this.plan, new Map(refs.map((ref) => [planRefText(ref), ref])), NONE);
  }

  state(number = 1): InstanceState | undefined {
    return this.runner.states().find(({ instanceId }) => instanceId === testId<InstanceId>(number))?.state;
  }

  pids(id: InstanceId = ID): number[] {
    return readdirSync('/proc').flatMap((name) =>
      /^\d+$/.test(name) && environmentOf(name).includes(`WEFT_INSTANCE_ID=${id}`) ? [Number(name)] : [],
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.connected = true;
    this.runner.apply(new Plan(), 'all', NONE);
    await eventually('nothing runs any more', () => [1, 2].every((number) => this.pids(testId(number)).length === 0));
    this.runner.close();
    for (const number of [1, 2]) netnsDelete(this.netns(testId(number)));
    this.#directory[Symbol.dispose]();
  }
}

function environmentOf(pid: string): string[] {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0');
  } catch {
    return [];
  }
}

test('an instance of the plan runs in its namespace and its directory, with its name', async () => {
  await using bench = new Bench();
  bench.put(1, ['sh', '-c', 'echo "$WEFT_INSTANCE_NAME"; exec sleep 1000']);
  bench.runner.apply(bench.plan, 'known', NONE);
  assert.equal(bench.state(), 'active');
  const [pid, ...others] = bench.pids();
  assert.deepEqual(others, []);
  assert.equal(readlinkSync(`/proc/${pid}/cwd`), bench.directory(ID));
  const log = join(bench.directory(ID), 'stdout.log');
  await eventually('it has written', () => readFileSync(log, 'utf8') === 'w1\n');
  assert.equal(bench.runner.failures().size, 0);
});

test('an instance waits until the data path has applied its port, and needs no further word then', async () => {
  await using bench = new Bench();
  bench.put(1, ['sleep', '1000']);
  const port = { kind: 'port', key: testId<never>(1) } as const;
  bench.runner.apply(bench.plan, 'all', new Map([[planRefText(port), FAILURE]]));
  assert.equal(bench.state(), 'pending');
  assert.deepEqual(bench.pids(), []);
  bench.change(port);
  assert.equal(bench.state(), 'active');
});

test('a port that fails later does not touch what runs', async () => {
  await using bench = new Bench();
  bench.put(1, ['sleep', '1000']);
  bench.runner.apply(bench.plan, 'all', NONE);
  const before = bench.pids();
  bench.runner.apply(bench.plan, 'all', new Map([[planRefText({ kind: 'port', key: testId(1) }), FAILURE]]));
  assert.deepEqual(bench.pids(), before);
  assert.equal(bench.state(), 'active');
});

test('a restarted launcher adopts all instances, and starts only what is missing', async () => {
  await using bench = new Bench();
  bench.put(1, ['sleep', '1000']);
  bench.runner.apply(bench.plan, 'all', NONE);
  const before = bench.pids();
  bench.restart();
  bench.put(2, ['sleep', '1000']);
  bench.runner.apply(bench.plan, 'known', NONE);
  assert.deepEqual(bench.pids(), before);
  assert.deepEqual([bench.state(1), bench.state(2)], ['active', 'active']);
  assert.equal(bench.pids(testId(2)).length, 1);
});

test('removal leaves no process and no directory, and is told once', async () => {
  await using bench = new Bench();
  bench.put(1, ['sh', '-c', 'trap "" TERM; setsid sleep 1000 & sleep 1000; sleep 1000']);
  bench.runner.apply(bench.plan, 'all', NONE);
  await eventually('its children run', () => bench.pids().length === 3);
  bench.plan.delete('instance', ID);
  bench.change({ kind: 'instance', key: ID });
  bench.change({ kind: 'instance', key: ID });
  assert.equal(bench.state(), undefined, 'no longer an instance of this node');
  await eventually('the controller is told', () => bench.deleted.length > 0);
  assert.deepEqual(bench.pids(), []);
  assert.equal(existsSync(bench.directory(ID)), false);
  assert.deepEqual(bench.deleted, [ID]);
});

test('an instance that left the plan while no launcher ran is removed, but not on account of an unconfirmed plan', async () => {
  await using bench = new Bench();
  bench.put(1, ['sleep', '1000']);
  bench.runner.apply(bench.plan, 'all', NONE);
  bench.restart();
  bench.plan.delete('instance', ID);
  bench.runner.apply(bench.plan, 'known', NONE);
  assert.equal(bench.pids().length, 1);
  bench.runner.apply(bench.plan, 'all', NONE);
  await eventually('it is gone', () => bench.deleted.length === 1);
  assert.deepEqual(bench.pids(), []);
  assert.equal(existsSync(bench.directory(ID)), false);
});

test('what could not be told is told after the next connection, also by the next launcher', async () => {
  await using bench = new Bench();
  bench.put(1, ['sleep', '1000']);
  bench.put(2, ['sleep', '1000']);
  bench.runner.apply(bench.plan, 'all', NONE);
  bench.connected = false;
  bench.runner.apply(new Plan(), 'all', NONE);
  const ended = bench.log.lines.filter(({ message }) => message === 'process ended');
  await eventually(
    'both have ended',
    () => bench.log.lines.filter(({ message }) => message === 'process ended').length === ended.length + 2,
  );
  await eventually('nothing runs', () => bench.pids().length === 0 && bench.pids(testId(2)).length === 0);
  assert.ok(existsSync(bench.directory(ID)), 'the directory remembers');
  bench.restart();
  bench.connected = true;
  bench.runner.apply(new Plan(), 'all', NONE);
  await eventually('both are told', () => bench.deleted.length === 2);
  bench.runner.announceDeleted();
  assert.equal(bench.deleted.length, 2);
});

test('a deletion that could not be told is told by the launcher that did it', async () => {
  await using bench = new Bench();
  bench.connected = false;
  mkdirSync(bench.directory(ID), { recursive: true });
  bench.runner.apply(new Plan(), 'all', NONE);
  await eventually('the runner has noticed', () => bench.runner.states().length === 0 && bench.pids().length === 0);
  await new Promise((resolve) => setImmediate(resolve));
  bench.connected = true;
  bench.runner.announceDeleted();
  assert.deepEqual(bench.deleted, [ID]);
  assert.equal(existsSync(bench.directory(ID)), false);
});

test('another generation replaces the process; another name does not', async () => {
  await using bench = new Bench();
  bench.put(1, ['sleep', '1000']);
  bench.runner.apply(bench.plan, 'all', NONE);
  const [old] = bench.pids();
  bench.plan.set('instance', ID, { ...instanceBody(1, ['sleep', '1000']), name: 'renamed' });
  bench.change({ kind: 'instance', key: ID });
  assert.deepEqual(bench.pids(), [old]);
  bench.put(1, ['sleep', '1000'], 2);
  bench.change({ kind: 'instance', key: ID });
  await eventually('another one runs', () => bench.state() === 'active' && bench.pids()[0] !== old);
  assert.equal(bench.pids().length, 1);
});

test('an instance that ends is exited until it is started again; one that cannot start is a failure as well', async () => {
  await using bench = new Bench();
  bench.put(1, ['sh', '-c', 'exit 1']);
  bench.put(2, ['no-such-program']);
  bench.runner.apply(bench.plan, 'all', NONE);
  await eventually('both are exited', () => bench.state(1) === 'exited' && bench.state(2) === 'exited');
  assert.deepEqual([...bench.runner.failures().keys()], [planRefText({ kind: 'instance', key: testId(2) })]);
  assert.equal([...bench.runner.failures().values()][0]?.code, 'process_not_started');
});
