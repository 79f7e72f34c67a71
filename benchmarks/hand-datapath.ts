import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { netnsOpen } from '@weft/sys/netns';
import type { Netns } from '@weft/sys/netns';

/** Where the script pins what it makes. */
const NETNS_DIR = '/run/netns';
const COMMAND_TIMEOUT_MS = 60_000;

/**
 * The data path made by hand with `ip`, `bridge` and `nft`, by the script that `WEFT_HAND` names: the peer of the throughput benchmark.
 * Three nodes; workloads 1 and 2 of tenant a on cn1, 3 and 4 on cn2, with the addresses 10.0.0.11 to .14.
 */
export class HandDatapath implements AsyncDisposable {
  readonly #script: string;
  readonly #open = new DisposableStack();

  private constructor(script: string) {
    this.#script = script;
  }

  /** Throws if the script is missing or fails; then nothing of it stays. */
  static async up(repository: string): Promise<HandDatapath> {
    const script = resolve(repository, process.env['WEFT_HAND'] ?? '../shared/datapath-by-hand.sh');
    if (!existsSync(script)) throw new Error(`there is no ${script}: set WEFT_HAND to the path of datapath-by-hand.sh`);
    const hand = new HandDatapath(script);
    try {
      await run('bash', [script, 'up']);
      return hand;
    } catch (error) {
      await hand[Symbol.asyncDispose]();
      throw error;
    }
  }

  netns(name: string): Netns {
    return this.#open.use(netnsOpen(join(NETNS_DIR, `hand-${name}`)));
  }

  /** Takes port security off a port: it may use whatever addresses it likes, and its connections are tracked on. */
  async unguard(node: string, port: string): Promise<void> {
    const rules = ['ether type arp accept', 'ether type != ip drop', 'meta mark set iifname map @number', 'accept'];
    const open = ['add chain bridge weft from_unguarded', ...rules.map((rule) => `add rule bridge weft from_unguarded ${rule}`)];
    const element = (verdict: string): string => `element bridge weft from { "${port}"${verdict} }`;
    await this.#nft(`${node}-fab`, [...open, `delete ${element('')}`, `add ${element(' : goto from_unguarded')}`].join('; '));
  }

  /** Leaves bridge and tunnel alone on a node: no table of rules, nothing handed to them. */
  async makePlain(node: string): Promise<void> {
    await this.#nft(`${node}-fab`, 'delete table bridge weft; delete table inet weft');
    await this.#nft(node, 'delete table inet weft');
    await run('ip', ['-n', `hand-${node}-fab`, 'link', 'set', 'br-a', 'type', 'bridge', 'nf_call_iptables', '0', 'nf_call_ip6tables', '0']);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#open.dispose();
    await run('bash', [this.#script, 'down']);
  }

  async #nft(netns: string, commands: string): Promise<void> {
    await run('nsenter', [`--net=${join(NETNS_DIR, `hand-${netns}`)}`, 'nft', commands]);
  }
}

async function run(program: string, args: readonly string[]): Promise<void> {
  await promisify(execFile)(program, args, { timeout: COMMAND_TIMEOUT_MS });
}
