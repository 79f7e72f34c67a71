import type { Ipv4 } from '@weft/core/ipv4';
import { parseIpv4 } from '@weft/core/ipv4';
import type { ConcentratorId, InstanceId, TenantId } from '@weft/core/uuid';
import { PayloadMap } from '../payload-map.ts';

/** COMMAND AssignPublicIP and ReleasePublicIP (ssntp.md §11.4), for the concentrator's host. */
export type PublicIpCommand = Readonly<{
  concentrator_uuid: ConcentratorId;
  tenant_uuid: TenantId | undefined;
  instance_uuid: InstanceId | undefined;
  public_ip: Ipv4;
  private_ip: Ipv4;
}>;

/** EVENT PublicIPAssigned and PublicIPUnassigned. An address may lead to a port that is plugged in nowhere; then there is no instance. */
export type PublicIpEvent = Readonly<{
  concentrator_uuid: ConcentratorId;
  instance_uuid: InstanceId | undefined;
  public_ip: Ipv4;
  private_ip: Ipv4 | undefined;
}>;

/** ERROR AssignPublicIPFailure and UnassignPublicIPFailure: the command and a reason, without a wrapping map. */
export type PublicIpFailure = PublicIpCommand & Readonly<{ reason: string }>;

export function parseAssignPublicIp(value: unknown): PublicIpCommand {
  return parseCommand(new PayloadMap(value, 'payload').map('assign_public_ip'));
}

export function parseReleasePublicIp(value: unknown): PublicIpCommand {
  return parseCommand(new PayloadMap(value, 'payload').map('release_public_ip'));
}

export function parsePublicIpAssigned(value: unknown): PublicIpEvent {
  return parseEvent(new PayloadMap(value, 'payload').map('public_ip_assigned'));
}

export function parsePublicIpUnassigned(value: unknown): PublicIpEvent {
  return parseEvent(new PayloadMap(value, 'payload').map('public_ip_unassigned'));
}

export function parsePublicIpFailure(value: unknown): PublicIpFailure {
  const map = new PayloadMap(value, 'public_ip_failure');
  return { ...parseCommand(map), reason: map.requiredString('reason') };
}

function parseCommand(map: PayloadMap): PublicIpCommand {
  return {
    concentrator_uuid: map.uuid<ConcentratorId>('concentrator_uuid'),
    tenant_uuid: map.optionalUuid<TenantId>('tenant_uuid'),
    instance_uuid: map.optionalUuid<InstanceId>('instance_uuid'),
    public_ip: map.parsed('public_ip', parseIpv4),
    private_ip: map.parsed('private_ip', parseIpv4),
  };
}

function parseEvent(map: PayloadMap): PublicIpEvent {
  return {
    concentrator_uuid: map.uuid<ConcentratorId>('concentrator_uuid'),
    instance_uuid: map.optionalUuid<InstanceId>('instance_uuid'),
    public_ip: map.parsed('public_ip', parseIpv4),
    private_ip: map.optionalParsed('private_ip', parseIpv4),
  };
}
