import { existsSync } from 'node:fs';
import { LabBusy, LabLock } from './lab-lock.ts';
import { labStatusOf } from './lab-info.ts';
import { labPaths } from './lab-paths.ts';
import { isOrphanedLab, markedProcesses } from './marked-processes.ts';
import { removeRemains } from './remains.ts';
import { waitFor } from './wait.ts';

const END_MS = 60_000;

/** Ends the machine's lab, if one runs, and removes what is left of any. Returns what it did, for people. Throws DeadlinePassed, LabBusy. */
export async function removeLab(): Promise<string> {
  const paths = labPaths();
  const { running, info } = labStatusOf(paths);
  if (running && info !== undefined) {
    process.kill(info.pid, 'SIGTERM');
    using lock = await waitFor({ expected: `the lab (pid ${info.pid}) to end`, withinMs: END_MS, everyMs: 100 }, () => tryLock(paths.lock));
    await removeRemains(paths);
    return `ended the lab ${info.id}, whose lock was ${lock.path}`;
  }
  if (!existsSync(paths.root) && markedProcesses().every(({ labId }) => !isOrphanedLab(labId))) return 'there is no lab on this machine';
  using lock = LabLock.acquire(paths.lock);
  const { processes, namespaces } = await removeRemains(paths);
  return `removed what a lab left below ${lock.path}: ${processes} processes, ${namespaces} namespaces`;
}

function tryLock(path: string): { done: LabLock } | { seen: string } {
  try {
    return { done: LabLock.acquire(path) };
  } catch (error) {
    if (error instanceof LabBusy) return { seen: 'it is still there' };
    throw error;
  }
}
