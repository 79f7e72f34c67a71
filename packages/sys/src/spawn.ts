/**
 * Starts programs without `fork`. Node forks, and a fork copies the page tables of a process that has grown: five milliseconds and more for
 * each child of a daemon. `posix_spawn` borrows the memory until the program is executed, and costs the same whoever calls.
 *
 * The child is made on the calling thread, so it starts in the namespace that the thread is in (see netns.ts). Node does not know it: whoever
 * ended is asked for here when SIGCHLD comes, one by one, so an end costs the same however many children there are. Source: posix_spawn(3),
 * waitid(2).
 */
import { EventEmitter } from 'node:events';
import { accessSync, constants as fsConstants } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { koffi } from './libc.ts';
import { once } from './once.ts';
import { SysError, errnoName, errnoNumber } from './sys-error.ts';

export type SpawnOptions = Readonly<{
  /** The program – looked up in the PATH of `environment` if it has no slash – and its arguments. */
  command: readonly [string, ...string[]];
  environment: Readonly<Record<string, string>>;
  /** The working directory. */
  directory: string;
  /** Open descriptors above 2 that become its standard input, output and error; it gets no others. */
  stdio: readonly [number, number, number];
}>;

/** A child that was started, or was not: then it has no pid, and `error` follows. Node's own children look the same. */
export interface SpawnedProcess {
  readonly pid?: number | undefined;
  once(event: 'error', listener: (error: Error) => void): unknown;
  once(event: 'exit', listener: (code: number | null, signal: NodeJS.Signals | null) => void): unknown;
}

/** Opaque structures of the C library: `posix_spawn_file_actions_t` and `posix_spawnattr_t` are 80 and 336 bytes, `sigset_t` 128. */
const STRUCT_BYTES = 512;
const SETSIGDEF = 0x04;
const SETSIGMASK = 0x08;
const SETSID = 0x80;
const P_ALL = 0;
const WNOHANG = 1;
const WEXITED = 4;
const WNOWAIT = 0x0100_0000;
/** In `siginfo_t`, on 64-bit machines. */
const SI_PID = 16;

type Calls = Readonly<{
  spawn: (
    pid: Uint8Array,
    path: string,
    actions: Uint8Array,
    attributes: Uint8Array,
    argv: readonly (string | null)[],
    env: readonly (string | null)[],
  ) => number;
  actionsInit: (actions: Uint8Array) => number;
  actionsDestroy: (actions: Uint8Array) => number;
  addDup2: (actions: Uint8Array, fd: number, newFd: number) => number;
  addCloseFrom: (actions: Uint8Array, from: number) => number;
  addChdir: (actions: Uint8Array, path: string) => number;
  attributes: Uint8Array;
  waitid: (type: number, id: number, info: Uint8Array, options: number) => number;
  waitpid: (pid: number, status: Uint8Array, options: number) => number;
}>;

/** Undefined where the C library is too old (glibc before 2.34) to do it without leaking descriptors. */
const calls = once((): Calls | undefined => {
  const library = koffi().load('libc.so.6');
  const bind = <T>(definition: string): T => library.func(definition) as T;
  try {
    return {
      spawn: bind('int posix_spawn(void *, str, void *, void *, str *, str *)'),
      actionsInit: bind('int posix_spawn_file_actions_init(void *)'),
      actionsDestroy: bind('int posix_spawn_file_actions_destroy(void *)'),
      addDup2: bind('int posix_spawn_file_actions_adddup2(void *, int, int)'),
      addCloseFrom: bind('int posix_spawn_file_actions_addclosefrom_np(void *, int)'),
      addChdir: bind('int posix_spawn_file_actions_addchdir_np(void *, str)'),
      attributes: sessionAttributes(bind),
      waitid: bind('int waitid(int, uint, void *, int)'),
      waitpid: bind('int waitpid(int, void *, int)'),
    };
  } catch {
    return undefined;
  }
});

/** A session of its own, no signal blocked, none ignored. */
function sessionAttributes(bind: <T>(definition: string) => T): Uint8Array {
  const attributes = new Uint8Array(STRUCT_BYTES);
  const set = bind<(attributes: Uint8Array, signals: Uint8Array) => number>('int posix_spawnattr_setsigdefault(void *, void *)');
  bind<(attributes: Uint8Array) => number>('int posix_spawnattr_init(void *)')(attributes);
  bind<(attributes: Uint8Array, flags: number) => number>('int posix_spawnattr_setflags(void *, short)')(
    attributes,
    SETSIGDEF | SETSIGMASK | SETSID,
  );
  set(attributes, new Uint8Array(128).fill(0xff));
  return attributes;
}

