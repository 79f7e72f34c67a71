/**
 * The SSNTP server of a cluster: everybody connects here, and nobody to anybody else. It knows who is connected, decides where a workload
 * fits, and passes frames on; it keeps nothing on disk, and after a restart learns everything anew from those who come back.
 *
 *     controller ──START──►  placement  ──Reply / StartFailure──► controller
 *     controller ──Sync, Request, DELETE …──►  by destination  ──► node
 *     node ──Synced, Reply, Request, STATS, events──►  ──► the leading controller, or all
 *     launcher ──TenantAdded──►  by concentrator  ──► its host, and again when it comes back
 */
import type { NodeId, Uuid } from '@weft/core/uuid';
import { NIL_UUID } from '@weft/core/uuid';
import { InvalidValue, WeftError, errorInfo } from '@weft/core/weft-error';
import type { ByteStream } from '@weft/ssntp/byte-stream';
import type { Clock } from '@weft/ssntp/clock';
import type { Frame, RoutedFrame } from '@weft/ssntp/frame';
import { framePayload, plainFrame, routedFrame } from '@weft/ssntp/frame';
import type { Logger } from '@weft/ssntp/logger';
import { ErrorOperand, EventOperand, FrameType, Status, frameKey, frameName } from '@weft/ssntp/operands';
import { decodeDocuments, decodePayload, encodePayload } from '@weft/ssntp/payload';
import { parseConfigure } from '@weft/ssntp/payloads/configure';
import type { NodeFailure, StartFailure } from '@weft/ssntp/payloads/failure';
import { parseAttachVolume } from '@weft/ssntp/payloads/instance-command';
import { invalidPayloadFrame } from '@weft/ssntp/payloads/invalid-payload';
import type { NodeEvent, NodeType } from '@weft/ssntp/payloads/node-event';
import type { Placement } from '@weft/ssntp/payloads/placement';
import { parseReady } from '@weft/ssntp/payloads/ready';
import { parseStartDocuments } from '@weft/ssntp/payloads/start';
import type { TenantEvent } from '@weft/ssntp/payloads/tenant-event';
import { Role, hasAnyRole, roleName } from '@weft/ssntp/role';
import { SsntpServer } from '@weft/ssntp/server';
import type { CloseReason, Session } from '@weft/ssntp/session';
import type { Claims, FrameRule } from './frame-rules.ts';
import { NODES, ruleOf } from './frame-rules.ts';
import { KeptHints } from './kept-hints.ts';
import type { NodeRecord } from './node-table.ts';
import { NodeTable } from './node-table.ts';
import { requirementsOf } from './placement.ts';

export type SchedulerOptions = Readonly<{
  uuid: Uuid;
  /** The payload of CONNECTED, `{ configure: … }`; a CONFIGURE from a controller replaces it until the next start. */
  configuration: unknown;
  heartbeatMs?: number;
  maxQueuedBytes?: number;
}>;

export type SchedulerDeps = Readonly<{ clock: Clock; log: Logger }>;

/** Counters since the start; a dropped frame is one whose receiver is not connected. */
export type SchedulerCounters = Readonly<{ forwarded: number; dropped: number; refused: number; placed: number; notPlaced: number }>;

export type SchedulerStatus = Readonly<{
  leader: Uuid | undefined;
  controllers: readonly Uuid[];
  nodes: readonly Readonly<NodeRecord>[];
  /** Host of each announced concentrator. */
  concentrators: ReadonlyMap<Uuid, Uuid>;
  /** How many hints are kept. */
  hints: number;
  counters: SchedulerCounters;
}>;

const MIB = 1024 * 1024;
const KEPT_HINTS = { lifeMs: 300_000, maxBytes: 4 * MIB, maxBytesPerAgent: MIB / 2 };
/** Room for all that a hint may say; the rest of what a frame can carry would only be kept. */
const MAX_HINT_BYTES = 128 * 1024;

