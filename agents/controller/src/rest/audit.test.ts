import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { AuditEntry } from '../audit-log.ts';
import { ADMIN_TOKEN, make, makeNetwork, openRest } from './rest-support.ts';
import type { TestRest } from './rest-support.ts';

type Audited = Readonly<{ rest: TestRest; lines: AuditEntry[] }>;

async function openAudited(): Promise<Audited> {
  const lines: AuditEntry[] = [];
  return { rest: await openRest({ write: async (entry) => void lines.push(entry) }), lines };
}

test('each write has one line: who, what, to what effect, and from where', async () => {
  const { rest, lines } = await openAudited();
  await using _ = rest;
  const red = await rest.as('red');
  const { network, subnet } = await makeNetwork(red);
  lines.length = 0;
  await red('GET', '/v2.0/networks');
  assert.equal(lines.length, 0, 'a look is none');
  const updated = await red('PUT', `/v2.0/networks/${network}?dry_run=false`, { network: { name: 'x' } });
  const [line] = lines;
  assert.deepEqual(line, {
    time: '2026-11-20T09:00:00.000Z',
    request_id: updated.headers['x-openstack-request-id'],
    global_request_id: null,
    from: '127.0.0.1',
    who: { token: 'fixed', role: 'member', project: await rest.tenantId('red') },
    method: 'PUT',
    route: '/v2.0/networks/:id',
    ids: [network],
    dry_run: false,
    status: 200,
    error: null,
    changes: [{ kind: 'network', id: network, revision: 3 }],
  });
  const last = (): Partial<AuditEntry> => {
    const { status, error, dry_run, ids, changes } = lines.at(-1) ?? ({} as Partial<AuditEntry>);
    return { status: status!, error: error!, dry_run: dry_run!, ids: ids!, changes: changes! };
  };
  await red('DELETE', `/v2.0/networks/${network}?dry_run=true`);
  assert.deepEqual(last(), { status: 200, error: null, dry_run: true, ids: [network], changes: [] });
  await (
    await rest.as('blue')
  )('DELETE', `/v2.0/networks/${network}`);
  assert.deepEqual(last(), { status: 404, error: 'not_found', dry_run: false, ids: [network], changes: [] });
  await rest.send({ method: 'DELETE', url: `/v2.0/networks/${network}` });
  assert.equal(lines.at(-1)?.who, null);
  assert.deepEqual(last().error, 'unauthenticated');
  await rest.send({ method: 'POST', url: '/nowhere', token: ADMIN_TOKEN });
  assert.deepEqual([lines.at(-1)?.route, last().status], [null, 404]);
  await rest.admin('DELETE', `/v2.0/networks/${network}`);
  assert.deepEqual(
    last().changes?.map(({ kind, id, removed }) => [kind, id, removed]),
    [
      ['network', network, true],
      ['subnet', subnet, true],
    ],
  );
});

test('the line is written before the answer is sent', async () => {
  const written = Promise.withResolvers<void>();
  const asked = Promise.withResolvers<void>();
  await using rest = await openRest({
    write: ({ route }) => {
      if (route !== '/v2.0/networks') return Promise.resolve();
      asked.resolve();
      return written.promise;
    },
  });
  const red = await rest.as('red');
  let answered = false;
  const reply = red('POST', '/v2.0/networks', { network: {} }).then(({ status }) => {
    answered = true;
    return status;
  });
  await asked.promise;
  // A whole other request is answered meanwhile.
  assert.equal((await red('GET', '/v2.0/networks')).status, 200);
  assert.equal(answered, false);
  written.resolve();
  assert.equal(await reply, 201);
});

test('a user of the identity service is named, and its log-in has a line without its password', async () => {
  const { rest, lines } = await openAudited();
  await using _ = rest;
  await rest.identity.bootstrap('a password');
  const password = { user: { name: 'admin', domain: { id: 'default' }, password: 'a password' } };
  const scope = { project: { name: 'admin', domain: { id: 'default' } } };
  const body = { auth: { identity: { methods: ['password'], password }, scope } };
  const login = await rest.send({ method: 'POST', url: '/v3/auth/tokens', text: JSON.stringify(body) });
  assert.equal(login.status, 201, login.raw);
  assert.deepEqual([lines.at(-1)?.route, lines.at(-1)?.status], ['/v3/auth/tokens', 201]);
  const token = String(login.headers['x-subject-token']);
  for (const [url, content] of [
    ['/v2.0/security-groups', { security_group: { name: 'g' } }],
    ['/v3/users', { user: { name: 'u', password: 'another' } }],
  ] as const) {
    await rest.send({ method: 'POST', url, token, text: JSON.stringify(content) });
    const { who, status } = lines.at(-1) ?? {};
    assert.deepEqual([status, who?.token, who?.user], [201, 'user', [...rest.controller.cluster.state.identity.users.keys()][0]], url);
  }
  const text = JSON.stringify(lines);
  for (const secret of ['a password', 'another', token]) assert.ok(!text.includes(secret));
});

test('nothing that a client wrote freely comes into a line: no token, password or secret, wherever it was put', async () => {
  const { rest, lines } = await openAudited();
  await using _ = rest;
  const red = await rest.as('red');
  const { network } = await makeNetwork(red);
  const group = String((await make(red, 'security-groups', 'security_group', { name: 'g' }))['id']);
  const secretText = fc.stringMatching(/^[a-zA-Z0-9+=_-]{12,40}$/).map((text) => `s3cr3t${text}`);
  const paths = [
    '/v2.0/networks',
    `/v2.0/networks/${network}`,
    `/v2.0/security-groups/${group}`,
    '/v3/auth/tokens',
    '/v3/users',
    '/nowhere',
  ];
  await fc.assert(
    fc.asyncProperty(
      secretText,
      fc.constantFrom(...paths),
      fc.constantFrom('POST', 'PUT', 'PATCH', 'DELETE'),
      async (secret, path, method) => {
        lines.length = 0;
        const body = {
          network: { name: secret, [secret]: 1 },
          security_group: { description: secret },
          user: { name: secret, password: secret },
          auth: { identity: { methods: ['password'], password: { user: { id: secret, password: secret } } } },
        };
        for (const url of [path, `${path}/${secret}`, `${path}?token=${secret}`, `${path}/tags/${secret}`]) {
          for (const token of [secret, ADMIN_TOKEN]) {
            const headers = { 'x-subject-token': secret, 'x-openstack-request-id': secret, 'x-forwarded-for': secret };
            await rest.send({ method, url, token, headers, text: JSON.stringify(body) });
          }
        }
        assert.equal(lines.length, 8);
        const text = JSON.stringify(lines);
        assert.ok(!text.includes(secret) && !text.includes(ADMIN_TOKEN), text);
      },
    ),
    { numRuns: 40 },
  );
});
