import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { cidrClearingHostBits } from '@weft/core/cidr';
import type { CommandContext } from '@weft/core/command/context';
import { createInstance, deleteInstance, placeInstance } from '@weft/core/command/instance';
import { createNetwork } from '@weft/core/command/network';
import { reportNode } from '@weft/core/command/node';
import { createPort, deletePort, updatePort } from '@weft/core/command/port';
import { createSubnet } from '@weft/core/command/subnet';
import { createTenant } from '@weft/core/command/tenant';
import type { ClusterState } from '@weft/core/cluster-state';
import { parseIpv4 } from '@weft/core/ipv4';
import { canonicalJson } from '@weft/core/canonical-json';
import { compile } from '@weft/core/plan/compile';
import type { Plan } from '@weft/core/plan/plan';
import { SYNC_CHUNK_BYTES } from '@weft/core/plan/sync';
import type { Sync } from '@weft/core/plan/sync';
import type { Changes } from '@weft/core/resource';
import type { NodeId, TenantId } from '@weft/core/uuid';
import { silentLogger } from '@weft/ssntp/logger';
import { Cluster } from './cluster.ts';
import { FakeNode } from './fake-node.ts';
import { NodeSync } from './node-sync.ts';
import { CONFIG, MemoryStore, TestClock, countedRandomness, nodeId, settle } from './test-support.ts';

type Rig = {
  cluster: Cluster;
  store: MemoryStore;
  clock: TestClock;
  sync: NodeSync;
  node: FakeNode;
  /** Every message that was sent, with those that `lose` swallowed. */
  sent: Sync[];
  ahead: number[];
  /** Messages to swallow, next first. */
  lose: (sync: Sync) => boolean;
  decide: (command: (state: ClusterState, context: CommandContext) => Changes) => Promise<void>;
};

/** One node, connected to a cluster with a tenant and two nodes; answers arrive at once. */
async function rig(node = new FakeNode(), store = new MemoryStore()): Promise<Rig> {
  const clock = new TestClock();
  const cluster = await Cluster.open(
    { config: { ...CONFIG, quotas: { network: -1, subnet: -1, port: -1, security_group: -1, security_group_rule: -1 } } },
    { store, wallMs: () => 0, ...countedRandomness(), fatal: (error) => assert.fail(String(error)) },
  );
  const self: Rig = {
    cluster,
    store,
    clock,
    node,
    sent: [],
    ahead: [],
    lose: () => false,
    sync: new NodeSync(
      { nodeId: nodeId(1) },
      { cluster, clock, log: silentLogger, send: (message) => deliver(message), ahead: (revision) => self.ahead.push(revision) },
    ),
    decide: async (command) => {
      await cluster.decide(command);
    },
  };
  const answers: (() => void)[] = [];
  let delivering = false;
  const deliver = (message: Sync): void => {
    self.sent.push(message);
    if (self.lose(message)) return;
    for (const answer of self.node.handle(message)) answers.push(() => self.sync.synced(answer));
    if (delivering) return;
    delivering = true;
    queueMicrotask(() => {
      delivering = false;
      for (let next = answers.shift(); next !== undefined; next = answers.shift()) next();
    });
  };
  cluster.listen({
    published: ({ revision, plans }) => {
      const changes = plans.get(nodeId(1));
      if (changes !== undefined) self.sync.publish(revision, changes);
    },
    flushed: () => self.sync.flush(),
  });
  if (store.model.revision === 0) {
    for (const n of [1, 2]) {
      await self.decide((state, context) =>
        reportNode(state, context, { id: nodeId(n), hostname: `h${n}`, roles: ['compute'], addresses: [parseIpv4(`10.88.0.${n}`)] }),
      );
    }
    await self.decide((state, context) => createTenant(state, context, { name: 't', tokenHash: 't' }));
  }
  return self;
}

const tenantOf = (state: ClusterState): TenantId => {
  const [tenant] = state.tenants.keys();
  assert.ok(tenant !== undefined);
  return tenant;
};

const plainPort = { name: '', description: '', adminStateUp: true, mac: undefined, fixedIps: undefined, securityGroups: undefined };

