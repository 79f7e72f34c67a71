import { NETWORK_DHCP } from './dhcp-service.ts';
import { Fields, integerIn } from './fields.ts';
import { EVERYBODY } from './rbac-policy.ts';
import type { Resource } from './resource.ts';
import { parseStamps } from './stamps.ts';
import type { Stamps } from './stamps.ts';
import { parseUuid } from './uuid.ts';
import type { QuotaId, TenantId } from './uuid.ts';

/** What a tenant may have only so many of, in Neutron's words. */
export const QUOTA_RESOURCES = [
  'network',
  'subnet',
  'subnetpool',
  'port',
  'router',
  'floatingip',
  'rbac_policy',
  'security_group',
  'security_group_rule',
] as const;
export type QuotaResource = (typeof QUOTA_RESOURCES)[number];

/** At most so many; {@link UNLIMITED} for no bound. */
export type QuotaLimits = Readonly<Record<QuotaResource, number>>;

export const UNLIMITED = -1;

/** Where neither the operator's configuration nor an override says otherwise (neutron-api.md §8). */
export const DEFAULT_QUOTAS: QuotaLimits = {
  network: 100,
  subnet: 100,
  subnetpool: UNLIMITED,
  port: 500,
  router: 10,
  floatingip: 50,
  rbac_policy: 10,
  security_group: 10,
  security_group_rule: 100,
};

/** A tenant's own limits, where they are not the defaults. Its id is the tenant's: there is one at most. */
export type Quota = Stamps & Readonly<{ kind: 'quota'; id: QuotaId; tenantId: TenantId; limits: Readonly<Partial<QuotaLimits>> }>;

export const quotaIdOf = (tenantId: TenantId): QuotaId => tenantId as string as QuotaId;

/** A limit as it can be kept. */
export const parseLimit = integerIn(UNLIMITED, 2 ** 31 - 1);

const parseLimits = (value: unknown, what: string): Readonly<Partial<QuotaLimits>> => {
  const f = new Fields(value, what);
  const limits = QUOTA_RESOURCES.map((resource) => [resource, f.optional(resource, parseLimit)] as const);
  return Object.fromEntries(limits.filter(([, limit]) => limit !== undefined));
};

export const parseQuota = (f: Fields): Quota => ({
  kind: 'quota',
  id: f.required('id', parseUuid<QuotaId>),
  tenantId: f.required('tenantId', parseUuid<TenantId>),
  limits: f.required('limits', parseLimits),
  ...parseStamps(f),
});

const COUNTED: ReadonlyMap<string, QuotaResource> = new Map([
  ['network', 'network'],
  ['subnet', 'subnet'],
  ['subnetPool', 'subnetpool'],
  ['port', 'port'],
  ['router', 'router'],
  ['floatingIp', 'floatingip'],
  ['rbacPolicy', 'rbac_policy'],
  ['securityGroup', 'security_group'],
  ['securityGroupRule', 'security_group_rule'],
]);

/** What a record counts as, if it is counted. A port that Weft made for its own service is not, nor a policy for everybody: it is the operator's. */
export function quotaResourceOf(record: Resource): QuotaResource | undefined {
  if (record.kind === 'port' && record.deviceOwner === NETWORK_DHCP) return undefined;
  if (record.kind === 'rbacPolicy' && record.target === EVERYBODY) return undefined;
  return COUNTED.get(record.kind);
}
