import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { formatProcessRecord, parseProcessRecord } from './process-record.ts';
import type { ProcessRecord } from './process-record.ts';

const record: fc.Arbitrary<ProcessRecord> = fc
  .record({ run: fc.string(), bootId: fc.string(), fingerprint: fc.string(), netnsInode: fc.nat(), failures: fc.nat() })
  .chain((common) =>
    fc.oneof(
      fc.constant({ ...common, state: 'starting' as const }),
      fc.record({ pid: fc.integer({ min: 1, max: 2 ** 22 }), startTime: fc.bigInt({ min: 0n, max: 2n ** 63n }) }).map((running) => ({
        ...common,
        ...running,
        state: 'running' as const,
      })),
      fc.string().map((reason) => ({ ...common, state: 'exited' as const, reason })),
    ),
  );

test('property: a record is read as it was written', () => {
  fc.assert(
    fc.property(record, (value) => {
      assert.deepEqual(parseProcessRecord(JSON.parse(formatProcessRecord(value))), value);
    }),
  );
});

test('a record that is not one is refused with the name of the field', () => {
  const good = {
    version: 1,
    run: 'r',
    bootId: 'b',
    fingerprint: 'f',
    netnsInode: 1,
    failures: 0,
    state: 'running',
    pid: 7,
    startTime: '9',
  };
  assert.equal(parseProcessRecord(good).state, 'running');
  for (const [wrong, message] of [
    [{ version: 2 }, /record\.version/],
    [{ pid: 0 }, /record\.pid/],
    [{ pid: -1 }, /record\.pid/],
    [{ startTime: 9 }, /record\.startTime/],
    [{ startTime: '-9' }, /record\.startTime/],
    [{ state: 'sleeping' }, /record\.state/],
    [{ run: undefined }, /record\.run/],
  ] as const) {
    assert.throws(() => parseProcessRecord({ ...good, ...wrong }), message);
  }
});