/** A network with a subnet, and an instance on it at this node. */
function workload(state: ClusterState, context: CommandContext, at: NodeId): Changes {
  const [known] = state.networks.values();
  const made: Changes[] = [];
  const apply = <X extends Changes>(changes: X): X => {
    made.push(changes);
    state.apply(changes);
    return changes;
  };
  const undo = (): void => {
    for (const changes of made.toReversed()) state.apply({ put: [], remove: changes.put.filter((record) => record.revision === 1) });
  };
  const networkId =
    known?.id ??
    apply(
      createNetwork(state, context, {
        tenantId: tenantOf(state),
        name: '',
        description: '',
        adminStateUp: true,
        portSecurityEnabled: true,
        external: false,
        topology: undefined,
        mtu: undefined,
      }),
    ).network.id;
  const { port } = apply(
    createPort(state, context, { ...plainPort, networkId, portSecurityEnabled: undefined, deviceId: '', deviceOwner: '' }),
  );
  const created = createInstance(state, context, {
    tenantId: port.tenantId,
    name: '',
    command: ['true'],
    portId: port.id,
    addressing: 'static',
    nodeId: undefined,
  });
  const put = [...made.flatMap((changes) => changes.put.filter(({ id }) => id !== port.id)), ...created.put.map((record) => record)];
  undo();
  return { put: put.map((record) => (record.kind === 'instance' ? { ...record, nodeId: at, generation: 1 } : record)), remove: [] };
}

const contents = (plan: Plan): Record<string, unknown> =>
  Object.fromEntries([...plan.refs()].map(({ kind, key }) => [`${kind} ${key}`, canonicalJson(plan.get(kind, key))]));

const assertInSync = ({ cluster, node }: Rig, what = ''): void =>
  assert.deepEqual(contents(node.plan), contents(compile(cluster.state, cluster.facts, nodeId(1))), what);

const ops = (sent: readonly Sync[]): string[] => sent.map(({ op }) => op);

test('a node without a plan gets a full one, then deltas from the revision last sent to it', async () => {
  const it = await rig();
  await it.decide((state, context) => workload(state, context, nodeId(1)));
  it.sync.ask();
  await settle();
  assert.deepEqual(ops(it.sent), ['ask', 'begin', 'chunk', 'end']);
  assertInSync(it);
  const before = it.cluster.revision;
  await it.decide((state, context) => createTenant(state, context, { name: 'other', tokenHash: 'o' }));
  await it.decide((state, context) => workload(state, context, nodeId(1)));
  await settle();
  const delta = it.sent.at(-1);
  assert.ok(delta?.op === 'delta' && it.sent.length === 5, 'the other tenant is none of its business');
  assert.deepEqual([delta.from, delta.revision], [before, it.cluster.revision]);
  assertInSync(it);
});

test('a node whose digests agree gets an empty delta to the present revision', async () => {
  const it = await rig();
  await it.decide((state, context) => workload(state, context, nodeId(1)));
  it.sync.ask();
  await settle();
  it.sync.close();
  await it.decide((state, context) => createTenant(state, context, { name: 'other', tokenHash: 'o' }));
  it.sent.length = 0;
  const from = it.node.revision;
  it.sync.ask();
  await settle();
  const epoch = it.cluster.epoch;
  assert.deepEqual(it.sent, [{ op: 'ask' }, { op: 'delta', epoch, from, revision: it.cluster.revision, upsert: [], remove: [] }]);
  assert.equal(it.node.revision, it.cluster.revision);
});

test('a node that missed a delta gets the full plan', async () => {
  const it = await rig();
  it.sync.ask();
  await settle();
  it.lose = (sync) => sync.op === 'delta';
  await it.decide((state, context) => workload(state, context, nodeId(1)));
  it.lose = () => false;
  await it.decide((state, context) => workload(state, context, nodeId(1)));
  await settle();
  assert.equal(it.sent.at(-1)?.op, 'end');
  assertInSync(it);
});

