import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { NodeId } from '@weft/core/uuid';
import { Role } from '@weft/ssntp/role';
import { testUuid } from '@weft/ssntp/test-support';
import * as fc from 'fast-check';
import { NodeTable } from './node-table.ts';
import type { NodeStatus, PlacementNode, Requirements } from './placement.ts';
import { place } from './placement.ts';

const anything: Requirements = { memMb: 128, diskMb: 0, networkNode: false, nodeId: undefined, hostname: undefined };

function id(n: number): NodeId {
  return testUuid(n) as NodeId;
}

function node(n: number, fields: Partial<PlacementNode> = {}): PlacementNode {
  const figures = { memAvailableMb: 1_000, diskAvailableMb: 10_000, hostname: `cn${n}` };
  return { uuid: id(n), roles: Role.CNAgent, status: 'ready', ...figures, ...fields };
}

test('each reason for and against a node', () => {
  const network = { roles: Role.NetworkingAgent };
  const cases: [string, PlacementNode[], Partial<Requirements>, string][] = [
    ['the first that fits', [node(1), node(2)], {}, id(1)],
    ['exactly enough memory', [node(1)], { memMb: 1_000 }, id(1)],
    ['too little memory', [node(1)], { memMb: 1_001 }, 'full_cloud'],
    ['too little disk', [node(1)], { diskMb: 10_001 }, 'full_cloud'],
    ['unknown memory', [node(1, { memAvailableMb: -1 })], {}, 'full_cloud'],
    ['unknown memory, nothing asked', [node(1, { memAvailableMb: -1 })], { memMb: 0 }, id(1)],
    ['nobody', [], {}, 'no_cn'],
    ['nobody of that kind', [node(1, network)], {}, 'no_cn'],
    ['nobody who said READY', [node(1, { status: 'connected' })], {}, 'no_cn'],
    ['nobody who still has room', [node(1, { status: 'full' })], {}, 'full_cloud'],
    ['one in maintenance beside one ready', [node(1, { status: 'maintenance' }), node(2)], {}, id(2)],
    ['a concentrator on a network node', [node(1), node(2, network)], { networkNode: true }, id(2)],
    ['a concentrator on a node of both roles', [node(1, { roles: Role.CNAgent | Role.NetworkingAgent })], { networkNode: true }, id(1)],
    ['no network node', [node(1)], { networkNode: true }, 'no_net_cn'],
    ['no room on the network node', [node(1, { ...network, memAvailableMb: 5 })], { networkNode: true }, 'no_net_cn'],
    ['pinned to a node', [node(1), node(2)], { nodeId: id(2) }, id(2)],
    ['pinned to a host', [node(1), node(2)], { hostname: 'cn2' }, id(2)],
    ['pinned to an absent node', [node(1)], { nodeId: id(9) }, 'no_cn'],
    ['pinned to a full node', [node(1, { memAvailableMb: 5 }), node(2)], { nodeId: id(1) }, 'full_cn'],
    ['pinned to a node in maintenance', [node(1, { status: 'maintenance' }), node(2)], { nodeId: id(1) }, 'node_maintenance'],
    ['pinned to a node of the wrong kind', [node(1, network)], { nodeId: id(1) }, 'no_cn'],
  ];
  for (const [name, nodes, wanted, expected] of cases) {
    const result = place(nodes, { ...anything, ...wanted });
    assert.equal(result.kind === 'placed' ? result.node.uuid : result.reason, expected, name);
  }
});

test('the search begins after the last chosen node and comes round to it', () => {
  const nodes = [node(1), node(2), node(3)];
  assert.deepEqual(
    [-1, 0, 1, 2].map((last) => place(nodes, anything, last)).map((result) => result.kind === 'placed' && result.index),
    [0, 1, 2, 0],
  );
  const onlyLast = [node(1, { status: 'full' }), node(2)];
  assert.equal(place(onlyLast, anything, 1).kind, 'placed');
});

