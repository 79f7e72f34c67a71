import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { Plan, planDigests } from '@weft/core/plan/plan';
import type { Sync, SyncItem } from '@weft/core/plan/sync';
import * as fc from 'fast-check';
import { brake, removedPorts } from './brakes.ts';
import { planItems, setPlanItem } from './plan-item.ts';
import { PlanSync } from './plan-sync.ts';
import type { PlanSyncOutcome } from './plan-sync.ts';
import { portItem, testId } from './test-support.ts';

const sha256 = (text: string): Uint8Array => createHash('sha256').update(text).digest();
const EPOCH = 'e1';

function planOf(...numbers: readonly number[]): Plan {
  const plan = new Plan();
  for (const number of numbers) setPlanItem(plan, portItem(number));
  return plan;
}

const byText = (a: string, b: string): number => (a < b ? -1 : 1);
const range = (first: number, count: number): number[] => Array.from({ length: count }, (_, index) => first + index);

/** A node that holds these ports in revision 5 of epoch e1. */
function nodeWith(...numbers: readonly number[]): PlanSync {
  return new PlanSync({ saved: { epoch: EPOCH, revision: 5, plan: planOf(...numbers) } }, { sha256 });
}

function full(epoch: string, revision: number, items: readonly SyncItem[]): Sync[] {
  return [
    { op: 'begin', epoch, revision },
    { op: 'chunk', seq: 0, items },
    { op: 'end', seq: 1, count: items.length },
  ];
}

function send(node: PlanSync, syncs: readonly Sync[]): PlanSyncOutcome {
  return syncs.map((sync) => node.handle(sync)).at(-1)!;
}

const ports = (node: PlanSync): string[] => [...(node.own?.plan.of('port').keys() ?? [])].toSorted(byText);
const keys = (...numbers: readonly number[]): string[] => numbers.map((number) => testId<never>(number)).toSorted(byText);

test('a node without a plan answers ask with revision 0, empty digests and the kinds it knows', () => {
  const node = new PlanSync({ saved: undefined }, { sha256 });
  assert.deepEqual(node.handle({ op: 'ask' }), { kind: 'answer' });
  const status = node.status();
  assert.equal(status.epoch, undefined);
  assert.equal(status.revision, 0);
  assert.deepEqual(status.digests, planDigests(new Plan(), sha256));
  assert.equal(status.kinds?.['port'], 1);
});

test('a full plan takes effect at its end, not before', () => {
  const node = nodeWith(1, 2);
  const [begin, chunk, end] = full(EPOCH, 6, [portItem(2), portItem(3)]) as [Sync, Sync, Sync];
  assert.deepEqual(send(node, [begin, chunk]), { kind: 'collecting' });
  assert.deepEqual(ports(node), keys(1, 2));
  assert.deepEqual(node.handle(end), { kind: 'taken', changed: 'all' });
  assert.deepEqual(ports(node), keys(2, 3));
  assert.equal(node.own?.revision, 6);
});

test('the digests of a plan that was taken are those of the sender', () => {
  const node = new PlanSync({ saved: undefined }, { sha256 });
  send(node, full(EPOCH, 6, [portItem(1), portItem(2)]));
  assert.deepEqual(node.status().digests, planDigests(planOf(2, 1), sha256));
});

test('a plan of several chunks is put together, and one with a gap is asked for again', () => {
  const begin: Sync = { op: 'begin', epoch: EPOCH, revision: 9 };
  const chunk = (seq: number, number: number): Sync => ({ op: 'chunk', seq, items: [portItem(number)] });
  const node = nodeWith(1);
  assert.equal(send(node, [begin, chunk(0, 1), chunk(1, 2), { op: 'end', seq: 2, count: 2 }]).kind, 'taken');
  assert.deepEqual(ports(node), keys(1, 2));
  for (const syncs of [
    [begin, chunk(0, 7), chunk(2, 8), { op: 'end', seq: 3, count: 2 } as const],
    [begin, chunk(0, 7), { op: 'end', seq: 2, count: 1 } as const],
    [begin, chunk(0, 7), { op: 'end', seq: 1, count: 2 } as const],
    [{ op: 'end', seq: 0, count: 0 } as const],
  ]) {
    assert.equal(send(node, syncs).kind, 'answer', JSON.stringify(syncs.map((sync) => sync.op)));
    assert.deepEqual(ports(node), keys(1, 2));
  }
});

