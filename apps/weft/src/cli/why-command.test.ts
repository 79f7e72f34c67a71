import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeApi, RED, weft } from './test-support.ts';

const PORT = 'abcd1234-0000-4000-8000-000000000003';
const NODE = 'abcd1234-0000-4000-8000-000000000004';
const QUIET = { port_id: PORT, node_id: NODE, gateway_node_id: NODE, drops: [], notes: [], unanswered: [] };
const drop = (reason: string, packets: number, direction: string | null = 'sent', where = 'port') => ({
  where,
  reason,
  direction,
  packets,
  bytes: packets * 60,
  explanation: `About ${reason}.`,
  remedy: `Mend ${reason}.`,
});

const cluster = (why: object): FakeApi =>
  new FakeApi().add('ports', { id: PORT, name: 'web', tenant_id: RED }).add('why', { id: PORT, ...QUIET, ...why });

test('why prints what the state shows, then each reason with its count and what to do, the most frequent first', async () => {
  const notes = [{ code: 'nothing_let_in', message: 'Nothing is let in.', remedy: 'Add a rule.' }];
  const drops = [drop('spoof_mac', 2), drop('group', 1234, 'received'), drop('loop', 1, null), drop('firewall', 3, 'received', 'gateway')];
  const { out, code } = await weft('why web', cluster({ drops, notes }));
  assert.deepEqual(out.split('\n'), [
    '      !  Nothing is let in.',
    '         Add a rule.',
    ' 1234 ×  About group. (port: group, received)',
    '         Mend group.',
    '    3 ×  About firewall. (gateway: firewall, received)',
    '         Mend firewall.',
    '    2 ×  About spoof_mac. (port: spoof_mac, sent)',
    '         Mend spoof_mac.',
    '    1 ×  About loop. (port: loop)',
    '         Mend loop.',
    '',
  ]);
  assert.notEqual(code, 1);
});

test('why says what it means that nothing was dropped, but not of a port whose node was silent or that is on none', async () => {
  assert.match((await weft('why web', cluster({}))).out, /^Nothing of this port was dropped[^]*ask `weft why` of that one/);
  assert.equal((await weft('why web', cluster({ unanswered: [NODE] }))).out, '');
  assert.equal((await weft('why web', cluster({ node_id: null }))).out, '');
});

test('why finds a port by its name or id, and prints JSON as the API gives it', async () => {
  const fake = cluster({});
  const { out } = await weft(`why ${PORT} --json`, fake);
  assert.deepEqual(JSON.parse(out), { id: PORT, ...QUIET });
  assert.deepEqual(fake.calls, [`why ${PORT}`]);
  assert.match((await weft('why nothing', fake)).err, /there is no port/i);
});
