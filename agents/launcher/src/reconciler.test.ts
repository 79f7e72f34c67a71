import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { Plan, planRefText } from '@weft/core/plan/plan';
import type { PlanRef } from '@weft/core/plan/plan';
import type { ErrorInfo } from '@weft/core/weft-error';
import { FakeClock } from '@weft/ssntp/fake-clock';
import type { DataplanePort } from './dataplane-port.ts';
import { Reconciler } from './reconciler.ts';
import type { Applied, DesiredPlan, Follower, Scope } from './reconciler.ts';
import { eventually, portBody, recordingLog, testId } from './test-support.ts';

const FAILURE: ErrorInfo = { code: 'broken', message: 'it broke', retryable: true };
const port = (number: number): PlanRef => ({ kind: 'port', key: testId(number) });

class FakeDataplane implements DataplanePort {
  readonly calls: string[] = [];
  readonly broken = new Set<string>();
  throws: Error | undefined;
  isDisturbed = false;
  /** So many calls of `tidy` are needed. */
  untidy = 0;
  tidied = 0;
  tidyThrows: Error | undefined;

  /** Resolves later if it is to take a while. */
  observing: Promise<void> | undefined;

  observeInParts(): Promise<void> | undefined {
    this.calls.push('observe');
    this.isDisturbed = false;
    if (this.throws !== undefined) throw this.throws;
    return this.observing;
  }

  apply(_plan: Plan, changed: Iterable<PlanRef> | 'all'): ReadonlyMap<string, ErrorInfo> {
    const refs = changed === 'all' ? ['all'] : [...changed].map(planRefText);
    this.calls.push(refs.map(short).toSorted(byText).join(' '));
    const failed = changed === 'all' ? [...this.broken] : refs.filter((ref) => this.broken.has(ref));
    return new Map(failed.map((ref) => [ref, FAILURE]));
  }

  relocate(): void {}

  pending(plan: Plan): readonly PlanRef[] {
    return [...plan.refs()];
  }

  disturbed(): boolean {
    return this.isDisturbed;
  }

  tidy(): boolean {
    this.tidied += 1;
    if (this.tidyThrows !== undefined) throw this.tidyThrows;
    this.untidy = Math.max(0, this.untidy - 1);
    return this.untidy > 0;
  }

  portDrops(): readonly [] {
    return [];
  }

  gatewayDrops(): undefined {}

  workloadNetns(): string {
    return '/nowhere';
  }

  gatewayNetns(): string {
    return '/nowhere';
  }

  metadataLeg(): { netns: string; ifname: string } {
    return { netns: '/nowhere', ifname: 'seg1' };
  }
}

class FakeFollower implements Follower {
  readonly calls: string[] = [];
  readonly failed = new Map<string, ErrorInfo>();
  retiring: Promise<void> | undefined;

  retire(): Promise<void> | undefined {
    return this.retiring;
  }

  apply(_plan: Plan, scope: Scope, failed: ReadonlyMap<string, ErrorInfo>): void {
    const what = typeof scope === 'string' ? scope : [...scope.keys()].map(short).join(' ');
    this.calls.push(`${what}${failed.size === 0 ? '' : ` (${[...failed.keys()].map(short).join(' ')} failed)`}`);
  }

  failures(): ReadonlyMap<string, ErrorInfo> {
    return this.failed;
  }
}

const short = (text: string): string => text.replace(/^port 0*([0-9a-f]+)-.*$/, 'p$1');
const byText = (a: string, b: string): number => (a < b ? -1 : 1);

function setUp(options: { plan?: DesiredPlan | undefined } = {}): {
  clock: FakeClock;
  dataplane: FakeDataplane;
  follower: FakeFollower;
  reconciler: Reconciler;
  reports: Applied[];
  log: ReturnType<typeof recordingLog>;
  desired: { now: DesiredPlan | undefined };
} {
  const clock = new FakeClock();
  const dataplane = new FakeDataplane();
  const follower = new FakeFollower();
  const reports: Applied[] = [];
  const log = recordingLog();
  const plan = new Plan();
  for (const number of [1, 2, 3]) plan.set('port', testId(number), portBody(number));
  const desired = { now: 'plan' in options ? options.plan : { plan, epoch: 'e1', revision: 1, confirmed: true } };
  const reconciler = new Reconciler({
    dataplane,
    followers: () => [follower],
    desired: () => desired.now,
    report: (applied) => reports.push(applied),
    clock,
    random: () => 0.5,
    log,
  });
  return { clock, dataplane, follower, reconciler, reports, log, desired };
}

