import { reportNode } from '@weft/core/command/node';
import type { ReportNode } from '@weft/core/command/node';
import type { Ipv4 } from '@weft/core/ipv4';
import { planRefText } from '@weft/core/plan/plan';
import type { Sync, Synced } from '@weft/core/plan/sync';
import type { NodeRole } from '@weft/core/resource';
import type { InstanceId, NodeId } from '@weft/core/uuid';
import { WeftError } from '@weft/core/weft-error';
import type { Logger } from '@weft/ssntp/logger';
import type { NodeType } from '@weft/ssntp/payloads/node-event';
import type { Stats } from '@weft/ssntp/payloads/stats';
import type { Cluster, Published } from './cluster.ts';
import type { ControllerClock } from './link.ts';
import { NodeProgress } from './node-progress.ts';
import { NodeSync } from './node-sync.ts';

export type NodeRegistryDeps = Readonly<{
  cluster: Cluster;
  send: (nodeId: NodeId, sync: Sync) => void;
  /** A node has told how far it is. */
  reported: (nodeId: NodeId) => void;
  /** Its connection is new. */
  connected: (nodeId: NodeId) => void;
  /** Its connection is over, while the scheduler’s is not. */
  lost: (nodeId: NodeId) => void;
  /** A node can take work that it could not before. */
  ready: () => void;
  clock: ControllerClock;
  log: Logger;
}>;

/** A node's figures as it last reported them; -1 where it cannot tell. */
export type NodeLoad = Readonly<{ load: number; memTotalMb: number; memAvailableMb: number }>;

/** Weft's own additions to STATS; a node that does not send them has the roles that the scheduler told, and its first compute address. */
export type StatsAdditions = Readonly<{
  roles: readonly NodeRole[] | undefined;
  vtep: Ipv4 | undefined;
  /** Which of the frames that together name its instances, from 1 on. Absent: the only one. */
  part: Readonly<{ number: number; of: number }> | undefined;
}>;

/** What is known of a node beside its record: from its reports, in memory only, gone with this process. */
export type NodeObservation = Readonly<{
  connected: boolean;
  progress: NodeProgress;
  sent: number | undefined;
  load: NodeLoad | undefined;
  /** Milliseconds since 1970. */
  lastSeenMs: number | undefined;
  /** The states of its workloads in its words: `pending`, `active`, `exited`, … */
  instances: ReadonlyMap<InstanceId, string>;
}>;

type Entry = {
  readonly progress: NodeProgress;
  readonly sync: NodeSync;
  connected: boolean;
  /** What the scheduler called it since it connected: one event per role. */
  readonly types: Set<NodeType>;
  /** Whether it has reported since it connected; only then can it be given work. */
  reported: boolean;
  load: NodeLoad | undefined;
  lastSeenMs: number | undefined;
  instances: Map<InstanceId, string>;
  /** Of a report in several frames: what the first `parts` of them said. */
  gathered: Readonly<{ parts: number; instances: Map<InstanceId, string> }> | undefined;
};

/** Takes the instances of a report over once all of its frames are there. One whose frames were lost changes nothing. */
function gatherInstances(
  entry: Entry,
  { instances }: Stats,
  { number, of }: NonNullable<StatsAdditions['part']> = { number: 1, of: 1 },
): void {
  const before = number === 1 ? new Map<InstanceId, string>() : entry.gathered?.parts === number - 1 ? entry.gathered.instances : undefined;
  entry.gathered = undefined;
  if (before === undefined) return;
  for (const { instance_uuid, state } of instances) before.set(instance_uuid, state);
  if (number >= of) entry.instances = before;
  else entry.gathered = { parts: number, instances: before };
}

/** There is nobody to tell: the node has no connection now. */
export class NodeNotConnected extends WeftError {
  constructor(nodeId: NodeId) {
    super('node_not_connected', `node ${nodeId} is not connected`, {
      details: { node: nodeId },
      remedy: 'Start the launcher of that node, or look into its log.',
    });
  }
}

/** The node waits for no word of an operator. */
export class NothingHeld extends WeftError {
  constructor(nodeId: NodeId) {
    super('nothing_held', `node ${nodeId} holds no plan back: there is nothing to accept`, { details: { node: nodeId } });
  }
}

