import assert from 'node:assert/strict';
import { createServer, request } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { WeftError } from '@weft/core/weft-error';
import { ApiError } from './api-error.ts';
import { WeftClient } from './client.ts';

type Seen = { method: string | undefined; url: string | undefined; token: unknown; body: unknown };

/** A server that records what it is asked and answers what `answer` says. */
async function serve(
  answer: (response: ServerResponse) => void,
): Promise<{ client: WeftClient; seen: Seen[]; [Symbol.asyncDispose](): Promise<void> }> {
  const seen: Seen[] = [];
  const server = createServer((incoming: IncomingMessage, response) => {
    const chunks: Buffer[] = [];
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
    incoming.on('end', () => {
      const text = Buffer.concat(chunks).toString();
      seen.push({
        method: incoming.method,
        url: incoming.url,
        token: incoming.headers['x-auth-token'],
        body: text === '' ? undefined : JSON.parse(text),
      });
      answer(response);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    client: new WeftClient({ url: `http://127.0.0.1:${port}/api`, token: 'secret' }, { request }),
    seen,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

test('wraps bodies, unwraps answers and keeps the path of the URL', async () => {
  await using server = await serve((response) => response.end(JSON.stringify({ network: { id: 'n' }, networks: [{ id: 'n' }] })));
  const { networks } = server.client;
  assert.equal((await networks.create({ name: 'x' })).id, 'n');
  assert.equal((await networks.createMany([{ name: 'x' }]))[0]?.id, 'n');
  assert.equal((await networks.list({ name: ['a b', 'c'], shared: false }))[0]?.id, 'n');
  assert.equal((await networks.update('n/1', { name: 'y' })).id, 'n');
  assert.deepEqual(server.seen, [
    { method: 'POST', url: '/api/v2.0/networks', token: 'secret', body: { network: { name: 'x' } } },
    { method: 'POST', url: '/api/v2.0/networks', token: 'secret', body: { networks: [{ name: 'x' }] } },
    { method: 'GET', url: '/api/v2.0/networks?name=a+b&name=c&shared=false', token: 'secret', body: undefined },
    { method: 'PUT', url: '/api/v2.0/networks/n%2F1', token: 'secret', body: { network: { name: 'y' } } },
  ]);
});

test('an empty answer is undefined', async () => {
  await using server = await serve((response) => response.writeHead(204).end());
  assert.equal(await server.client.ports.delete('p'), undefined);
});

test('an error answer becomes an ApiError with the request id', async () => {
  await using server = await serve((response) =>
    response
      .writeHead(404, { 'x-openstack-request-id': 'req-7' })
      .end(JSON.stringify({ NeutronError: { type: 'PortNotFound', message: 'Port p could not be found.', detail: '' } })),
  );
  await assert.rejects(server.client.ports.show('p'), (error) => {
    assert.ok(error instanceof ApiError);
    assert.deepEqual([error.status, error.code, error.requestId], [404, 'port_not_found', 'req-7']);
    return true;
  });
});

test('an answer that is not JSON, and a server that is not there, are errors of their own', async () => {
  await using server = await serve((response) => response.end('<html>'));
  await assert.rejects(server.client.nodes.list(), (error) => error instanceof ApiError && error.code === 'api_not_understood');
  const nobody = new WeftClient({ url: 'http://127.0.0.1:1', token: '' }, { request });
  await assert.rejects(nobody.health(), (error) => error instanceof ApiError && error.code === 'api_unreachable' && error.retryable);
});

test("an abort rejects with the signal's reason", async () => {
  await using server = await serve(() => undefined);
  const abort = new AbortController();
  const reason = new WeftError('stopped', 'enough');
  const call = server.client.health({ signal: abort.signal });
  abort.abort(reason);
  await assert.rejects(call, (error) => error === reason);
});

test('a preview asks about the first write of an action, and reads for real before it', async () => {
  const view = { dry_run: true, changes: [], affected_nodes: [], reachability: { opens: [], closes: [], truncated: false } };
  await using server = await serve((response) => response.end(JSON.stringify({ ...view, network: { id: 'n' } })));
  const { client, seen } = server;
  const foretold = await client.preview(async (to) => {
    const { id } = await to.networks.show('n');
    await to.networks.update(id, { name: 'y' });
    await to.networks.delete(id);
  });
  assert.equal(foretold.dry_run, true);
  assert.deepEqual(
    seen.map(({ method, url, body }) => [method, url, body]),
    [
      ['GET', '/api/v2.0/networks/n', undefined],
      ['PUT', '/api/v2.0/networks/n?dry_run=true', { network: { name: 'y' } }],
    ],
  );
  await assert.rejects(
    client.preview(async (to) => to.networks.show('n')),
    /writes nothing/,
  );
});

test('a server that does what it was to be asked about is told apart', async () => {
  await using server = await serve((response) => response.end(JSON.stringify({ network: { id: 'n' } })));
  await assert.rejects(
    server.client.preview((to) => to.networks.create({})),
    { code: 'dry_run_ignored' },
  );
});