/** Lets a pass that has ended say so. */
const settled = (): Promise<unknown> => setImmediate();

test('the first change is applied before the call returns, after the kernel was observed', () => {
  const { dataplane, follower, reconciler, reports } = setUp();
  reconciler.changed([port(1)]);
  assert.deepEqual(dataplane.calls, ['observe', 'p1']);
  assert.deepEqual(follower.calls, ['p1']);
  assert.deepEqual(reports, [{ epoch: 'e1', revision: 1, failed: new Map(), confirmed: true, retries: 0 }]);
});

test('changes within 5 ms of a pass are applied together', async () => {
  const { clock, dataplane, reconciler } = setUp();
  reconciler.changed([port(1)]);
  await settled();
  reconciler.changed([port(2)]);
  reconciler.changed([port(3)]);
  clock.advance(4);
  assert.deepEqual(dataplane.calls, ['observe', 'p1']);
  clock.advance(1);
  assert.deepEqual(dataplane.calls, ['observe', 'p1', 'p2 p3']);
  await settled();
  clock.advance(100);
  reconciler.changed([port(1)]);
  assert.deepEqual(dataplane.calls.at(-1), 'p1', 'at once again after a rest');
});

test('an empty change reports that the revision is applied', () => {
  const { reconciler, reports, dataplane } = setUp();
  reconciler.changed([]);
  assert.equal(reports.length, 1);
  assert.deepEqual(dataplane.calls, ['observe', '']);
});

test('without a plan nothing is done, and nothing is forgotten', async () => {
  const { clock, dataplane, reconciler, desired } = setUp({ plan: undefined });
  reconciler.changed([port(1)]);
  await settled();
  clock.advance(10_000);
  assert.deepEqual(dataplane.calls, []);
  desired.now = { plan: new Plan(), epoch: 'e1', revision: 1, confirmed: true };
  reconciler.changed([port(2)]);
  assert.deepEqual(dataplane.calls, ['observe', 'p1 p2']);
});

test('an unconfirmed plan is applied by its resources, a confirmed one as all there is', async () => {
  const { clock, dataplane, follower, reconciler, desired } = setUp();
  desired.now = { ...desired.now!, confirmed: false };
  reconciler.changed('all');
  await settled();
  assert.deepEqual(dataplane.calls, ['observe', 'p1 p2 p3']);
  assert.deepEqual(follower.calls, ['known']);
  desired.now = { ...desired.now, confirmed: true };
  reconciler.changed('all');
  clock.advance(5);
  assert.deepEqual(dataplane.calls.at(-1), 'all');
  assert.deepEqual(follower.calls, ['known', 'all']);
});

test('what failed is reported, retried with growing pauses, and logged once on failure and once on recovery', async () => {
  const { clock, dataplane, follower, reconciler, reports, log } = setUp();
  dataplane.broken.add(planRefText(port(2)));
  reconciler.changed([port(1), port(2)]);
  assert.deepEqual([...reports[0]!.failed], [[planRefText(port(2)), FAILURE]]);
  assert.deepEqual(follower.calls, ['p1 p2 (p2 failed)']);
  const passes: number[] = [];
  for (let passed = 0, before = dataplane.calls.length; passed < 200_000; passed += 10) {
    await settled();
    clock.advance(10);
    if (dataplane.calls.length > before) passes.push(clock.now());
    before = dataplane.calls.length;
  }
  const pauses = passes.map((at, index) => at - (passes[index - 1] ?? 0));
  assert.deepEqual(pauses.slice(0, 4), [150, 300, 600, 1200]);
  assert.ok(
    pauses.every((pause) => pause <= 30_000),
    String(pauses),
  );
  assert.ok(pauses.at(-1)! >= 15_000, String(pauses));
  assert.ok(
    dataplane.calls.slice(2).every((call) => call === 'p2'),
    'only what failed is tried again',
  );
  dataplane.broken.clear();
  await settled();
  clock.advance(30_000);
  assert.equal(reports.at(-1)?.failed.size, 0);
  assert.deepEqual(
    log.lines.map(({ level }) => level),
    ['warn', 'info'],
  );
  await settled();
  const { length } = dataplane.calls;
  clock.advance(300_000);
  assert.equal(dataplane.calls.length, length, 'no more retries');
});

