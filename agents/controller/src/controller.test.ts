import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createTenant } from '@weft/core/command/tenant';
import type { InstanceId, NodeId } from '@weft/core/uuid';
import { plainFrame, routedFrame } from '@weft/ssntp/frame';
import { Command, EventOperand, FrameType, Status } from '@weft/ssntp/operands';
import { encodePayload } from '@weft/ssntp/payload';
import { FakeNode } from './fake-node.ts';
import { MemoryStore, nodeId, openController, settle } from './test-support.ts';
import type { TestController } from './test-support.ts';

/** Lets a node answer all that was sent to it, until nothing is left to say. */
async function converse(rig: TestController, n: number, node: FakeNode): Promise<string[]> {
  const ops: string[] = [];
  for (let messages = rig.link.syncs(nodeId(n)); messages.length > 0; messages = rig.link.syncs(nodeId(n))) {
    for (const message of messages) {
      ops.push(message.op);
      for (const answer of node.handle(message)) rig.link.synced(nodeId(n), answer);
    }
    await settle();
  }
  return ops;
}

test('a node is asked when it connects: once for all of its roles, again for a new connection', async () => {
  await using rig = await openController();
  rig.link.nodeConnected(nodeId(1), 'compute_node');
  rig.link.nodeConnected(nodeId(1), 'network_node');
  assert.deepEqual(rig.link.syncs(nodeId(1)), [{ op: 'ask' }]);
  rig.link.nodeConnected(nodeId(1), 'compute_node');
  assert.deepEqual(rig.link.syncs(nodeId(1)), [{ op: 'ask' }], 'the newest connection wins');
  rig.link.nodeDisconnected(nodeId(1));
  rig.link.nodeConnected(nodeId(1), 'network_node');
  assert.deepEqual(rig.link.syncs(nodeId(1)), [{ op: 'ask' }]);
});

test('a report makes or changes the node, and the same report again makes no commit', async () => {
  await using rig = await openController();
  rig.link.stats(1, { roles: ['network', 'compute'] });
  await settle();
  const { state } = rig.controller.cluster;
  const { hostname, roles, vtep } = state.nodes.get(nodeId(1))!;
  assert.deepEqual({ hostname, roles, vtep }, { hostname: 'node1', roles: ['compute', 'network'], vtep: '10.88.0.1' });
  rig.link.stats(1, { roles: ['network', 'compute'] });
  await settle();
  assert.equal(rig.store.model.revision, 1);
  rig.link.stats(1, { roles: ['compute'] });
  await settle();
  assert.deepEqual([rig.store.model.revision, state.nodes.get(nodeId(1))?.roles], [2, ['compute']]);
});

test('a node whose address changed is at the new one, and one that names an address which it has not is where it was', async () => {
  await using rig = await openController();
  const report = async (address: string, vtep: string): Promise<unknown> => {
    rig.link.stats(1, { roles: ['concentrator'], address, vtep });
    await settle();
    return rig.controller.cluster.state.nodes.get(nodeId(1))?.vtep;
  };
  assert.equal(await report('10.88.0.1', '10.88.0.1'), '10.88.0.1');
  assert.equal(await report('10.88.0.11', '10.88.0.11'), '10.88.0.11');
  assert.equal(await report('10.88.0.11', '10.88.0.12'), '10.88.0.11');
  assert.equal(await report('10.88.0.11', 'nowhere'), '10.88.0.11', 'a report that cannot be read costs that report');
});

test('two nodes with one tunnel address: the second is refused, and logged once', async () => {
  await using rig = await openController();
  rig.link.stats(1);
  rig.link.stats(2, { address: '10.88.0.1' });
  rig.link.stats(2, { address: '10.88.0.1' });
  await settle();
  assert.equal(rig.controller.cluster.state.nodes.size, 1);
  assert.equal(rig.log.lines.filter(({ level }) => level === 'warn').length, 1);
});

