import { cp, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { NodeView } from '@weft/api/v1';
import { netnsIsPinned } from '@weft/sys/netns';
import { expect } from '../check.ts';
import type { CheckContext } from '../check-context.ts';
import { nodesInSync } from '../nodes.ts';
import { createWorkload, workloadActive, workloadPin, workloadSpec } from '../scenario.ts';
import { waitFor } from '../wait.ts';
import { clusterNodes } from '../topology.ts';
import type { LabCheck } from './lab-check.ts';
import { everyFlow, undisturbed } from './traffic.ts';

const HELD_MS = 30_000;

/**
 * The server comes back with a store from before a workload was made. Nodes notice that it is not the present one: they keep what they have,
 * the new workload too, until an operator says that the old state is to hold. Then, and only then, the workload goes.
 */
export const OLD_BACKUP: LabCheck = {
  id: 'old-backup',
  needs: ['ping-mesh', 'ping-concentrator', 'outbound-nat'],
  disturbs: true,
  run: async (context) => {
    const { lab, scenario } = context;
    const backup = await mkdtemp(join(lab.paths.root, 'backup-'));
    try {
      await copyStore(context, backup);
      const spec = workloadSpec('late', 'compute1', 40);
      const late = await createWorkload(lab, scenario.red.client, 'red', scenario.red, spec);
      await workloadActive(lab, scenario.red.client, late);
      const pin = workloadPin(lab, late);
      const flows = [
        ...everyFlow(context),
        { tenant: { ...scenario.red, workloads: new Map([...scenario.red.workloads, [late.name, late]]) }, from: 'late', to: 'charlie' },
      ];
      let held: readonly NodeView[] = [];
      const disturb = async (): Promise<void> => {
        await startOnCopy(context, backup);
        held = await nodesHolding(context);
        expect(netnsIsPinned(pin), 'the workload that the old store does not know to be left alone', 'its namespace is gone');
      };
      let detail: string;
      try {
        detail = await undisturbed(context, flows, disturb);
      } finally {
        // Also after a failure: a cluster whose nodes hold on to another state is of no use to the checks that follow.
        await acceptAll(context);
      }
      await waitFor(
        {
          expected: 'the accepted state to remove the late workload',
          withinMs: HELD_MS,
          where: context.logOf('compute1'),
          signal: context.signal,
        },
        () => (netnsIsPinned(pin) ? { seen: 'it is still there' } : { done: undefined }),
      );
      return `${detail}; ${held.length} nodes held the old state until it was accepted`;
    } finally {
      await rm(backup, { recursive: true, force: true });
    }
  },
};

/** A copy of a store that nobody writes meanwhile is consistent. */
async function copyStore(context: CheckContext, backup: string): Promise<void> {
  const { lab } = context;
  const server = lab.daemon('control');
  await server.stop();
  try {
    await cp(lab.paths.node('control').state, backup, { recursive: true });
  } finally {
    server.start();
  }
  await lab.serverReady();
  await nodesInSync(lab);
}

/** As after a disk was lost: the server is killed, and what is started instead has only the copy. */
async function startOnCopy(context: CheckContext, backup: string): Promise<void> {
  const { lab } = context;
  const server = lab.daemon('control');
  const { state } = lab.paths.node('control');
  await server.kill();
  await rm(state, { recursive: true });
  await cp(backup, state, { recursive: true });
  server.start();
  await lab.serverReady();
}

/** What `weft node accept --all` does. */
async function acceptAll({ lab }: CheckContext): Promise<void> {
  for (const node of await lab.client().nodes.list()) if (node.held !== null) await lab.client().nodes.accept(node.id);
  await nodesInSync(lab);
}

/** Every launcher's node is ahead of the old store, so every one must hold. */
async function nodesHolding(context: CheckContext): Promise<readonly NodeView[]> {
  const { lab } = context;
  const count = clusterNodes(lab.topology).length;
  const options = {
    expected: `${count} nodes to hold the old state`,
    withinMs: HELD_MS,
    where: context.logOf('control'),
    signal: context.signal,
  };
  return waitFor(options, async () => {
    const nodes = await lab.client().nodes.list();
    const held = nodes.filter((node) => node.held !== null);
    return held.length === count
      ? { done: held }
      : { seen: nodes.map((node) => `${node.hostname}: ${node.status}, ${node.plan}`).join('; ') };
  });
}
