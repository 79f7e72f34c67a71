import { spawn } from 'node:child_process';
import type { SpawnOptions } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { netnsOpen } from '@weft/sys/netns';
import { canSpawnSession, spawnSession } from '@weft/sys/spawn';
import type { SpawnedProcess } from '@weft/sys/spawn';
import { RUN_VARIABLE } from './process-table.ts';

/** Looks for the mark of a program that was just started, at most; after the first few there is a millisecond between them. */
const MARK_LOOKS = 100;
const MARK_SPINS = 20;

/** What to run, and where. */
export type ProcessSpec = Readonly<{
  /** The program, looked up in the environment's PATH, and its arguments. */
  command: readonly string[];
  /** Where its network namespace is pinned. */
  netnsPath: string;
  /** Its working directory. */
  directory: string;
  environment: Readonly<Record<string, string>>;
  /** Files that output is appended to. */
  stdout: string;
  stderr: string;
}>;

/**
 * Starts a process in a network namespace and in a session of its own, so that it survives us; it inherits no descriptor of ours. Its
 * `error` event tells of a program that cannot be executed. Throws SysError, for instance if the namespace is not there.
 */
export function launchProcess(spec: ProcessSpec, run: string): SpawnedProcess {
  using opened = new DisposableStack();
  const netns = opened.use(netnsOpen(spec.netnsPath));
  const stdout = opened.adopt(openSync(spec.stdout, 'a', 0o600), closeSync);
  const stderr = opened.adopt(openSync(spec.stderr, 'a', 0o600), closeSync);
  const [program = '', ...args] = spec.command;
  const environment = { ...spec.environment, [RUN_VARIABLE]: run };
  // The child is made within this call, on this thread: so it starts in the namespace that the thread is in.
  if (canSpawnSession()) {
    const stdin = opened.adopt(openSync('/dev/null', 'r'), closeSync);
    const options = { command: [program, ...args], environment, directory: spec.directory, stdio: [stdin, stdout, stderr] } as const;
    const child = netns.run(() => spawnSession(options));
    if (child.pid !== undefined) awaitMark(child.pid, run);
    return child;
  }
  const options: SpawnOptions = { cwd: spec.directory, env: environment, detached: true, stdio: ['ignore', stdout, stderr] };
  const child = netns.run(() => spawn(program, args, options));
  child.unref();
  return child;
}

/**
 * From the outside a program shows its own environment some microseconds after `posix_spawn` has returned; until then ours, or none. By its
 * mark it must be found from now on. On a machine that is busy it may not have got its turn yet, so it is given some.
 */
function awaitMark(pid: number, run: string): void {
  try {
    const ours = readFileSync('/proc/self/environ', 'latin1');
    for (let looks = 0; looks < MARK_LOOKS; looks += 1) {
      const shown = readFileSync(`/proc/${pid}/environ`, 'latin1');
      // Another one without the mark: it has executed something else since.
      if (shown.includes(`${RUN_VARIABLE}=${run}`) || (shown !== '' && shown !== ours)) return;
      if (/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'latin1'))) return;
      if (looks > MARK_SPINS) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
    }
  } catch {
    // It has ended.
  }
}