/** The nodes that this process has heard of: their connections, their plans' progress, their reports. */
export class NodeRegistry {
  readonly #deps: NodeRegistryDeps;
  readonly #entries = new Map<NodeId, Entry>();
  /** Nodes with something to send at the next flush. */
  readonly #dirty = new Set<NodeSync>();
  #takingEpoch: Promise<void> | undefined;

  constructor(deps: NodeRegistryDeps) {
    this.#deps = deps;
    deps.cluster.listen({ published: (commit) => this.#published(commit), flushed: () => this.#flushed() });
  }

  observe(nodeId: NodeId): NodeObservation | undefined {
    const entry = this.#entries.get(nodeId);
    if (entry === undefined) return undefined;
    const { connected, progress, sync, load, lastSeenMs, instances } = entry;
    return { connected, progress, sent: sync.sent, load, lastSeenMs, instances };
  }

  /** NodeConnected: once per role of the node. The same role again means a new connection. */
  connected(nodeId: NodeId, type: NodeType): void {
    const entry = this.#entry(nodeId);
    entry.lastSeenMs = this.#deps.clock.wallMs();
    const isSame = entry.connected && !entry.types.has(type);
    entry.types.add(type);
    if (isSame) return;
    entry.types.clear();
    entry.types.add(type);
    entry.connected = true;
    entry.reported = false;
    this.#deps.log.info({ node: nodeId }, 'node connected');
    this.#deps.connected(nodeId);
    entry.sync.ask();
  }

  disconnected(nodeId: NodeId): void {
    const entry = this.#entries.get(nodeId);
    if (entry?.connected !== true) return;
    this.#disconnect(nodeId, entry);
    this.#deps.lost(nodeId);
  }

  /** The connection to the scheduler is lost: it tells anew who is there when it is back. */
  allDisconnected(): void {
    for (const [nodeId, entry] of this.#entries) if (entry.connected) this.#disconnect(nodeId, entry);
  }

  #disconnect(nodeId: NodeId, entry: Entry): void {
    entry.connected = false;
    entry.types.clear();
    entry.sync.close();
    this.#deps.log.info({ node: nodeId }, 'node disconnected');
  }

  synced(nodeId: NodeId, message: Synced): void {
    const entry = this.#entries.get(nodeId);
    // What was on its way when the connection ended is asked for again.
    if (entry?.connected !== true) return;
    entry.lastSeenMs = this.#deps.clock.wallMs();
    const was = entry.progress.held;
    const failures = Object.keys(entry.progress.failed).length;
    if (message.epoch === this.#deps.cluster.epoch) entry.progress.synced(message);
    else entry.progress.heldElsewhere(message.held);
    this.#logChange(nodeId, entry.progress, was?.revision, failures);
    entry.sync.synced(message);
    this.#deps.reported(nodeId);
  }

  /** STATS: takes over what the node says of itself, and remembers the rest. Rejects as `reportNode` and `Cluster.decide` do. */
  async stats(stats: Stats, { roles, vtep, part }: StatsAdditions): Promise<void> {
    const entry = this.#entry(stats.node_uuid);
    entry.lastSeenMs = this.#deps.clock.wallMs();
    entry.load = { load: stats.load, memTotalMb: stats.mem_total_mb, memAvailableMb: stats.mem_available_mb };
    gatherInstances(entry, stats, part);
    const first = entry.connected && !entry.reported;
    entry.reported ||= entry.connected;
    const report: ReportNode = {
      id: stats.node_uuid,
      hostname: stats.hostname,
      roles: roles ?? rolesOf(entry.types),
      addresses: stats.networks.map(({ ip }) => ip),
      vtep,
    };
    const { put } = await this.#deps.cluster.decide((state, context) => reportNode(state, context, report));
    if (put.length > 0) this.#deps.log.info({ node: report.id, hostname: report.hostname, roles: report.roles }, 'node reported');
    if (put.length > 0 || first) this.#deps.ready();
  }

  /** InstanceDeleted and InstanceStopped, between two reports. */
  instanceEvent(nodeId: NodeId | undefined, instanceId: InstanceId, state: string | undefined): void {
    const entry = nodeId === undefined ? undefined : this.#entries.get(nodeId);
    if (state === undefined) entry?.instances.delete(instanceId);
    else entry?.instances.set(instanceId, state);
  }

  /** Throws NodeNotConnected or NothingHeld. */
  checkHeld(nodeId: NodeId): void {
    const entry = this.#entries.get(nodeId);
    if (entry?.connected !== true) throw new NodeNotConnected(nodeId);
    if (entry.progress.held === undefined) throw new NothingHeld(nodeId);
  }

  /** An operator's word that the plan which the node holds back is right. Throws NodeNotConnected or NothingHeld. */
  accept(nodeId: NodeId): Readonly<{ epoch: string; revision: number }> {
    this.checkHeld(nodeId);
    const revision = this.#entries.get(nodeId)?.sync.accept();
    if (revision === undefined) throw new NothingHeld(nodeId);
    this.#deps.log.info({ node: nodeId, revision, epoch: this.#deps.cluster.epoch }, 'held plan accepted by an operator');
    return { epoch: this.#deps.cluster.epoch, revision };
  }

  /** Forgets what a node reported whose record was deleted. What was sent to it stays known: it may come back with that. */
  forget(nodeId: NodeId): void {
    const entry = this.#entries.get(nodeId);
    if (entry === undefined) return;
    entry.progress.forget();
    entry.load = undefined;
    entry.instances.clear();
  }

  /** Resolves when a change of epoch that is under way is through. */
  async drain(): Promise<void> {
    await this.#takingEpoch;
  }

  #entry(nodeId: NodeId): Entry {
    const known = this.#entries.get(nodeId);
    if (known !== undefined) return known;
    const { cluster, send, clock, log } = this.#deps;
    const sync = new NodeSync(
      { nodeId },
      { cluster, clock, log, send: (message) => send(nodeId, message), ahead: (revision) => this.#ahead(nodeId, revision) },
    );
    const entry: Entry = {
      progress: new NodeProgress(),
      sync,
      connected: false,
      types: new Set(),
      reported: false,
      load: undefined,
      lastSeenMs: undefined,
      instances: new Map(),
      gathered: undefined,
    };
    this.#entries.set(nodeId, entry);
    return entry;
  }

  #published({ revision, plans }: Published): void {
    for (const [nodeId, changes] of plans) {
      const entry = this.#entries.get(nodeId);
      if (entry === undefined) continue;
      entry.progress.changed(
        revision,
        changes.map(({ ref }) => planRefText(ref)),
      );
      entry.sync.publish(revision, changes);
      this.#dirty.add(entry.sync);
    }
  }

  #flushed(): void {
    for (const sync of this.#dirty) sync.flush();
    this.#dirty.clear();
  }

  /** Our store is an old copy: revisions that nodes have were made after it and mean something else (design §5, brakes). */
  #ahead(nodeId: NodeId, revision: number): void {
    if (this.#takingEpoch !== undefined) return;
    const { cluster, log } = this.#deps;
    log.error(
      { node: nodeId, nodeRevision: revision, epoch: cluster.epoch, revision: cluster.revision },
      'a node is ahead of the store, which must be an old copy: taking a new epoch, nodes hold their plans until accepted',
    );
    this.#takingEpoch = this.#takeEpoch();
  }

  /** A failure is the cluster's, and fatal there. */
  async #takeEpoch(): Promise<void> {
    const { cluster, log } = this.#deps;
    try {
      const epoch = await cluster.newEpoch();
      log.info({ epoch }, 'new epoch taken');
    } catch (error) {
      log.error({ err: error }, 'taking a new epoch failed');
      return;
    } finally {
      this.#takingEpoch = undefined;
    }
    for (const entry of this.#entries.values()) {
      entry.progress.forget();
      if (entry.connected) entry.sync.ask();
    }
  }

  #logChange(nodeId: NodeId, progress: NodeProgress, heldBefore: number | undefined, failuresBefore: number): void {
    const { log } = this.#deps;
    if (progress.held !== undefined && heldBefore === undefined) {
      log.warn({ node: nodeId, ...progress.held }, 'node holds its plan back until it is accepted');
    }
    const [first, ...others] = Object.entries(progress.failed);
    if (first !== undefined && failuresBefore === 0) {
      log.warn({ node: nodeId, key: first[0], error: first[1], count: others.length + 1 }, 'node could not apply all of its plan');
    } else if (first === undefined && failuresBefore > 0) {
      log.info({ node: nodeId }, 'node has applied all of its plan again');
    }
  }
}

function rolesOf(types: ReadonlySet<NodeType>): readonly NodeRole[] {
  const roles: NodeRole[] = [];
  if (types.has('compute_node')) roles.push('compute');
  if (types.has('network_node')) roles.push('network');
  if (types.has('concentrator')) roles.push('concentrator');
  return roles;
}