test('a new begin discards an unfinished plan', () => {
  const node = nodeWith(1);
  send(node, full(EPOCH, 6, [portItem(9)]).slice(0, 2));
  assert.equal(send(node, full(EPOCH, 7, [portItem(1), portItem(2)])).kind, 'taken');
  assert.deepEqual(ports(node), keys(1, 2));
});

test('a delta changes what it names, and an empty one only confirms', () => {
  const node = nodeWith(1, 2);
  const delta = { op: 'delta', epoch: EPOCH, from: 5, revision: 6 } as const;
  const changed = node.handle({ ...delta, upsert: [portItem(3)], remove: [{ kind: 'port', key: testId(1) }] });
  assert.deepEqual(changed, {
    kind: 'taken',
    changed: [
      { kind: 'port', key: testId(3) },
      { kind: 'port', key: testId(1) },
    ],
  });
  assert.deepEqual(ports(node), keys(2, 3));
  const empty = node.handle({ op: 'delta', epoch: EPOCH, from: 6, revision: 8, upsert: [], remove: [] });
  assert.deepEqual(empty, { kind: 'taken', changed: [] });
  assert.equal(node.own?.revision, 8);
});

test('a delta from another revision or epoch, or to an older one, is answered as an ask and changes nothing', () => {
  const node = nodeWith(1);
  const delta = { op: 'delta', epoch: EPOCH, from: 5, revision: 6, upsert: [portItem(2)], remove: [] } as const;
  for (const wrong of [{ from: 4 }, { from: 6 }, { epoch: 'e2' }, { revision: 4 }]) {
    assert.deepEqual(node.handle({ ...delta, ...wrong }), { kind: 'answer' }, JSON.stringify(wrong));
  }
  assert.deepEqual(ports(node), keys(1));
  assert.equal(new PlanSync({ saved: undefined }, { sha256 }).handle(delta).kind, 'answer');
});

test('a delta that overtakes an unfinished full plan is not taken back by it', () => {
  const node = nodeWith(1);
  const [begin, chunk, end] = full(EPOCH, 5, [portItem(1)]) as [Sync, Sync, Sync];
  send(node, [begin, chunk]);
  node.handle({ op: 'delta', epoch: EPOCH, from: 5, revision: 6, upsert: [portItem(2)], remove: [] });
  assert.deepEqual(node.handle(end), { kind: 'answer' });
  assert.deepEqual(ports(node), keys(1, 2));
});

test('what cannot be read is reported and the rest taken; what the node had of it stays', () => {
  const node = nodeWith(1, 2);
  const bad: SyncItem[] = [
    { kind: 'port', key: testId(1), v: 1, body: { portId: 'no' } },
    { kind: 'port', key: testId(7), v: 2, body: portItem(7).body },
    { kind: 'wormhole', key: 'x', v: 1, body: {} },
    { kind: 'port', key: testId(8), v: 1, body: portItem(9).body },
  ];
  assert.equal(send(node, full(EPOCH, 6, [...bad, portItem(3)])).kind, 'taken');
  assert.deepEqual(ports(node), keys(1, 3));
  const codes = [...node.unparsed].map(([text, error]) => `${text.replace(/-0000.*/, '')} ${error.code}`).toSorted(byText);
  assert.deepEqual(codes, [
    'port 00000001 invalid_value',
    'port 00000007 unknown_plan_kind',
    'port 00000008 invalid_value',
    'wormhole x unknown_plan_kind',
  ]);
  const repair = { op: 'delta', epoch: EPOCH, from: 6, revision: 7 } as const;
  node.handle({
    ...repair,
    upsert: [portItem(1), portItem(7)],
    remove: [
      { kind: 'wormhole', key: 'x' },
      { kind: 'port', key: testId(8) },
    ],
  });
  assert.deepEqual([...node.unparsed.keys()], []);
});

