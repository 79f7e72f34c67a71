/**
 * What plans cost at 10,000 endpoints. The limit beside which a change is measured is the way without increments: compile the plans of
 * all nodes that it concerns. The same change in a cluster of a tenth the size shows whether its cost follows the cluster.
 */
import { createHash } from 'node:crypto';
import { parseCidr } from '@weft/core/cidr';
import type { Changes } from '@weft/core/resource';
import { applyAffected } from '@weft/core/plan/affected';
import { compile } from '@weft/core/plan/compile';
import { PLAN_KINDS, planDigests } from '@weft/core/plan/plan';
import { render } from '@weft/core/plan/render';
import type { Benchmark, BenchmarkContext } from './benchmark.ts';
import { formatCount } from './figures.ts';
import { LargeCluster } from './large-cluster.ts';
import { measure } from './micro.ts';

const FACTS = { infrastructure: [parseCidr('10.88.0.0/16'), parseCidr('192.168.0.0/24')] };
const sha256 = (text: string): Uint8Array => createHash('sha256').update(text).digest();

/** Creates an endpoint and deletes it again, rendering for every node what that touches. Returns how many resources were rendered. */
function change(cluster: LargeCluster): number {
  let rendered = 0;
  const apply = (changes: Changes): void => {
    const affected = applyAffected(cluster.state, changes);
    for (const nodeId of affected.nodes()) {
      for (const { kind, key } of affected.of(nodeId)) {
        render(cluster.state, FACTS, nodeId, kind, key);
        rendered += 1;
      }
    }
  };
  const nodeId = cluster.nodesOf(0)[1];
  if (nodeId === undefined) throw new Error('the first tenant has only one node');
  cluster.deleteEndpoint(cluster.endpoint(0, nodeId, apply), apply);
  return rendered;
}

async function run({ print, signal }: BenchmarkContext): Promise<void> {
  const heapBefore = heapBytes();
  const large = new LargeCluster({ nodes: 100, tenants: 50, portsPerTenant: 200 });
  const heapUsed = heapBytes() - heapBefore;
  const small = new LargeCluster({ nodes: 100, tenants: 5, portsPerTenant: 200 });
  const [nodeId] = large.nodesOf(0);
  if (nodeId === undefined) throw new Error('the first tenant has no node');
  const plan = compile(large.state, FACTS, nodeId);
  const sizes = PLAN_KINDS.map((kind) => `${plan.count(kind)} ${kind}`).join(', ');
  print(`10,000 endpoints: 100 nodes, 50 tenants with 200 ports each on 10 of them; state ${formatCount(heapUsed / 10_000)} B an endpoint`);
  print(`The plan of one node: ${sizes}.`);
  print(`Creating and deleting an endpoint (five changes) renders ${change(large)} resources on ${large.nodesOf(0).length} nodes.\n`);
  const results = await measure(
    [
      { name: 'compile the plan of one node', fn: () => compile(large.state, FACTS, nodeId) },
      { name: 'compile the plans of all 100 nodes', fn: () => large.nodes.map((id) => compile(large.state, FACTS, id)) },
      { name: 'digests of one node’s plan', fn: () => planDigests(plan, sha256) },
      { name: 'create and delete an endpoint, incrementally', fn: () => change(large) },
      { name: 'the same at 1,000 endpoints', fn: () => change(small) },
      { name: 'limit: compile the nodes of its segment once', fn: () => large.nodesOf(0).map((id) => compile(large.state, FACTS, id)) },
    ],
    { print, signal },
  );
  const [, , , incremental, atTenth, full] = results;
  if (incremental === undefined || atTenth === undefined || full === undefined) throw new Error('a task was not measured');
  // One compilation would do for each of the five changes.
  print(
    `\n  Five changes compiled in full would take ${formatCount((5 * full.p50Ms) / incremental.p50Ms)} times as long as incrementally.`,
  );
  print(`  Ten times the endpoints cost a change ${(incremental.p50Ms / atTenth.p50Ms).toFixed(2)} times as much.`);
}

/** After a collection, where run.ts made that possible. */
function heapBytes(): number {
  globalThis.gc?.();
  return process.memoryUsage().heapUsed;
}

export const planBenchmark: Benchmark = {
  name: 'plan',
  about: 'compile, change and digest plans at 10,000 endpoints',
  needsKernel: false,
  run,
};
