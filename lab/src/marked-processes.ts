import { randomBytes } from 'node:crypto';
import { readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { processIs, processStartTime } from '@weft/sys/process-identity';
import { waitFor } from './wait.ts';

/** The variable that every process of a lab carries, and hands on to its children. Its value is the lab's id. */
export const LAB_MARK = 'WEFT_LAB';

/**
 * The id of a new lab of this process. It says whose the lab is, so that what a killed lab left can be told from what belongs to a living one, in
 * whichever corner of the machine that runs.
 */
export function newLabId(): string {
  return `lab-${process.pid}-${processStartTime(process.pid)}-${randomBytes(4).toString('hex')}`;
}

/** True if the process that made this lab has ended. False for what is no lab's id: whoever set that is none of our business. */
export function isOrphanedLab(labId: string): boolean {
  const match = /^lab-(\d+)-(\d+)-[0-9a-f]{8}$/.exec(labId);
  return match !== null && !processIs(Number(match[1]), BigInt(match[2]!));
}

/** A process that belongs to a lab. Pid and start time together are its identity. */
export type MarkedProcess = Readonly<{ pid: number; startTime: bigint; labId: string; command: string }>;

/**
 * Every living process but this one that carries a lab's mark. Those that end meanwhile are left out, and those of other process namespaces:
 * there, pids mean something else.
 */
export function markedProcesses(): MarkedProcess[] {
  const namespace = readlinkSync('/proc/self/ns/pid');
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => pid !== process.pid)
    .map((pid) => markedProcess(pid, namespace))
    .filter((found) => found !== undefined);
}

/**
 * Kills the processes that `wanted` chooses until none is left: one that was just forking may leave a child behind the first time. A pid
 * that was taken over by another process is left alone. Throws DeadlinePassed.
 */
export async function killMarked(
  wanted: (found: MarkedProcess) => boolean,
  options: Readonly<{ signal: 'SIGTERM' | 'SIGKILL'; withinMs: number }>,
): Promise<void> {
  const told = new Set<string>();
  await waitFor({ expected: 'all processes of the lab to end', withinMs: options.withinMs }, () => {
    const left = markedProcesses().filter(wanted);
    for (const found of left) {
      const identity = `${found.pid}@${found.startTime}`;
      if (options.signal === 'SIGTERM' && told.has(identity)) continue;
      told.add(identity);
      kill(found, options.signal);
    }
    return left.length === 0 ? { done: undefined } : { seen: left.map(({ pid, command }) => `${pid} ${command}`).join(', ') };
  });
}

function kill({ pid, startTime }: MarkedProcess, signal: NodeJS.Signals): void {
  if (!processIs(pid, startTime)) return;
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

function markedProcess(pid: number, namespace: string): MarkedProcess | undefined {
  try {
    if (readlinkSync(`/proc/${pid}/ns/pid`) !== namespace) return undefined;
    const startTime = processStartTime(pid);
    // Of a zombie, and of a kernel thread, the environment is empty.
    const labId = markIn(readFileSync(`/proc/${pid}/environ`, 'latin1'));
    if (labId === undefined || startTime === undefined) return undefined;
    const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
    return { pid, startTime, labId, command };
  } catch {
    return undefined;
  }
}

/** The mark in a /proc/pid/environ text. */
export function markIn(environ: string): string | undefined {
  const prefix = `${LAB_MARK}=`;
  const entry = environ.split('\0').find((each) => each.startsWith(prefix));
  return entry === undefined || entry === prefix ? undefined : entry.slice(prefix.length);
}