const NODE_TYPES: ReadonlyArray<readonly [role: number, type: NodeType]> = [
  [Role.CNAgent, 'compute_node'],
  [Role.NetworkingAgent, 'network_node'],
  [Role.CNCIAgent, 'concentrator'],
  [Role.Hyperswitch, 'hyperswitch'],
];

export class Scheduler {
  readonly #uuid: Uuid;
  readonly #log: Logger;
  readonly #server: SsntpServer;
  #configuration: unknown;
  readonly #nodes = new NodeTable();
  /** In order of connection; the newest leads. */
  #controllers: Uuid[] = [];
  readonly #concentratorHosts = new Map<Uuid, Uuid>();
  readonly #hints: KeptHints;
  readonly #counters = { forwarded: 0, dropped: 0, refused: 0, placed: 0, notPlaced: 0 };
  /** Kinds of frame of which a session's first refusal was logged. */
  readonly #complained = new WeakMap<Session, Set<number>>();

  constructor(options: SchedulerOptions, deps: SchedulerDeps) {
    const { configuration, ...rest } = options;
    this.#uuid = options.uuid;
    this.#configuration = configuration;
    this.#log = deps.log;
    this.#hints = new KeptHints(KEPT_HINTS, { clock: deps.clock, isLed: () => this.#leader() !== undefined });
    this.#server = new SsntpServer(
      { ...rest, role: Role.Scheduler, configuration: () => this.#configuration },
      {
        clock: deps.clock,
        log: deps.log,
        handler: {
          connected: (session) => this.#onConnected(session),
          disconnected: (session, reason) => this.#onDisconnected(session, reason),
          frame: (session, frame) => this.#onFrame(session, frame),
        },
      },
    );
  }

  /** Takes over a stream from a transport, or the scheduler's end of a memory stream. */
  accept(stream: ByteStream): void {
    this.#server.accept(stream);
  }

  /** Ends all sessions; the transports are their owner's to close first. */
  close(): void {
    this.#server.closeAll();
  }

