import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { parseResource } from '../resource.ts';
import type { Changes } from '../resource.ts';
import type { NetworkId } from '../uuid.ts';
import { WeftError } from '../weft-error.ts';
import { deleteNetwork } from './network.ts';
import { checkQuotas, quotasOf, resetQuotas, setQuotas } from './quota.ts';
import { sequence } from './sequence.ts';
import { deleteTenant } from './tenant.ts';
import { assertRefused, TestCluster, testId } from './test-support.ts';

const isRefused = (action: () => void): boolean => {
  try {
    action();
    return false;
  } catch (error) {
    assert.ok(error instanceof WeftError && error.code === 'over_quota', String(error));
    return true;
  }
};

test('whatever is made one by one or together, a tenant never has more than its quota, and what is refused would have been', () => {
  const wish = fc.record({ ports: fc.nat(4), other: fc.boolean() });
  fc.assert(
    fc.property(fc.nat(8), fc.array(wish, { maxLength: 12 }), (limit, wishes) => {
      const cluster = new TestCluster();
      const { state, context } = cluster;
      const [own, other] = [cluster.network(cluster.tenant().id), cluster.network(cluster.tenant().id)];
      cluster.do(setQuotas(state, context, own.tenantId, { port: limit }));
      let count = 0;
      for (const { ports, other: isOther } of wishes) {
        const network = isOther ? other : own;
        const changes = sequence(
          state,
          Array<() => Changes>(ports).fill(() => cluster.tryToPort(network)),
        );
        const refused = isRefused(() => checkQuotas(state, context.cluster, changes));
        assert.equal(refused, !isOther && ports > 0 && count + ports > limit);
        if (refused) continue;
        cluster.do(changes);
        if (!isOther) count += ports;
        assert.equal(state.ownedCount(own.tenantId, 'port'), count);
      }
    }),
  );
});

test('a limit below what there is stops growth only, and -1 is none', () => {
  const cluster = new TestCluster();
  const { state, context } = cluster;
  const { id } = cluster.tenant();
  const [network, more] = [cluster.network(id), cluster.network(id)];
  cluster.do(setQuotas(state, context, id, { network: 0, security_group: 7 }));
  const create = (): Changes => ({ put: [{ ...network, id: testId<NetworkId>(9) }], remove: [] });
  assertRefused(
    cluster,
    () => {
      const changes = create();
      checkQuotas(state, context.cluster, changes);
      return changes;
    },
    'over_quota',
    /^Quota exceeded for resources: \['network'\]\.$/,
  );
  assert.ok(!isRefused(() => checkQuotas(state, context.cluster, { put: [{ ...network, name: 'x' }], remove: [] })), 'an update');
  assert.ok(!isRefused(() => checkQuotas(state, context.cluster, { put: create().put, remove: [network, more] })), 'an exchange');
  assert.ok(!isRefused(() => checkQuotas(state, context.cluster, deleteNetwork(state, network.id))));
  cluster.do(setQuotas(state, context, id, { network: -1 }));
  assert.ok(!isRefused(() => checkQuotas(state, context.cluster, create())));
});

test('limits of its own come before those of the operator and the defaults, survive the store, and go with the tenant', () => {
  const cluster = new TestCluster({ cluster: { quotas: { port: 5, subnet: 6 } } });
  const { state, context } = cluster;
  const { id } = cluster.tenant();
  const limits = (): unknown[] => {
    const { port, subnet, network } = quotasOf(state, context.cluster, id);
    return [port, subnet, network];
  };
  assert.deepEqual(limits(), [5, 6, 100]);
  cluster.do(setQuotas(state, context, id, { port: 7 }));
  cluster.do(setQuotas(state, context, id, { network: 8 }));
  assert.deepEqual(limits(), [7, 6, 8]);
  assert.deepEqual(setQuotas(state, context, id, { network: 8 }).put, [], 'again is no change');
  const [quota] = state.quotas.values();
  assert.deepEqual(parseResource(JSON.parse(JSON.stringify(quota))), quota);
  cluster.do(resetQuotas(state, id));
  assert.deepEqual([limits(), resetQuotas(state, id).remove], [[5, 6, 100], []]);
  cluster.do(setQuotas(state, context, id, { port: 7 }));
  cluster.do(deleteTenant(state, id));
  assert.equal(state.quotas.size, 0);
  assertRefused(cluster, () => setQuotas(state, context, testId(1), { port: 1 }), 'not_found');
  assertRefused(cluster, () => resetQuotas(state, testId(1)), 'not_found');
});
