import { nodesInSync } from '../nodes.ts';
import type { LabCheck } from './lab-check.ts';

export const NODES_JOINED: LabCheck = {
  id: 'nodes-joined',
  needs: [],
  disturbs: false,
  run: async ({ lab }) => {
    const nodes = await nodesInSync(lab, 15_000);
    const revisions = nodes.map((node) => node.applied_revision);
    return `${nodes.length} nodes connected over mutual TLS, plans in sync at revision ${Math.max(...revisions.map(Number))}`;
  },
};
