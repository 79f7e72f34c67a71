import type { ClusterConfig } from '@weft/core/command/context';
import { giveAddress } from '@weft/core/command/node';
import { oneOf } from '@weft/core/fields';
import { parseIpv4 } from '@weft/core/ipv4';
import { parseSynced } from '@weft/core/plan/sync';
import type { Sync } from '@weft/core/plan/sync';
import { NODE_ROLES } from '@weft/core/resource';
import type { ConcentratorId, NodeId, Uuid } from '@weft/core/uuid';
import { WeftError, errorInfo } from '@weft/core/weft-error';
import type { SsntpClientHandler } from '@weft/ssntp/client';
import { framePayload, plainFrame, routedFrame } from '@weft/ssntp/frame';
import type { Frame } from '@weft/ssntp/frame';
import type { Logger } from '@weft/ssntp/logger';
import { Command, ErrorOperand, EventOperand, FrameType, Status, frameKey, frameName } from '@weft/ssntp/operands';
import { decodePayload, encodePayload } from '@weft/ssntp/payload';
import { PayloadMap } from '@weft/ssntp/payload-map';
import { parseConcentratorInstanceAdded } from '@weft/ssntp/payloads/concentrator-instance-added';
import { parseStartFailure } from '@weft/ssntp/payloads/failure';
import { parseInstanceDeleted, parseInstanceStopped } from '@weft/ssntp/payloads/instance-event';
import type { InstanceEvent } from '@weft/ssntp/payloads/instance-event';
import { invalidPayloadFrame, parseInvalidPayload } from '@weft/ssntp/payloads/invalid-payload';
import { parseNodeConnected, parseNodeDisconnected } from '@weft/ssntp/payloads/node-event';
import { parsePlacement } from '@weft/ssntp/payloads/placement';
import { parsePublicIpAssigned, parsePublicIpFailure, parsePublicIpUnassigned } from '@weft/ssntp/payloads/public-ip';
import { parseRequest, replyFrame } from '@weft/ssntp/payloads/request';
import { parseStats } from '@weft/ssntp/payloads/stats';
import { UNDERLAY_ADDRESS } from '@weft/ssntp/payloads/underlay-address';
import type { UnderlayAddress } from '@weft/ssntp/payloads/underlay-address';
import type { Store } from '@weft/store/store';
import { Cluster } from './cluster.ts';
import { EventLog } from './event-log.ts';
import { LifeEvents } from './life-events.ts';
import type { ControllerClock, SchedulerLink } from './link.ts';
import { NodeCalls } from './node-calls.ts';
import { NodeRegistry } from './node-registry.ts';
import type { StatsAdditions } from './node-registry.ts';
import { Placement } from './placement.ts';
import { PublicAddresses } from './public-addresses.ts';
import { Retirement } from './retirement.ts';
import type { StatusSources } from './status.ts';

export type ControllerOptions = Readonly<{
  config: ClusterConfig;
  /** How long a concentrator that nothing uses is kept. Default 300000. */
  concentratorIdleMs?: number;
}>;

const CONCENTRATOR_IDLE_MS = 300_000;

export type ControllerDeps = Readonly<{
  store: Store;
  /** Makes the connection to the scheduler, not started yet: `(handler) => new SsntpClient(options, { …, handler })`. */
  connect: (handler: SsntpClientHandler) => SchedulerLink;
  clock: ControllerClock;
  /** In [0, 1). */
  random: () => number;
  randomUuid: () => string;
  randomBytes: (count: number) => Uint8Array;
  log: Logger;
  /** What this process knows can no longer be trusted: it must end and be started again. */
  fatal: (error: unknown) => void;
}>;

/** Reads a frame's payload and acts on it. Throws a WeftError for what cannot be read. */
type FrameHandler = (payload: unknown, origin: Uuid | undefined) => Promise<void> | void;
type FrameHandlers = ReadonlyMap<number, FrameHandler>;

/**
 * The controller without its REST border: state, plans, placement, and the SSNTP frames that feed them.
 *
 *     REST ─────▶ cluster ──plans──▶ nodes ──Sync──▶ scheduler ──▶ launchers
 *                    ▲ └─unplaced──▶ placement ──START──▶ │
 *                    └───────────────────────────────────┴── Synced, STATS, placements, events
 */
