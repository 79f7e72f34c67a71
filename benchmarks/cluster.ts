import { join } from 'node:path';
import { Lab } from '@weft/lab/cluster';
import { labPaths } from '@weft/lab/lab-paths';
import { nodesInSync } from '@weft/lab/nodes';
import { labTopology } from '@weft/lab/topology';
import type { Topology } from '@weft/lab/topology';
import type { BenchmarkContext } from './benchmark.ts';

/** In namespaces of our own the port is always free. */
const API_PORT = 8889;

/**
 * The self-contained cluster with the real daemons, its nodes joined. Its state lies in the scratch directory, on a disk: what is durable
 * there costs what it costs. `WEFT_NODE_FLAGS` are handed to the daemons' Node, `--cpu-prof` for instance. Throws what bringing up throws.
 */
export async function clusterUp(
  { repository, scratch, signal, print }: BenchmarkContext,
  topology: Topology = labTopology(),
): Promise<Lab> {
  const flags = (process.env['WEFT_NODE_FLAGS'] ?? '').split(' ').filter(Boolean);
  const weft = [process.execPath, ...flags, join(repository, 'apps/weft/bin/weft.mjs')] as const;
  const options = { weft, paths: labPaths(join(scratch, 'lab')), topology, apiPort: API_PORT, signal };
  const started = performance.now();
  const lab = await Lab.up(options, { progress: () => {} });
  try {
    const nodes = await nodesInSync(lab);
    print(`  a cluster with ${nodes.length} nodes is up after ${((performance.now() - started) / 1000).toFixed(1)} s`);
    return lab;
  } catch (error) {
    await lab[Symbol.asyncDispose]();
    throw error;
  }
}
