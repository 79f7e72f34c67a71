import assert from 'node:assert/strict';
import { test } from 'node:test';
import { raiseMachineLimits } from './machine-limits.ts';
import type { KernelParameters } from './machine-limits.ts';
import { recordingLog } from './test-support.ts';

const INOTIFY = 'fs.inotify.max_user_instances';
const ARP = 'net.ipv4.neigh.default.gc_thresh3';

function machine(values: Map<string, string>): KernelParameters {
  return { exists: (key) => values.has(key), read: (key) => values.get(key) ?? '', write: (key, value) => void values.set(key, value) };
}

test('the machine’s defaults are raised, higher limits are left alone', () => {
  for (const [before, after] of [
    ['128', '8192'],
    ['8192', '8192'],
    ['100000', '100000'],
  ] as const) {
    const values = new Map([
      [INOTIFY, before],
      [ARP, '1024'],
    ]);
    raiseMachineLimits(machine(values), recordingLog());
    assert.deepEqual([values.get(INOTIFY), values.get(ARP)], [after, '65536'], `from ${before}`);
  }
});

test('in a namespace that has no say in the table of neighbours nothing is told of it', () => {
  const [values, log] = [new Map([[INOTIFY, '8192']]), recordingLog()];
  raiseMachineLimits(machine(values), log);
  assert.deepEqual([[...values], log.lines], [[[INOTIFY, '8192']], []]);
});

test('where one cannot be raised, a warning says what to do, and the others are raised', () => {
  const [values, log] = [new Map([[ARP, '1024']]), recordingLog()];
  const parameters = machine(values);
  const read = (key: string): string => {
    if (key === INOTIFY) throw new Error('EROFS');
    return parameters.read(key);
  };
  raiseMachineLimits({ ...parameters, read }, log);
  assert.match(JSON.stringify(log.lines), /warn.*Set fs\.inotify\.max_user_instances to 8192/);
  assert.equal(values.get(ARP), '65536');
});
