import { parseIpv4 } from './ipv4.ts';
import type { Fields } from './fields.ts';
import type { Ipv4 } from './ipv4.ts';
import { parseStamps } from './stamps.ts';
import type { Stamps } from './stamps.ts';
import { parseUuid } from './uuid.ts';
import type { AddressHoldId, ConcentratorId, NodeId, TenantId } from './uuid.ts';

/**
 * A public address that was taken from a gateway whose node has not confirmed it yet, so that the gateway may still answer for it. As long
 * as it is held, no other gateway gets it; the one that had it may have it back at once. It is a record because a released address is in
 * no other, and a restarted controller must still know.
 */
export type AddressHold = Stamps &
  Readonly<{
    kind: 'addressHold';
    id: AddressHoldId;
    address: Ipv4;
    /** Where the gateway was. */
    nodeId: NodeId;
    concentratorId: ConcentratorId;
    /** Whose it was. The tenant may be gone by now, as may the concentrator. */
    formerTenantId: TenantId;
    /** Where it led 1:1; absent for a gateway's own address and one that only had port forwardings. */
    internal: Ipv4 | undefined;
  }>;

export const parseAddressHold = (f: Fields): AddressHold => ({
  kind: 'addressHold',
  id: f.required('id', parseUuid<AddressHoldId>),
  address: f.required('address', parseIpv4),
  nodeId: f.required('nodeId', parseUuid<NodeId>),
  concentratorId: f.required('concentratorId', parseUuid<ConcentratorId>),
  formerTenantId: f.required('formerTenantId', parseUuid<TenantId>),
  internal: f.optional('internal', parseIpv4),
  ...parseStamps(f),
});
