import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ConcentratorId, NodeId, Uuid } from '@weft/core/uuid';
import type { Vni } from '@weft/core/vni';
import { FakeClock } from '@weft/ssntp/fake-clock';
import { testUuid } from '@weft/ssntp/test-support';
import * as fc from 'fast-check';
import { KeptHints } from './kept-hints.ts';
import type { HintName } from './kept-hints.ts';

const OPTIONS = { lifeMs: 1000, maxBytes: 100, maxBytesPerAgent: 40 };
const CONCENTRATOR = testUuid(500);

function name(agent: number, vni: number, concentrator: Uuid = CONCENTRATOR): HintName {
  return { agent_uuid: testUuid(agent) as NodeId, concentrator_uuid: concentrator as ConcentratorId, vni: vni as Vni };
}

const bytes = (length: number, mark = 1): Uint8Array => new Uint8Array(length).fill(mark);

test('the latest hint of an agent about a segment is kept, those of others stay', () => {
  const hints = new KeptHints(OPTIONS, { clock: new FakeClock(), isLed: () => true });
  const reused = bytes(1, 1);
  hints.keep(name(1, 10), reused);
  hints.keep(name(2, 10), bytes(1, 2));
  hints.keep(name(1, 11), bytes(1, 3));
  hints.keep(name(1, 10, testUuid(501)), bytes(1, 4));
  reused[0] = 9;
  assert.deepEqual(hints.for(CONCENTRATOR), [bytes(1, 1), bytes(1, 2), bytes(1, 3)]);
  hints.keep(name(1, 10), bytes(1, 5));
  assert.deepEqual(hints.for(CONCENTRATOR), [bytes(1, 2), bytes(1, 3), bytes(1, 5)]);
  hints.forget(name(2, 10));
  hints.forget(name(2, 99));
  assert.deepEqual(hints.for(CONCENTRATOR), [bytes(1, 3), bytes(1, 5)]);
  assert.equal(hints.size, 3);
});

test('a hint’s time ends it while a controller is connected, and not before', () => {
  const clock = new FakeClock();
  let led = false;
  const hints = new KeptHints(OPTIONS, { clock, isLed: () => led });
  hints.keep(name(1, 10), bytes(1));
  clock.advance(500);
  hints.keep(name(1, 11), bytes(2));
  clock.advance(5000);
  assert.equal(hints.for(CONCENTRATOR).length, 2, 'without a controller they are all there is');
  led = true;
  assert.equal(hints.for(CONCENTRATOR).length, 0);
  hints.keep(name(1, 10), bytes(1));
  clock.advance(999);
  assert.equal(hints.for(CONCENTRATOR).length, 1);
  clock.advance(1);
  assert.equal(hints.for(CONCENTRATOR).length, 0);
});

test('an agent that says too much pushes out its own hints', () => {
  const hints = new KeptHints(OPTIONS, { clock: new FakeClock(), isLed: () => true });
  hints.keep(name(2, 10), bytes(30, 2));
  for (let vni = 20; vni < 40; vni += 1) hints.keep(name(1, vni), bytes(20, vni));
  assert.deepEqual(hints.for(CONCENTRATOR), [bytes(30, 2), bytes(20, 38), bytes(20, 39)]);
  hints.keep(name(1, 50), bytes(41));
  assert.deepEqual(hints.for(CONCENTRATOR), [bytes(30, 2)], 'what is beyond all bounds is not kept');
});

test('whatever is kept and forgotten, the bounds hold, and each payload is the last that was given under its name', () => {
  const step = fc.record({ agent: fc.nat(4), vni: fc.integer({ min: 1, max: 6 }), length: fc.integer({ min: 1, max: 60 }) });
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.boolean(), step), { maxLength: 60 }), (steps) => {
      const hints = new KeptHints(OPTIONS, { clock: new FakeClock(), isLed: () => true });
      const last = new Map<string, number>();
      for (const [forget, { agent, vni, length }] of steps) {
        const mark = agent * 10 + vni;
        if (forget) hints.forget(name(agent, vni));
        else hints.keep(name(agent, vni), bytes(length, mark));
        last.set(String(mark), forget ? -1 : length);
        const kept = hints.for(CONCENTRATOR);
        assert.equal(kept.length, hints.size);
        assert.ok(kept.reduce((sum, payload) => sum + payload.length, 0) <= OPTIONS.maxBytes);
        for (const payload of kept) assert.equal(payload.length, last.get(String(payload[0])));
      }
    }),
  );
});
