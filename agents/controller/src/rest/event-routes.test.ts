import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request } from 'node:http';
import { connect } from 'node:net';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { ApiError } from '@weft/api/api-error';
import { WeftClient } from '@weft/api/client';
import type { EventView } from '@weft/api/v1';
import type { TenantId } from '@weft/core/uuid';
import { nodeId } from '../test-support.ts';
import { ADMIN_TOKEN, assertProblem, openRest } from './rest-support.ts';
import type { TestRest } from './rest-support.ts';

/** The API listening on loopback, and clients for it. */
async function listening(rest: TestRest): Promise<(token: string) => WeftClient> {
  await rest.app.listen({ host: '127.0.0.1', port: 0 });
  const { port } = rest.app.server.address() as AddressInfo;
  return (token) => new WeftClient({ url: `http://127.0.0.1:${port}`, token }, { request });
}

const add = (rest: TestRest, message: string, tenantId?: string): void =>
  rest.controller.events.add({ tenantId: tenantId as TenantId | undefined, name: 'instance.created', resources: {}, message });

/** Waits for a condition that other processes and sockets bring about. Throws after 10 s. */
async function until(what: string, condition: () => boolean): Promise<void> {
  for (let waited = 0; !condition(); waited += 5) {
    if (waited > 10_000) throw new Error(`waited in vain until ${what}`);
    await delay(5);
  }
}

const seqs = (events: unknown): number[] => (events as EventView[]).map(({ seq }) => seq);

test('the list is the newest, or what came after a number; tenants see their own', async () => {
  await using rest = await openRest();
  const red = await rest.as('red');
  await rest.as('blue');
  const first = rest.controller.events.last + 1;
  for (const name of ['red', 'blue', 'red']) add(rest, name, await rest.tenantId(name));
  add(rest, 'nobody’s');
  const all = await rest.admin('GET', `/v1/events?after=${first - 1}`);
  assert.deepEqual([seqs(all.body['events']), all.body['truncated']], [[first, first + 1, first + 2, first + 3], false]);
  const [shown] = all.body['events'] as EventView[];
  const { time, ...rest1 } = shown!;
  const tenant_id = await rest.tenantId('red');
  assert.deepEqual(rest1, { seq: first, tenant_id, type: 'info', name: 'instance.created', resources: {}, message: 'red' });
  assert.ok(Date.parse(time) > 0);
  assert.deepEqual(seqs((await red('GET', '/v1/events')).body['events']), [first, first + 2]);
  assert.deepEqual(seqs((await red('GET', '/v1/events?limit=1')).body['events']), [first + 2], 'the newest');
  const page = (await red('GET', `/v1/events?after=0&limit=1`)).body;
  assert.deepEqual([seqs(page['events']), page['last']], [[first], first], 'the oldest after it; the next page begins there');
  assert.equal((await red('GET', `/v1/events?after=0`)).body['truncated'], true);
  assert.deepEqual(seqs((await red('GET', `/v1/events?name=node.lost`)).body['events']), []);
});

test('a query that cannot be says what can', async () => {
  await using rest = await openRest();
  for (const query of ['after=-1', 'after=x', 'after=1e3', 'limit=0', 'limit=1001', 'limit=']) {
    assertProblem(await rest.admin('GET', `/v1/events?${query}`), 400, 'bad_request', /is not a number from [01] to \d+/);
  }
  assertProblem(await rest.admin('GET', '/v1/events?colour=red'), 400, 'bad_request', /cannot be filtered by 'colour'/);
  assertProblem(await rest.send({ method: 'GET', url: '/v1/events' }), 401, 'unauthenticated', /requires authentication/);
});

test('nodes, gateways and workloads are told once each', async () => {
  await using rest = await openRest();
  rest.link.nodeConnected(nodeId(1));
  rest.link.stats(1);
  rest.link.nodeDisconnected(nodeId(1));
  rest.link.nodeDisconnected(nodeId(1));
  const names = ((await rest.admin('GET', '/v1/events')).body['events'] as EventView[]).map(({ name, type }) => `${type} ${name}`);
  assert.deepEqual(names, ['info node.joined', 'info node.joined', 'info node.connected', 'error node.lost']);
});

test('a stream gives what came after the last event that its reader has, and then each as it happens', async () => {
  await using rest = await openRest();
  const red = await rest.tenantId('red');
  const client = (await listening(rest))(ADMIN_TOKEN);
  const before = rest.controller.events.last;
  add(rest, 'one', red);
  const stop = new AbortController();
  const seen: string[] = [];
  for await (const { message } of client.events.follow(before, { signal: stop.signal })) {
    seen.push(message);
    if (seen.length === 1) add(rest, 'two');
    else break;
  }
  assert.deepEqual(seen, ['one', 'two']);
});

test('a tenant’s stream has no other’s events, and a wrong token gets none', async () => {
  await using rest = await openRest();
  const reply = await rest.admin('POST', '/v1/tenants', { name: 'green' });
  const { id, token } = reply.body as { id: string; token: string };
  const client = await listening(rest);
  const place = rest.controller.events.last;
  add(rest, 'nobody’s');
  add(rest, 'mine', id);
  for await (const { message } of client(token).events.follow(place)) {
    assert.equal(message, 'mine');
    break;
  }
  await assert.rejects(
    client('wrong').events.follow()[Symbol.asyncIterator]().next(),
    (error) => error instanceof ApiError && error.status === 401,
  );
});

test('a reader that takes nothing is cut, one that lost its right ends, and nobody queues for them', async () => {
  await using rest = await openRest();
  const { id, token } = (await rest.admin('POST', '/v1/tenants', { name: 'green' })).body as { id: string; token: string };
  await listening(rest);
  const { port } = rest.app.server.address() as AddressInfo;
  const open = (as: string): ReturnType<typeof connect> => {
    const socket = connect(port, '127.0.0.1');
    socket.write(`GET /v1/events HTTP/1.1\r\nHost: weft\r\nX-Auth-Token: ${as}\r\nAccept: text/event-stream\r\n\r\n`);
    return socket;
  };
  const [slow, former] = [open(ADMIN_TOKEN), open(token)];
  await Promise.all([slow, former].map((socket) => once(socket, 'readable')));
  former.resume();
  const message = 'x'.repeat(1000);
  for (let n = 0; n < 9000; n += 1) add(rest, message);
  await rest.admin('DELETE', `/v1/tenants/${id}`);
  const ended = once(former, 'end');
  let connections = 2;
  const count = (): void => {
    rest.app.server.getConnections((_error, number) => (connections = number));
  };
  for (let beat = 0; beat < 3; beat += 1) rest.clock.advance(15_000);
  await ended;
  former.destroy();
  await until('the slow reader is cut', () => {
    count();
    return connections === 0;
  });
  slow.destroy();
});

test('closing the API ends its streams', async () => {
  const rest = await openRest();
  const client = (await listening(rest))(ADMIN_TOKEN);
  const stop = new AbortController();
  const next = client.events.follow(undefined, { signal: stop.signal })[Symbol.asyncIterator]().next();
  let connections = 0;
  await until('the stream is there', () => {
    rest.app.server.getConnections((_error, number) => (connections = number));
    return connections === 1;
  });
  await rest[Symbol.asyncDispose]();
  stop.abort(new Error('over'));
  await assert.rejects(next, /over/);
});
