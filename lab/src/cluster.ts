/**
 * A whole cluster on one machine. The lab's process is its operator: it builds the network, starts the daemons, and takes everything away
 * again. It has no part in what the cluster does.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { WeftClient } from '@weft/api/client';
import type { NodeId } from '@weft/core/uuid';
import { writeFileAtomic } from '@weft/daemon/atomic-file';
import { warmThreadPool } from '@weft/sys/netns';
import { addressServer } from './address-server.ts';
import { writeLabFiles } from './lab-files.ts';
import type { NodeIds } from './lab-files.ts';
import type { LabInfo } from './lab-info.ts';
import { LabLock } from './lab-lock.ts';
import type { LabPaths } from './lab-paths.ts';
import { newLabId } from './marked-processes.ts';
import { LabNetwork } from './network.ts';
import { LabProcess } from './process.ts';
import { Relay } from './relay.ts';
import { removeRemains } from './remains.ts';
import type { LabNodeName, Topology } from './topology.ts';
import { waitFor } from './wait.ts';

/** From the start of the processes; they need about a second on an idle machine. */
const READY_MS = 30_000;
const STOP_MS = 5000;

export type LabOptions = Readonly<{
  /** The `weft` executable: program and leading arguments. */
  weft: readonly [string, ...string[]];
  paths: LabPaths;
  topology: Topology;
  /** Where the API is offered on the machine's loopback address. */
  apiPort: number;
  signal: AbortSignal;
}>;

export type LabDaemon = 'server' | 'scheduler' | 'controller' | 'launcher' | 'concentrator';

export type LabDeps = Readonly<{ progress: (text: string) => void }>;

/** The API on the machine's side. */
export type ApiAccess = Readonly<{ url: string; ca: string; adminToken: string }>;

export class Lab implements AsyncDisposable {
  readonly id: string;
  readonly paths: LabPaths;
  readonly topology: Topology;
  readonly signal: AbortSignal;
  readonly #options: LabOptions;
  readonly #deps: LabDeps;
  readonly #stack = new AsyncDisposableStack();
  readonly #daemons = new Map<LabNodeName, LabProcess>();
  /** Gives machines their addresses in the compute network. */
  #addresses: LabProcess | undefined;
  #network: LabNetwork | undefined;
  #relay: Relay | undefined;
  #nodeIds: NodeIds = new Map();
  #api: ApiAccess | undefined;
  #tokens: Readonly<Record<string, string>> = {};

  private constructor(options: LabOptions, deps: LabDeps) {
    this.id = newLabId();
    this.paths = options.paths;
    this.topology = options.topology;
    this.signal = options.signal;
    this.#options = options;
    this.#deps = deps;
  }

  /**
   * Brings the cluster up, as far as an API that answers. What a killed lab left is removed first; if this fails or is aborted, everything is
   * taken down again. Throws LabBusy, RelayPortTaken, LabProcessEnded, DeadlinePassed, the signal's reason.
   */
  static async up(options: LabOptions, deps: LabDeps): Promise<Lab> {
    await warmThreadPool();
    const lab = new Lab(options, deps);
    try {
      await lab.#up();
      return lab;
    } catch (error) {
      await lab[Symbol.asyncDispose]();
      throw error;
    }
  }

