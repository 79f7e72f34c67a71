import type { Cidr } from '@weft/core/cidr';
import { parseCidr } from '@weft/core/cidr';
import type { Ipv4 } from '@weft/core/ipv4';
import { parseIpv4 } from '@weft/core/ipv4';
import type { ConcentratorId, NodeId, TenantId } from '@weft/core/uuid';
import type { Vni } from '@weft/core/vni';
import { parseVni } from '@weft/core/vni';
import { PayloadMap } from '../payload-map.ts';

/**
 * EVENT TenantAdded and TenantRemoved: a hint from a launcher to the concentrator's host that a segment appeared on, or left, the launcher's
 * node (design §4). `vni` names the segment; the original's `subnet_key` is ignored.
 */
export type TenantEvent = Readonly<{
  agent_uuid: NodeId;
  /** The launcher's VTEP address. */
  agent_ip: Ipv4;
  tenant_uuid: TenantId | undefined;
  tenant_subnet: Cidr;
  concentrator_uuid: ConcentratorId;
  concentrator_ip: Ipv4 | undefined;
  vni: Vni;
}>;

export function parseTenantAdded(value: unknown): TenantEvent {
  return parseTenantEvent(value, 'tenant_added');
}

export function parseTenantRemoved(value: unknown): TenantEvent {
  return parseTenantEvent(value, 'tenant_removed');
}

function parseTenantEvent(value: unknown, key: string): TenantEvent {
  const map = new PayloadMap(value, 'payload').map(key);
  return {
    agent_uuid: map.uuid<NodeId>('agent_uuid'),
    agent_ip: map.parsed('agent_ip', parseIpv4),
    tenant_uuid: map.optionalUuid<TenantId>('tenant_uuid'),
    tenant_subnet: map.parsed('tenant_subnet', parseCidr),
    concentrator_uuid: map.uuid<ConcentratorId>('concentrator_uuid'),
    concentrator_ip: map.optionalParsed('concentrator_ip', parseIpv4),
    vni: map.parsed('vni', parseVni),
  };
}
