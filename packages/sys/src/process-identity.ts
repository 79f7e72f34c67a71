import { readFileSync } from 'node:fs';
import { fsCall, isSysError } from './sys-error.ts';

/**
 * When a process started, in clock ticks after boot: with the pid (and the boot id) its identity, since pids are used again.
 * `undefined` if there is no such process. Source: proc(5), field 22 of /proc/pid/stat.
 */
export function processStartTime(pid: number): bigint | undefined {
  if (!Number.isSafeInteger(pid) || pid <= 0) return undefined;
  const path = `/proc/${pid}/stat`;
  let text: string;
  try {
    text = fsCall('read', path, () => readFileSync(path, 'latin1'));
  } catch (error) {
    if (isSysError(error, 'ENOENT', 'ESRCH')) return undefined;
    throw error;
  }
  return parseStartTime(text);
}

/** The start time in a line of /proc/pid/stat. The second field, the command's name, may hold blanks and parentheses itself. */
export function parseStartTime(stat: string): bigint | undefined {
  const field = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  return field === undefined || !/^\d+$/.test(field) ? undefined : BigInt(field);
}

/** True while the process with this pid is the one that started then. A zombie still is. */
export function processIs(pid: number, startTime: bigint): boolean {
  return processStartTime(pid) === startTime;
}
