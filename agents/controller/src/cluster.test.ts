import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createTenant } from '@weft/core/command/tenant';
import { createNetwork } from '@weft/core/command/network';
import { reportNode } from '@weft/core/command/node';
import { parseIpv4 } from '@weft/core/ipv4';
import type { Changes, Network, Resource, Tenant } from '@weft/core/resource';
import { WeftError } from '@weft/core/weft-error';
import { openSqliteStore } from '@weft/store/sqlite-store';
import type { CommitRequest, Revision, Store } from '@weft/store/store';
import { Cluster, ClusterUnavailable } from './cluster.ts';
import type { Command, Published } from './cluster.ts';
import { CONFIG, MemoryStore, countedRandomness, nodeId, settle } from './test-support.ts';

async function open(store: Store = new MemoryStore()): Promise<{ cluster: Cluster; fatal: unknown[]; published: Published[] }> {
  const fatal: unknown[] = [];
  const published: Published[] = [];
  const cluster = await Cluster.open(
    { config: CONFIG },
    { store, wallMs: () => 0, ...countedRandomness(), fatal: (error) => fatal.push(error) },
  );
  cluster.listen({ published: (commit) => published.push(commit), flushed: () => undefined });
  return { cluster, fatal, published };
}

const tenant =
  (name: string): Command<Changes & Readonly<{ tenant: Tenant }>> =>
  (state, context) =>
    createTenant(state, context, { name, tokenHash: name });

const network =
  (name: string): Command<Changes & Readonly<{ network: Network }>> =>
  (state, context) => {
    const [owner] = state.tenants.values();
    assert.ok(owner !== undefined);
    const plain = { description: '', adminStateUp: true, portSecurityEnabled: true, external: false, topology: undefined, mtu: undefined };
    return createNetwork(state, context, { tenantId: owner.id, name, ...plain });
  };

