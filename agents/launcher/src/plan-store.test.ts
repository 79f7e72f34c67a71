import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Plan } from '@weft/core/plan/plan';
import { systemClock } from '@weft/ssntp/clock';
import { BootMark } from './boot-mark.ts';
import { setPlanItem } from './plan-item.ts';
import { PlanStore } from './plan-store.ts';
import type { SavedState } from './plan-store.ts';
import { eventually, portItem, recordingLog, temporaryDirectory, testId } from './test-support.ts';

const CONFIGURATION = { configure: { launcher: { compute_net: ['10.88.0.0/24'] } } };

function stateWith(revision: number, ...numbers: readonly number[]): SavedState {
  const plan = new Plan();
  for (const number of numbers) setPlanItem(plan, portItem(number));
  return { configuration: CONFIGURATION, plan: { epoch: 'e1', revision, plan } };
}

function open(stateDir: string, current: () => SavedState): { store: PlanStore; log: ReturnType<typeof recordingLog> } {
  const log = recordingLog();
  return { store: new PlanStore({ stateDir }, { current, clock: systemClock, log }), log };
}

async function load(stateDir: string): Promise<SavedState> {
  return await open(stateDir, () => assert.fail('nothing is saved')).store.load();
}

test('a plan that was saved is loaded with its configuration, epoch and revision', async () => {
  using directory = temporaryDirectory();
  const state = stateWith(7, 1, 2, 3);
  const { store } = open(directory.path, () => state);
  store.save();
  await store.flush();
  const loaded = await load(directory.path);
  assert.deepEqual(loaded.configuration, CONFIGURATION);
  assert.equal(loaded.plan?.epoch, 'e1');
  assert.equal(loaded.plan.revision, 7);
  assert.deepEqual([...loaded.plan.plan.of('port')], [...state.plan!.plan.of('port')]);
});

test('a plan of more items than a slice holds is saved whole', async () => {
  using directory = temporaryDirectory();
  const state = stateWith(7, ...Array.from({ length: 2500 }, (_, index) => index));
  const { store } = open(directory.path, () => state);
  store.save();
  await store.flush();
  assert.equal((await load(directory.path)).plan?.plan.count('port'), 2500);
});

test('a node that has a configuration but no plan yet saves the configuration', async () => {
  using directory = temporaryDirectory();
  const { store } = open(directory.path, () => ({ configuration: CONFIGURATION, plan: undefined }));
  store.save();
  await store.flush();
  assert.deepEqual(await load(directory.path), { configuration: CONFIGURATION, plan: undefined });
});

test('a first start finds nothing', async () => {
  using directory = temporaryDirectory();
  assert.deepEqual(await load(directory.path), { configuration: undefined, plan: undefined });
});

test('the first change is written without waiting, many that follow in few writes, and the last one wins', async () => {
  using directory = temporaryDirectory();
  let revision = 1;
  let reads = 0;
  const { store } = open(directory.path, () => {
    reads += 1;
    return stateWith(revision, 1);
  });
  store.save();
  assert.equal(reads, 1);
  for (; revision < 100; revision += 1) store.save();
  await store.flush();
  assert.equal((await load(directory.path)).plan?.revision, 100);
  assert.ok(reads <= 3, `${reads} writes`);
});

test('a change after a pause is written although nobody waits for it', async () => {
  using directory = temporaryDirectory();
  let revision = 1;
  const { store } = open(directory.path, () => stateWith(revision, 1));
  store.save();
  revision = 2;
  store.save();
  const path = join(directory.path, 'plan.json');
  await eventually('revision 2 is on disk', () => existsSync(path) && readFileSync(path, 'utf8').includes('"revision":2'));
  assert.equal((await load(directory.path)).plan?.revision, 2);
  // The file is there before its directory is synchronised; a write that fails because the directory has gone would be tried for ever.
  await store.flush();
  store.close();
});

test('a kill while the plan is written leaves the plan before it', async () => {
  using directory = temporaryDirectory();
  const { store } = open(directory.path, () => stateWith(7, 1));
  store.save();
  await store.flush();
  writeFileSync(join(directory.path, '.plan.json.partial'), '{"version":1,"ep');
  assert.equal((await load(directory.path)).plan?.revision, 7);
  store.save();
  await store.flush();
  assert.deepEqual(readdirSync(directory.path), ['plan.json']);
});

test('a damaged file is set aside with a warning and counts as none', async () => {
  for (const damage of ['', '{"version":1,"epoch":"e1","rev', '[]', '{"version":2}', '{"version":1,"epoch":"e1","items":{}}', 'null']) {
    using directory = temporaryDirectory();
    writeFileSync(join(directory.path, 'plan.json'), damage);
    const { store, log } = open(directory.path, () => stateWith(1));
    assert.deepEqual(await store.load(), { configuration: undefined, plan: undefined }, damage);
    assert.deepEqual(
      log.lines.map(({ level }) => level),
      ['warn'],
      damage,
    );
    assert.deepEqual(readdirSync(directory.path), ['plan.json.damaged']);
    assert.equal(readFileSync(join(directory.path, 'plan.json.damaged'), 'utf8'), damage);
  }
});

test('an item of another release is left out with a warning, the rest is loaded', async () => {
  using directory = temporaryDirectory();
  const items = [portItem(1), { ...portItem(2), v: 9 }, { kind: 'wormhole', key: 'x', v: 1, body: {} }];
  writeFileSync(join(directory.path, 'plan.json'), JSON.stringify({ version: 1, epoch: 'e1', revision: 3, items }));
  const { store, log } = open(directory.path, () => stateWith(1));
  const loaded = await store.load();
  assert.deepEqual([...loaded.plan!.plan.of('port').keys()], [testId(1)]);
  assert.equal(log.lines.length, 1);
  assert.deepEqual(
    Object.entries(log.lines[0]!.fields).find(([key]) => key === 'count'),
    ['count', 2],
  );
});

test('a write that fails is logged once and tried again', async () => {
  using directory = temporaryDirectory();
  const missing = join(directory.path, 'missing');
  const { store, log } = open(missing, () => stateWith(1, 1));
  store.save();
  await store.flush();
  await store.flush();
  assert.deepEqual(
    log.lines.map(({ level }) => level),
    ['error'],
  );
  store.close();
});

test('the boot mark is made once and survives a restart of the launcher', () => {
  using directory = temporaryDirectory();
  const first = new BootMark({ runDir: directory.path });
  assert.equal(first.id, undefined);
  const id = first.ensure();
  assert.equal(first.ensure(), id);
  assert.equal(new BootMark({ runDir: directory.path }).id, id);
  using elsewhere = temporaryDirectory();
  assert.notEqual(new BootMark({ runDir: elsewhere.path }).ensure(), id);
});