  status(): SchedulerStatus {
    return {
      leader: this.#leader(),
      controllers: [...this.#controllers],
      nodes: Array.from(this.#nodes.values(), (node) => ({ ...node })),
      concentrators: new Map(this.#concentratorHosts),
      hints: this.#hints.size,
      counters: { ...this.#counters },
    };
  }

  #leader(): Uuid | undefined {
    return this.#controllers.at(-1);
  }

  #onConnected(session: Session): void {
    const { peerUuid, peerRole, address } = session;
    this.#log.info({ peer: peerUuid, role: roleName(peerRole), address }, 'connected');
    if (hasAnyRole(peerRole, NODES)) {
      this.#nodes.add(peerUuid as NodeId, peerRole);
      this.#tellNodeEvent(EventOperand.NodeConnected, session);
    }
    if (hasAnyRole(peerRole, Role.Controller)) {
      this.#controllers.push(peerUuid);
      // Compute nodes first, as the original does.
      for (const [role, type] of NODE_TYPES) {
        for (const other of this.#server.sessions()) {
          if (hasAnyRole(other.peerRole, role)) session.send(nodeEventFrame(EventOperand.NodeConnected, other.peerUuid, type));
        }
      }
    }
  }

  #onDisconnected(session: Session, reason: CloseReason): void {
    const { peerUuid, peerRole, address } = session;
    this.#log.info({ peer: peerUuid, role: roleName(peerRole), address, reason: reason.message }, 'disconnected');
    this.#controllers = this.#controllers.filter((uuid) => uuid !== peerUuid);
    if (!hasAnyRole(peerRole, NODES)) return;
    this.#nodes.remove(peerUuid);
    for (const [concentrator, host] of this.#concentratorHosts) if (host === peerUuid) this.#concentratorHosts.delete(concentrator);
    this.#tellNodeEvent(EventOperand.NodeDisconnected, session);
  }

  #tellNodeEvent(operand: number, { peerUuid, peerRole }: Session): void {
    for (const [role, type] of NODE_TYPES) {
      if (hasAnyRole(peerRole, role)) this.#toControllers(nodeEventFrame(operand, peerUuid, type));
    }
  }

  #onFrame(session: Session, frame: Frame): void {
    const rule = ruleOf(frame);
    if (rule === undefined || !hasAnyRole(session.peerRole, rule.from)) {
      return this.#refuse(session, frame, `not for role ${roleName(session.peerRole)} to send`);
    }
    if (frame.type === FrameType.COMMAND && rule.from === Role.Controller && session.peerUuid !== this.#leader()) {
      return this.#refuse(session, frame, 'only the leading controller commands');
    }
    try {
      this.#apply(rule, session, frame);
    } catch (error) {
      if (!(error instanceof WeftError)) throw error;
      this.#refuse(session, frame, error.message);
      session.send(fromUs(invalidPayloadFrame(session.peerUuid, frame, errorInfo(error)), this.#uuid));
    }
  }

  /** Throws a WeftError for a payload that cannot be used; nothing has happened then. */
  #apply(rule: FrameRule, session: Session, frame: Frame): void {
    switch (rule.kind) {
      case 'routed':
        return this.#route(session, frame as RoutedFrame);
      case 'to-controllers':
        this.#checkedClaims(session, rule.claims(decodePayload(framePayload(frame))));
        return this.#toControllers(frame);
      case 'to-agent':
        return this.#forward(rule.claims(decodePayload(framePayload(frame))).agent, frame);
      case 'to-concentrator': {
        const { concentrator } = this.#checkedClaims(session, rule.claims(decodePayload(framePayload(frame))));
        return this.#forward(concentrator === undefined ? undefined : this.#concentratorHosts.get(concentrator), frame);
      }
      case 'vouched': {
        const payload = decodePayload(framePayload(frame));
        const event = { ...rule.parse(payload), node_uuid: session.peerUuid };
        if (rule.concentratorOf !== undefined) this.#announced(rule.concentratorOf(payload), session.peerUuid);
        return this.#toControllers(plainFrame(frame.type, frame.operand, encodePayload({ [rule.key]: event })));
      }
      case 'hint': {
        const payload = framePayload(frame);
        if (payload.length > MAX_HINT_BYTES) throw new InvalidValue('hint', payload.length, `has more than ${MAX_HINT_BYTES} bytes`);
        return this.#hint(session, frame, rule.parse(decodePayload(payload)), rule.added);
      }
      case 'ready': {
        const ready = parseReady(decodePayload(framePayload(frame)));
        this.#checkedClaims(session, { sender: ready.node_uuid });
        return this.#nodes.ready(session.peerUuid, ready);
      }
      case 'status':
        return this.#nodes.setStatus(session.peerUuid, rule.status);
      case 'start':
        return this.#start(session, frame);
      case 'configure': {
        const configuration = decodePayload(framePayload(frame));
        parseConfigure(configuration);
        this.#configuration = configuration;
        return;
      }
      case 'attach-volume': {
        const { instance_uuid, volume_uuid } = parseAttachVolume(decodePayload(framePayload(frame)));
        const failure: NodeFailure = { node_uuid: undefined, instance_uuid, volume_uuid, reason: 'not_supported' };
        session.send(plainFrame(FrameType.ERROR, ErrorOperand.AttachVolumeFailure, encodePayload(failure)));
        return;
      }
      case 'complaint':
        this.#log.debug({ peer: session.peerUuid }, 'a peer does not know a frame of ours');
    }
  }

  /** START asks for a place and is not passed on: the plan starts the workload (design §4). */
  #start(session: Session, frame: Frame): void {
    const { start } = parseStartDocuments(decodeDocuments(framePayload(frame)));
    const result = this.#nodes.reserve(requirementsOf(start));
    if (result.kind === 'placed') {
      this.#counters.placed++;
      const placement: Placement = { instance_uuid: start.instance_uuid, node_uuid: result.node.uuid };
      session.send(routedFrame(FrameType.STATUS, Status.Reply, session.peerUuid, encodePayload(placement), this.#uuid));
    } else {
      this.#counters.notPlaced++;
      const failure: StartFailure = { instance_uuid: start.instance_uuid, reason: result.reason, restart: start.restart };
      session.send(plainFrame(FrameType.ERROR, ErrorOperand.StartFailure, encodePayload(failure)));
    }
  }

  /** By destination, with the true origin. One end is always a controller: nodes have nothing to say to each other here. */
  #route(session: Session, frame: RoutedFrame): void {
    const { destination, payload } = frame.body;
    const receiver = this.#server.session(destination === NIL_UUID ? (this.#leader() ?? NIL_UUID) : destination);
    if (receiver !== undefined && !hasAnyRole(session.peerRole | receiver.peerRole, Role.Controller)) {
      return this.#refuse(session, frame, 'not for a node to send to another');
    }
    this.#forward(receiver?.peerUuid, routedFrame(frame.type, frame.operand, destination, payload, session.peerUuid));
  }

  #announced(concentrator: Uuid, host: Uuid): void {
    this.#concentratorHosts.set(concentrator, host);
    for (const payload of this.#hints.for(concentrator)) {
      this.#forward(host, plainFrame(FrameType.EVENT, EventOperand.TenantAdded, payload));
    }
  }

