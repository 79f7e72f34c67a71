import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { EchoLedger } from './echo-ledger.ts';
import { ProgressMeter } from './progress-meter.ts';
import { RateSchedule } from './rate-schedule.ts';
import { pause, poll, Repetition } from './ticker.ts';

test('a ledger counts an echo as lost only after its time, and spans the gap between answered ones', () => {
  const ledger = new EchoLedger({ lossAfterMs: 100 });
  for (let number = 0; number < 10; number++) ledger.sent(number, 10 * number);
  for (const number of [0, 1, 2, 7, 8, 9]) assert.equal(ledger.answered(number, 95), true, `echo ${number}`);
  ledger.settle(130);
  assert.deepEqual([ledger.count().received, ledger.count().lost, ledger.settled()], [3, 0, false]);
  ledger.settle(141);
  assert.deepEqual(ledger.count().lost, 2, 'echoes 3 and 4');
  assert.equal(ledger.answered(4, 145), false, 'too late');
  assert.equal(ledger.answered(5, 145), true);
  ledger.settle(1000);
  assert.equal(ledger.settled(), true);
  assert.deepEqual(ledger.count(), { sent: 10, received: 7, lost: 3, longestGapMs: 30, longestRttMs: 95 });
});

test('answers that waited while nobody looked are not lost', () => {
  const ledger = new EchoLedger({ lossAfterMs: 100 });
  ledger.sent(0, 0);
  ledger.settle(50);
  assert.equal(ledger.answered(0, 5000), true);
  ledger.settle(5000);
  assert.deepEqual([ledger.count().received, ledger.count().lost, ledger.count().longestGapMs], [1, 0, 0]);
});

test('a gap at the beginning or the end reaches to the first or last echo', () => {
  for (const answered of [3, 0]) {
    const ledger = new EchoLedger({ lossAfterMs: 10 });
    for (let number = 0; number < 4; number++) ledger.sent(number, 10 * number);
    ledger.answered(answered, 30);
    ledger.settle(1000);
    assert.equal(ledger.count().longestGapMs, 30, `only echo ${answered} is answered`);
  }
});

test('every echo ends up received or lost, whatever the order, and a gap needs a loss', () => {
  const steps = fc.array(fc.record({ passMs: fc.nat(50), send: fc.boolean(), answer: fc.option(fc.nat(20)) }), { maxLength: 200 });
  fc.assert(
    fc.property(steps, (steps) => {
      const ledger = new EchoLedger({ lossAfterMs: 60 });
      let nowMs = 0;
      let sent = 0;
      let taken = 0;
      for (const { passMs, send, answer } of steps) {
        nowMs += passMs;
        if (answer !== null && ledger.answered(sent - answer, nowMs)) taken++;
        ledger.settle(nowMs);
        if (send) ledger.sent(sent++, nowMs);
      }
      ledger.settle(nowMs + 61);
      const count = ledger.count();
      assert.equal(ledger.settled(), true);
      assert.deepEqual([count.sent, count.received, count.received + count.lost], [sent, taken, sent]);
      assert.ok(count.lost > 0 || count.longestGapMs === 0);
    }),
  );
});

test('a schedule keeps its rate over small delays and skips what a long one missed', () => {
  const schedule = new RateSchedule({ perSecond: 1000, startMs: 0 });
  assert.equal(schedule.due(0), 1);
  assert.equal(schedule.due(0), 0);
  assert.equal(schedule.due(15), 15);
  assert.equal(schedule.due(1015), 20, 'one burst of 20 ms instead of 1000');
  assert.equal(schedule.due(1020), 5);
  assert.equal(new RateSchedule({ perSecond: 0, startMs: 0 }).due(1000), 0);
});

test('a schedule that is asked often enough grants exactly its rate', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 5000 }), fc.array(fc.nat(20), { maxLength: 300 }), (perSecond, passes) => {
      const schedule = new RateSchedule({ perSecond, startMs: 7 });
      let nowMs = 7;
      let granted = schedule.due(nowMs);
      for (const passMs of passes) granted += schedule.due((nowMs += passMs));
      assert.equal(granted, 1 + Math.floor(((nowMs - 7) * perSecond) / 1000));
    }),
  );
});

test('a meter counts standstills, but not the time in which nobody looked', () => {
  const meter = new ProgressMeter({ startMs: 0, stallMs: 30, longestStepMs: 20 });
  meter.look(10, 5);
  for (const nowMs of [20, 30, 40, 50]) meter.look(nowMs, 0);
  assert.deepEqual(meter.progress(), { bytes: 5, longestStallMs: 40, stalls: 1, idleMs: 40 });
  meter.look(60, 5);
  meter.look(5000, 0);
  assert.deepEqual(meter.progress(), { bytes: 10, longestStallMs: 40, stalls: 1, idleMs: 20 });
});

test('a poll looks once more after its deadline, however late it comes', async () => {
  let looks = 0;
  assert.equal(await poll(() => void looks++, { withinMs: 0 }), undefined);
  assert.equal(looks, 1);
  let ready = false;
  const polled = poll(() => ready || undefined, { withinMs: 5 });
  const until = performance.now() + 30;
  while (performance.now() < until);
  ready = true;
  assert.equal(await polled, true);
});

test('a poll ends with what its step throws, and with the reason of its signal', async () => {
  const reason = new Error('enough');
  const failing = (): undefined => {
    throw reason;
  };
  await assert.rejects(poll(failing, { withinMs: 1000 }), reason);
  const controller = new AbortController();
  const pausing = pause(60_000, controller.signal);
  controller.abort(reason);
  await assert.rejects(pausing, reason);
});

test('a repetition that fails stops and tells why', async () => {
  let steps = 0;
  using repetition = new Repetition(() => {
    if (++steps === 3) throw new Error('third');
  });
  repetition.check();
  await poll(() => steps >= 3 || undefined, { withinMs: 10_000 });
  assert.throws(() => repetition.check(), /third/);
  assert.equal(steps, 3);
});