test('a node ahead of the store makes a new epoch at once: all nodes hold their plans, and take them when accepted', async () => {
  const store = new MemoryStore();
  await store.commit({ put: [], delete: [] });
  await using rig = await openController(store);
  const ahead = Object.assign(new FakeNode(), { epoch: 'epoch-1', revision: 50, brakes: true });
  const other = Object.assign(new FakeNode(), { epoch: 'epoch-1', revision: 0, brakes: true });
  rig.link.nodeConnected(nodeId(1));
  rig.link.nodeConnected(nodeId(2));
  await converse(rig, 2, other);
  await converse(rig, 1, ahead);
  await converse(rig, 2, other);
  assert.equal(rig.controller.cluster.epoch, 'epoch-2');
  assert.ok(rig.log.has('error', /must be an old copy/));
  for (const [n, node] of [
    [1, ahead],
    [2, other],
  ] as const) {
    assert.equal(node.held?.epoch, 'epoch-2');
    assert.equal(rig.controller.nodes.observe(nodeId(n))?.progress.held?.epoch, 'epoch-2');
    rig.controller.nodes.accept(nodeId(n));
    await converse(rig, n, node);
    assert.deepEqual([node.epoch, node.held], ['epoch-2', undefined]);
    assert.equal(rig.controller.nodes.observe(nodeId(n))?.progress.isComplete, true);
  }
});

test('when the scheduler is gone its nodes count as disconnected, and what they said is kept', async () => {
  await using rig = await openController();
  const node = new FakeNode();
  rig.link.nodeConnected(nodeId(1));
  await converse(rig, 1, node);
  rig.link.disconnect();
  const observed = rig.controller.nodes.observe(nodeId(1));
  assert.deepEqual([observed?.connected, observed?.progress.applied], [false, 0]);
  await rig.controller.cluster.decide((state, context) => createTenant(state, context, { name: 't', tokenHash: 't' }));
  rig.link.connect();
  rig.link.nodeConnected(nodeId(1));
  assert.deepEqual(await converse(rig, 1, node), ['ask', 'delta']);
  assert.equal(rig.controller.nodes.observe(nodeId(1))?.progress.applied, 1);
});

test('a frame that cannot be read costs that frame: its origin is told, one line is logged', async () => {
  await using rig = await openController();
  const bad = routedFrame(FrameType.STATUS, Status.Synced, nodeId(1), encodePayload({ revision: 'x' }), nodeId(1));
  rig.link.handler.frame(bad);
  rig.link.handler.frame(bad);
  const answers = rig.link.take('ERROR InvalidPayload') as { frame: string; error: { message: string } }[];
  assert.deepEqual(
    answers.map(({ frame }) => frame),
    ['STATUS Synced', 'STATUS Synced'],
  );
  assert.match(answers[0]?.error.message ?? '', /synced\.revision/);
  rig.link.handler.frame(plainFrame(FrameType.COMMAND, Command.STATS, Buffer.from('{"node_uuid":')));
  rig.link.handler.frame(plainFrame(FrameType.COMMAND, Command.EVACUATE));
  assert.equal(rig.log.lines.filter(({ message }) => message === 'frame refused').length, 2);
});

test('a complaint about a frame of ours is not complained about in turn', async () => {
  await using rig = await openController();
  rig.link.handler.frame(routedFrame(FrameType.ERROR, 32, nodeId(1), encodePayload({}), nodeId(1)));
  assert.deepEqual(rig.link.take('ERROR InvalidPayload'), []);
});

test('a request is refused at once, so that nobody waits in vain', async () => {
  await using rig = await openController();
  rig.link.handler.frame(routedFrame(FrameType.COMMAND, Command.Request, nodeId(1), encodePayload({ id: '7', op: 'port' }), nodeId(1)));
  const [reply] = rig.link.take('STATUS Reply') as { id: string; error: { code: string } }[];
  assert.deepEqual([reply?.id, reply?.error.code], ['7', 'unknown_request']);
});