test('a stream of good changes beside a failure does not stretch its pauses', async () => {
  const { clock, dataplane, reconciler } = setUp();
  dataplane.broken.add(planRefText(port(2)));
  reconciler.changed([port(2)]);
  for (let count = 0; count < 50; count += 1) {
    await settled();
    clock.advance(1);
    reconciler.changed([port(1)]);
  }
  await settled();
  const { length } = dataplane.calls;
  clock.advance(150);
  assert.ok(dataplane.calls.length > length);
});

test('a failure that is no resource of the plan makes the next try a whole one', async () => {
  const { clock, dataplane, reconciler } = setUp();
  dataplane.broken.add('node');
  reconciler.changed('all');
  dataplane.broken.clear();
  await settled();
  clock.advance(200);
  assert.deepEqual(dataplane.calls, ['observe', 'all', 'all']);
});

test('a data path that throws is observed again and loses nothing of what was to do', async () => {
  const { clock, dataplane, reconciler, reports, log } = setUp();
  dataplane.throws = new Error('no kernel today');
  reconciler.changed([port(1)]);
  await settled();
  assert.deepEqual(dataplane.calls, ['observe']);
  clock.advance(100);
  assert.deepEqual(dataplane.calls, ['observe'], 'no hot loop');
  dataplane.throws = undefined;
  clock.advance(100);
  assert.deepEqual(dataplane.calls, ['observe', 'observe', 'p1']);
  assert.equal(reports.length, 1);
  assert.deepEqual(
    log.lines.map(({ level }) => level),
    ['error', 'info'],
  );
});

test('everything is compared with the kernel now and then', async () => {
  const { clock, dataplane, reconciler } = setUp();
  reconciler.start();
  reconciler.changed('all');
  await settled();
  clock.advance(59_999);
  assert.deepEqual(dataplane.calls, ['observe', 'all']);
  clock.advance(1);
  assert.deepEqual(dataplane.calls, ['observe', 'all', 'observe', 'all']);
  await settled();
  clock.advance(60_000);
  assert.equal(dataplane.calls.length, 6);
});

test('what somebody took away is put back within seconds, and a kernel that was left alone is not looked at', async () => {
  const { clock, dataplane, follower, reconciler } = setUp();
  reconciler.start();
  reconciler.changed('all');
  await settled();
  clock.advance(10_000);
  assert.deepEqual(dataplane.calls, ['observe', 'all']);
  dataplane.isDisturbed = true;
  clock.advance(2_000);
  await settled();
  assert.deepEqual(dataplane.calls, ['observe', 'all', 'observe', 'all']);
  assert.deepEqual(follower.calls, ['all', 'all']);
});

test('what must end before its namespace goes is waited for before the data path acts', async () => {
  const { dataplane, follower, reconciler } = setUp();
  const retired = Promise.withResolvers<void>();
  follower.retiring = retired.promise;
  reconciler.changed([port(1)]);
  reconciler.changed([port(2)]);
  await settled();
  assert.deepEqual(dataplane.calls, ['observe']);
  retired.resolve();
  await settled();
  assert.deepEqual(dataplane.calls.slice(0, 2), ['observe', 'p1']);
});

test("a follower's failures are part of the report, and reported when they change", async () => {
  const { follower, reconciler, reports } = setUp();
  reconciler.changed([port(1)]);
  await settled();
  reconciler.followerChanged();
  assert.equal(reports.length, 1, 'nothing new');
  follower.failed.set('instance x', FAILURE);
  reconciler.followerChanged();
  assert.deepEqual([...reports[1]!.failed.keys()], ['instance x']);
  follower.failed.clear();
  reconciler.followerChanged();
  assert.equal(reports[2]!.failed.size, 0);
});

test('after stop nothing is applied any more, and no timer is left', async () => {
  const { clock, dataplane, reconciler } = setUp();
  dataplane.broken.add(planRefText(port(1)));
  reconciler.start();
  reconciler.changed([port(1)]);
  await settled();
  reconciler.changed([port(2)]);
  await reconciler.stop();
  reconciler.changed([port(3)]);
  assert.equal(clock.pending, 0);
  assert.deepEqual(dataplane.calls, ['observe', 'p1']);
});

