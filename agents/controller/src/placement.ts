/**
 * Finds a node for every instance and concentrator that has none. Level-triggered: what is unplaced is read from the state, after a restart
 * as after a commit, and asked for again until the scheduler has answered. An answer that comes twice, or too late, changes nothing.
 */
import { placeConcentrator } from '@weft/core/command/concentrator';
import { placeInstance } from '@weft/core/command/instance';
import type { Changes, Concentrator, Instance } from '@weft/core/resource';
import type { ConcentratorId, InstanceId, NodeId } from '@weft/core/uuid';
import { errorInfo } from '@weft/core/weft-error';
import type { ErrorInfo } from '@weft/core/weft-error';
import type { Logger } from '@weft/ssntp/logger';
import type { StartFailure, StartFailureReason } from '@weft/ssntp/payloads/failure';
import type { Placement as PlacementAnswer } from '@weft/ssntp/payloads/placement';
import type { Cluster, Published } from './cluster.ts';
import type { ControllerClock } from './link.ts';

/** START's payload, as much as placement needs. */
export type StartRequest = Readonly<{
  start: Readonly<{
    tenant_uuid: string;
    instance_uuid: string;
    requirements: Readonly<{ mem_mb: number; vcpus: number; network_node: boolean; node_id?: string }>;
  }>;
}>;

export type PlacementDeps = Readonly<{
  cluster: Cluster;
  /** False when there is no scheduler to ask. */
  send: (request: StartRequest) => boolean;
  clock: ControllerClock;
  /** In [0, 1), for jitter. */
  random: () => number;
  log: Logger;
}>;

type Unplaced = Instance | Concentrator;
type UnplacedId = InstanceId | ConcentratorId;

type Attempt = {
  /** Consecutive failures. */
  failures: number;
  /** Why the last attempt failed. */
  error: ErrorInfo | undefined;
  /** Of an answer that is awaited, or of the next attempt. */
  timer: unknown;
  asked: boolean;
};

const ANSWER_MS = 10_000;
const RETRY_MIN_MS = 500;
const RETRY_MAX_MS = 30_000;

/**
 * What the scheduler reserves until a node's next report. A namespace workload or gateway has no fixed size; this is what the node itself
 * spends on one, and keeps them spread. With more, the thousands that may come within one report's time would not fit on a node that has room
 * for all of them.
 */
const INSTANCE_MEM_MB = 1;
const CONCENTRATOR_MEM_MB = 2;

const REASONS: Partial<Readonly<Record<StartFailureReason, string>>> = {
  full_cloud: 'no compute node has room for it',
  full_cn: 'the node that was asked for has no room for it',
  no_cn: 'no compute node is ready',
  no_net_cn: 'no network node is ready',
  node_maintenance: 'the node that was asked for is in maintenance',
};

export class Placement {
  readonly #deps: PlacementDeps;
  readonly #attempts = new Map<UnplacedId, Attempt>();
  #closed = false;

