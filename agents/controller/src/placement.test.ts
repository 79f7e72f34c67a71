import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseCidr } from '@weft/core/cidr';
import { createInstance, deleteInstance } from '@weft/core/command/instance';
import { createNetwork } from '@weft/core/command/network';
import { createPort } from '@weft/core/command/port';
import { sequence } from '@weft/core/command/sequence';
import { createSubnet } from '@weft/core/command/subnet';
import { createTenant } from '@weft/core/command/tenant';
import type { Changes } from '@weft/core/resource';
import type { InstanceId, NetworkId, NodeId, PortId, TenantId } from '@weft/core/uuid';
import { plainFrame } from '@weft/ssntp/frame';
import { ErrorOperand, FrameType, Status } from '@weft/ssntp/operands';
import { encodePayload } from '@weft/ssntp/payload';
import { nodeId, openController, settle } from './test-support.ts';
import type { TestController } from './test-support.ts';

type Start = { instance_uuid: string; tenant_uuid: string; requirements: { network_node: boolean; node_id?: string; mem_mb: number } };

const starts = (rig: TestController): Start[] => rig.link.take('COMMAND START').map((payload) => (payload as { start: Start }).start);

/** A tenant with a network, and `count` instances that nobody has placed; with a subnet there is a concentrator, too. */
async function unplaced(
  rig: TestController,
  count: number,
  options: Readonly<{ subnet?: boolean; pin?: NodeId }> = {},
): Promise<InstanceId[]> {
  const { cluster } = rig.controller;
  const plain = { name: '', description: '', adminStateUp: true };
  let tenantId = '' as TenantId;
  let networkId = '' as NetworkId;
  await cluster.decide((state, context) =>
    sequence<Changes>(state, [
      (present) => {
        const made = createTenant(present, context, { name: 't', tokenHash: 't' });
        tenantId = made.tenant.id;
        return made;
      },
      (present) => {
        const made = createNetwork(present, context, {
          ...plain,
          tenantId,
          portSecurityEnabled: true,
          external: false,
          topology: undefined,
          mtu: undefined,
        });
        networkId = made.network.id;
        return made;
      },
    ]),
  );
  if (options.subnet === true) {
    await cluster.decide((state, context) =>
      createSubnet(state, context, {
        networkId,
        name: '',
        description: '',
        cidr: parseCidr('10.0.0.0/24'),
        gatewayIp: undefined,
        enableDhcp: true,
        dnsNameservers: [],
        allocationPools: undefined,
      }),
    );
  }
  const ids: InstanceId[] = [];
  for (let made = 0; made < count; made += 1) {
    let portId = '' as PortId;
    const port = { ...plain, networkId, mac: undefined, fixedIps: undefined, securityGroups: undefined, portSecurityEnabled: undefined };
    await cluster.decide((state, context) => {
      const { port: record, ...changes } = createPort(state, context, { ...port, deviceId: '', deviceOwner: '' });
      portId = record.id;
      return changes;
    });
    const { instance } = await cluster.decide((state, context) =>
      createInstance(state, context, { tenantId, name: '', command: ['x'], portId, addressing: 'static', nodeId: options.pin }),
    );
    ids.push(instance.id);
  }
  return ids;
}

const answer = (rig: TestController, id: string, n: number): void =>
  rig.link.routed(nodeId(9), Status.Reply, { instance_uuid: id, node_uuid: nodeId(n) });

const refuse = (rig: TestController, id: string, reason = 'no_cn'): void =>
  rig.link.handler.frame(
    plainFrame(FrameType.ERROR, ErrorOperand.StartFailure, encodePayload({ instance_uuid: id, reason, restart: false })),
  );

async function withNodes(): Promise<TestController> {
  const rig = await openController();
  rig.link.stats(1);
  rig.link.stats(2, { roles: ['network'] });
  await settle();
  return rig;
}

test('instances and concentrators are asked for once they are durable, and placed as answered', async () => {
  await using rig = await withNodes();
  const [id] = await unplaced(rig, 1, { subnet: true });
  const asked = starts(rig);
  assert.deepEqual(
    asked.map(({ requirements }) => requirements.network_node),
    [true, false],
  );
  for (const start of asked) answer(rig, start.instance_uuid, start.requirements.network_node ? 2 : 1);
  await settle();
  const { state } = rig.controller.cluster;
  assert.equal(state.instances.get(id!)?.nodeId, nodeId(1));
  assert.deepEqual(
    [...state.concentrators.values()].map((record) => [record.nodeId, record.generation]),
    [[nodeId(2), 1]],
  );
  rig.clock.advance(120_000);
  assert.deepEqual([starts(rig), rig.clock.pending], [[], 0]);
});

