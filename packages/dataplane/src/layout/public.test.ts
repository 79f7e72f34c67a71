import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Ipv4 } from '@weft/core/ipv4';
import { Plan } from '@weft/core/plan/plan';
import { gatewayPlace, uplinkName } from '../names.ts';
import { gatewayId, planOfNode } from '../two-nodes.testing.ts';
import { layoutForward, layoutPublicIp } from './public.ts';

const PUBLIC = '203.0.113.101' as Ipv4;
const INSIDE = '10.0.0.11' as Ipv4;
const concentratorId = gatewayId(1);
const place = gatewayPlace(concentratorId);
const address = { kind: 'address', place, link: uplinkName(concentratorId), address: PUBLIC, prefixLength: 32 };
const element = { kind: 'element', place, family: 'ip' };
const forward = { concentratorId, address: PUBLIC, protocol: 'tcp', port: 2222, internal: INSIDE, internalPort: 22 } as const;

test('a public address is an address of the uplink, and an element each way where it leads somewhere', () => {
  const plan = planOfNode(0, 'mesh');
  assert.deepEqual(layoutPublicIp({ plan }, { concentratorId, address: PUBLIC, internal: INSIDE }), [
    address,
    { ...element, set: 'public_in', key: [PUBLIC], value: INSIDE },
    { ...element, set: 'public_out', key: [INSIDE], value: PUBLIC },
  ]);
  assert.deepEqual(layoutPublicIp({ plan }, { concentratorId, address: PUBLIC, internal: undefined }), [address]);
});

test("the gateway's own address is not put a second time", () => {
  const plan = planOfNode(0, 'mesh');
  assert.deepEqual(layoutPublicIp({ plan }, { concentratorId, address: '203.0.113.11' as Ipv4, internal: undefined }), []);
});

test('a forwarded port is one element', () => {
  assert.deepEqual(layoutForward({ plan: planOfNode(0, 'mesh') }, forward), [
    { ...element, set: 'forwards', key: [PUBLIC, 'tcp', '2222'], value: `${INSIDE} . 22` },
  ]);
});

test('without its gateway neither is anything; on one without an uplink a public address says what is missing', () => {
  const body = { concentratorId, address: PUBLIC, internal: INSIDE };
  assert.deepEqual([layoutPublicIp({ plan: new Plan() }, body), layoutForward({ plan: new Plan() }, forward)], [[], []]);
  const plan = planOfNode(0, 'mesh');
  plan.set('gateway', concentratorId, { ...plan.get('gateway', concentratorId)!, uplink: undefined });
  assert.throws(() => layoutPublicIp({ plan }, body), { code: 'no_uplink', remedy: /range for uplinks/ });
});
