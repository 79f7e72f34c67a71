import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AddressHold } from '@weft/core/address-hold';
import { deleteNode } from '@weft/core/command/node';
import { parseIpv4 } from '@weft/core/ipv4';
import { MemoryStore, nodeId, openController, settle } from './test-support.ts';
import type { TestController } from './test-support.ts';

const ID = '55555555-0000-4000-8000-000000000005' as never;
const HOLD: AddressHold = {
  kind: 'addressHold',
  id: ID,
  address: parseIpv4('203.0.113.9'),
  nodeId: nodeId(1),
  concentratorId: ID,
  formerTenantId: ID,
  internal: parseIpv4('10.0.0.9'),
  revision: 1,
  createdAt: '',
  updatedAt: '',
};

/** Whether the address is still held after node 1 has said that it applied this. */
async function isHeldAfter(rig: TestController, revision: number): Promise<boolean> {
  rig.link.synced(nodeId(1), { epoch: rig.controller.cluster.epoch, revision, failed: {} });
  await settle();
  return rig.controller.cluster.state.addressHolds.size > 0;
}

test('a restarted controller still holds an address, and frees it when the node has caught up with what the store had', async () => {
  const store = new MemoryStore();
  {
    await using rig = await openController(store);
    rig.link.stats(1);
    await settle();
    await rig.controller.cluster.decide(() => ({ put: [HOLD], remove: [] }));
  }
  await using rig = await openController(store);
  const { revision } = rig.controller.cluster;
  assert.ok(revision >= 2);
  rig.link.nodeConnected(nodeId(1));
  assert.equal(await isHeldAfter(rig, revision - 1), true, 'what it had applied before it was told');
  assert.equal(await isHeldAfter(rig, revision), false);
  const told = [...rig.controller.events.after(0)].filter(({ name }) => name.startsWith('public_ip'));
  assert.deepEqual(
    told.map(({ message }) => message),
    ['Unmapped 203.0.113.9 from 10.0.0.9'],
  );
});

test('a confirmation is of the newest taking away, also while that is still being written', async () => {
  const store = new MemoryStore();
  await using rig = await openController(store);
  rig.link.stats(1);
  await settle();
  rig.link.nodeConnected(nodeId(1));
  const first = await rig.controller.cluster.decide(() => ({ put: [HOLD], remove: [] }));
  store.holding = true;
  const second = rig.controller.cluster.decide(() => ({ put: [{ ...HOLD, revision: 2 }], remove: [] }));
  assert.equal(await isHeldAfter(rig, first.revision), true);
  store.holding = false;
  store.release();
  assert.equal(await isHeldAfter(rig, first.revision), true);
  assert.equal(await isHeldAfter(rig, (await second).revision), false);
});

test('forgetting a node frees what it never confirmed, and says so', async () => {
  await using rig = await openController();
  rig.link.stats(1);
  await settle();
  await rig.controller.cluster.decide(() => ({ put: [HOLD], remove: [] }));
  await rig.controller.cluster.decide((state) => deleteNode(state, nodeId(1)));
  assert.equal(rig.controller.cluster.state.addressHolds.size, 0);
  const [told] = [...rig.controller.events.after(0)].filter(({ name }) => name === 'public_ip.unmapped');
  assert.equal(told?.message, 'Unmapped 203.0.113.9 from 10.0.0.9: its node is forgotten and has not confirmed it');
});
