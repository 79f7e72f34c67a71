import { randomUUID } from 'node:crypto';
import { errorInfo, WeftError } from '@weft/core/weft-error';
import type { ErrorInfo } from '@weft/core/weft-error';
import type { Clock } from '@weft/ssntp/clock';
import type { Logger } from '@weft/ssntp/logger';
import type { SpawnedProcess } from '@weft/sys/spawn';
import type { Actual, Identity } from './actual-process.ts';
import type { ProcessSpec } from './launch-process.ts';
import { netnsInodeAt } from './netns-inode.ts';
import { exitFailure, startFailure } from './process-failure.ts';
import type { ProcessRecord, ProcessRecordFile } from './process-record.ts';
import { signalProcess } from './process-table.ts';
import type { ProcessEntry, ProcessMark, ProcessTable } from './process-table.ts';

export type ManagedProcessOptions = Readonly<{
  /** Fields of every log line, which name whose process it is. */
  fields: Readonly<Record<string, unknown>>;
  bootId: string;
  /** Nothing but this process and its offspring may be in the namespace: whoever else is in there ends with it. */
  ownsNetns: boolean;
  /** Between SIGTERM and SIGKILL. */
  graceMs: number;
}>;

export type ManagedProcessDeps = Readonly<{
  record: ProcessRecordFile;
  table: ProcessTable;
  launch: (spec: ProcessSpec, run: string) => SpawnedProcess;
  clock: Clock;
  random: () => number;
  log: Logger;
  /** The state changed. */
  onChange: () => void;
}>;

export type WantedProcess = ProcessSpec &
  Readonly<{
    /** Another fingerprint is another process: the running one is ended, then the new one started. */
    fingerprint: string;
    /** Called before each start, when nothing runs. What it throws is a failed start. */
    prepare?: () => void;
  }>;

export type ProcessState =
  | Readonly<{ kind: 'absent' }>
  | Readonly<{ kind: 'pending' }>
  | Readonly<{ kind: 'running'; pid: number }>
  /** Ended by itself, or could not be started; it will be started again. */
  | Readonly<{ kind: 'exited'; error: ErrorInfo }>
  | Readonly<{ kind: 'stopping' }>;

const RESTART_MIN_MS = 1000;
const RESTART_MAX_MS = 60_000;
/** Whoever ran this long may be started again after the shortest pause. */
const STABLE_MS = 60_000;
/** How often a process that is not our child is looked at; a child says when it ends. */
const WATCH_MS = 1000;
const ENDING_MIN_MS = 5;
const ENDING_MAX_MS = 100;
const STUCK_MS = 10_000;
const HANGUP_RETRY_MS = 20;

/**
 * One process that the launcher keeps running and that lives on without it: it is found again by its record, started again when it ends,
 * replaced when something else is wanted, and ended with all its offspring when nothing is. Level-triggered: `want` says what should be,
 * one loop makes it so.
 */
export class ManagedProcess {
  readonly #options: ManagedProcessOptions;
  readonly #deps: ManagedProcessDeps;
  #wanted: WantedProcess | undefined;
  /** Undefined until looked for. */
  #actual: Actual | undefined;
  #failures = 0;
  #lastError: ErrorInfo | undefined;
  /** The run whose end is still to be told; of one that was ended here nobody wants to know. */
  #expected: string | undefined;
  /** What the last start was for: something else, or the same in another namespace, need not wait for the end of the pause. */
  #attempted: string | undefined;
  #pause: unknown;
  #watch: unknown;
  #hangup: unknown;
  #ending: Readonly<{ timer: unknown; wake: () => void }> | undefined;
  #stopping = false;
  #working = false;
  #released = false;
  readonly #absent: (() => void)[] = [];

  constructor(options: ManagedProcessOptions, deps: ManagedProcessDeps) {
    this.#options = options;
    this.#deps = deps;
  }

