import assert from 'node:assert/strict';
import { connect } from 'node:net';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import type { AuditEntry } from '../audit-log.ts';
import { ADMIN_TOKEN, assertNeutron, makeNetwork, openRest } from './rest-support.ts';

test('what a proxy says of the client is believed only if the proxy is one of ours', async () => {
  const headers = { host: 'weft.example', 'x-forwarded-proto': 'https', 'x-forwarded-host': 'api.example', 'x-forwarded-for': '192.0.2.7' };
  for (const [trustedProxies, base, from] of [
    [[], 'http://weft.example', '127.0.0.1'],
    [['192.0.2.0/24'], 'http://weft.example', '127.0.0.1'],
    [['127.0.0.0/8'], 'https://api.example', '192.0.2.7'],
  ] as const) {
    const lines: AuditEntry[] = [];
    await using rest = await openRest({ write: async (line) => void lines.push(line) }, { trustedProxies });
    const { body } = await rest.send({ method: 'GET', url: '/', headers });
    assert.equal((body as { versions: { links: { href: string }[] }[] }).versions[0]?.links[0]?.href, `${base}/v2.0/`);
    await rest.send({ method: 'DELETE', url: '/v2.0/networks/x', token: ADMIN_TOKEN, headers });
    assert.equal(lines.at(-1)?.from, from, trustedProxies.join(' '));
  }
});

test('a verb that a path does not know is answered with those that it does', async () => {
  await using rest = await openRest();
  const red = await rest.as('red');
  const { network } = await makeNetwork(red);
  for (const [method, url, allow] of [
    ['PATCH', `/v2.0/networks/${network}`, 'GET, HEAD, PUT, DELETE'],
    ['POST', `/v2.0/networks/${network}/tags`, 'GET, HEAD, PUT, DELETE'],
    ['DELETE', '/v2.0/networks', 'GET, HEAD, POST'],
  ] as const) {
    const reply = await red(method, url);
    assertNeutron(reply, 405, 'HTTPMethodNotAllowed', /not allowed/);
    assert.equal(reply.headers['allow'], allow, url);
  }
  const unknown = await red('GET', '/v2.0/nonsense');
  assert.deepEqual([unknown.status, unknown.headers['allow']], [404, undefined]);
});

test('HEAD is GET without a body, and no other site is let in by CORS', async () => {
  await using rest = await openRest();
  const red = await rest.as('red');
  const { network } = await makeNetwork(red);
  const head = await red('HEAD', `/v2.0/networks/${network}`);
  assert.deepEqual([head.status, head.raw], [200, '']);
  for (const method of ['GET', 'OPTIONS']) {
    const { headers } = await rest.send({ method, url: '/v2.0/networks', token: ADMIN_TOKEN, headers: { origin: 'https://evil.example' } });
    assert.deepEqual(
      Object.keys(headers).filter((name) => name.startsWith('access-control-')),
      [],
    );
  }
});

test('a body beyond the limit is refused, and every answer has a request id of its own', async () => {
  await using rest = await openRest();
  const call = await rest.as('red');
  const big = await call('POST', '/v2.0/networks', { network: { description: 'x'.repeat(1024 * 1024) } });
  assertNeutron(big, 413, 'HTTPRequestEntityTooLarge', /larger than 1048576 bytes/);
  const headers = { 'x-openstack-request-id': 'req-00000000-0000-4000-8000-000000000000' };
  const ids = new Set<unknown>([headers['x-openstack-request-id']]);
  for (const url of ['/', '/v2.0/networks', '/nowhere', '/v2.0/extensions/x']) {
    const reply = await rest.send({ method: 'GET', url, token: ADMIN_TOKEN, headers });
    assert.match(String(reply.headers['x-openstack-request-id']), /^req-[0-9a-f-]{36}$/);
    ids.add(reply.headers['x-openstack-request-id']);
  }
  assert.equal(ids.size, 5);
});

test('a client that never ends its request is sent away', async () => {
  await using rest = await openRest(undefined, { slowClientMs: 50 });
  await rest.app.listen({ host: '127.0.0.1', port: 0 });
  const { port } = rest.app.server.address() as AddressInfo;
  const head = `POST /v2.0/networks HTTP/1.1\r\nhost: x\r\nx-auth-token: ${ADMIN_TOKEN}\r\ncontent-length: 100\r\n`;
  for (const part of ['POST /v2.0/netw', head, `${head}\r\n{`]) {
    const socket = connect({ host: '127.0.0.1', port });
    socket.write(part);
    let answer = '';
    for await (const chunk of socket) answer += String(chunk);
    assert.match(answer, /^HTTP\/1\.1 408 /, part);
  }
});
