import type { NodeView } from '@weft/api/v1';
import type { Lab } from './cluster.ts';
import { clusterNodes } from './topology.ts';
import { waitFor } from './wait.ts';

/** Reconnecting launchers wait up to 5 s between attempts. */
const NODES_MS = 30_000;

/** Waits until every node is connected and has applied its plan without a failure. */
export async function nodesInSync(lab: Lab, withinMs = NODES_MS): Promise<readonly NodeView[]> {
  const expected = clusterNodes(lab.topology);
  const options = {
    expected: `${expected.map((node) => node.name).join(', ')} to be connected and in sync`,
    withinMs,
    where: lab.daemon('control').logPath,
    signal: lab.signal,
  };
  return waitFor(options, async () => {
    lab.checkDaemons();
    const nodes = await lab.client().nodes.list();
    const found = expected.map(({ name }) => nodes.find((node) => node.id === lab.nodeId(name)));
    const wrong = found.map((node, index) => `${expected[index]!.name}: ${faultOf(node)}`).filter((text) => !text.endsWith(': '));
    return wrong.length === 0 ? { done: nodes } : { seen: wrong.join('; ') };
  });
}

/** Empty for a node that is as it should be. */
function faultOf(node: NodeView | undefined): string {
  if (node === undefined) return 'unknown to the controller';
  const failed = Object.entries(node.failed).map(([key, { message }]) => `${key}: ${message}`);
  if (failed.length > 0) return `could not apply ${failed.join(', ')}`;
  if (node.held !== null) return `holds a plan: ${node.held.reason}`;
  return node.status === 'connected' && node.plan === 'in-sync' && node.vtep !== null
    ? ''
    : `${node.status}, plan ${node.plan}, VTEP ${node.vtep}`;
}