test('a machine of concentrators is given an address, or told why not', async () => {
  await using rig = await openController();
  const ask = async (n: number): Promise<{ ok?: unknown; error?: { code: string } } | undefined> => {
    const payload = encodePayload({ id: '8', op: 'underlay_address', body: null });
    rig.link.handler.frame(routedFrame(FrameType.COMMAND, Command.Request, nodeId(n), payload, nodeId(n)));
    await settle();
    return (rig.link.take('STATUS Reply') as { ok?: unknown; error?: { code: string } }[])[0];
  };
  rig.link.stats(5, { roles: ['concentrator'] });
  await settle();
  assert.deepEqual((await ask(5))?.ok, { address: '10.88.0.250', prefix_length: 24 });
  assert.deepEqual((await ask(5))?.ok, { address: '10.88.0.250', prefix_length: 24 });
  assert.equal((await ask(1))?.error?.code, 'no_address_for_node');
});

test('a report in several frames counts once all are there, and one that lost a frame changes nothing', async () => {
  await using rig = await openController();
  const id = (n: number): InstanceId => `77777777-0000-4000-8000-00000000000${n}` as InstanceId;
  const figures = { ssh_port: 0, memory_usage_mb: -1, disk_usage_mb: -1, cpu_usage: -1, volumes: [] };
  const part = (number: number, of: number, n: number): void =>
    rig.link.stats(1, { instances: [{ instance_uuid: id(n), state: 'active', ...figures }], part: { number, of } });
  const known = (): InstanceId[] => [...(rig.controller.nodes.observe(nodeId(1))?.instances.keys() ?? [])];
  part(1, 1, 1);
  assert.deepEqual(known(), [id(1)]);
  part(1, 3, 2);
  part(2, 3, 3);
  assert.deepEqual(known(), [id(1)]);
  part(3, 3, 4);
  assert.deepEqual(known(), [id(2), id(3), id(4)]);
  part(1, 3, 5);
  part(3, 3, 6);
  part(2, 2, 6);
  assert.deepEqual(known(), [id(2), id(3), id(4)]);
  part(1, 2, 5);
  part(1, 2, 6);
  part(2, 2, 7);
  assert.deepEqual(known(), [id(6), id(7)], 'begun anew');
});

test('an instance’s end counts only from the node that the state names', async () => {
  await using rig = await openController();
  const { state } = rig.controller.cluster;
  const id = '77777777-0000-4000-8000-000000000007' as InstanceId;
  const fields = { name: '', command: ['x'], portId: id as never, addressing: 'static', requestedNodeId: undefined } as const;
  const stamps = { revision: 1, createdAt: '', updatedAt: '' };
  const tenantId = id as never;
  state.apply({
    put: [{ kind: 'instance', id, tenantId, ...fields, nodeId: nodeId(1), generation: 1, sshPort: undefined, ...stamps }],
    remove: [],
  });
  for (const n of [1, 2]) rig.link.stats(n);
  const stopped = (node_uuid?: NodeId): string | undefined => {
    rig.link.event(EventOperand.InstanceStopped, {
      instance_stopped: { instance_uuid: id, ...(node_uuid === undefined ? {} : { node_uuid }) },
    });
    return rig.controller.nodes.observe(nodeId(1))?.instances.get(id);
  };
  assert.deepEqual([stopped(), stopped(nodeId(2)), stopped(nodeId(1))], [undefined, undefined, 'stopped']);
  const deleted = (node_uuid: NodeId): string | undefined => {
    rig.link.event(EventOperand.InstanceDeleted, { instance_deleted: { instance_uuid: id, node_uuid } });
    return rig.controller.nodes.observe(nodeId(1))?.instances.get(id);
  };
  assert.deepEqual([deleted(nodeId(2)), deleted(nodeId(1))], ['stopped', undefined]);
});

test('closing ends the connection, and nothing is sent or waited for afterwards', async () => {
  const rig = await openController();
  rig.link.nodeConnected(nodeId(1));
  await rig.controller.close();
  assert.deepEqual([rig.link.closed, rig.clock.pending], [true, 0]);
});
