/**
 * Removes what a lab leaves when it ends – or left when it was killed. Only what is a lab's is touched: processes with WEFT_LAB in their
 * environment whose lab has ended, namespaces pinned below the lab's directory, and that directory. Links, routes and rules are all inside those
 * namespaces and go with them.
 *
 * The caller holds the lab's lock, so no living lab is hit. Doing this again after a kill at any point finishes the work.
 */
import { existsSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { netnsDelete, netnsIsPinned } from '@weft/sys/netns';
import type { LabPaths } from './lab-paths.ts';
import { isOrphanedLab, killMarked, markedProcesses } from './marked-processes.ts';
import type { MarkedProcess } from './marked-processes.ts';

const KILL_MS = 10_000;

/** What was found and removed, for people. */
export type Remains = Readonly<{ processes: number; namespaces: number; files: boolean }>;

/** `own`: the id of the lab that is ending, whose processes go as well. Throws DeadlinePassed, SysError. */
export async function removeRemains(paths: LabPaths, own?: string): Promise<Remains> {
  const doomed = ({ labId }: MarkedProcess): boolean => labId === own || isOrphanedLab(labId);
  const processes = markedProcesses().filter(doomed).length;
  await killMarked(doomed, { signal: 'SIGKILL', withinMs: KILL_MS });
  const pins = pinnedBelow(paths.root);
  for (const pin of pins) netnsDelete(pin);
  const entries = existsSync(paths.root) ? readdirSync(paths.root).filter((name) => join(paths.root, name) !== paths.lock) : [];
  for (const name of entries) rmSync(join(paths.root, name), { recursive: true, force: true });
  return { processes, namespaces: pins.length, files: entries.length > 0 };
}

/** Namespaces pinned below a directory, the last first. What another mount hides, as in a copy of the machine's mounts, is not there. */
export function pinnedBelow(root: string): string[] {
  return mountPoints(readFileSync('/proc/self/mountinfo', 'utf8'))
    .filter((path) => path.startsWith(`${root}/`) && netnsIsPinned(path))
    .toReversed();
}

/** The mount points in a mountinfo text, with its octal escapes undone. Source: proc_pid_mountinfo(5). */
export function mountPoints(mountinfo: string): string[] {
  return mountinfo
    .split('\n')
    .map((line) => line.split(' ')[4])
    .filter((path) => path !== undefined)
    .map((path) => path.replaceAll(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8))));
}
