/**
 * What the scheduler does with each frame, as data: who may send it, and where it goes. Whatever is not in this table is nobody's to send.
 * Adapted from ssntp.md §7.1 and ciao.md §2.
 */
import type { Uuid } from '@weft/core/uuid';
import { NIL_UUID } from '@weft/core/uuid';
import type { Frame } from '@weft/ssntp/frame';
import { Command, ErrorOperand, EventOperand, FrameType, Status, frameKey } from '@weft/ssntp/operands';
import { parseConcentratorInstanceAdded } from '@weft/ssntp/payloads/concentrator-instance-added';
import { parseNodeFailure, parseStartFailure } from '@weft/ssntp/payloads/failure';
import { parseDelete, parseEvacuate, parseRestore } from '@weft/ssntp/payloads/instance-command';
import { parseInstanceDeleted, parseInstanceStopped } from '@weft/ssntp/payloads/instance-event';
import {
  parseAssignPublicIp,
  parsePublicIpAssigned,
  parsePublicIpFailure,
  parsePublicIpUnassigned,
  parseReleasePublicIp,
} from '@weft/ssntp/payloads/public-ip';
import { parseRefreshCnci } from '@weft/ssntp/payloads/refresh-cnci';
import { parseStats } from '@weft/ssntp/payloads/stats';
import { parseTenantAdded, parseTenantRemoved } from '@weft/ssntp/payloads/tenant-event';
import type { TenantEvent } from '@weft/ssntp/payloads/tenant-event';
import { Role } from '@weft/ssntp/role';
import type { NodeStatus } from './placement.ts';

/** What the scheduler reads of a frame that it passes on; the rest is the receiver's. */
export type Claims = Readonly<{
  /** The node that the frame says it comes from: must be the session's. */
  sender?: Uuid | undefined;
  /** The concentrator that the frame speaks for: must be hosted by the session. */
  speaksFor?: Uuid | undefined;
  /** The node it is for. */
  agent?: Uuid | undefined;
  /** The concentrator it is for, whose host gets it. */
  concentrator?: Uuid | undefined;
}>;

export type FrameRule = Readonly<{ from: number }> &
  (
    | Readonly<{ kind: 'start' | 'configure' | 'ready' | 'attach-volume' | 'routed' }>
    | Readonly<{ kind: 'status'; status: Exclude<NodeStatus, 'connected' | 'ready'> }>
    /** To the host of the concentrator that it names, kept for it or, unless `added`, no longer. */
    | Readonly<{ kind: 'hint'; parse: (payload: unknown) => TenantEvent; added: boolean }>
    | Readonly<{ kind: 'to-controllers' | 'to-agent' | 'to-concentrator'; claims: (payload: unknown) => Claims }>
    /** To all controllers, with the sender's node written into the event under `key`: these say what happened but not where. */
    | Readonly<{ kind: 'vouched'; key: string; parse: (payload: unknown) => object; concentratorOf?: (payload: unknown) => Uuid }>
    /** Complaints of a peer about our frames: logged, answered by nothing. */
    | Readonly<{ kind: 'complaint' }>
  );

const LAUNCHERS = Role.CNAgent | Role.NetworkingAgent | Role.Hyperswitch;
/** Roles that are nodes to the controller, each with a plan. */
export const NODES = LAUNCHERS | Role.CNCIAgent;
const GATEWAYS = Role.NetworkingAgent | Role.CNCIAgent;
const EVERYBODY = NODES | Role.Controller;
const { COMMAND, STATUS, ERROR, EVENT } = FrameType;