test('brakes: unknown epoch, older revision and too many removals hold a plan; a node without one takes any', () => {
  const own = { epoch: EPOCH, revision: 5, plan: planOf(...range(0, 100)) };
  const next = (epoch: string, revision: number, left: number): Parameters<typeof brake>[1] => ({
    epoch,
    revision,
    plan: planOf(...range(0, left)),
  });
  const cases: [string, ReturnType<typeof brake>, ReturnType<typeof next>][] = [
    ['same plan again', undefined, next(EPOCH, 5, 100)],
    ['20 of 100 ports gone', undefined, next(EPOCH, 6, 80)],
    ['21 of 100 ports gone', 'too_many_removals', next(EPOCH, 6, 79)],
    ['everything gone', 'too_many_removals', next(EPOCH, 6, 0)],
    ['older revision', 'older_revision', next(EPOCH, 4, 100)],
    ['other epoch, even with everything in it', 'unknown_epoch', next('e2', 900, 100)],
  ];
  for (const [what, expected, plan] of cases) assert.equal(brake(own, plan), expected, what);
  assert.equal(brake(undefined, next('e2', 1, 0)), undefined);
  const small = { epoch: EPOCH, revision: 5, plan: planOf(...range(0, 10)) };
  assert.equal(brake(small, next(EPOCH, 6, 0)), undefined, '10 ports are not more than 10');
  const eleven = { epoch: EPOCH, revision: 5, plan: planOf(...range(0, 11)) };
  assert.equal(brake(eleven, next(EPOCH, 6, 0)), 'too_many_removals');
  assert.equal(removedPorts(own.plan, planOf(...range(50, 100))), 50);
});

test('a held plan changes nothing until it is accepted by its epoch and revision', () => {
  const node = nodeWith(1, 2);
  const held = send(node, full('e2', 3, [portItem(2)]));
  assert.deepEqual(held, { kind: 'held', held: { reason: 'unknown_epoch', epoch: 'e2', revision: 3, ports: 1 } });
  assert.deepEqual(ports(node), keys(1, 2));
  assert.deepEqual(node.status().held, { reason: 'unknown_epoch', epoch: 'e2', revision: 3, ports: 1 });
  assert.equal(node.handle({ op: 'accept', epoch: 'e2', revision: 4 }).kind, 'answer');
  assert.equal(node.handle({ op: 'accept', epoch: EPOCH, revision: 3 }).kind, 'answer');
  assert.deepEqual(node.handle({ op: 'accept', epoch: 'e2', revision: 3 }), { kind: 'taken', changed: 'all' });
  assert.deepEqual(ports(node), keys(2));
  assert.equal(node.own?.epoch, 'e2');
  assert.equal(node.held, undefined);
});

test('a held plan follows deltas, and one that lifts the brake lets it through', () => {
  const node = nodeWith(...range(0, 20));
  assert.equal(send(node, full(EPOCH, 6, [portItem(0)])).kind, 'held');
  const delta = { op: 'delta', epoch: EPOCH, from: 6, revision: 7, remove: [] } as const;
  assert.equal(node.handle({ ...delta, upsert: [portItem(1)] }).kind, 'held');
  assert.equal(node.held?.revision, 7);
  const rest = range(2, 18).map(portItem);
  assert.equal(node.handle({ ...delta, from: 7, revision: 8, upsert: rest }).kind, 'taken');
  assert.equal(node.own?.plan.count('port'), 20);
  assert.equal(node.held, undefined);
});