test('a commit in flight is not asked for', async () => {
  await using rig = await withNodes();
  rig.store.holding = true;
  const made = unplaced(rig, 0, { subnet: true });
  rig.store.release();
  await settle();
  assert.equal(rig.controller.cluster.state.concentrators.size, 1);
  assert.deepEqual(starts(rig), []);
  rig.store.holding = false;
  rig.store.release();
  await made;
  assert.equal(starts(rig).length, 1);
});

test('an answer that comes twice, or too late, changes nothing', async () => {
  await using rig = await withNodes();
  const [id] = await unplaced(rig, 1);
  rig.clock.advance(12_000);
  assert.equal(starts(rig).length, 2, 'nobody answered, so it asked again');
  answer(rig, id!, 1);
  answer(rig, id!, 2);
  await settle();
  answer(rig, id!, 2);
  await settle();
  const instance = rig.controller.cluster.state.instances.get(id!);
  assert.deepEqual([instance?.nodeId, instance?.generation], [nodeId(1), 1]);
});

test('an answer to what was deleted meanwhile changes nothing', async () => {
  await using rig = await withNodes();
  const [id] = await unplaced(rig, 1);
  await rig.controller.cluster.decide((state, context) => deleteInstance(state, context, id!));
  const { revision } = rig.controller.cluster;
  answer(rig, id!, 1);
  await settle();
  assert.deepEqual([rig.controller.cluster.revision, rig.clock.pending], [revision, 0]);
});

test('a failure is shown and tried again with growing pauses', async () => {
  await using rig = await withNodes();
  const [id] = await unplaced(rig, 1, { pin: nodeId(1) });
  assert.equal(starts(rig)[0]?.requirements.node_id, nodeId(1));
  // Half of the pause is jitter, which is in its middle here.
  for (const pauseMs of [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000].map((ceiling) => ceiling * 0.75)) {
    refuse(rig, id!);
    assert.equal(rig.controller.statusSources.placementError(id!)?.code, 'no_cn');
    rig.clock.advance(pauseMs - 1);
    assert.deepEqual(starts(rig), []);
    rig.clock.advance(1);
    assert.equal(starts(rig).length, 1);
  }
  assert.equal(rig.log.lines.filter(({ message }) => message.startsWith('not placed')).length, 1, 'logged once');
});

test('a node that reports for the first time makes it try at once', async () => {
  await using rig = await withNodes();
  const [id] = await unplaced(rig, 1);
  refuse(rig, id!);
  starts(rig);
  rig.link.nodeConnected(nodeId(3));
  assert.deepEqual(starts(rig), [], 'connected is not ready');
  rig.link.stats(3);
  await settle();
  assert.equal(starts(rig).length, 1);
  refuse(rig, id!);
  rig.link.stats(3);
  await settle();
  assert.deepEqual(starts(rig), [], 'a report like the one before is no news');
});

test('without a scheduler it waits, and asks for everything when one is there again', async () => {
  await using rig = await withNodes();
  rig.link.disconnect();
  const ids = await unplaced(rig, 2);
  rig.clock.advance(60_000);
  assert.deepEqual(starts(rig), []);
  rig.link.connect();
  assert.deepEqual(
    starts(rig).map(({ instance_uuid }) => instance_uuid),
    ids,
  );
});

test('a choice that names a node nobody knows is tried again', async () => {
  await using rig = await withNodes();
  const [id] = await unplaced(rig, 1);
  answer(rig, id!, 7);
  await settle();
  assert.equal(rig.controller.statusSources.placementError(id!)?.code, 'not_found');
  starts(rig);
  rig.clock.advance(500);
  assert.equal(starts(rig).length, 1);
});

test('a restarted controller asks for what is unplaced, and for nothing else', async () => {
  await using first = await withNodes();
  const [placed, waiting] = await unplaced(first, 2);
  answer(first, placed!, 1);
  await settle();
  await using second = await openController(first.store);
  assert.deepEqual(
    starts(second).map(({ instance_uuid }) => instance_uuid),
    [waiting],
  );
});
