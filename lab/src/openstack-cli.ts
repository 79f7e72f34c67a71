import { spawn, spawnSync } from 'node:child_process';
import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { WeftError } from '@weft/core/weft-error';
import type { Netns } from '@weft/sys/netns';
import { waitFor } from './wait.ts';

const ANSWER_MS = 60_000;
/** After its input has ended. */
const END_MS = 10_000;

/** Reads the operator's shell file, as the person would, and then becomes the client: the settings after it end with the command. */
const START = '. "$1"; shift; exec env "$@"';

/** The client said something on its standard error: that is how it refuses, for commands on its standard input have no exit code. */
export class CliRefused extends WeftError {
  constructor(command: string, words: string) {
    super('cli_refused', `openstack ${command}: ${words}`, { details: { command, words } });
  }
}

export type OpenstackCliOptions = Readonly<{
  /** Where the client runs. */
  netns: Netns;
  /** The shell file that the server writes for its first administrator. */
  openrc: string;
  /** What differs from that file: `OS_USERNAME`, `OS_PASSWORD`, `OS_PROJECT_NAME`. */
  settings?: Readonly<Record<string, string>>;
  /** In which no settings of this machine's users lie. */
  home: string;
}>;

/** What the client shows of an object, by the column's name. */
export type Shown = Readonly<Record<string, unknown>>;

/**
 * The `openstack` client, one process for many commands: it starts slowly and logs in each time. After each command it is told to run `echo`,
 * so that the end of an answer can be told from a pause.
 */
export class OpenstackCli implements AsyncDisposable {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #seen = { stdout: '', stderr: '' };
  #asked = 0;
  #failure: Error | undefined;

  /** Starts the client; it logs in with its first command. */
  constructor(options: OpenstackCliOptions) {
    this.#child = startClient(options, ['openstack']);
    this.#child.once('error', (error) => (this.#failure = error));
    // It may have ended before it has read everything.
    this.#child.stdin.on('error', (error) => (this.#failure ??= error));
    for (const stream of ['stdout', 'stderr'] as const) {
      this.#child[stream].setEncoding('utf8').on('data', (chunk: string) => (this.#seen[stream] += chunk));
    }
  }

  /** Runs a command and returns what it printed. Throws {@link CliRefused}, DeadlinePassed. One at a time. */
  async run(command: string): Promise<string> {
    const mark = `-- ${++this.#asked} --`;
    this.#seen.stdout = '';
    this.#seen.stderr = '';
    this.#child.stdin.write(`${command}\n!sh -c 'echo ${mark}; echo ${mark} >&2'\n`);
    await waitFor({ expected: `openstack ${command} to end`, withinMs: ANSWER_MS }, () => {
      const { stdout, stderr } = this.#seen;
      const ended = stdout.includes(mark) && stderr.includes(mark);
      if (this.#failure !== undefined || this.#hasEnded()) return { done: undefined };
      return ended ? { done: undefined } : { seen: stdout + stderr };
    });
    const [out = '', err = ''] = [this.#seen.stdout, this.#seen.stderr].map((seen) => seen.replace(`${mark}\n`, '').trim());
    if (this.#failure !== undefined) throw new CliRefused(command, this.#failure.message);
    if (this.#hasEnded() || err !== '') throw new CliRefused(command, err || `the client ended with ${this.#child.exitCode}`);
    return out;
  }

  /** Runs a command that shows one object. */
  async show(command: string): Promise<Shown> {
    return JSON.parse(await this.run(`${command} -f json`)) as Shown;
  }

  /** Runs a command that lists objects. */
  async list(command: string): Promise<readonly Shown[]> {
    return JSON.parse(await this.run(`${command} -f json`)) as readonly Shown[];
  }

  /** Runs a command that must be refused, and returns with which words. Throws plainly if it was not. */
  async refused(command: string): Promise<string> {
    const answer = await this.run(command).catch((error: unknown) => error);
    if (answer instanceof CliRefused) return answer.message;
    if (answer instanceof Error) throw answer;
    throw new Error(`openstack ${command} was not refused; it answered: ${String(answer)}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#hasEnded() || this.#child.pid === undefined) return;
    const ended = once(this.#child, 'exit');
    this.#child.stdin.end();
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), END_MS);
    await ended;
    clearTimeout(timer);
  }

  #hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }
}

/** Starts a program with the settings of the person's shell. */
function startClient(
  { netns, openrc, settings = {}, home }: OpenstackCliOptions,
  command: readonly string[],
): ChildProcessWithoutNullStreams {
  const assignments = Object.entries(settings).map(([name, value]) => `${name}=${value}`);
  const env = { PATH: process.env['PATH'], HOME: home, LC_ALL: 'C.UTF-8', PYTHONUNBUFFERED: '1', PYTHONWARNINGS: 'ignore' };
  return netns.run(() => spawn('sh', ['-c', START, 'sh', openrc, ...assignments, ...command], { env, cwd: home }));
}

/** Runs a program of openstacksdk, which the client is built on, with the client's own Python. Throws {@link CliRefused} if it fails. */
export async function runSdk(options: OpenstackCliOptions, script: string): Promise<void> {
  const found = spawnSync('sh', ['-c', 'head -n 1 "$(command -v openstack)"'], { encoding: 'utf8' });
  const python = found.stdout.replace(/^#!\s*/, '').trim();
  const child = startClient(options, [python, script]);
  const [[code], output] = await Promise.all([once(child, 'exit') as Promise<[number | null]>, text(child.stderr), text(child.stdout)]);
  if (code !== 0) throw new CliRefused(script, output);
}

/** The installed client's version; undefined where there is none. */
export function openstackVersion(): string | undefined {
  const answer = spawnSync('openstack', ['--version'], { encoding: 'utf8' });
  return answer.status === 0 ? answer.stdout.trim() : undefined;
}
