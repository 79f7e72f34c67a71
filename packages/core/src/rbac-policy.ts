import { oneOf, parseString } from './fields.ts';
import type { Fields } from './fields.ts';
import { parseStamps } from './stamps.ts';
import type { Stamps } from './stamps.ts';
import { parseUuid } from './uuid.ts';
import type { NetworkId, RbacPolicyId, TenantId } from './uuid.ts';

/** `access_as_shared`: may have ports on the network. `access_as_external`: may have gateways and floating IPs on it. */
export const RBAC_ACTIONS = ['access_as_shared', 'access_as_external'] as const;
export type RbacAction = (typeof RBAC_ACTIONS)[number];

/** The target that is every project, also those to come. */
export const EVERYBODY = '*';

/** Lets a project, or everybody, use a network of somebody else (neutron-api.md §9). */
export type RbacPolicy = Stamps &
  Readonly<{
    kind: 'rbacPolicy';
    id: RbacPolicyId;
    /** Whose the network is. */
    tenantId: TenantId;
    objectType: 'network';
    objectId: NetworkId;
    action: RbacAction;
    /** A project's id, of one that need not exist yet, or {@link EVERYBODY}. */
    target: string;
  }>;

export const parseRbacPolicy = (f: Fields): RbacPolicy => ({
  kind: 'rbacPolicy',
  id: f.required('id', parseUuid<RbacPolicyId>),
  tenantId: f.required('tenantId', parseUuid<TenantId>),
  objectType: f.required('objectType', oneOf('network')),
  objectId: f.required('objectId', parseUuid<NetworkId>),
  action: f.required('action', oneOf(...RBAC_ACTIONS)),
  target: f.required('target', parseString),
  ...parseStamps(f),
});
