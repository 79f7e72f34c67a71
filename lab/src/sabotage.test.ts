import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ALL_CHECKS } from './checks/all.ts';
import { checksBeside, dependents, judge, verdictTable } from './sabotage.ts';
import { sabotage as runSabotage } from './sabotage-main.ts';
import { SABOTAGES } from './sabotages.ts';

const CHECKS = [
  { id: 'a', needs: [] },
  { id: 'b', needs: ['a'] },
  { id: 'c', needs: ['b'] },
  { id: 'd', needs: [] },
];
const results = (...red: string[]) => CHECKS.map(({ id }) => ({ check: id, ok: !red.includes(id) }));
const sabotage = { check: 'b', what: 'something' };

void test('every check has exactly one sabotage', () => {
  assert.deepEqual(SABOTAGES.map(({ check }) => check).toSorted(), ALL_CHECKS.map(({ id }) => id).toSorted());
});

void test('the checks are exactly those that are promised, and each comes after what it needs', () => {
  const promised =
    'nodes-joined dhcp-lease dhcp-reuse ping-mesh ping-concentrator tenant-isolation vni-injection anti-spoof attacks default-security-group ' +
    'outbound-nat routing dns-name metadata public-ip address-reuse port-forward ssh-reach rate-limit firewall-rule nat-rule control-plane-down tenant-added launcher-kill old-backup ' +
    'concentrator-kill concentrator-move concentrator-machine address-change router dhcp-unrouted shared-network ipv6 retire leftovers why';
  assert.deepEqual(ALL_CHECKS.map(({ id }) => id).toSorted(), promised.split(' ').toSorted());
  for (const [index, check] of ALL_CHECKS.entries()) {
    const earlier = ALL_CHECKS.slice(0, index).map(({ id }) => id);
    assert.deepEqual(
      check.needs.filter((need) => !earlier.includes(need)),
      [],
      check.id,
    );
  }
});

void test('checks that need the sabotaged one may be red, by way of others too', () => {
  assert.deepEqual([...dependents(CHECKS, 'a')], ['b', 'c']);
  assert.equal(judge(CHECKS, sabotage, results('b')).ok, true);
  assert.equal(judge(CHECKS, sabotage, results('b', 'c')).ok, true);
});

void test('a sabotage that goes unnoticed, or is noticed by a check that does not need it, is told so', () => {
  assert.equal(judge(CHECKS, sabotage, results('c')).why, 'b did not notice');
  assert.equal(judge(CHECKS, sabotage, results('b', 'a', 'd')).why, 'red as well: a, d');
});

void test('checks that disturb run only for their own sabotage', () => {
  const beside = (id: string): string[] =>
    checksBeside(ALL_CHECKS, id)
      .filter((check) => check.disturbs)
      .map((check) => check.id);
  assert.deepEqual(beside('ping-mesh'), []);
  assert.deepEqual(beside('old-backup'), ['old-backup']);
});

void test('the table has a line per sabotage', () => {
  const table = verdictTable([judge(CHECKS, sabotage, results('b')), judge(CHECKS, { check: 'd', what: 'x' }, results())]);
  assert.equal(table, '✔  b  something  red: b\n✘  d  x          d did not notice\n');
});

void test('a check that has no sabotage is named before anything is built', async () => {
  let words = '';
  const sink = { write: (text: string) => void (words += text) };
  const code = await runSabotage(['ping-mesh', 'ping-mush'], { signal: new AbortController().signal, out: sink, err: sink });
  assert.equal(code, 2);
  assert.match(words, /no sabotage for ping-mush; there are: .*ping-mesh/);
});
