import type { Ipv4 } from '@weft/core/ipv4';
import type { GatewayBody } from '@weft/core/plan/gateway';
import type { Synced } from '@weft/core/plan/sync';
import type { NodeRole } from '@weft/core/resource';
import type { ConcentratorId, InstanceId, NodeId } from '@weft/core/uuid';
import { NIL_UUID } from '@weft/core/uuid';
import type { ErrorInfo } from '@weft/core/weft-error';
import { plainFrame, routedFrame } from '@weft/ssntp/frame';
import type { Frame } from '@weft/ssntp/frame';
import { Command, ErrorOperand, EventOperand, FrameType, Status } from '@weft/ssntp/operands';
import { encodePayload } from '@weft/ssntp/payload';
import type { ConcentratorInstanceAdded } from '@weft/ssntp/payloads/concentrator-instance-added';
import type { InstanceEvent } from '@weft/ssntp/payloads/instance-event';
import type { PublicIpEvent, PublicIpFailure } from '@weft/ssntp/payloads/public-ip';
import type { Ready } from '@weft/ssntp/payloads/ready';
import type { InstanceStats, Stats } from '@weft/ssntp/payloads/stats';
import type { TenantEvent } from '@weft/ssntp/payloads/tenant-event';
import type { NodeFacts } from './node-facts.ts';
import type { Applied } from './reconciler.ts';
import type { InstanceState } from './runner.ts';

/** Who reports. */
export type ReportingNode = Readonly<{ nodeId: NodeId; hostname: string; roles: readonly NodeRole[] }>;

/** More failures than this say nothing new, and a frame has room for a megabyte. */
const MAX_REPORTED_FAILURES = 500;

export function readyFrame({ nodeId, hostname }: ReportingNode, facts: NodeFacts): Frame {
  const ready: Ready = { node_uuid: nodeId, ...facts, hostname };
  return plainFrame(FrameType.STATUS, Status.READY, encodePayload(ready));
}

/** An instance takes some 160 bytes of a frame, which has room for a megabyte. */
const INSTANCES_PER_FRAME = 4000;

/**
 * STATS, with the node's roles under `weft_roles`, for the controller does not see the mask that the scheduler knows, and where its tunnels
 * end under `weft_vtep`: of several addresses only the node knows which one that is. More instances than a frame holds follow in further
 * frames, which say under `weft_part` which of how many they are; together they are one report.
 */
export function statsFrames(
  { nodeId, hostname, roles, vtep }: ReportingNode & Readonly<{ vtep?: Ipv4 | undefined }>,
  facts: NodeFacts,
  instances: readonly Readonly<{ instanceId: InstanceId; state: InstanceState }>[],
): Frame[] {
  const stats: Omit<Stats, 'instances'> & { weft_roles: readonly NodeRole[]; weft_vtep?: Ipv4 | undefined } = {
    node_uuid: nodeId,
    ...facts,
    hostname,
    status: 'READY',
    weft_roles: roles,
    ...(vtep === undefined ? {} : { weft_vtep: vtep }),
  };
  const parts = Math.max(1, Math.ceil(instances.length / INSTANCES_PER_FRAME));
  return Array.from({ length: parts }, (_, at) => {
    const some = instances.slice(at * INSTANCES_PER_FRAME, (at + 1) * INSTANCES_PER_FRAME).map(instanceStats);
    const part = parts === 1 ? {} : { weft_part: { number: at + 1, of: parts } };
    return plainFrame(FrameType.COMMAND, Command.STATS, encodePayload({ ...stats, ...part, instances: some }));
  });
}

function instanceStats({ instanceId, state }: Readonly<{ instanceId: InstanceId; state: InstanceState }>): InstanceStats {
  return {
    instance_uuid: instanceId,
    state,
    ssh_ip: undefined,
    ssh_port: 0,
    memory_usage_mb: -1,
    disk_usage_mb: -1,
    cpu_usage: -1,
    volumes: [],
  };
}

/** To the leading controller. */
export function syncedFrame(synced: Synced): Frame {
  return routedFrame(FrameType.STATUS, Status.Synced, NIL_UUID, encodePayload(synced));
}

/** What has been applied, and what of it is held back. */
export function appliedReport({ epoch, revision, failed }: Applied, held: Synced['held']): Synced {
  return { epoch, revision, failed: failureRecord(failed), ...(held === undefined ? {} : { held }) };
}

function failureRecord(failed: ReadonlyMap<string, ErrorInfo>): Record<string, ErrorInfo> {
  return Object.fromEntries([...failed].slice(0, MAX_REPORTED_FAILURES));
}

/** A gateway runs here. Undefined as long as it has no segment: the event names the MAC of the first. */
export function gatewayAddedFrame({ concentratorId, tenantId, segments }: GatewayBody, vtep: Ipv4): Frame | undefined {
  const mac = segments[0]?.mac;
  if (mac === undefined) return undefined;
  const event: ConcentratorInstanceAdded = {
    instance_uuid: concentratorId,
    tenant_uuid: tenantId,
    concentrator_ip: vtep,
    concentrator_mac: mac,
  };
  return plainFrame(FrameType.EVENT, EventOperand.ConcentratorInstanceAdded, encodePayload({ concentrator_instance_added: event }));
}

/** A segment whose gateway is elsewhere has come to this node, with these ports. */
export function tenantAddedFrame(event: TenantEvent): Frame {
  return plainFrame(FrameType.EVENT, EventOperand.TenantAdded, encodePayload({ tenant_added: event }));
}

/** Takes back what was said last. */
export function tenantRemovedFrame(said: TenantEvent): Frame {
  return plainFrame(FrameType.EVENT, EventOperand.TenantRemoved, encodePayload({ tenant_removed: { ...said, weft_ports: [] } }));
}

/** Nothing of an instance is left here. */
export function instanceDeletedFrame(instanceId: InstanceId): Frame {
  const event: InstanceEvent = { instance_uuid: instanceId };
  return plainFrame(FrameType.EVENT, EventOperand.InstanceDeleted, encodePayload({ instance_deleted: event }));
}

/** A public address, and where it leads. */
export type PublicMapping = Readonly<{
  address: Ipv4;
  concentratorId: ConcentratorId;
  internal: Ipv4;
  instanceId: InstanceId | undefined;
}>;

/** PublicIPAssigned or PublicIPUnassigned: the data path has done it. */
export function publicIpEventFrame(what: 'assigned' | 'unassigned', mapping: PublicMapping): Frame {
  const { address, concentratorId, internal, instanceId } = mapping;
  const event: PublicIpEvent = {
    concentrator_uuid: concentratorId,
    instance_uuid: instanceId,
    public_ip: address,
    private_ip: internal,
  };
  const operand = what === 'assigned' ? EventOperand.PublicIPAssigned : EventOperand.PublicIPUnassigned;
  return plainFrame(FrameType.EVENT, operand, encodePayload({ [`public_ip_${what}`]: event }));
}

/** AssignPublicIPFailure or UnassignPublicIPFailure: the data path cannot. */
export function publicIpFailureFrame(what: 'assign' | 'release', mapping: PublicMapping): Frame {
  const { address, concentratorId, internal, instanceId } = mapping;
  const failure: PublicIpFailure = {
    concentrator_uuid: concentratorId,
    tenant_uuid: undefined,
    instance_uuid: instanceId,
    public_ip: address,
    private_ip: internal,
    reason: `${what}_failure`,
  };
  const operand = what === 'assign' ? ErrorOperand.AssignPublicIPFailure : ErrorOperand.UnassignPublicIPFailure;
  return plainFrame(FrameType.ERROR, operand, encodePayload(failure));
}
