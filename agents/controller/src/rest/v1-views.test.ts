import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withHolds } from '@weft/core/command/address-hold';
import { placeConcentrator } from '@weft/core/command/concentrator';
import { createFloatingIp, deleteFloatingIp, updateFloatingIp } from '@weft/core/command/floating-ip';
import { TestCluster } from '@weft/core/command/test-support';
import { poolViews } from './v1-views.ts';

test('a pool counts an address that a gateway may still answer for, and nobody else gets yet', () => {
  const cluster = new TestCluster();
  const { state, context } = cluster;
  const { id: tenantId } = cluster.tenant();
  const outside = cluster.network(tenantId, { external: true });
  cluster.subnet(outside, '203.0.113.0/24', { enableDhcp: false });
  const network = cluster.network(tenantId);
  cluster.subnet(network, '10.0.0.0/24');
  const port = cluster.port(network);
  const used = (): number | undefined => poolViews(state).find(({ network_id }) => network_id === outside.id)?.used;
  const wish = { tenantId, description: '', floatingNetworkId: outside.id, subnetId: undefined, address: undefined };
  const { floatingIp } = cluster.do(createFloatingIp(state, context, { ...wish, target: undefined }));
  const before = used();
  assert.ok(before !== undefined && before > 0);
  cluster.do(updateFloatingIp(state, context, floatingIp.id, { target: { portId: port.id, fixedIp: undefined } }));
  const [gateway] = state.concentrators.values();
  cluster.do(placeConcentrator(state, context, gateway!.id, cluster.node(1)));
  const placed = used();
  cluster.do(withHolds(state, context, deleteFloatingIp(state, floatingIp.id)));
  assert.deepEqual(
    [...state.addressHolds.values()].map(({ address }) => address),
    [floatingIp.address],
  );
  assert.equal(used(), placed, 'it is held');
  cluster.do({ put: [], remove: [...state.addressHolds.values()] });
  assert.equal(used(), (placed ?? 0) - 1);
});