  constructor(deps: PlacementDeps) {
    this.#deps = deps;
    deps.cluster.listen({ published: (commit) => this.#published(commit), flushed: () => undefined });
    for (const record of [...deps.cluster.state.concentrators.values(), ...deps.cluster.state.instances.values()]) this.#consider(record);
  }

  /** Why an unplaced record has not been placed yet, if anybody said. */
  errorOf(id: UnplacedId): ErrorInfo | undefined {
    return this.#attempts.get(id)?.error;
  }

  /** A scheduler is there, or a node that was not: asks at once for all that is unplaced. */
  retryNow(): void {
    for (const [id, attempt] of this.#attempts) {
      if (attempt.asked) continue;
      attempt.failures = 0;
      this.#ask(id, attempt);
    }
  }

  /** The connection to the scheduler is lost, and with it the open questions. */
  disconnected(): void {
    for (const attempt of this.#attempts.values()) this.#idle(attempt);
  }

  /** The scheduler's choice. */
  async placed({ instance_uuid: id, node_uuid: nodeId }: PlacementAnswer): Promise<void> {
    const attempt = this.#attempts.get(id);
    if (attempt === undefined) return;
    this.#idle(attempt);
    // Nobody asks again while the answer becomes durable.
    attempt.asked = true;
    try {
      await this.#commit(id, nodeId);
    } catch (error) {
      // The node's own report may come a moment after the scheduler knows it.
      this.#failed(id, errorInfo(error));
    }
  }

  startFailure({ instance_uuid: id, reason }: StartFailure): void {
    const attempt = this.#attempts.get(id);
    if (attempt?.asked !== true) return;
    this.#failed(id, { code: reason, message: REASONS[reason] ?? `the scheduler answered ${reason}`, retryable: true });
  }

  close(): void {
    this.#closed = true;
    for (const attempt of this.#attempts.values()) this.#idle(attempt);
    this.#attempts.clear();
  }

  async #commit(id: UnplacedId, nodeId: NodeId): Promise<void> {
    await this.#deps.cluster.decide((state, context): Changes => {
      const instance = state.instances.get(id as InstanceId);
      const concentrator = state.concentrators.get(id as ConcentratorId);
      // Placed by an earlier answer, or deleted meanwhile.
      if ((instance ?? concentrator)?.nodeId !== undefined) return { put: [], remove: [] };
      if (instance !== undefined) return placeInstance(state, context, instance.id, nodeId);
      if (concentrator !== undefined) return placeConcentrator(state, context, concentrator.id, nodeId);
      return { put: [], remove: [] };
    });
  }

  #published({ changes }: Published): void {
    for (const record of changes.remove) if (record.kind === 'instance' || record.kind === 'concentrator') this.#settle(record.id);
    for (const record of changes.put) if (record.kind === 'instance' || record.kind === 'concentrator') this.#consider(record);
  }

  #consider(record: Unplaced): void {
    if (record.nodeId !== undefined) return this.#settle(record.id);
    if (this.#attempts.has(record.id) || this.#closed) return;
    const attempt: Attempt = { failures: 0, error: undefined, timer: undefined, asked: false };
    this.#attempts.set(record.id, attempt);
    this.#ask(record.id, attempt);
  }

  #settle(id: UnplacedId): void {
    const attempt = this.#attempts.get(id);
    if (attempt === undefined) return;
    this.#idle(attempt);
    this.#attempts.delete(id);
  }

  #ask(id: UnplacedId, attempt: Attempt): void {
    this.#idle(attempt);
    const request = this.#requestFor(id);
    // Without a scheduler it waits: the connection asks for all of them.
    if (request === undefined || !this.#deps.send(request)) return;
    attempt.asked = true;
    attempt.timer = this.#deps.clock.setTimeout(
      () => this.#failed(id, { code: 'placement_timed_out', message: 'the scheduler has not answered', retryable: true }),
      ANSWER_MS,
    );
  }

  #requestFor(id: UnplacedId): StartRequest | undefined {
    const { state } = this.#deps.cluster;
    const concentrator = state.concentrators.get(id as ConcentratorId);
    if (concentrator !== undefined) {
      const requirements = { mem_mb: CONCENTRATOR_MEM_MB, vcpus: 0, network_node: true };
      return { start: { tenant_uuid: concentrator.tenantId, instance_uuid: id, requirements } };
    }
    const instance = state.instances.get(id as InstanceId);
    if (instance === undefined) return undefined;
    const pin = instance.requestedNodeId === undefined ? {} : { node_id: instance.requestedNodeId };
    const requirements = { mem_mb: INSTANCE_MEM_MB, vcpus: 0, network_node: false, ...pin };
    return { start: { tenant_uuid: instance.tenantId, instance_uuid: id, requirements } };
  }

  #failed(id: UnplacedId, error: ErrorInfo): void {
    const attempt = this.#attempts.get(id);
    if (attempt === undefined || this.#closed) return;
    this.#idle(attempt);
    if (attempt.error?.code !== error.code) this.#deps.log.warn({ instance: id, error }, 'not placed, trying again');
    attempt.error = error;
    attempt.failures += 1;
    const ceilingMs = Math.min(RETRY_MAX_MS, RETRY_MIN_MS * 2 ** (attempt.failures - 1));
    attempt.timer = this.#deps.clock.setTimeout(() => this.#ask(id, attempt), ceilingMs * (0.5 + this.#deps.random() / 2));
  }

  #idle(attempt: Attempt): void {
    this.#deps.clock.clearTimeout(attempt.timer);
    attempt.timer = undefined;
    attempt.asked = false;
  }
}