test('what a pass put off is done after the report, a little at a time, and no more often than needed', async () => {
  const { clock, dataplane, reconciler, reports } = setUp();
  dataplane.untidy = 3;
  reconciler.changed([port(1)]);
  await settled();
  assert.deepEqual([reports.length, dataplane.tidied], [1, 0], 'the report does not wait for it');
  clock.advance(10_000);
  assert.equal(dataplane.tidied, 3);
  dataplane.tidyThrows = new Error('no kernel today');
  reconciler.changed([port(2)]);
  await settled();
  clock.advance(10_000);
  assert.equal(dataplane.tidied, 4, 'no hot loop');
  await reconciler.stop();
});

test('a large change is applied in slices, between which others have their turn, and reported once', async () => {
  const { dataplane, follower, reconciler, reports, desired } = setUp();
  const { plan } = desired.now!;
  for (let number = 1; number <= 100; number += 1) plan.set('port', testId(number), portBody(number));
  let turns = 0;
  const counting = setInterval(() => (turns += 1), 0);
  reconciler.changed([...plan.of('port').keys()].map((key) => ({ kind: 'port', key })));
  await eventually('it is reported', () => reports.length > 0);
  clearInterval(counting);
  const applied = dataplane.calls.filter((call) => call.startsWith('p'));
  assert.ok(applied.length > 2, applied.join('; '));
  assert.deepEqual(follower.calls.length, applied.length);
  assert.equal(new Set(applied.flatMap((call) => call.split(' '))).size, 100);
  assert.equal(reports.length, 1);
  assert.ok(turns > 0, 'timers ran meanwhile');
});

test('a large plan is applied in slices, and then as a whole', async () => {
  const { dataplane, reconciler, reports, desired } = setUp();
  for (let number = 1; number <= 100; number += 1) desired.now!.plan.set('port', testId(number), portBody(number));
  reconciler.changed('all');
  await eventually('it is reported', () => reports.length > 0);
  assert.ok(dataplane.calls.filter((call) => call.startsWith('p')).length > 2);
  assert.equal(dataplane.calls.at(-1), 'all');
});

test('what fails in a slice does not hold up the rest, and is reported with it', async () => {
  const { dataplane, reconciler, reports, desired } = setUp();
  for (let number = 1; number <= 100; number += 1) desired.now!.plan.set('port', testId(number), portBody(number));
  const first = planRefText({ kind: 'port', key: testId(1) });
  dataplane.broken.add(first);
  reconciler.changed([...desired.now!.plan.of('port').keys()].map((key) => ({ kind: 'port', key })));
  await eventually('it is reported', () => reports.length > 0);
  assert.deepEqual([...reports[0]!.failed.keys()], [first]);
  assert.equal(new Set(dataplane.calls.filter((call) => call.startsWith('p')).flatMap((call) => call.split(' '))).size, 100);
});

test('nothing is applied while a long look is under way, and what changed meanwhile is applied after it', async () => {
  const { dataplane, reconciler, reports } = setUp();
  const { promise, resolve } = Promise.withResolvers<void>();
  dataplane.observing = promise;
  reconciler.changed([port(1)]);
  reconciler.changed([port(2)]);
  await setImmediate();
  assert.deepEqual(dataplane.calls, ['observe']);
  resolve();
  await eventually('it is reported', () => reports.length > 0);
  assert.deepEqual(dataplane.calls, ['observe', 'p1']);
});

test('a resource is settled once it is applied, and not while it waits for its slice or has changed since', async () => {
  const { reconciler, reports, desired } = setUp();
  for (let number = 1; number <= 100; number += 1) desired.now!.plan.set('port', testId(number), portBody(number));
  const last = port(100);
  reconciler.changed([...desired.now!.plan.of('port').keys()].map((key) => ({ kind: 'port', key })));
  assert.equal(reconciler.isSettled(last), false, 'its slice has not come');
  await eventually('it is reported', () => reports.length > 0);
  assert.equal(reconciler.isSettled(last), true);
  reconciler.changed([last]);
  assert.equal(reconciler.isSettled(last), false, 'it has changed since');
  await reconciler.stop();
});