/** Whether {@link spawnSession} works on this machine. */
export function canSpawnSession(): boolean {
  return calls() !== undefined;
}

/** Starts a program as the leader of a session of its own. What cannot be executed is told by its `error` event, as Node does. */
export function spawnSession({ command, environment, directory, stdio }: SpawnOptions): SpawnedProcess {
  const child = new Child();
  const [program, ...args] = command;
  const call = calls();
  if (call === undefined) throw new Error('posix_spawn is not complete here: ask canSpawnSession first');
  // Whatever ends from now on is heard of.
  const running = children();
  const actions = new Uint8Array(STRUCT_BYTES);
  call.actionsInit(actions);
  try {
    for (const [to, fd] of stdio.entries()) call.addDup2(actions, fd, to);
    call.addCloseFrom(actions, stdio.length);
    call.addChdir(actions, directory);
    const env = [...Object.entries(environment).map(([name, value]) => `${name}=${value}`), null];
    const pid = new Uint8Array(4);
    const run = (path: string, argv: readonly string[]): number => call.spawn(pid, path, actions, call.attributes, [...argv, null], env);
    const path = program.includes('/') ? program : whichOf(program, environment['PATH'] ?? '');
    let errno = path === undefined ? errnoNumber('ENOENT') : run(path, command);
    // A script that does not say by whom it is run is the shell's, as with execvp(3).
    if (path !== undefined && errnoName(errno) === 'ENOEXEC') errno = run('/bin/sh', ['sh', path, ...args]);
    if (errno === 0) running.add(child, new DataView(pid.buffer).getInt32(0, true));
    else child.fail(spawnFailure(errno, program));
  } finally {
    call.actionsDestroy(actions);
  }
  return child;
}

class Child extends EventEmitter implements SpawnedProcess {
  pid: number | undefined;

  /** Tells it once whoever started it can listen. */
  fail(error: Error): void {
    process.nextTick(() => this.emit('error', error));
  }
}

const children = once(() => new Children());

/** Those that run. */
class Children {
  readonly #running = new Map<number, Child>();

  constructor() {
    process.on('SIGCHLD', () => this.#reap());
  }

  add(child: Child, pid: number): void {
    child.pid = pid;
    this.#running.set(pid, child);
  }

  #reap(): void {
    const call = calls()!;
    const info = new Uint8Array(128);
    for (;;) {
      info.fill(0);
      if (call.waitid(P_ALL, 0, info, WNOHANG | WEXITED | WNOWAIT) !== 0) return;
      const pid = new DataView(info.buffer).getInt32(SI_PID, true);
      if (pid === 0) return;
      if (!this.#running.has(pid)) return this.#askEach();
      this.#ask(pid);
    }
  }

  /** Somebody else's child has ended, which is theirs to ask for, and hides what came after it. */
  #askEach(): void {
    for (const pid of this.#running.keys()) this.#ask(pid);
  }

  #ask(pid: number): void {
    const status = new Uint8Array(4);
    if (calls()!.waitpid(pid, status, WNOHANG) !== pid) return;
    const child = this.#running.get(pid);
    this.#running.delete(pid);
    const word = new DataView(status.buffer).getInt32(0, true);
    const signal = word & 0x7f;
    child?.emit('exit', signal === 0 ? (word >> 8) & 0xff : null, signal === 0 ? null : signalName(signal));
  }
}

function signalName(number: number): NodeJS.Signals | null {
  const found = Object.entries(constants.signals).find(([, value]) => value === number);
  return (found?.[0] as NodeJS.Signals | undefined) ?? null;
}

/** The first in PATH that may be executed. */
function whichOf(program: string, path: string): string | undefined {
  return path
    .split(':')
    .map((directory) => join(directory === '' ? '.' : directory, program))
    .find((candidate) => {
      try {
        accessSync(candidate, fsConstants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

/** As Node words it. */
function spawnFailure(errno: number, program: string): Error {
  const cause = new SysError('posix_spawn', errno, program);
  return Object.assign(new Error(`spawn ${program} ${cause.errno}`, { cause }), {
    code: cause.errno,
    syscall: `spawn ${program}`,
    path: program,
  });
}