export class Controller {
  readonly cluster: Cluster;
  readonly nodes: NodeRegistry;
  readonly calls: NodeCalls;
  /** What happened, for the API. */
  readonly events: EventLog;
  readonly clock: ControllerClock;
  readonly #placement: Placement;
  readonly #retirement: Retirement;
  readonly #publicAddresses: PublicAddresses;
  readonly #life: LifeEvents;
  readonly #link: SchedulerLink;
  readonly #log: Logger;
  readonly #announced = new Map<ConcentratorId, NodeId>();
  readonly #handlers: FrameHandlers;
  /** What is under way on behalf of a frame; each owns its failure. */
  readonly #tasks = new Set<Promise<void>>();
  readonly #complaints = new Set<string>();
  #isConnected = false;

  private constructor(options: ControllerOptions, cluster: Cluster, deps: ControllerDeps) {
    this.cluster = cluster;
    this.#log = deps.log;
    this.#handlers = this.#frameHandlers();
    this.#link = deps.connect({
      connected: () => this.#connected(),
      disconnected: () => this.#disconnected(),
      frame: (frame) => this.#onFrame(frame),
    });
    const { clock, log, random } = deps;
    this.clock = clock;
    this.events = new EventLog({}, { wallMs: () => clock.wallMs() });
    this.#life = new LifeEvents({ cluster, events: this.events });
    this.nodes = new NodeRegistry({
      cluster,
      clock,
      log,
      send: (nodeId, sync) => this.#sendSync(nodeId, sync),
      reported: (nodeId) => this.#publicAddresses.reported(nodeId),
      connected: (nodeId) => this.#life.nodeConnected(nodeId),
      lost: (nodeId) => this.#life.nodeLost(nodeId),
      ready: () => this.#placement.retryNow(),
    });
    this.calls = new NodeCalls({
      isConnected: (nodeId) => this.nodes.observe(nodeId)?.connected ?? false,
      request: (op, body, terms) => this.#link.request(op, body, terms),
    });
    this.#placement = new Placement({
      cluster,
      clock,
      log,
      random,
      send: (request) => this.#isConnected && this.#link.send(plainFrame(FrameType.COMMAND, Command.START, encodePayload(request))),
    });
    const observe: StatusSources['observe'] = (nodeId) => this.nodes.observe(nodeId);
    this.#publicAddresses = new PublicAddresses({ cluster, events: this.events, log, observe });
    this.#retirement = new Retirement({ idleMs: options.concentratorIdleMs ?? CONCENTRATOR_IDLE_MS }, { cluster, clock, log });
    cluster.listen({
      published: ({ changes }) => {
        for (const record of changes.put) {
          // What it said of itself there says nothing of where it is to be now.
          if (record.kind === 'concentrator' && this.#announced.get(record.id) !== record.nodeId) this.#announced.delete(record.id);
        }
        for (const record of changes.remove) {
          if (record.kind === 'concentrator') this.#announced.delete(record.id);
          if (record.kind === 'node') this.nodes.forget(record.id);
        }
      },
      flushed: () => undefined,
    });
  }

  /** Reads the store; nothing is sent before {@link start}. Throws as `Cluster.open`. */
  static async open(options: ControllerOptions, deps: ControllerDeps): Promise<Controller> {
    const { store, clock, randomUuid, randomBytes, fatal } = deps;
    const cluster = await Cluster.open(options, { store, randomUuid, randomBytes, fatal, wallMs: () => clock.wallMs() });
    return new Controller(options, cluster, deps);
  }

  start(): void {
    this.#link.start();
  }

  /** Ends the connection and waits for what is under way. The store stays open: it is the caller's. */
  async close(): Promise<void> {
    this.#placement.close();
    this.#retirement.close();
    await this.#link.close();
    await Promise.all(this.#tasks);
    await this.#publicAddresses.drain();
    await this.nodes.drain();
  }

  /** Whether the scheduler can be asked for a place. */
  get schedulerConnected(): boolean {
    return this.#isConnected;
  }

  /** For the statuses that the API shows. */
  get statusSources(): StatusSources {
    return {
      state: this.cluster.state,
      observe: (nodeId) => this.nodes.observe(nodeId),
      placementError: (id) => this.#placement.errorOf(id),
      announcedFrom: (id) => this.#announced.get(id),
    };
  }

  #connected(): void {
    this.#isConnected = true;
    this.#placement.retryNow();
  }

  #disconnected(): void {
    this.#isConnected = false;
    this.#placement.disconnected();
    this.nodes.allDisconnected();
  }

  #sendSync(nodeId: NodeId, sync: Sync): void {
    // A frame that does not go out was for a connection that is gone; the next one begins with `ask`.
    this.#link.send(routedFrame(FrameType.COMMAND, Command.Sync, nodeId, encodePayload(sync)));
  }

  /** A frame that cannot be read costs that frame, never the connection; its sender is told where that is possible. */
  #onFrame(frame: Frame): void {
    const origin = frame.body.kind === 'routed' ? frame.body.origin : undefined;
    const handle = this.#handlers.get(frameKey(frame.type, frame.operand));
    if (handle === undefined) {
      this.#log.debug({ frame: frameName(frame.type, frame.operand), origin }, 'frame not for a controller');
      return;
    }
    try {
      const task = handle(decodePayload(framePayload(frame)), origin);
      if (task !== undefined) this.#own(task, frame, origin);
    } catch (error) {
      if (!(error instanceof WeftError)) throw error;
      this.#complain(frame, origin, error);
      if (origin !== undefined && frame.type !== FrameType.ERROR) this.#link.send(invalidPayloadFrame(origin, frame, errorInfo(error)));
    }
  }

  #own(task: Promise<void>, frame: Frame, origin: Uuid | undefined): void {
    const owned = task
      .catch((error: unknown) => this.#complain(frame, origin, error))
      .finally(() => {
        this.#tasks.delete(owned);
      });
    this.#tasks.add(owned);
  }

  /** One line per sender and reason: what is wrong once is wrong often. */
  #complain(frame: Frame, origin: Uuid | undefined, error: unknown): void {
    const info = errorInfo(error);
    const key = `${frameKey(frame.type, frame.operand)} ${origin} ${info.code} ${info.message}`;
    if (this.#complaints.has(key)) return;
    if (this.#complaints.size > 1_000) this.#complaints.clear();
    this.#complaints.add(key);
    this.#log.warn({ frame: frameName(frame.type, frame.operand), origin, err: error }, 'frame refused');
  }

  #frameHandlers(): FrameHandlers {
    const { COMMAND, STATUS, ERROR, EVENT } = FrameType;
    return new Map<number, FrameHandler>([
      [
        frameKey(EVENT, EventOperand.NodeConnected),
        (payload) => {
          const { node_uuid, node_type } = parseNodeConnected(payload);
          this.nodes.connected(node_uuid, node_type);
        },
      ],
      [frameKey(EVENT, EventOperand.NodeDisconnected), (payload) => this.nodes.disconnected(parseNodeDisconnected(payload).node_uuid)],
      [frameKey(STATUS, Status.Synced), (payload, origin) => this.nodes.synced(origin as NodeId, parseSynced(payload))],
      [frameKey(COMMAND, Command.STATS), (payload) => this.nodes.stats(parseStats(payload), parseAdditions(payload))],
      [frameKey(STATUS, Status.Reply), (payload, origin) => this.#onReply(payload, origin)],
      [frameKey(ERROR, ErrorOperand.StartFailure), (payload) => this.#placement.startFailure(parseStartFailure(payload))],
      [
        frameKey(EVENT, EventOperand.InstanceDeleted),
        (payload) => {
          this.#instanceEvent(parseInstanceDeleted(payload), undefined);
        },
      ],
      [
        frameKey(EVENT, EventOperand.InstanceStopped),
        (payload) => {
          this.#instanceEvent(parseInstanceStopped(payload), 'stopped');
        },
      ],
      [
        frameKey(EVENT, EventOperand.ConcentratorInstanceAdded),
        (payload) => {
          const { instance_uuid: id, node_uuid: nodeId } = parseConcentratorInstanceAdded(payload);
          const concentrator = this.cluster.state.concentrators.get(id);
          // From a node that it has left, or never was on, it is not news.
          if (nodeId === undefined || concentrator?.nodeId !== nodeId) return this.#ignored(id, nodeId);
          if (this.#announced.get(id) !== nodeId) this.#life.announced(concentrator);
          this.#announced.set(id, nodeId);
        },
      ],
      [frameKey(EVENT, EventOperand.PublicIPAssigned), (payload) => this.#publicAddresses.assigned(parsePublicIpAssigned(payload))],
      [frameKey(EVENT, EventOperand.PublicIPUnassigned), (payload) => this.#publicAddresses.unassigned(parsePublicIpUnassigned(payload))],
      [
        frameKey(ERROR, ErrorOperand.AssignPublicIPFailure),
        (payload) => this.#publicAddresses.assignFailure(parsePublicIpFailure(payload)),
      ],
      [
        frameKey(ERROR, ErrorOperand.UnassignPublicIPFailure),
        (payload) => this.#publicAddresses.unassignFailure(parsePublicIpFailure(payload)),
      ],
      [
        frameKey(ERROR, ErrorOperand.InvalidPayload),
        (payload, origin) => this.#log.warn({ origin, ...parseInvalidPayload(payload) }, 'a frame of ours was refused'),
      ],
      [frameKey(COMMAND, Command.Request), (payload, origin) => this.#onRequest(payload, origin)],
    ]);
  }

  /** The scheduler's answer to START. A node's is to a question that nobody waits for any more, and never a placement. */
  #onReply(payload: unknown, origin: Uuid | undefined): Promise<void> | void {
    if (this.nodes.observe(origin as NodeId) === undefined) return this.#placement.placed(parsePlacement(payload));
    this.#log.debug({ origin }, 'an answer came too late');
  }

  /** Counts only from the node that the state names; the scheduler vouches for where an event came from. */
  #instanceEvent({ instance_uuid: id, node_uuid: nodeId }: InstanceEvent, state: string | undefined): void {
    const instance = this.cluster.state.instances.get(id);
    if (nodeId === undefined || instance?.nodeId !== nodeId) return this.#ignored(id, nodeId);
    const known = this.nodes.observe(nodeId)?.instances.get(id);
    if (state === 'stopped' && known !== state) this.#life.instanceStopped(instance);
    this.nodes.instanceEvent(nodeId, id, state);
  }

  #ignored(instance: Uuid, node: NodeId | undefined): void {
    this.#log.debug({ instance, node }, 'event ignored: what it speaks of is not on that node');
  }

  /** What nodes ask. Whoever asks for what cannot be is told so and does not wait in vain. */
  async #onRequest(payload: unknown, origin: Uuid | undefined): Promise<void> {
    const { id, op } = parseRequest(payload);
    if (origin === undefined) return;
    try {
      if (op !== UNDERLAY_ADDRESS) throw new WeftError('unknown_request', `the controller does not know the request ${op}`);
      const given = await this.cluster.decide((state, context) => giveAddress(state, context, origin as NodeId));
      const ok: UnderlayAddress = { address: given.address, prefix_length: given.prefixLength };
      this.#link.send(replyFrame(origin, { id, ok }));
    } catch (error) {
      if (!(error instanceof WeftError)) throw error;
      this.#link.send(replyFrame(origin, { id, error: errorInfo(error) }));
    }
  }
}

const parseRole = oneOf(...NODE_ROLES);

function parseAdditions(payload: unknown): StatsAdditions {
  const map = new PayloadMap(payload, 'stats');
  return {
    roles: map.has('weft_roles') ? map.list('weft_roles', parseRole) : undefined,
    vtep: map.optionalParsed('weft_vtep', parseIpv4),
    part: map.optionalParsed('weft_part', parsePart),
  };
}

function parsePart(value: unknown): NonNullable<StatsAdditions['part']> {
  const map = new PayloadMap(value, 'weft_part');
  return { number: map.integer('number', 1), of: map.integer('of', 1) };
}
