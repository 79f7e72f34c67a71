import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import type { Netns } from '@weft/sys/netns';
import { LAB_MARK } from './marked-processes.ts';
import { NoUseWaiting } from './wait.ts';

/** How much of a log goes into an error message. */
const TAIL_LINES = 5;

export type LabProcessOptions = Readonly<{
  /** `compute1 launcher`, for messages. */
  name: string;
  /** Program and arguments. */
  command: readonly [string, ...string[]];
  netns: Netns;
  /** Gets standard output and error, appended. */
  logPath: string;
  cwd: string;
  labId: string;
}>;

/** A daemon of the lab ended when it should run. */
export class LabProcessEnded extends NoUseWaiting {
  constructor(name: string, how: string, logPath: string) {
    super('lab_process_ended', `${name} ended (${how}); the end of its log:\n${logTail(logPath)}`, {
      details: { name, how, logPath },
      remedy: `Read ${logPath}.`,
    });
  }
}

/**
 * A daemon in a namespace, which can be stopped, killed and started again.
 *
 * It runs in a session of its own, so that Ctrl-C in the terminal reaches the lab alone, which then stops everything in order. It outlives the lab if
 * that is killed; the next lab finds it by its mark.
 */
export class LabProcess {
  readonly name: string;
  readonly logPath: string;
  readonly #options: LabProcessOptions;
  #child: ChildProcess | undefined;
  #exited: Promise<void> = Promise.resolve();
  #ending = false;

  constructor(options: LabProcessOptions) {
    this.name = options.name;
    this.logPath = options.logPath;
    this.#options = options;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  get running(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Starts it; when it is ready is for others to find out. It must not be running. Throws when it cannot be started. */
  start(): void {
    if (this.running) throw new Error(`${this.name} runs already`);
    const { netns, command, cwd, labId } = this.#options;
    const [file, ...args] = command;
    const log = openSync(this.logPath, 'a', 0o600);
    try {
      const env = { PATH: process.env['PATH'] ?? '', [LAB_MARK]: labId };
      // A child that is started while this thread is inside a namespace lives there.
      const child = netns.run(() => spawn(file, args, { cwd, env, detached: true, stdio: ['ignore', log, log] }));
      this.#ending = false;
      this.#child = child;
      this.#exited = new Promise((resolve) => {
        child.once('exit', () => resolve());
        child.once('error', () => resolve());
      });
    } finally {
      closeSync(log);
    }
  }

  /** Throws {@link LabProcessEnded} if it ended without having been told to. */
  check(): void {
    const child = this.#child;
    if (child === undefined || this.running || this.#ending) return;
    const how = child.signalCode ?? `exit code ${child.exitCode ?? 'unknown'}`;
    throw new LabProcessEnded(this.name, how, this.logPath);
  }

  /** Ends it in order (SIGTERM), by force after `deadlineMs`. Returns whether force was needed. */
  async stop(deadlineMs = 5000): Promise<'stopped' | 'killed'> {
    this.signal('SIGTERM');
    const timer = setTimeout(() => this.signal('SIGKILL'), deadlineMs);
    try {
      await this.#exited;
      return this.#child?.signalCode === 'SIGKILL' ? 'killed' : 'stopped';
    } finally {
      clearTimeout(timer);
    }
  }

  /** kill -9, and waits until it is gone. */
  async kill(): Promise<void> {
    this.signal('SIGKILL');
    await this.#exited;
  }

  /** Lets it run on without us. */
  abandon(): void {
    this.#child?.unref();
  }

  /** Sends a signal, if it runs. */
  signal(signal: 'SIGTERM' | 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'): void {
    if (!this.running) return;
    if (signal === 'SIGTERM' || signal === 'SIGKILL') this.#ending = true;
    this.#child?.kill(signal);
  }
}

function logTail(path: string): string {
  try {
    return readFileSync(path, 'utf8').trimEnd().split('\n').slice(-TAIL_LINES).join('\n');
  } catch {
    return '(no log)';
  }
}