test('a sound full plan supersedes a held one', () => {
  const node = nodeWith(1, 2);
  send(node, full('e2', 3, []));
  assert.equal(send(node, full(EPOCH, 6, [portItem(1), portItem(2)])).kind, 'taken');
  assert.equal(node.held, undefined);
});

test('property: however deltas mix with full plans and connections are lost, a node is at the plan of its revision or asks again', () => {
  // The controller's history: revision r holds the ports in `history[r]`. It sends any deltas and full plans of it; what follows `cut` is lost.
  const history = fc.array(fc.uniqueArray(fc.integer({ min: 0, max: 9 }), { maxLength: 8 }), { minLength: 2, maxLength: 8 });
  const message = fc.record({
    full: fc.boolean(),
    from: fc.nat(),
    to: fc.nat(),
    cut: fc.integer({ min: 0, max: 6 }),
    late: fc.integer({ min: 0, max: 3 }),
  });
  fc.assert(
    fc.property(history, fc.array(message, { maxLength: 12 }), (revisions, messages) => {
      const node = new PlanSync({ saved: undefined }, { sha256 });
      const at = (revision: number): readonly number[] => revisions[revision % revisions.length]!;
      const order: (Sync | 'lost')[] = [];
      for (const { full: whole, from, to, cut, late } of messages) {
        const [a, b] = [from % revisions.length, to % revisions.length].toSorted((x, y) => x - y) as [number, number];
        if (!whole) order.splice(Math.max(0, order.length - late), 0, deltaBetween(a, at(a), b, at(b)));
        else if (cut > 3) order.push(...fullInChunks(b, at(b)));
        else order.push(...fullInChunks(b, at(b)).slice(0, cut), 'lost');
      }
      for (const sync of order) {
        const before = node.own?.revision;
        if (sync === 'lost') node.interrupt();
        else if (node.handle(sync).kind !== 'taken') assert.equal(node.own?.revision, before);
        if (node.own !== undefined) assert.deepEqual(ports(node), keys(...at(node.own.revision)), `revision ${node.own.revision}`);
      }
      // Whatever came before, an undisturbed full plan of the newest revision ends at it.
      const last = revisions.length - 1;
      assert.equal(send(node, fullInChunks(last, at(last))).kind, 'taken');
      assert.deepEqual(ports(node), keys(...at(last)));
    }),
  );
});

test('property: a plan and its items are the same thing', () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.integer({ min: 0, max: 200 })), (numbers) => {
      const plan = new Plan();
      for (const item of planItems(planOf(...numbers))) setPlanItem(plan, JSON.parse(JSON.stringify(item)) as SyncItem);
      assert.deepEqual(planDigests(plan, sha256), planDigests(planOf(...numbers), sha256));
    }),
  );
});

function fullInChunks(revision: number, numbers: readonly number[]): Sync[] {
  const half = Math.ceil(numbers.length / 2);
  const chunks = [numbers.slice(0, half), numbers.slice(half)].map((part, seq): Sync => ({ op: 'chunk', seq, items: part.map(portItem) }));
  return [{ op: 'begin', epoch: EPOCH, revision }, ...chunks, { op: 'end', seq: 2, count: numbers.length }];
}

function deltaBetween(from: number, before: readonly number[], revision: number, after: readonly number[]): Sync {
  const upsert = after.filter((number) => !before.includes(number)).map(portItem);
  const remove = before.filter((number) => !after.includes(number)).map((number) => ({ kind: 'port', key: testId<never>(number) }));
  return { op: 'delta', epoch: EPOCH, from, revision, upsert, remove };
}

test('a plan whose rest was lost with the connection is not continued by the next one', () => {
  const node = nodeWith(1);
  const [begin, chunk, end] = full(EPOCH, 6, [portItem(2)]) as [Sync, Sync, Sync];
  send(node, [begin, chunk]);
  node.interrupt();
  assert.deepEqual(node.handle(end), { kind: 'answer' });
  assert.deepEqual(ports(node), keys(1));
});