  #hint(session: Session, frame: Frame, event: TenantEvent, added: boolean): void {
    this.#checkedClaims(session, { sender: event.agent_uuid });
    if (added) this.#hints.keep(event, framePayload(frame));
    else this.#hints.forget(event);
    this.#forward(this.#concentratorHosts.get(event.concentrator_uuid), frame);
  }

  #checkedClaims(session: Session, claims: Claims): Claims {
    const { sender, speaksFor } = claims;
    if (sender !== undefined && sender !== session.peerUuid)
      throw new InvalidValue('sender', sender, `is not ${session.peerUuid}, which sent it`);
    if (speaksFor !== undefined && this.#concentratorHosts.get(speaksFor) !== session.peerUuid) {
      throw new InvalidValue('concentrator_uuid', speaksFor, 'was not announced by the sender');
    }
    return claims;
  }

  #toControllers(frame: Frame): void {
    for (const controller of this.#controllers) this.#forward(controller, frame);
  }

  #forward(receiver: Uuid | undefined, frame: Frame): void {
    if (receiver !== undefined && this.#server.send(receiver, frame)) {
      this.#counters.forwarded++;
      return;
    }
    this.#counters.dropped++;
    this.#log.debug({ frame: frameName(frame.type, frame.operand), receiver }, 'frame dropped: its receiver is not connected');
  }

  /** One log line per session and kind of frame: a peer that is wrong is wrong often. */
  #refuse(session: Session, frame: Frame, reason: string): void {
    this.#counters.refused++;
    const logged = this.#complained.get(session) ?? new Set();
    this.#complained.set(session, logged);
    const key = frameKey(frame.type, frame.operand);
    if (logged.has(key)) return;
    logged.add(key);
    const { peerUuid, peerRole } = session;
    this.#log.warn({ peer: peerUuid, role: roleName(peerRole), frame: frameName(frame.type, frame.operand), reason }, 'frame refused');
  }
}

function nodeEventFrame(operand: number, node: Uuid, node_type: NodeType): Frame {
  const event: NodeEvent = { node_uuid: node as NodeId, node_type };
  const key = operand === EventOperand.NodeConnected ? 'node_connected' : 'node_disconnected';
  return plainFrame(FrameType.EVENT, operand, encodePayload({ [key]: event }));
}

function fromUs(frame: RoutedFrame, origin: Uuid): RoutedFrame {
  return { ...frame, body: { ...frame.body, origin } };
}