test('a node that can use nothing gets its plan again only after growing pauses', async () => {
  const it = await rig();
  await it.decide((state, context) => workload(state, context, nodeId(1)));
  it.lose = (sync) => sync.op !== 'ask';
  it.sync.ask();
  await settle();
  const count = (): number => it.sent.filter(({ op }) => op === 'end').length;
  assert.equal(count(), 1);
  for (const [pauseMs, plans] of [
    [500, 2],
    [1_000, 3],
    [2_000, 4],
  ] as const) {
    // Asking more often does not make it come sooner.
    for (let times = 0; times < 3; times += 1) it.sync.synced(it.node.status());
    it.clock.advance(pauseMs - 1);
    assert.equal(count(), plans - 1);
    it.clock.advance(1);
    assert.equal(count(), plans);
  }
  it.lose = () => false;
  it.sync.synced(it.node.status());
  it.clock.advance(4_000);
  await settle();
  assertInSync(it);
});

test('commits in flight are neither in a plan nor before it: the plan waits for them', async () => {
  const it = await rig();
  it.store.holding = true;
  const first = it.decide((state, context) => workload(state, context, nodeId(1)));
  it.sync.ask();
  await settle();
  assert.deepEqual(ops(it.sent), ['ask']);
  const second = it.decide((state, context) => workload(state, context, nodeId(1)));
  it.store.release();
  await Promise.all([first, second]);
  await settle();
  assert.deepEqual(ops(it.sent), ['ask', 'begin', 'chunk', 'end', 'delta']);
  assertInSync(it);
});

test('a node that holds its plan back is followed by deltas, asked nothing, and takes what is accepted', async () => {
  const node = new FakeNode();
  Object.assign(node, { epoch: 'another', revision: 7, brakes: true });
  const it = await rig(node);
  await it.decide((state, context) => workload(state, context, nodeId(1)));
  it.sync.ask();
  await settle();
  await it.decide((state, context) => workload(state, context, nodeId(1)));
  await settle();
  // The launcher may as well answer with all that it has.
  it.sync.synced(node.status());
  await settle();
  assert.deepEqual(ops(it.sent), ['ask', 'begin', 'chunk', 'end', 'delta']);
  assert.deepEqual([node.revision, node.plan.count('port'), node.held?.revision], [7, 0, it.cluster.revision]);
  assert.equal(it.sync.accept(), it.cluster.revision);
  await settle();
  assert.deepEqual([node.held, node.epoch, node.revision], [undefined, it.cluster.epoch, it.cluster.revision]);
  assertInSync(it);
  await it.decide((state, context) => workload(state, context, nodeId(1)));
  await settle();
  assert.equal(it.sent.at(-1)?.op, 'delta');
  assertInSync(it);
});

test('an acceptance that the node could not use makes the plan go out again', async () => {
  const node = new FakeNode();
  Object.assign(node, { epoch: 'another', revision: 7, brakes: true });
  const it = await rig(node);
  it.sync.ask();
  await settle();
  it.lose = (sync) => sync.op === 'delta';
  await it.decide((state, context) => workload(state, context, nodeId(1)));
  it.sync.accept();
  await settle();
  it.clock.advance(30_000);
  await settle();
  assert.equal(it.sent.at(-1)?.op, 'end');
  assert.equal(node.held?.revision, it.cluster.revision);
});

test('a revision of our epoch that we cannot have sent shows that our store is an old copy', async () => {
  const it = await rig();
  it.node.epoch = it.cluster.epoch;
  it.node.revision = 900;
  it.sync.ask();
  await settle();
  assert.deepEqual([it.ahead, ops(it.sent)], [[900], ['ask']]);
});

test('new commits that catch up with a node do not hide that the store is an old copy', async () => {
  const it = await rig(new FakeNode(), (await rig()).store);
  const opened = it.cluster.openedRevision;
  for (const name of ['x', 'y', 'z']) await it.decide((state, context) => createTenant(state, context, { name, tokenHash: name }));
  Object.assign(it.node, { epoch: it.cluster.epoch, revision: opened + 2 });
  it.sync.ask();
  await settle();
  assert.deepEqual(it.ahead, [opened + 2]);
});