const RULES: ReadonlyMap<number, FrameRule> = new Map<number, FrameRule>([
  [frameKey(COMMAND, Command.START), { from: Role.Controller, kind: 'start' }],
  [frameKey(COMMAND, Command.CONFIGURE), { from: Role.Controller, kind: 'configure' }],
  [frameKey(COMMAND, Command.DELETE), toAgent((value) => parseDelete(value).workload_agent_uuid)],
  [frameKey(COMMAND, Command.EVACUATE), toAgent((value) => parseEvacuate(value).workload_agent_uuid)],
  [frameKey(COMMAND, Command.Restore), toAgent((value) => parseRestore(value).workload_agent_uuid)],
  [frameKey(COMMAND, Command.AttachVolume), { from: Role.Controller, kind: 'attach-volume' }],
  [frameKey(COMMAND, Command.AssignPublicIP), toConcentrator((value) => parseAssignPublicIp(value).concentrator_uuid)],
  [frameKey(COMMAND, Command.ReleasePublicIP), toConcentrator((value) => parseReleasePublicIp(value).concentrator_uuid)],
  [frameKey(COMMAND, Command.RefreshCNCI), toConcentrator((value) => parseRefreshCnci(value).cnci_uuid)],
  [frameKey(COMMAND, Command.Sync), { from: Role.Controller, kind: 'routed' }],
  [frameKey(COMMAND, Command.Request), { from: EVERYBODY, kind: 'routed' }],
  [frameKey(COMMAND, Command.STATS), toControllers(NODES, (value) => ({ sender: parseStats(value).node_uuid }))],

  [frameKey(STATUS, Status.READY), { from: NODES, kind: 'ready' }],
  [frameKey(STATUS, Status.FULL), { from: NODES, kind: 'status', status: 'full' }],
  [frameKey(STATUS, Status.OFFLINE), { from: NODES, kind: 'status', status: 'offline' }],
  [frameKey(STATUS, Status.MAINTENANCE), { from: NODES, kind: 'status', status: 'maintenance' }],
  [frameKey(STATUS, Status.Synced), { from: NODES, kind: 'routed' }],
  [frameKey(STATUS, Status.Reply), { from: EVERYBODY, kind: 'routed' }],

  [frameKey(ERROR, ErrorOperand.StartFailure), failure((value) => parseStartFailure(value).node_uuid)],
  [frameKey(ERROR, ErrorOperand.DeleteFailure), failure((value) => parseNodeFailure(value).node_uuid)],
  [frameKey(ERROR, ErrorOperand.AttachVolumeFailure), failure((value) => parseNodeFailure(value).node_uuid)],
  [frameKey(ERROR, ErrorOperand.AssignPublicIPFailure), fromGateway((value) => parsePublicIpFailure(value).concentrator_uuid)],
  [frameKey(ERROR, ErrorOperand.UnassignPublicIPFailure), fromGateway((value) => parsePublicIpFailure(value).concentrator_uuid)],
  [frameKey(ERROR, ErrorOperand.InvalidPayload), { from: EVERYBODY, kind: 'routed' }],
  [frameKey(ERROR, ErrorOperand.InvalidFrameType), { from: EVERYBODY, kind: 'complaint' }],

  [frameKey(EVENT, EventOperand.TenantAdded), { from: LAUNCHERS, kind: 'hint', parse: parseTenantAdded, added: true }],
  [frameKey(EVENT, EventOperand.TenantRemoved), { from: LAUNCHERS, kind: 'hint', parse: parseTenantRemoved, added: false }],
  [
    frameKey(EVENT, EventOperand.ConcentratorInstanceAdded),
    {
      from: GATEWAYS,
      kind: 'vouched',
      key: 'concentrator_instance_added',
      parse: parseConcentratorInstanceAdded,
      concentratorOf: (value) => parseConcentratorInstanceAdded(value).instance_uuid,
    },
  ],
  [frameKey(EVENT, EventOperand.PublicIPAssigned), fromGateway((value) => parsePublicIpAssigned(value).concentrator_uuid)],
  [frameKey(EVENT, EventOperand.PublicIPUnassigned), fromGateway((value) => parsePublicIpUnassigned(value).concentrator_uuid)],
  [
    frameKey(EVENT, EventOperand.InstanceDeleted),
    { from: LAUNCHERS, kind: 'vouched', key: 'instance_deleted', parse: parseInstanceDeleted },
  ],
  [
    frameKey(EVENT, EventOperand.InstanceStopped),
    { from: LAUNCHERS, kind: 'vouched', key: 'instance_stopped', parse: parseInstanceStopped },
  ],
]);

/** Undefined for a frame that nobody may send to a scheduler. */
export function ruleOf(frame: Frame): FrameRule | undefined {
  return RULES.get(frameKey(frame.type, frame.operand));
}

function toControllers(from: number, claims: (payload: unknown) => Claims): FrameRule {
  return { from, kind: 'to-controllers', claims };
}

function fromGateway(concentratorOf: (payload: unknown) => Uuid): FrameRule {
  return toControllers(GATEWAYS, (payload) => ({ speaksFor: concentratorOf(payload) }));
}

/** A failure names its node: one without would look like the scheduler's own. */
function failure(nodeOf: (payload: unknown) => Uuid | undefined): FrameRule {
  return toControllers(LAUNCHERS, (payload) => ({ sender: nodeOf(payload) ?? NIL_UUID }));
}

function toAgent(agentOf: (payload: unknown) => Uuid): FrameRule {
  return { from: Role.Controller, kind: 'to-agent', claims: (payload) => ({ agent: agentOf(payload) }) };
}

function toConcentrator(concentratorOf: (payload: unknown) => Uuid): FrameRule {
  return { from: Role.Controller, kind: 'to-concentrator', claims: (payload) => ({ concentrator: concentratorOf(payload) }) };
}
