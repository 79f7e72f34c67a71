import { readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { parseStartTime } from '@weft/sys/process-identity';
import type { Clock } from '@weft/ssntp/clock';

/** A running process: the pid alone is no identity, since pids are used again. */
export type ProcessEntry = Readonly<{
  pid: number;
  startTime: bigint;
  /** It leads a session, as the first process of a run does. */ leader: boolean;
}>;

/** What belongs together: the processes with this mark in their environment and, if given, all within this network namespace. */
export type ProcessMark = Readonly<{ run: string; netnsInode: number | undefined }>;

/** The environment variable that every process of a run inherits. */
export const RUN_VARIABLE = 'WEFT_RUN';

/** One look at all processes serves everybody who asks within this time, or a multiple of what it took: with thousands it is dear. */
const FRESH_MS = 10;
const FRESH_COSTS = 8;
/** A process known for this long will not become one of ours any more: the mark is there once the program is executed. */
const SETTLED_MS = 1000;

type Row = ProcessEntry &
  Readonly<{
    run: string | undefined;
    netns: string | undefined;
    /** When first seen, and when its mark was read. */ firstMs: number;
    readMs: number;
  }>;

/** The processes of this machine, as /proc shows them. Zombies are not among them: they run no more. */
export class ProcessTable {
  readonly #clock: Clock;
  #rows: ReadonlyMap<number, Row> = new Map();
  #byRun: ReadonlyMap<string, readonly Row[]> = new Map();
  #byNetns: ReadonlyMap<string, readonly Row[]> = new Map();
  #lookedMs = Number.NEGATIVE_INFINITY;
  #freshMs = FRESH_MS;

  constructor(deps: Readonly<{ clock: Clock }>) {
    this.#clock = deps.clock;
  }

  /** When the process started, in clock ticks after boot; undefined if there is none, or only a zombie. */
  startTime(pid: number): bigint | undefined {
    return readStat(pid)?.startTime;
  }

  alive(pid: number, startTime: bigint): boolean {
    return this.startTime(pid) === startTime;
  }

  /** When all processes were looked at last: of what was made since, {@link find} does not know. */
  get lookedMs(): number {
    return this.#lookedMs;
  }

  /**
   * The processes that bear a mark, and run. Within the namespace only those count of which *every* thread is in there: a process of this
   * machine that merely looks in with one thread is somebody else.
   */
  find({ run, netnsInode }: ProcessMark): ProcessEntry[] {
    const netns = netnsInode === undefined ? undefined : `net:[${netnsInode}]`;
    this.#look();
    // No mark is nobody's mark: whoever is found may be ended.
    const marked = run === '' ? [] : (this.#byRun.get(run) ?? []);
    const inside = netns === undefined ? [] : (this.#byNetns.get(netns) ?? []).filter((row) => row.run !== run && isWithin(row.pid, netns));
    return [...marked, ...inside].filter(({ pid, startTime }) => this.alive(pid, startTime));
  }

  /** A process was made: the next look is a new one. */
  expire(): void {
    this.#lookedMs = Number.NEGATIVE_INFINITY;
  }

  /** True if the process handles SIGHUP by now; before that the signal would end it. */
  handlesHangup(pid: number): boolean {
    const status = read(`/proc/${pid}/status`, 'utf8');
    const caught = /^SigCgt:\s*([0-9a-f]+)$/m.exec(status ?? '')?.[1];
    return caught !== undefined && (BigInt(`0x${caught}`) & 1n) === 1n;
  }

  #look(): void {
    const nowMs = this.#clock.now();
    if (nowMs - this.#lookedMs < this.#freshMs) return;
    const rows = new Map<number, Row>();
    for (const name of readdirSync('/proc')) {
      const row = /^\d+$/.test(name) ? readRow(Number(name), this.#rows.get(Number(name)), nowMs) : undefined;
      if (row !== undefined) rows.set(row.pid, row);
    }
    this.#rows = rows;
    // Most processes bear no mark, and belong to nobody here.
    this.#byRun = groupByText(rows.values(), ({ run }) => run);
    this.#byNetns = groupByText(rows.values(), ({ netns }) => netns);
    this.#lookedMs = nowMs;
    this.#freshMs = Math.max(FRESH_MS, FRESH_COSTS * (this.#clock.now() - nowMs));
  }
}

/** What has no such text is in no group. */
function groupByText(rows: Iterable<Row>, textOf: (row: Row) => string | undefined): ReadonlyMap<string, readonly Row[]> {
  const groups = new Map<string, Row[]>();
  for (const row of rows) {
    const text = textOf(row);
    if (text === undefined) continue;
    const group = groups.get(text);
    if (group === undefined) groups.set(text, [row]);
    else group.push(row);
  }
  return groups;
}

/** Sends a signal; a process that ended meanwhile is fine. */
export function signalProcess({ pid }: Readonly<{ pid: number }>, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** The environment is the dear part, so it is not read again once it cannot change to ours any more. */
function readRow(pid: number, before: Row | undefined, nowMs: number): Row | undefined {
  const stat = pid === process.pid ? undefined : readStat(pid);
  if (stat === undefined) return undefined;
  const netns = readLink(`/proc/${pid}/ns/net`);
  const same = before?.startTime === stat.startTime ? before : undefined;
  if (same !== undefined && (same.run !== undefined || same.readMs - same.firstMs > SETTLED_MS)) return { ...same, netns };
  const environment = read(`/proc/${pid}/environ`, 'latin1') ?? '';
  const run = environment.split('\0').find((line) => line.startsWith(`${RUN_VARIABLE}=`));
  return { pid, ...stat, run: run?.slice(RUN_VARIABLE.length + 1), netns, firstMs: same?.firstMs ?? nowMs, readMs: nowMs };
}

/** Fields 3 (state), 6 (session) and 22 (start time) of /proc/pid/stat, see proc(5). */
function readStat(pid: number): Readonly<{ startTime: bigint; leader: boolean }> | undefined {
  const text = read(`/proc/${pid}/stat`, 'latin1');
  const startTime = text === undefined ? undefined : parseStartTime(text);
  if (text === undefined || startTime === undefined) return undefined;
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return fields[0] === 'Z' || fields[0] === 'X' ? undefined : { startTime, leader: fields[3] === String(pid) };
}

function isWithin(pid: number, netns: string): boolean {
  try {
    return readdirSync(`/proc/${pid}/task`).every((thread) => readLink(`/proc/${pid}/task/${thread}/ns/net`) === netns);
  } catch {
    return false;
  }
}

/** Undefined for a process that is gone, or that we may not look at. */
function read(path: string, encoding: 'utf8' | 'latin1'): string | undefined {
  try {
    return readFileSync(path, encoding);
  } catch {
    return undefined;
  }
}

function readLink(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}
