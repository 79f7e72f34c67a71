import { readdirSync, readFileSync } from 'node:fs';

const KIB = 1024;

/** What is in use now, in bytes. Others on the machine show in what is the machine's. */
export type Footprint = Readonly<{
  /** Of the machine, without what it would give back when asked. */
  inUse: number;
  slab: number;
  /** Of one process. */
  rss: number;
  /** Of all processes of a program, each page's share. */
  pss: number;
  processes: number;
}>;

/** `pid`: whose memory; `program`: the name of those that are counted, in this process namespace. */
export function footprint(pid: number, program: string): Footprint {
  const memory = readFileSync('/proc/meminfo', 'utf8');
  const pids = processesOf(program);
  return {
    inUse: field(memory, 'MemTotal') - field(memory, 'MemAvailable'),
    slab: field(memory, 'Slab'),
    rss: field(readFileSync(`/proc/${pid}/status`, 'utf8'), 'VmRSS'),
    pss: pids.reduce((sum, each) => sum + pssOf(each), 0),
    processes: pids.length,
  };
}

/** The processes of a program by its name, as the kernel shortens it. */
export function processesOf(program: string): number[] {
  return readdirSync('/proc').flatMap((name) => {
    try {
      return /^\d+$/.test(name) && readFileSync(`/proc/${name}/comm`, 'utf8').trim() === program ? [Number(name)] : [];
    } catch {
      return [];
    }
  });
}

/** None of one that has ended. */
function pssOf(pid: number): number {
  try {
    return field(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'), 'Pss');
  } catch {
    return 0;
  }
}

function field(text: string, name: string): number {
  return Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(text)?.[1]) * KIB;
}
