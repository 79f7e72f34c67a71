import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { EventLog } from './event-log.ts';

const add = (log: EventLog, message: string): void => log.add({ tenantId: undefined, name: 'node.joined', resources: {}, message });
const messages = (log: EventLog, seq: number): string[] => Array.from(log.after(seq), ({ message }) => message);

test('only the newest are kept, and a reader is told what it missed', () => {
  const log = new EventLog({ capacity: 3 }, { wallMs: () => 1000 });
  assert.deepEqual([log.last, log.hasLost(log.last), log.hasLost(0), messages(log, 0)], [999, false, true, []]);
  for (const message of ['a', 'b', 'c', 'd']) add(log, message);
  assert.deepEqual([log.last, messages(log, 0), messages(log, 1002)], [1003, ['b', 'c', 'd'], ['d']]);
  assert.deepEqual([log.hasLost(999), log.hasLost(1000), log.hasLost(1003)], [true, false, false]);
  assert.deepEqual([log.placeOf(1001), log.placeOf(5000)], [1001, 0]);
});

test('a later process numbers higher', () => {
  const first = new EventLog({}, { wallMs: () => 1000 });
  add(first, 'a');
  assert.ok(new EventLog({}, { wallMs: () => 2000 }).last > first.last);
});

test('whoever reads on from its last number sees each event once, in order', () => {
  fc.assert(
    fc.property(fc.array(fc.boolean(), { maxLength: 60 }), (steps) => {
      const log = new EventLog({ capacity: 1000 }, { wallMs: () => 5 });
      const [written, read]: [string[], string[]] = [[], []];
      let place = log.last;
      for (const [index, isWrite] of steps.entries()) {
        if (isWrite) {
          add(log, String(index));
          written.push(String(index));
          continue;
        }
        for (const { seq, message } of log.after(place)) {
          read.push(message);
          place = seq;
        }
      }
      assert.deepEqual([...read, ...messages(log, place)], written);
    }),
  );
});

test('a listener hears of each event until it is disposed of', () => {
  const log = new EventLog({}, { wallMs: () => 0 });
  let heard = 0;
  {
    using _ = log.listen(() => (heard += 1));
    add(log, 'a');
  }
  add(log, 'b');
  assert.equal(heard, 1);
});
