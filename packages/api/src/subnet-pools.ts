import type { CreateSubnetPool, UpdateSubnetPool } from '@weft/core/command/subnet-pool';
import { isCidr4 } from '@weft/core/ip';
import type { SubnetPool } from '@weft/core/subnet-pool';
import type { TenantId } from '@weft/core/uuid';
import { Type } from 'typebox';
import type { AttributeTable, CreateValues, UpdateValues, View } from './attribute.ts';
import { described } from './described.ts';
import { BadRequest, InvalidInput } from './request-error.ts';
import { descriptionAttribute, identityAttributes, nameText, stampAttributes } from './standard-attributes.ts';
import { tagAttributes } from './tags.ts';
import { boolean, cidr, integerIn, listOf, nullOr } from './values.ts';

export type SubnetPoolSource = Readonly<{ record: SubnetPool }>;

export const SUBNET_POOLS = { path: 'subnetpools', plural: 'subnetpools', singular: 'subnetpool' } as const;

const plainPrefixes = listOf(cidr);

/** IPv4 only. Of both families is no pool at all. */
const prefixes = described(plainPrefixes.schema, (value, what) => {
  const six = Array.isArray(value) ? value.filter((each) => typeof each === 'string' && each.includes(':')) : [];
  if (six.length > 0 && six.length < (value as unknown[]).length)
    throw new BadRequest('Cannot mix IPv4 and IPv6 prefixes in a subnet pool.');
  if (six.length > 0) throw new InvalidInput('only subnet pools of IP version 4 are supported');
  return plainPrefixes(value, what).filter(isCidr4);
});

const bits = integerIn(0, 32);

/** As Neutron has it: a length is taken as a number or its text, and shown as text. */
const lengthRow = (of: (pool: SubnetPool) => number) =>
  ({
    show: (source: SubnetPoolSource) => String(of(source.record)),
    shows: Type.String(),
    parse: bits,
    create: 'optional',
    update: true,
    filter: 'equal',
  }) as const;

/** Subnet pools: neutron-api.md §4.3. */
export const subnetPoolAttributes = {
  ...identityAttributes,
  name: { show: (source) => source.record.name, parse: nameText, create: 'required', update: true, filter: 'equal' },
  description: descriptionAttribute,
  prefixes: { show: (source) => source.record.prefixes, parse: prefixes, create: 'required', update: true },
  ip_version: { show: () => 4, shows: Type.Literal(4), filter: 'equal' },
  min_prefixlen: lengthRow(({ minPrefixLength }) => minPrefixLength),
  max_prefixlen: lengthRow(({ maxPrefixLength }) => maxPrefixLength),
  default_prefixlen: lengthRow(({ defaultPrefixLength }) => defaultPrefixLength),
  default_quota: {
    show: (source) => source.record.defaultQuota ?? null,
    parse: nullOr(integerIn(0, 2 ** 31 - 1)),
    create: 'optional',
    update: true,
    filter: 'equal',
  },
  is_default: {
    show: (source) => source.record.isDefault,
    parse: boolean,
    create: 'optional',
    default: false,
    createBy: 'admin',
    update: true,
    updateBy: 'admin',
    filter: 'equal',
  },
  shared: {
    show: (source) => source.record.shared,
    parse: boolean,
    create: 'optional',
    default: false,
    createBy: 'admin',
    filter: 'equal',
  },
  address_scope_id: { show: () => null, shows: Type.Null() },
  ...tagAttributes,
  ...stampAttributes,
} as const satisfies AttributeTable<SubnetPoolSource>;

export type SubnetPoolView = View<typeof subnetPoolAttributes>;

export function createSubnetPoolRequest(values: CreateValues<typeof subnetPoolAttributes>, tenantId: TenantId): CreateSubnetPool {
  return {
    tenantId,
    name: values.name,
    description: values.description,
    prefixes: values.prefixes,
    minPrefixLength: values.min_prefixlen,
    maxPrefixLength: values.max_prefixlen,
    defaultPrefixLength: values.default_prefixlen,
    defaultQuota: values.default_quota ?? undefined,
    isDefault: values.is_default,
    shared: values.shared,
  };
}

export function updateSubnetPoolRequest(values: UpdateValues<typeof subnetPoolAttributes>): UpdateSubnetPool {
  const { name, description, prefixes: wanted, is_default: isDefault, default_quota: defaultQuota } = values;
  const { min_prefixlen: min, max_prefixlen: max, default_prefixlen: usual } = values;
  return {
    ...(name === undefined ? {} : { name }),
    ...(description === undefined ? {} : { description }),
    ...(wanted === undefined ? {} : { prefixes: wanted }),
    ...(min === undefined ? {} : { minPrefixLength: min }),
    ...(max === undefined ? {} : { maxPrefixLength: max }),
    ...(usual === undefined ? {} : { defaultPrefixLength: usual }),
    ...(defaultQuota === undefined ? {} : { defaultQuota }),
    ...(isDefault === undefined ? {} : { isDefault }),
  };
}
