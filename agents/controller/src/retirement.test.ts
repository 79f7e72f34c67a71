import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseCidr } from '@weft/core/cidr';
import { createInstance, deleteInstance } from '@weft/core/command/instance';
import { createNetwork } from '@weft/core/command/network';
import { createPort } from '@weft/core/command/port';
import { createSubnet } from '@weft/core/command/subnet';
import { createTenant } from '@weft/core/command/tenant';
import type { Instance, Port } from '@weft/core/resource';
import { openController, settle } from './test-support.ts';
import type { TestController } from './test-support.ts';

const IDLE_MS = 300_000;

/** A tenant with a gateway and one port. */
async function withGateway(rig: TestController): Promise<Port> {
  const { cluster } = rig.controller;
  const { tenant } = await cluster.decide((state, context) => createTenant(state, context, { name: 't', tokenHash: 't' }));
  const plain = { name: '', description: '', adminStateUp: true };
  const { network } = await cluster.decide((state, context) => {
    const wish = { tenantId: tenant.id, portSecurityEnabled: true, external: false, topology: undefined, mtu: undefined };
    return createNetwork(state, context, { ...plain, ...wish });
  });
  const { id: networkId } = network;
  await cluster.decide((state, context) => {
    const wish = { gatewayIp: undefined, enableDhcp: true, dnsNameservers: [], allocationPools: undefined };
    return createSubnet(state, context, { networkId, name: '', description: '', cidr: parseCidr('10.0.0.0/24'), ...wish });
  });
  const { port } = await cluster.decide((state, context) => {
    const wish = { mac: undefined, fixedIps: undefined, securityGroups: undefined, portSecurityEnabled: undefined };
    return createPort(state, context, { ...plain, ...wish, networkId, deviceId: '', deviceOwner: '' });
  });
  return port;
}

async function use(rig: TestController, { tenantId, id: portId }: Port): Promise<Instance> {
  const wish = { tenantId, name: '', command: ['x'], portId, addressing: 'static', nodeId: undefined } as const;
  return (await rig.controller.cluster.decide((state, context) => createInstance(state, context, wish))).instance;
}

const release = (rig: TestController, { id }: Instance): Promise<unknown> =>
  rig.controller.cluster.decide((state, context) => deleteInstance(state, context, id));

const count = (rig: TestController): number => rig.controller.cluster.state.concentrators.size;

async function pass(rig: TestController, ms: number): Promise<void> {
  rig.clock.advance(ms);
  await settle();
}

test('a concentrator that nothing uses is retired when its time is up, and is there again with the next workload', async () => {
  await using rig = await openController();
  const port = await withGateway(rig);
  await pass(rig, IDLE_MS - 1);
  assert.equal(count(rig), 1);
  await pass(rig, 1);
  assert.equal(count(rig), 0);
  assert.ok(rig.log.has('info', /concentrator retired/));
  const instance = await use(rig, port);
  assert.equal(count(rig), 1);
  await pass(rig, 10 * IDLE_MS);
  assert.equal(count(rig), 1, 'it is used');
  await release(rig, instance);
  await pass(rig, IDLE_MS);
  assert.equal(count(rig), 0);
});

test('a use within the time keeps it, and the time begins again with the end of that use', async () => {
  await using rig = await openController();
  const port = await withGateway(rig);
  await pass(rig, IDLE_MS - 10);
  await release(rig, await use(rig, port));
  await pass(rig, IDLE_MS - 10);
  assert.equal(count(rig), 1);
  await pass(rig, 10);
  assert.equal(count(rig), 0);
});

test('a use that is decided but not durable when the time is up keeps it', async () => {
  await using rig = await openController();
  const port = await withGateway(rig);
  await pass(rig, IDLE_MS - 1);
  rig.store.holding = true;
  const using_ = use(rig, port);
  await pass(rig, 1);
  rig.store.holding = false;
  rig.store.release();
  await using_;
  assert.equal(count(rig), 1);
});

test('a restarted controller retires what was unused before', async () => {
  const first = await openController();
  await withGateway(first);
  await first.controller.close();
  await using second = await openController(first.store);
  await pass(second, IDLE_MS);
  assert.equal(count(second), 0);
});
