import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeApi, RED, weft } from './test-support.ts';

const PORT = 'bbbbbbbb-0000-4000-8000-000000000001';

/** A cluster where a rule would close something. */
function fake(): FakeApi {
  const api = new FakeApi();
  api.add('firewallRules', { id: PORT, direction: 'inbound', action: 'deny', tenant_id: RED });
  const from = { port_id: null, address: '0.0.0.0/0', except: ['198.51.100.0/24'] };
  api.foretold = {
    dry_run: true,
    changes: [
      { action: 'create', kind: 'firewall_rule', id: PORT, before: null, after: { priority: 5 } },
      {
        action: 'update',
        kind: 'tenant',
        id: RED,
        before: { name: 'red', ssh_reach: false, revision: 1 },
        after: { name: 'red', ssh_reach: true, revision: 2 },
      },
    ],
    affected_nodes: [{ id: RED, hostname: 'net1', resources: [{ kind: 'firewall', key: 'k', action: 'update' }] }],
    reachability: {
      opens: [],
      closes: [
        {
          from,
          to: { port_id: PORT, address: '10.0.0.5', except: [] },
          protocol: 'tcp',
          ports: '80-89',
          before: 'delivered to port x',
          after: 'firewall_rule y',
        },
      ],
      truncated: true,
    },
  };
  return api;
}

test('--dry-run prints what would change, on which nodes, and what it opens and closes', async () => {
  const api = fake();
  const { out, err, code } = await weft('firewall-rule create inbound deny --dry-run --as red', api);
  assert.deepEqual(out.split('\n'), [
    'CHANGES',
    '  create firewall-rule bbbbbbbb',
    '  update tenant red (11111111): ssh_reach false → true',
    'NODES',
    '  net1: update firewall k',
    'CLOSES',
    '  FROM                           TO                        SERVICE    NOW                  THEN',
    '  0.0.0.0/0 but 198.51.100.0/24  10.0.0.5 (port bbbbbbbb)  tcp/80-89  delivered to port x  firewall_rule y',
    'There may be more: not every connection was looked at.',
    '',
  ]);
  assert.match(err, /dry run: nothing was changed/);
  assert.equal(code ?? 0, 0);
  assert.deepEqual(api.calls.slice(0, 1), ['dry run of']);
  assert.equal(api.items.get('firewallRules')?.length, 1);
});

test('--dry-run --json prints the answer as it is; without effect it says so', async () => {
  const api = fake();
  assert.deepEqual(JSON.parse((await weft('firewall-rule create inbound deny --dry-run --json', api)).out), api.foretold);
  const { out } = await weft('firewall-rule create inbound deny --dry-run', new FakeApi());
  assert.equal(out, 'Nobody would reach more or less than now.\n');
});

test('several deletions are each asked about, and none is done', async () => {
  const api = fake();
  const { err } = await weft(`firewall-rule delete ${PORT} --dry-run`, api);
  assert.doesNotMatch(err, /deleted/);
  assert.ok(api.calls.includes('dry run of'));
  assert.equal(api.items.get('firewallRules')?.length, 1);
});

test('every command that writes has --dry-run', async () => {
  const { out } = await weft('--help');
  const writes = [...out.matchAll(/^ {2}weft (\S+) (\S+) \.\.\.$/gm)]
    .filter(([, kind]) => kind !== 'lab')
    .flatMap(([, kind, verbs = '']) => verbs.split('|').map((verb) => `${kind} ${verb}`))
    .filter((command) => !/ (list|show)$/.test(command));
  assert.ok(writes.length > 15, writes.join());
  for (const command of writes) assert.match((await weft(`${command} --help`)).out, /--dry-run/, command);
});
