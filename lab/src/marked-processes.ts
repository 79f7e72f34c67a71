import { readFileSync, readdirSync } from 'node:fs';
import { processIs, processStartTime } from '@weft/sys/process-identity';
import { waitFor } from './wait.ts';

/** The variable that every process of a lab carries, and hands on to its children. Its value is the lab's id. */
export const LAB_MARK = 'WEFT_LAB';

/** A process that belongs to a lab. Pid and start time together are its identity. */
export type MarkedProcess = Readonly<{ pid: number; startTime: bigint; labId: string; command: string }>;

/** Every living process but this one that carries a lab's mark. Those that end meanwhile, or belong to others, are left out. */
export function markedProcesses(): MarkedProcess[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => pid !== process.pid)
    .map(markedProcess)
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

function markedProcess(pid: number): MarkedProcess | undefined {
  try {
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
