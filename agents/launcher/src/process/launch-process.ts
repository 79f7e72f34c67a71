import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { netnsOpen } from '@weft/sys/netns';
import { RUN_VARIABLE } from './process-table.ts';

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
export function launchProcess(spec: ProcessSpec, run: string): ChildProcess {
  using opened = new DisposableStack();
  const netns = opened.use(netnsOpen(spec.netnsPath));
  const stdout = opened.adopt(openSync(spec.stdout, 'a', 0o600), closeSync);
  const stderr = opened.adopt(openSync(spec.stderr, 'a', 0o600), closeSync);
  const [program = '', ...args] = spec.command;
  const env = { ...spec.environment, [RUN_VARIABLE]: run };
  // The child is forked within this call, on this thread: so it starts in the namespace that the thread is in.
  const child = netns.run(() => spawn(program, args, { cwd: spec.directory, env, detached: true, stdio: ['ignore', stdout, stderr] }));
  child.unref();
  return child;
}
