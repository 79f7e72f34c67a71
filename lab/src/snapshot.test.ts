import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rulesetThings, snapshotDifference } from './snapshot.ts';

void test('a difference names what came, what went and what changed', () => {
  const before = new Map([
    ['link a', 'up'],
    ['link b', 'up'],
    ['file c', ''],
  ]);
  const after = new Map([
    ['link a', 'up'],
    ['link b', 'down'],
    ['file d', ''],
  ]);
  assert.deepEqual(snapshotDifference(before, after), ['- file c', '+ file d', '+ link b down', '- link b up']);
  assert.deepEqual(snapshotDifference(before, before), []);
});

void test('of a ruleset only what a configuration put there counts, and only in our table', () => {
  const set = (elem: unknown[]): object => ({ set: { family: 'bridge', table: 'weft', name: 'ports', handle: 7, elem } });
  const things = (handle: number, packets: number): string[] =>
    rulesetThings({
      nftables: [
        { metainfo: { version: '1.0.6' } },
        { table: { family: 'bridge', name: 'weft', handle } },
        { table: { family: 'ip', name: 'docker', handle } },
        { counter: { family: 'bridge', table: 'weft', name: 'group', handle, packets, bytes: packets * 60 } },
        set(['wp1', 'wx1']),
        { set: { family: 'bridge', table: 'weft', name: 'why', elem: [{ elem: { val: packets, counter: { packets, bytes: 1 } } }] } },
        { set: { family: 'inet', table: 'weft', name: 'conns', elem: [{ elem: { val: packets, 'ct count': { val: 3 } } }] } },
      ],
    });
  assert.deepEqual(things(1, 2), things(3, 4));
  assert.equal(things(1, 2).filter((thing) => thing.startsWith('element')).length, 2);
  assert.equal(
    things(1, 2).some((thing) => thing.includes('docker')),
    false,
  );
  assert.deepEqual(rulesetThings(undefined), []);
});

void test('the numbers that a node gives its ports do not count, but that a port has one does', () => {
  const things = (numbers: readonly [string, number][]): string[] =>
    rulesetThings({
      nftables: [
        { map: { family: 'bridge', table: 'weft', name: 'number', elem: numbers } },
        { map: { family: 'inet', table: 'weft', name: 'zone', elem: numbers.map(([, mark]) => [mark, 1]) } },
      ],
    });
  const two = things([
    ['wp1', 8193],
    ['wx1', 8194],
  ]);
  assert.deepEqual(
    two,
    things([
      ['wp1', 8200],
      ['wx1', 8193],
    ]),
  );
  assert.notDeepEqual(two, things([['wp1', 8193]]));
});