test('chunks stay below their size, and a delta beyond it goes out as a full plan', async () => {
  const it = await rig();
  it.sync.ask();
  await settle();
  it.sent.length = 0;
  await it.decide((state, context) => {
    const one = workload(state, context, nodeId(1));
    const network = one.put.find((record) => record.kind === 'network');
    assert.ok(network !== undefined);
    state.apply({ put: [network], remove: [] });
    const others = Array.from({ length: 3_000 }, () => workload(state, context, nodeId(2)).put).flat();
    state.apply({ put: [], remove: [network] });
    // Macs and ids are random; addresses there are none without a subnet.
    return { put: [...one.put, ...others], remove: [] };
  });
  await settle();
  assert.deepEqual(new Set(ops(it.sent)), new Set(['begin', 'chunk', 'end']));
  assert.ok(it.sent.length >= 4, 'more than one chunk');
  for (const sync of it.sent) assert.ok(JSON.stringify(sync).length <= SYNC_CHUNK_BYTES);
  assertInSync(it);
});

type Wish = Readonly<{ verb: number; a: number; b: number; turn: boolean }>;

/** A random command on whatever the state has by then. */
function wished({ verb, a, b }: Wish): (state: ClusterState, context: CommandContext) => Changes {
  return (state, context) => {
    const pick = <T>(items: Iterable<T>): T | undefined => {
      const list = [...items];
      return list[a % Math.max(1, list.length)];
    };
    const nothing: Changes = { put: [], remove: [] };
    const [port, network, instance] = [pick(state.ports.values()), pick(state.networks.values()), pick(state.instances.values())];
    switch (verb) {
      case 0:
        return createNetwork(state, context, {
          tenantId: tenantOf(state),
          name: '',
          description: '',
          adminStateUp: true,
          portSecurityEnabled: b % 4 > 0,
          external: false,
          topology: b % 2 === 0 ? 'mesh' : 'concentrator',
          mtu: undefined,
        });
      case 1:
        if (network === undefined || [...state.subnetsOf(network.id)].length > 0) return nothing;
        return createSubnet(state, context, {
          networkId: network.id,
          name: '',
          description: '',
          cidr: cidrClearingHostBits(`10.0.${b}.0/24`),
          gatewayIp: undefined,
          enableDhcp: true,
          dnsNameservers: [],
          allocationPools: undefined,
        });
      case 2:
      case 3:
        if (network === undefined) return nothing;
        return createPort(state, context, {
          ...plainPort,
          networkId: network.id,
          portSecurityEnabled: undefined,
          deviceId: '',
          deviceOwner: '',
        });
      case 4:
        if (port === undefined || state.instanceOfPort(port.id) !== undefined) return nothing;
        return createInstance(state, context, {
          tenantId: port.tenantId,
          name: '',
          command: ['true'],
          portId: port.id,
          addressing: 'static',
          nodeId: undefined,
        });
      case 5:
      case 6:
        return instance === undefined ? nothing : placeInstance(state, context, instance.id, nodeId((b % 2) + 1));
      case 7:
        return instance === undefined ? nothing : deleteInstance(state, context, instance.id);
      case 8:
        return port === undefined ? nothing : updatePort(state, context, port.id, { adminStateUp: b % 2 === 0 });
      default:
        return port === undefined || state.instanceOfPort(port.id) !== undefined ? nothing : deletePort(state, context, port.id);
    }
  };
}

const wishes = fc.array(fc.record({ verb: fc.nat(9), a: fc.nat(20), b: fc.nat(20), turn: fc.boolean() }), { maxLength: 40 });

test('after any commands, losses and reconnections the node has the plan that a full compile gives', async () => {
  await fc.assert(
    fc.asyncProperty(
      wishes,
      fc.array(fc.nat(40), { maxLength: 4 }),
      fc.array(fc.nat(40), { maxLength: 4 }),
      async (list, losses, breaks) => {
        const it = await rig();
        it.sync.ask();
        const decided: Promise<void>[] = [];
        for (const [step, wish] of list.entries()) {
          if (breaks.includes(step)) it.sync.ask();
          it.lose = (sync) => losses.includes(step) && sync.op === 'delta';
          decided.push(it.decide(wished(wish)));
          if (wish.turn) await settle();
        }
        await Promise.all(decided);
        await settle();
        it.lose = () => false;
        // What was lost with nothing after it shows at the next connection.
        if (losses.length > 0) it.sync.ask();
        await settle();
        it.clock.advance(60_000);
        await settle();
        assertInSync(it);
        assert.deepEqual(it.ahead, []);
      },
    ),
    { numRuns: 40 },
  );
});