/** Whether a promise has settled, after everything in memory had its turn. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  let done = false;
  const mark = (): void => {
    done = true;
  };
  void promise.then(mark, mark);
  await settle();
  return done;
}

test('a decision is answered, published and settled only once it is durable', async () => {
  const store = new MemoryStore();
  const { cluster, published } = await open(store);
  store.holding = true;
  const decided = cluster.decide(tenant('a'));
  const read = cluster.settled();
  assert.equal(cluster.state.tenants.size, 1, 'the next command sees it at once');
  assert.deepEqual([await isSettled(decided), await isSettled(read), published.length, cluster.revision], [false, false, 0, 0]);
  store.release();
  assert.equal((await decided).revision, 1);
  await read;
  assert.deepEqual([published.length, published[0]?.revision, cluster.revision], [1, 1, 1]);
});

test('a read waits for what was decided before it, not for what comes later', async () => {
  const store = new MemoryStore();
  const { cluster } = await open(store);
  store.holding = true;
  const first = cluster.decide(tenant('a'));
  const read = cluster.settled();
  const second = cluster.decide(tenant('b'));
  store.release(1);
  await Promise.all([first, read]);
  assert.equal(await isSettled(second), false);
  store.release();
  await second;
});

test('a view shows the decision and nothing of those after it', async () => {
  const store = new MemoryStore();
  const { cluster } = await open(store);
  store.holding = true;
  const names = (): string[] => [...cluster.state.tenants.values()].map(({ name }) => name);
  const view = cluster.decideAndShow(tenant('a'), names);
  const later = cluster.decide(tenant('b'));
  store.release();
  assert.deepEqual(await view, ['a']);
  await later;
});

test('a refusal changes nothing, and waits for the commits that it may rest on', async () => {
  const store = new MemoryStore();
  const { cluster, fatal } = await open(store);
  store.holding = true;
  const first = cluster.decide(tenant('a'));
  const twin = cluster.decide(tenant('a'));
  assert.equal(await isSettled(twin), false);
  store.release();
  await first;
  await assert.rejects(twin, (error) => error instanceof WeftError && error.code === 'tenant_exists');
  assert.equal(cluster.state.tenants.size, 1);
  assert.deepEqual(fatal, []);
});

test('no tenant is routed to the machines’ networks, nor to link-local addresses', async () => {
  const { cluster } = await open();
  assert.deepEqual(cluster.facts.infrastructure, [...CONFIG.computeCidrs, ...CONFIG.managementCidrs, '169.254.0.0/16']);
});

test('a decision that changes nothing makes no revision', async () => {
  const store = new MemoryStore();
  const { cluster } = await open(store);
  await cluster.decide(tenant('a'));
  assert.equal((await cluster.decide(() => ({ put: [], remove: [] }))).revision, 1);
  assert.equal(store.model.revision, 1);
});

test('a commit that fails is fatal: all in flight are refused, nothing is published, nothing more is decided', async () => {
  const store = new MemoryStore();
  const { cluster, fatal, published } = await open(store);
  store.holding = true;
  const answers = [cluster.decide(tenant('a')), cluster.decide(tenant('b')), cluster.settled()];
  let handedOver = false;
  cluster.snapshotPlan(nodeId(1), () => {
    handedOver = true;
  });
  const failure = new Error('disk');
  store.fail(failure);
  store.release();
  for (const answer of await Promise.allSettled(answers)) {
    assert.ok(answer.status === 'rejected' && answer.reason instanceof ClusterUnavailable && answer.reason.cause === failure);
  }
  await assert.rejects(cluster.decide(tenant('c')), ClusterUnavailable);
  await assert.rejects(cluster.settled(), ClusterUnavailable);
  cluster.snapshotPlan(nodeId(1), () => {
    handedOver = true;
  });
  assert.deepEqual([fatal, published, handedOver], [[failure], [], false]);
});

test('commits are published in the order of deciding, however the store answers', async () => {
  const answers: ((revision: Revision) => void)[] = [];
  class Backwards extends MemoryStore {
    override commit(_request: CommitRequest): Promise<Revision> {
      const { promise, resolve } = Promise.withResolvers<Revision>();
      answers.push(resolve);
      return promise;
    }
  }
  const { cluster, published } = await open(new Backwards());
  const order: string[] = [];
  const both = [cluster.decide(tenant('a')).then(() => order.push('a')), cluster.decide(tenant('b')).then(() => order.push('b'))];
  answers[1]?.(2);
  await settle();
  assert.deepEqual([order, published.length], [[], 0]);
  answers[0]?.(1);
  await Promise.all(both);
  assert.deepEqual(
    [order, published.map(({ revision }) => revision)],
    [
      ['a', 'b'],
      [1, 2],
    ],
  );
});

test('a plan is handed over between its own commit and the next', async () => {
  const store = new MemoryStore();
  const { cluster } = await open(store);
  const events: string[] = [];
  cluster.listen({ published: ({ revision }) => events.push(`published ${revision}`), flushed: () => events.push('flushed') });
  cluster.snapshotPlan(nodeId(1), (_plan, revision) => events.push(`plan ${revision}`));
  store.holding = true;
  const first = cluster.decide(tenant('a'));
  cluster.snapshotPlan(nodeId(1), (_plan, revision) => events.push(`plan ${revision}`));
  const second = cluster.decide(network('n'));
  store.release();
  await Promise.all([first, second]);
  assert.deepEqual(events.toSorted(), ['flushed', 'flushed', 'plan 0', 'plan 1', 'published 1', 'published 2']);
  assert.ok(events.indexOf('published 1') < events.indexOf('plan 1') && events.indexOf('plan 1') < events.indexOf('published 2'));
});

test('a cluster opened again on the same store has the same state', async () => {
  await using store = await openSqliteStore({ path: ':memory:' });
  const { cluster } = await open(store);
  await cluster.decide((state, context) =>
    reportNode(state, context, { id: nodeId(1), hostname: 'h', roles: ['compute'], addresses: [parseIpv4('10.88.0.1')] }),
  );
  await cluster.decide(tenant('a'));
  await Promise.all([cluster.decide(network('n')), cluster.decide(network('m'))]);
  const again = await open(store);
  const records = (from: Cluster): readonly Resource[] => [...from.state.all()].toSorted((a, b) => (a.id < b.id ? -1 : 1));
  assert.deepEqual(records(again.cluster), records(cluster));
  assert.equal(again.cluster.revision, cluster.revision);
  assert.equal(again.cluster.openedRevision, 4);
});

test('a record that cannot be read stops the start and is named', async () => {
  const store = new MemoryStore();
  await store.commit({ put: [{ key: 'network/x', value: '{"kind":"network"}' }], delete: [] });
  await assert.rejects(open(store), (error) => error instanceof WeftError && error.message === 'reading record network/x of the store');
});