  get network(): LabNetwork {
    return defined(this.#network, 'the lab is down');
  }

  get api(): ApiAccess {
    return defined(this.#api, 'the API does not answer yet');
  }

  /** Throws for a node that runs no daemon. */
  daemon(name: LabNodeName): LabProcess {
    return defined(this.#daemons.get(name), `${name} runs no daemon`);
  }

  daemons(): IterableIterator<[LabNodeName, LabProcess]> {
    return this.#daemons.entries();
  }

  /** A process of that daemon on a node, with the configuration that lies there; not started. Who made it ends it. */
  newProcess(node: LabNodeName, daemon: LabDaemon): LabProcess {
    const { paths, weft } = this.#options;
    const { etc, log, root } = paths.node(node);
    return new LabProcess({
      name: `${node} ${daemon}`,
      command: [...weft, daemon, '--config', join(etc, `${daemon}.yaml`)],
      netns: this.network.netns(node),
      logPath: join(log, `${daemon}.log`),
      cwd: root,
      labId: this.id,
    });
  }

  nodeId(name: LabNodeName): NodeId {
    return defined(this.#nodeIds.get(name), `${name} has no id`);
  }

  /** A client with the administrator's token, or the given one. */
  client(token = this.api.adminToken): WeftClient {
    return new WeftClient({ url: this.api.url, ca: this.api.ca, token, timeoutMs: 10_000 });
  }

  /** Throws LabProcessEnded if a daemon ended that nobody told to. */
  checkDaemons(): void {
    for (const daemon of this.#daemons.values()) daemon.check();
    this.#addresses?.check();
  }

  /** Waits until the server's API answers: at the start, and after it was restarted. */
  async serverReady(): Promise<void> {
    const server = this.daemon('control');
    const tokenPath = join(this.paths.node('control').state, 'admin.token');
    const url = `https://127.0.0.1:${this.#options.apiPort}`;
    const ca = readFileSync(this.paths.ca, 'utf8');
    await waitFor({ expected: 'the API to answer', withinMs: READY_MS, where: server.logPath, signal: this.signal }, async () => {
      // What ended will not answer any more.
      if (!server.running) return { done: undefined };
      if (!existsSync(tokenPath)) return { seen: 'no administrator token yet' };
      const adminToken = readFileSync(tokenPath, 'utf8').trim();
      await new WeftClient({ url, ca, token: adminToken, timeoutMs: 2000 }).health();
      this.#api = { url, ca, adminToken };
      return { done: undefined };
    });
    server.check();
  }

  /** Writes client.yaml, in which the CLI finds the API and the tokens by name. */
  async publishTokens(tokens: Readonly<Record<string, string>>): Promise<void> {
    this.#tokens = { ...this.#tokens, ...tokens };
    const content = { url: this.api.url, ca: this.paths.ca, tokens: { admin: this.api.adminToken, ...this.#tokens } };
    await writeFileAtomic(this.paths.client, `${JSON.stringify(content, undefined, 2)}\n`, { mode: 0o600, fsync: false });
  }

  /** Goes without taking anything down: the daemons run on, and the next lab, or `weft lab down`, removes all. */
  async leave(): Promise<void> {
    this.#stack.move();
    for (const daemon of this.#daemons.values()) daemon.abandon();
    this.#addresses?.abandon();
    await this.#relay?.[Symbol.asyncDispose]();
  }

  /** Takes everything down, in order. Safe to call again. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }

  async #up(): Promise<void> {
    const { paths, topology } = this.#options;
    mkdirSync(paths.root, { recursive: true, mode: 0o755 });
    this.#stack.use(LabLock.acquire(paths.lock));
    const remains = await removeRemains(paths);
    if (remains.processes > 0 || remains.namespaces > 0 || remains.files) {
      this.#deps.progress(`removed what an earlier lab left: ${remains.processes} processes, ${remains.namespaces} namespaces`);
    }
    this.#stack.defer(() => this.#removeAll());
    this.signal.throwIfAborted();
    this.#network = this.#stack.use(LabNetwork.build({ topology, netnsDir: paths.netns }));
    this.#deps.progress(
      `built ${topology.nodes.length} nodes, each a network namespace, and ${Object.keys(topology.wires).length} networks`,
    );
    this.#nodeIds = await writeLabFiles({ paths, topology });
    this.#writeInfo();
    this.#relay = this.#stack.use(
      await Relay.listen({
        port: this.#options.apiPort,
        netns: this.network.netns('control'),
        target: topology.controlHost,
        targetPort: topology.httpsPort,
      }),
    );
    this.signal.throwIfAborted();
    this.#startDaemons();
    await this.serverReady();
    await this.publishTokens({});
    this.#deps.progress(`the API answers at ${this.api.url}`);
  }

  #startDaemons(): void {
    const { paths, topology } = this.#options;
    const addresses = addressServer({ paths, topology, network: this.network, labId: this.id });
    this.#addresses = addresses;
    this.#stack.defer(async () => void (await addresses.stop(STOP_MS)));
    addresses.start();
    this.#stack.defer(() => this.#stopDaemons());
    for (const node of topology.nodes) {
      if (node.daemon === undefined) continue;
      const daemon = this.newProcess(node.name, node.daemon);
      this.#daemons.set(node.name, daemon);
      daemon.start();
      this.#deps.progress(`started ${node.daemon} on ${node.name}`);
    }
  }

  async #stopDaemons(): Promise<void> {
    await Promise.all(Array.from(this.#daemons.values(), (daemon) => daemon.stop(STOP_MS)));
  }

  /** Workloads and DHCP servers outlive their launchers, by design. They end here, and with them the last users of the namespaces. */
  async #removeAll(): Promise<void> {
    await removeRemains(this.paths, this.id);
  }

  #writeInfo(): void {
    const nodes = this.topology.nodes.map(({ name, daemon }) => {
      const id = this.#nodeIds.get(name);
      return { name, ...(id === undefined ? {} : { id }), ...(daemon === undefined ? {} : { daemon }) };
    });
    const info: LabInfo = { id: this.id, pid: process.pid, url: `https://127.0.0.1:${this.#options.apiPort}`, nodes };
    writeFileSync(this.paths.info, `${JSON.stringify(info, undefined, 2)}\n`);
  }
}

function defined<T>(value: T | undefined, message: string): T {
  if (value === undefined) throw new Error(message);
  return value;
}