const statuses = fc.constantFrom<NodeStatus>('connected', 'ready', 'full', 'offline', 'maintenance');
const nodes = fc.array(
  fc.record({
    roles: fc.constantFrom(Role.CNAgent, Role.NetworkingAgent, Role.CNAgent | Role.NetworkingAgent, Role.CNCIAgent, Role.Hyperswitch),
    status: statuses,
    memAvailableMb: fc.integer({ min: -1, max: 300 }),
    diskAvailableMb: fc.integer({ min: -1, max: 300 }),
  }),
  { maxLength: 8 },
);
const requirements = fc.record({
  memMb: fc.nat(300),
  diskMb: fc.nat(300),
  networkNode: fc.boolean(),
  nodeId: fc.option(fc.nat(8).map(id), { nil: undefined }),
  hostname: fc.option(fc.constantFrom('cn1', 'cn2'), { nil: undefined }),
});

test('a node is chosen exactly when one is eligible, and then an eligible one', () => {
  fc.assert(
    fc.property(nodes, requirements, fc.integer({ min: -1, max: 7 }), (fields, wanted, last) => {
      const all = fields.map((field, index) => node(index, field));
      const eligible = all.filter(
        (candidate) =>
          candidate.status === 'ready' &&
          (candidate.roles & (wanted.networkNode ? Role.NetworkingAgent : Role.CNAgent)) !== 0 &&
          (wanted.memMb === 0 || candidate.memAvailableMb >= wanted.memMb) &&
          (wanted.diskMb === 0 || candidate.diskAvailableMb >= wanted.diskMb) &&
          (wanted.nodeId ?? candidate.uuid) === candidate.uuid &&
          (wanted.hostname ?? candidate.hostname) === candidate.hostname,
      );
      const result = place(all, wanted, Math.min(last, all.length - 1));
      if (result.kind === 'placed') {
        assert.ok(eligible.includes(result.node));
        assert.equal(all[result.index], result.node);
      } else assert.equal(eligible.length, 0);
    }),
  );
});

function readyTable(count: number, memMb: number): NodeTable {
  const table = new NodeTable();
  for (let n = 1; n <= count; n++) {
    table.add(id(n), Role.CNAgent);
    ready(table, n, memMb);
  }
  return table;
}

function ready(table: NodeTable, n: number, memMb: number): void {
  table.ready(id(n), {
    node_uuid: id(n),
    mem_total_mb: memMb,
    mem_available_mb: memMb,
    disk_total_mb: -1,
    disk_available_mb: -1,
    load: 0,
    cpus_online: 4,
    networks: [],
    hostname: `cn${n}`,
  });
}

test('equal work spreads evenly over equal nodes', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 20 }), fc.nat(100), (count, starts) => {
      const table = readyTable(count, 1_000_000);
      const placed = new Map<string, number>();
      for (let n = 0; n < starts; n++) {
        const result = table.reserve(anything);
        assert.ok(result.kind === 'placed');
        placed.set(result.node.uuid, (placed.get(result.node.uuid) ?? 0) + 1);
      }
      const counts = Array.from(table.values(), ({ uuid }) => placed.get(uuid) ?? 0);
      assert.ok(Math.max(...counts) - Math.min(...counts) <= 1, counts.join());
    }),
  );
});

test('reservations never exceed what a node has, whatever comes and goes', () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant('start' as const), memMb: fc.integer({ min: 1, max: 60 }) }),
    fc.record({ kind: fc.constantFrom('ready' as const, 'leave' as const, 'join' as const), n: fc.integer({ min: 1, max: 4 }) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const table = readyTable(4, 100);
      const used = new Map<string, number>();
      for (const action of steps) {
        if (action.kind === 'start') {
          const result = table.reserve({ ...anything, memMb: action.memMb });
          if (result.kind === 'placed') used.set(result.node.uuid, (used.get(result.node.uuid) ?? 0) + action.memMb);
        } else {
          used.delete(id(action.n));
          if (action.kind === 'ready') ready(table, action.n, 100);
          else if (action.kind === 'leave') table.remove(id(action.n));
          else table.add(id(action.n), Role.CNAgent);
        }
        for (const [uuid, memMb] of used) assert.ok(memMb <= 100, `${uuid} ${memMb}`);
      }
    }),
  );
});

test('a node that leaves does not make the round skip or repeat another', () => {
  const table = readyTable(4, 1_000);
  const next = (): string => {
    const result = table.reserve(anything);
    return result.kind === 'placed' ? result.node.hostname : result.reason;
  };
  assert.deepEqual([next(), next()], ['cn1', 'cn2']);
  table.remove(id(1));
  assert.equal(next(), 'cn3');
  table.remove(id(3));
  assert.deepEqual([next(), next()], ['cn4', 'cn2']);
});
