import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { WeftError } from '@weft/core/weft-error';
import type { Netns } from '@weft/sys/netns';

const COMMAND_MS = 10_000;
const run = promisify(execFile);

/** The tools of whoever breaks things, and the list of what has to be mended. Disposing mends, last broken first. */
export class Saboteur implements AsyncDisposable {
  readonly #mend = new AsyncDisposableStack();

  /** Runs a command in a namespace. Throws a WeftError with what it printed. */
  async in(netns: Netns, file: string, ...args: string[]): Promise<string> {
    try {
      const { stdout } = await run('nsenter', [`--net=${netns.path}`, file, ...args], { timeout: COMMAND_MS });
      return stdout;
    } catch (cause) {
      const { stderr = '' } = cause as { stderr?: string };
      throw new WeftError('sabotage_failed', `${file} ${args.join(' ')} in ${netns.path}: ${stderr.trim()}`, { cause });
    }
  }

  /** Runs a command now and another one to undo it. */
  async swap(netns: Netns, now: readonly [string, ...string[]], undo: readonly [string, ...string[]]): Promise<void> {
    await this.in(netns, now[0], ...now.slice(1));
    this.mend(() => this.in(netns, undo[0], ...undo.slice(1)));
  }

  /** Puts a rule in front of a chain of the product; mending removes exactly that one, unless the product has put its chain right itself. */
  async insertRule(netns: Netns, chain: string, rule: string): Promise<void> {
    const text = await this.in(netns, 'nft', '-a', '-e', 'insert', 'rule', ...chain.split(' '), rule);
    const handle = /# handle (\d+)/.exec(text)?.[1];
    if (handle === undefined) throw new WeftError('sabotage_failed', `nft told no handle: ${text}`);
    this.mend(async () => {
      try {
        await this.in(netns, 'nft', 'delete', 'rule', ...chain.split(' '), 'handle', handle);
      } catch (error) {
        if (!(error instanceof WeftError && /No such file or directory/.test(error.message))) throw error;
      }
    });
  }

  /** Puts a filter of our own into a namespace, before all others: `hook` and a rule. */
  async addFilter(netns: Netns, hook: 'input' | 'output' | 'forward', rule: string): Promise<() => Promise<void>> {
    const chain = `chain first { type filter hook ${hook} priority -500; ${rule}; }`;
    // A block must end in a line of its own.
    await this.in(netns, 'nft', `table inet sabotage { ${chain}\n}`);
    let there = true;
    const remove = async (): Promise<void> => {
      if (!there) return;
      there = false;
      await this.in(netns, 'nft', 'delete', 'table', 'inet', 'sabotage');
    };
    this.mend(remove);
    return remove;
  }

  /** Stops a process where it is, and lets it go on when mending. */
  freeze(pid: number): void {
    process.kill(pid, 'SIGSTOP');
    this.mend(() => process.kill(pid, 'SIGCONT'));
  }

  mend(undo: () => unknown): void {
    this.#mend.defer(async () => {
      await undo();
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#mend.disposeAsync();
  }
}
