import { join } from 'node:path';
import type { LabNodeName } from './topology.ts';

/** Everything that the lab writes lies below this directory, on a tmpfs that a boot clears. */
export const LAB_DIR = '/run/weft-lab';

/** Where a node keeps what: the usual directories of a machine, side by side. */
export type NodePaths = Readonly<{ root: string; etc: string; state: string; run: string; log: string }>;

export type LabPaths = Readonly<{
  root: string;
  lock: string;
  /** Who holds the lock and what is where, for `weft lab status` and a second lab. */
  info: string;
  client: string;
  netns: string;
  ca: string;
  node: (name: LabNodeName) => NodePaths;
}>;

export function labPaths(root = LAB_DIR): LabPaths {
  return {
    root,
    lock: join(root, 'lock'),
    info: join(root, 'lab.json'),
    client: join(root, 'client.yaml'),
    netns: join(root, 'netns'),
    ca: join(root, 'ca.pem'),
    node: (name) => {
      const node = join(root, name);
      return { root: node, etc: join(node, 'etc'), state: join(node, 'state'), run: join(node, 'run'), log: join(node, 'log') };
    },
  };
}
