import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WeftError } from '@weft/core/weft-error';
import { Status } from '@weft/ssntp/operands';
import { NodeCalls, TooManyCalls } from './node-calls.ts';
import { NodeNotConnected } from './node-registry.ts';
import { nodeId, openController } from './test-support.ts';

test('a node is asked with a deadline of two seconds, and its answer is passed on', async () => {
  const terms: unknown[] = [];
  const calls = new NodeCalls({
    isConnected: () => true,
    request: (op, body, options) => {
      terms.push([op, body, options]);
      return Promise.resolve('an answer');
    },
  });
  assert.equal(await calls.ask(nodeId(1), 'port_drops', { a: 1 }), 'an answer');
  assert.deepEqual(terms, [['port_drops', { a: 1 }, { destination: nodeId(1), timeoutMs: 2000 }]]);
});

test('a node that is not connected is not asked', async () => {
  const calls = new NodeCalls({ isConnected: () => false, request: () => assert.fail('nothing is sent') });
  await assert.rejects(calls.ask(nodeId(1), 'port_drops', {}), NodeNotConnected);
});

test('eight questions may be open to a node; others have theirs, and room comes back with every answer or failure', async () => {
  const open: PromiseWithResolvers<unknown>[] = [];
  const request = (): Promise<unknown> => {
    const one = Promise.withResolvers<unknown>();
    open.push(one);
    return one.promise;
  };
  const calls = new NodeCalls({ isConnected: () => true, request });
  const asked = Array.from({ length: 8 }, () => calls.ask(nodeId(1), 'x', {}));
  await assert.rejects(calls.ask(nodeId(1), 'x', {}), TooManyCalls);
  const other = calls.ask(nodeId(2), 'x', {});
  open[0]!.resolve('a');
  open[1]!.reject(new WeftError('request_timed_out', 'no answer'));
  assert.equal(await asked[0], 'a');
  await assert.rejects(asked[1]!, { code: 'request_timed_out' });
  const more = [calls.ask(nodeId(1), 'x', {}), calls.ask(nodeId(1), 'x', {})];
  await assert.rejects(calls.ask(nodeId(1), 'x', {}), TooManyCalls);
  for (const one of open) one.resolve('b');
  assert.deepEqual(await Promise.all([...more, other]), ['b', 'b', 'b']);
});

test('however many nodes there are, the questions open at once are bounded', async () => {
  const open: PromiseWithResolvers<unknown>[] = [];
  const request = (): Promise<unknown> => {
    const one = Promise.withResolvers<unknown>();
    open.push(one);
    return one.promise;
  };
  const calls = new NodeCalls({ isConnected: () => true, request });
  const id = (n: number): never => `${n.toString(16).padStart(8, '0')}-0000-4000-8000-000000000000` as never;
  const asked = Array.from({ length: 128 }, (_, at) => calls.ask(id(at), 'x', {}));
  await assert.rejects(calls.ask(id(999), 'x', {}), TooManyCalls);
  for (const one of open) one.resolve('b');
  assert.equal((await Promise.all(asked)).length, 128);
});

test('an answer that comes too late is no placement and no fault', async () => {
  await using rig = await openController();
  rig.link.nodeConnected(nodeId(1));
  rig.link.sent.length = 0;
  rig.link.routed(nodeId(1), Status.Reply, { id: '7', ok: { drops: [] } });
  rig.link.routed(nodeId(1), Status.Reply, { instance_uuid: nodeId(5), node_uuid: nodeId(1) });
  assert.deepEqual(rig.link.take('ERROR InvalidPayload'), []);
  assert.equal(rig.log.has('warn', /./), false);
});
