import type { Ipv4 } from '@weft/core/ipv4';
import { parseIpv4 } from '@weft/core/ipv4';
import type { Mac } from '@weft/core/mac';
import { parseMac } from '@weft/core/mac';
import type { ConcentratorId, NodeId, TenantId } from '@weft/core/uuid';
import { PayloadMap } from '../payload-map.ts';

/** EVENT ConcentratorInstanceAdded: a gateway runs at the sender; `concentrator_ip` is the VTEP that it is reached at. */
export type ConcentratorInstanceAdded = Readonly<{
  instance_uuid: ConcentratorId;
  tenant_uuid: TenantId | undefined;
  concentrator_ip: Ipv4;
  concentrator_mac: Mac;
  /** The node that hosts it: written by the scheduler, whatever the sender says. The receiver checks that it was placed there. */
  node_uuid?: NodeId | undefined;
}>;

export function parseConcentratorInstanceAdded(value: unknown): ConcentratorInstanceAdded {
  const map = new PayloadMap(value, 'payload').map('concentrator_instance_added');
  return {
    instance_uuid: map.uuid<ConcentratorId>('instance_uuid'),
    tenant_uuid: map.optionalUuid<TenantId>('tenant_uuid'),
    concentrator_ip: map.parsed('concentrator_ip', parseIpv4),
    concentrator_mac: map.parsed('concentrator_mac', parseMac),
    node_uuid: map.optionalUuid<NodeId>('node_uuid'),
  };
}
