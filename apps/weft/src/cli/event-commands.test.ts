import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeApi, weft } from './test-support.ts';

const event = (seq: number, message: string, more: object = {}) => ({
  id: '',
  seq,
  time: '2026-11-20T09:00:00.123Z',
  tenant_id: null,
  type: 'info',
  name: 'public_ip.mapped',
  resources: {},
  message,
  ...more,
});

function cluster(): FakeApi {
  const failed = event(8, 'Failed to map', { type: 'error', name: 'public_ip.map_failed' });
  return new FakeApi().add('events', event(7, 'Mapped a to b'), failed).add('coming', event(9, 'Unmapped'));
}

test('events are lines, the newest last; JSON is the API’s', async () => {
  const { out, code } = await weft('events', cluster());
  const lines = ['info   public_ip.mapped        Mapped a to b', 'error  public_ip.map_failed    Failed to map'];
  assert.deepEqual([out, code], [lines.map((line) => `2026-11-20T09:00:00Z  ${line}\n`).join(''), 0]);
  const asJson = JSON.parse((await weft('events --json', cluster())).out) as readonly { seq: number }[];
  assert.deepEqual(
    asJson.map(({ seq }) => seq),
    [7, 8],
  );
});

test('following begins where the list ends, and JSON is a line each', async () => {
  const fake = cluster();
  const { out } = await weft('events --follow --json --limit 5', fake);
  const seqs = out
    .trim()
    .split('\n')
    .map((line) => (JSON.parse(line) as { seq: number }).seq);
  assert.deepEqual(seqs, [7, 8, 9]);
  assert.deepEqual(fake.calls, ['events.list {"limit":5}', 'events.follow 8']);
});

test('no events, and a number that is none, are said', async () => {
  assert.match((await weft('events', new FakeApi())).err, /Nothing has happened yet/);
  const { err, code } = await weft('events --after yesterday', new FakeApi());
  assert.match(err, /a number is expected/);
  assert.equal(code, 2);
});
