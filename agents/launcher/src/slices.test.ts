import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Plan, PLAN_KINDS, planRefText } from '@weft/core/plan/plan';
import type { PlanKind, PlanRef } from '@weft/core/plan/plan';
import * as fc from 'fast-check';
import { slicesOf } from './slices.ts';
import { gatewayBody, instanceBody, portBody, testId } from './test-support.ts';

const ref = (kind: PlanKind, number: number): PlanRef => ({ kind, key: testId(number) });

function planOf(numbers: Iterable<number>): Plan {
  const plan = new Plan();
  for (const number of numbers) {
    plan.set('port', testId(number), portBody(number));
    plan.set('instance', testId(number), instanceBody(number, ['true']));
    plan.set('gateway', testId(number), gatewayBody(number));
  }
  return plan;
}

test('a small change is one slice, in the order in which it came', () => {
  const refs = [ref('port', 1), ref('gateway', 2), ref('instance', 1)];
  assert.deepEqual(slicesOf(planOf([1]), refs), [refs]);
  assert.deepEqual(slicesOf(new Plan(), []), [[]]);
});

test('every resource of a large change is in exactly one slice, none of which is large', () => {
  const arbitrary = fc.array(fc.tuple(fc.constantFrom(...PLAN_KINDS), fc.integer({ min: 0, max: 99 })), { maxLength: 500 });
  fc.assert(
    fc.property(arbitrary, fc.uniqueArray(fc.integer({ min: 0, max: 99 })), (named, present) => {
      const refs = named.map(([kind, number]) => ref(kind, number));
      const slices = slicesOf(planOf(present), refs);
      assert.deepEqual(slices.flat().map(planRefText).toSorted(), [...new Set(refs.map(planRefText))].toSorted());
      for (const slice of slices) assert.ok(slice.filter(({ kind }) => kind === 'gateway').length <= 8);
    }),
  );
});

test('a port comes together with its instance, after its gateway, and after what went', () => {
  const numbers = Array.from({ length: 100 }, (_, number) => number);
  const refs = numbers.flatMap((number) => [
    ref('port', number),
    ref('gateway', number),
    ref('instance', number),
    ref('port', 1000 + number),
  ]);
  const slices = slicesOf(planOf(numbers), refs);
  assert.ok(slices.length > 10);
  const at = new Map(slices.flatMap((slice, index) => slice.map((each) => [planRefText(each), index] as const)));
  for (const number of numbers) {
    const [port, instance, gateway, gone] = [
      ref('port', number),
      ref('instance', number),
      ref('gateway', number),
      ref('port', 1000 + number),
    ].map((each) => at.get(planRefText(each))!);
    assert.equal(port, instance, `port ${number}`);
    assert.ok(gone! <= gateway! && gateway! <= port!, `order of ${number}`);
  }
});

test('a gateway comes together with its firewall: it must not forward for a moment what that denies', () => {
  const numbers = Array.from({ length: 100 }, (_, number) => number);
  const plan = planOf(numbers);
  for (const number of numbers) plan.set('firewall', testId(number), { concentratorId: testId(number), rules: [] });
  for (const kinds of [['gateway', 'firewall'] as const, ['firewall', 'gateway'] as const]) {
    const refs = kinds.flatMap((kind) => numbers.map((number) => ref(kind, number)));
    const slices = slicesOf(plan, refs);
    assert.ok(slices.length > 10);
    for (const slice of slices) {
      const keys = (kind: PlanKind): string[] =>
        slice
          .filter((each) => each.kind === kind)
          .map(({ key }) => key)
          .toSorted();
      assert.deepEqual(keys('gateway'), keys('firewall'));
    }
  }
});

test('what others stand on goes last and comes first', () => {
  const ports = Array.from({ length: 50 }, (_, number) => ref('port', number));
  const kinds = slicesOf(new Plan(), [ref('segment', 1), ref('group', 2), ...ports]).flat();
  assert.deepEqual(kinds.slice(-2), [ref('segment', 1), ref('group', 2)]);
});
