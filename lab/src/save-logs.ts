import { cp, mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { LabPaths } from './lab-paths.ts';
import type { Topology } from './topology.ts';

/** Copies the daemons' logs out of a lab that is about to be taken down because something failed. Returns the new directory. */
export async function saveLogs(paths: LabPaths, topology: Topology): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'weft-lab-logs-'));
  for (const { name, daemon } of topology.nodes) {
    if (daemon === undefined) continue;
    // A node that did not get as far as having a log has none to save.
    await cp(paths.node(name).log, join(directory, name), { recursive: true }).catch(() => undefined);
  }
  return directory;
}