  get state(): ProcessState {
    if (this.#stopping) return { kind: 'stopping' };
    if (this.#actual?.kind === 'running') return { kind: 'running', pid: this.#actual.pid };
    if (this.#wanted === undefined) return { kind: 'absent' };
    return this.#lastError === undefined ? { kind: 'pending' } : { kind: 'exited', error: this.#lastError };
  }

  /** Says what should run; undefined for nothing. Cheap if that is so already. */
  want(wanted: WantedProcess | undefined): void {
    if (wanted === undefined || `${wanted.fingerprint} ${netnsInodeAt(wanted.netnsPath)}` !== this.#attempted) this.#endPause();
    this.#wanted = wanted;
    if (wanted !== undefined) this.#settleAbsent();
    this.#converge();
  }

  /** Ends it; resolves when nothing of it is left, or when something is wanted again. */
  stop(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#absent.push(resolve);
    this.want(undefined);
    return promise;
  }

  /** Makes it read its configuration again, once it is ready to be told. A process that is not there reads it when it starts. */
  hangup(): void {
    const { clock, table } = this.#deps;
    clock.clearTimeout(this.#hangup);
    if (this.#released || this.#actual?.kind !== 'running' || !table.alive(this.#actual.pid, this.#actual.startTime)) return;
    if (table.handlesHangup(this.#actual.pid)) signalProcess(this.#actual, 'SIGHUP');
    else this.#hangup = clock.setTimeout(() => this.hangup(), HANGUP_RETRY_MS);
  }

  /** Ends it if it runs in another namespace than the one at `netnsPath`, or if there is none. */
  endOutside(netnsPath: string): void {
    if (this.#actual?.kind === 'running' && this.#actual.netnsInode !== netnsInodeAt(netnsPath)) this.want(undefined);
  }

  /** Lets go of the process, which runs on. */
  release(): void {
    this.#released = true;
    for (const timer of [this.#pause, this.#watch, this.#hangup]) this.#deps.clock.clearTimeout(timer);
    this.#ending?.wake();
    this.#settleAbsent();
  }

  #converge(): void {
    if (this.#working || this.#released) return;
    this.#working = true;
    void this.#run();
  }

  /** Synchronous up to the first wait. Never rejects. */
  async #run(): Promise<void> {
    try {
      this.#actual ??= this.#look();
      for (let more = true; more && !this.#released;) {
        const step = this.#step(this.#actual);
        more = typeof step === 'boolean' ? step : await step;
      }
    } catch (err) {
      this.#stopping = false;
      this.#deps.log.error({ ...this.#options.fields, err }, 'supervising a process failed, trying again');
      this.#fail(err);
    } finally {
      // Not later: what is wanted from now on needs a new run.
      this.#working = false;
    }
  }

  /** Does one thing towards what is wanted; false if nothing is left to do for now. */
  #step(actual: Actual): boolean | Promise<boolean> {
    if (actual.kind === 'running' && this.#isWanted(actual)) {
      this.#watchOver(actual);
      return false;
    }
    if (actual.kind !== 'none') return this.#end(actual);
    if (this.#wanted === undefined) {
      this.#forget();
      return false;
    }
    return this.#pause === undefined && this.#start(this.#wanted);
  }

  #isWanted(actual: Identity): boolean {
    if (this.#wanted?.fingerprint !== actual.fingerprint) return false;
    // A namespace that was made anew under the same name leaves the process in the old one, which leads nowhere.
    const inode = netnsInodeAt(this.#wanted.netnsPath);
    return inode === undefined || inode === actual.netnsInode;
  }

  /** Finds what an earlier launcher left, by its record. */
  #look(): Actual {
    const { record: file, table, log } = this.#deps;
    let record: ProcessRecord | undefined;
    try {
      record = file.read();
    } catch (err) {
      log.error({ ...this.#options.fields, err }, 'record of a process is damaged');
      return this.#lookWithin();
    }
    if (record === undefined) return { kind: 'none' };
    this.#failures = record.failures;
    const { run, netnsInode, fingerprint } = record;
    const found = table.find(this.#mark(record));
    const known = record.state === 'running' && table.alive(record.pid, record.startTime) ? record : undefined;
    const leader = known ?? (record.state === 'starting' ? found.find((entry) => entry.leader) : undefined);
    if (leader === undefined || record.bootId !== this.#options.bootId) {
      return found.length === 0 ? { kind: 'none' } : { kind: 'remains', run, netnsInode, fingerprint };
    }
    const { pid, startTime } = leader;
    if (known === undefined) this.#write({ ...record, state: 'running', pid, startTime });
    log.info({ ...this.#options.fields, pid }, 'process adopted');
    this.#attempted = `${fingerprint} ${netnsInode}`;
    return { kind: 'running', run, netnsInode, fingerprint, pid, startTime, sinceMs: this.#deps.clock.now(), child: false };
  }

  /** Without a record nothing of ours should be in the namespace; if it is, it must not get company. */
  #lookWithin(): Actual {
    const netnsInode = this.#options.ownsNetns && this.#wanted !== undefined ? netnsInodeAt(this.#wanted.netnsPath) : undefined;
    if (netnsInode === undefined || this.#deps.table.find({ run: '', netnsInode }).length === 0) return { kind: 'none' };
    return { kind: 'remains', run: '', netnsInode, fingerprint: '' };
  }

  /** True if it runs now. */
  #start(wanted: WantedProcess): boolean {
    const { launch, clock, log, table, record } = this.#deps;
    const netnsInode = netnsInodeAt(wanted.netnsPath);
    this.#attempted = `${wanted.fingerprint} ${netnsInode}`;
    try {
      wanted.prepare?.();
      if (netnsInode === undefined) throw new WeftError('namespace_missing', `the network namespace ${wanted.netnsPath} is not there`);
      const identity = { run: randomUUID(), netnsInode, fingerprint: wanted.fingerprint };
      const intent = { ...identity, bootId: this.#options.bootId, failures: this.#failures };
      record.write({ ...intent, state: 'starting' });
      const child = launch(wanted, identity.run);
      this.#expected = identity.run;
      table.expire();
      const startTime = child.pid === undefined ? undefined : table.startTime(child.pid);
      child.once('error', (cause) => this.#onExit(identity.run, startFailure(wanted.command, cause)));
      child.once('exit', (code, name) => this.#onExit(identity.run, exitFailure(code, name)));
      if (child.pid === undefined) return false;
      if (startTime === undefined) {
        // It has ended already, but may have left others.
        this.#actual = { kind: 'remains', ...identity };
        return false;
      }
      this.#actual = { kind: 'running', ...identity, pid: child.pid, startTime, sinceMs: clock.now(), child: true };
      this.#write({ ...intent, state: 'running', pid: child.pid, startTime });
      log.info({ ...this.#options.fields, pid: child.pid }, 'process started');
      this.#lastError = undefined;
      this.#deps.onChange();
      return true;
    } catch (error) {
      this.#fail(error);
      return false;
    }
  }

  #watchOver(actual: Actual & { kind: 'running' }): void {
    const { clock, table } = this.#deps;
    clock.clearTimeout(this.#watch);
    if (actual.child) return;
    this.#watch = clock.setTimeout(() => {
      if (table.alive(actual.pid, actual.startTime)) this.#watchOver(actual);
      else this.#onExit(actual.run, new WeftError('process_exited', 'the process ended'));
    }, WATCH_MS);
  }

  /** The process of that run has ended, or was never executed. */
  #onExit(run: string, error: WeftError): void {
    if (this.#released || this.#stopping) return;
    const actual = this.#actual;
    if (actual !== undefined && (actual.kind === 'none' ? this.#expected : actual.run) !== run) return;
    if (actual?.kind === 'running') {
      if (this.#deps.clock.now() - actual.sinceMs >= STABLE_MS) this.#failures = 0;
      const { netnsInode, fingerprint } = actual;
      this.#actual = { kind: 'remains', run, netnsInode, fingerprint };
      this.#deps.clock.clearTimeout(this.#watch);
    } else if (this.#pause !== undefined) {
      return;
    }
    this.#fail(error);
    const identity = this.#actual?.kind === 'remains' ? this.#actual : undefined;
    if (identity === undefined) return;
    const { netnsInode, fingerprint } = identity;
    const { bootId } = this.#options;
    this.#write({ run, bootId, netnsInode, fingerprint, failures: this.#failures, state: 'exited', reason: error.message });
  }

  /** Notes a failure and the pause after it; what remains of the process is cleared away meanwhile. */
  #fail(error: unknown): void {
    if (this.#released) return;
    const { clock, random, log } = this.#deps;
    this.#failures += 1;
    this.#lastError = errorInfo(error);
    clock.clearTimeout(this.#pause);
    const ceiling = Math.min(RESTART_MAX_MS, RESTART_MIN_MS * 2 ** Math.min(this.#failures - 1, 20));
    const pauseMs = Math.round(ceiling * (0.75 + random() / 4));
    this.#pause = clock.setTimeout(() => {
      this.#pause = undefined;
      this.#converge();
    }, pauseMs);
    log.warn(
      { ...this.#options.fields, reason: this.#lastError.message, pauseMs },
      'process is not running, starting it again after a pause',
    );
    this.#deps.onChange();
    this.#converge();
  }

  #endPause(): void {
    if (this.#pause === undefined) return;
    this.#deps.clock.clearTimeout(this.#pause);
    this.#pause = undefined;
    this.#failures = 0;
  }

  /** Ends all processes of the run and waits for that: a running one is asked first, what outlived its leader is not. */
  async #end(actual: Actual & { kind: 'running' | 'remains' }): Promise<boolean> {
    const { clock, log } = this.#deps;
    const { fields, graceMs } = this.#options;
    this.#stopping = actual.kind === 'running';
    if (this.#stopping) this.#deps.onChange();
    clock.clearTimeout(this.#watch);
    const startMs = clock.now();
    const asked = new Set<string>();
    let stuck = false;
    let seenMs = Number.NEGATIVE_INFINITY;
    for (let pauseMs = ENDING_MIN_MS; !this.#released; pauseMs = Math.min(2 * pauseMs, ENDING_MAX_MS)) {
      const left = this.#left(actual);
      // What was seen last may have made others until it ended: only a look from after that tells that none is left.
      if (left.length === 0 && this.#deps.table.lookedMs >= seenMs) break;
      if (left.length > 0) seenMs = clock.now();
      const tookMs = clock.now() - startMs;
      const gently = actual.kind === 'running' && tookMs < graceMs;
      for (const entry of left) {
        const key = `${entry.pid} ${entry.startTime}`;
        if (!gently) signalProcess(entry, 'SIGKILL');
        else if (!asked.has(key)) signalProcess(entry, 'SIGTERM');
        asked.add(key);
      }
      if (!stuck && left.length > 0 && tookMs > graceMs + STUCK_MS) {
        log.error({ ...fields, pids: left.map((entry) => entry.pid) }, 'processes cannot be ended, still trying');
        stuck = true;
      }
      await this.#wait(pauseMs);
    }
    if (this.#released) return false;
    this.#actual = { kind: 'none' };
    this.#expected = undefined;
    if (this.#stopping) {
      this.#stopping = false;
      log.info({ ...fields }, 'process ended');
      this.#deps.onChange();
    }
    return true;
  }

  /** What is left of a run. The leader counts even if it shed its environment and left its namespace. */
  #left(actual: Actual & { kind: 'running' | 'remains' }): Pick<ProcessEntry, 'pid' | 'startTime'>[] {
    const { table } = this.#deps;
    const found = table.find(this.#mark(actual));
    if (actual.kind === 'remains' || !table.alive(actual.pid, actual.startTime)) return found;
    return [actual, ...found.filter(({ pid }) => pid !== actual.pid)];
  }

  #forget(): void {
    this.#deps.record.remove();
    this.#endPause();
    this.#failures = 0;
    this.#lastError = undefined;
    this.#attempted = undefined;
    this.#settleAbsent();
  }

  #settleAbsent(): void {
    for (const resolve of this.#absent.splice(0)) resolve();
  }

  #mark({ run, netnsInode }: Identity): ProcessMark {
    return { run, netnsInode: this.#options.ownsNetns ? netnsInode : undefined };
  }

  /** A process runs on even if its record cannot be written: the `starting` one still leads to it. */
  #write(record: ProcessRecord): void {
    try {
      this.#deps.record.write(record);
    } catch (err) {
      this.#deps.log.error({ ...this.#options.fields, err }, 'record of a process cannot be written');
    }
  }

  #wait(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const { clock } = this.#deps;
    const wake = (): void => {
      clock.clearTimeout(this.#ending?.timer);
      this.#ending = undefined;
      resolve();
    };
    this.#ending = { timer: clock.setTimeout(wake, ms), wake };
    return promise;
  }
}
