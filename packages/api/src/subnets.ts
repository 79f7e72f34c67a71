import type { CreateSubnet, UpdateSubnet } from '@weft/core/command/subnet';
import { isCidr6 } from '@weft/core/ip';
import type { IpAddress } from '@weft/core/ip';
import { IPV6_MODES } from '@weft/core/ipv6-mode';
import type { AllocationPool, Subnet } from '@weft/core/subnet';
import type { NetworkId, SubnetPoolId } from '@weft/core/uuid';
import { WeftError } from '@weft/core/weft-error';
import { Type } from 'typebox';
import type { AttributeTable, CreateValues, UpdateValues, View } from './attribute.ts';
import { described } from './described.ts';
import { BadPart, InvalidInput } from './request-error.ts';
import { descriptionAttribute, identityAttributes, nameAttribute, stampAttributes } from './standard-attributes.ts';
import { hostRoutes, serviceTypes } from './subnet-routes.ts';
import { tagAttributes } from './tags.ts';
import {
  boolean,
  canonicalAddress,
  canonicalCidr,
  cidr,
  integerIn,
  invalid,
  ipAddress,
  listOf,
  nullOr,
  objectOf,
  oneOf,
  uuid,
} from './values.ts';

/** `shared`: as its network is. */
export type SubnetSource = Readonly<{ record: Subnet; shared: boolean }>;

export const SUBNETS = { path: 'subnets', plural: 'subnets', singular: 'subnet' } as const;

const MAX_NAME_SERVERS = 5;

const Pool = Type.Object({ start: ipAddress.schema, end: ipAddress.schema }, { additionalProperties: false });

const allocationPool = described(Pool, (value, what): AllocationPool => {
  const { start, end } = objectOf({ start: ipAddress, end: ipAddress }, 'IP pool')(value, what);
  if (start === undefined || end === undefined) throw invalid(what, `Invalid data format for IP pool: '${JSON.stringify(value)}'.`);
  return { start, end };
});

const NameServers = Type.Array(ipAddress.schema, { maxItems: MAX_NAME_SERVERS, uniqueItems: true });

const nameServers = described(NameServers, (value, what): readonly IpAddress[] => {
  const servers = listOf(ipAddress)(value, what);
  if (servers.length > MAX_NAME_SERVERS) {
    throw new WeftError('dns_name_servers_exhausted', `Unable to complete operation. More than ${MAX_NAME_SERVERS} DNS nameservers.`);
  }
  const twice = servers.find((server, index) => servers.indexOf(server) !== index);
  if (twice !== undefined) throw invalid(what, `Duplicate nameserver '${twice}'.`);
  return servers;
});

const ipv6Mode = nullOr(oneOf(...IPV6_MODES));

/** Filtered by whatever form of an address a client writes. */
function sameAddress(address: IpAddress | undefined, text: string): boolean {
  return address !== undefined && address === canonicalAddress(text);
}

/** Subnets: neutron-api.md §4.2. `subnetpool_id`, `prefixlen` and `use_default_subnetpool` are asked for at create; only where the prefix is from is shown. */
export const subnetAttributes = {
  ...identityAttributes,
  name: nameAttribute,
  description: descriptionAttribute,
  network_id: { show: (source) => source.record.networkId, parse: uuid<NetworkId>(), create: 'required', filter: 'equal' },
  ip_version: {
    show: (source) => source.record.ipVersion,
    shows: Type.Enum([4, 6]),
    parse: oneOf(4, 6),
    create: 'required',
    filter: 'equal',
  },
  cidr: {
    show: (source) => source.record.cidr,
    parse: cidr,
    create: 'optional',
    filter: (source, value) => source.record.cidr === canonicalCidr(value),
  },
  subnetpool_id: {
    show: (source) => (source.record.ipVersion === 4 ? (source.record.subnetPoolId ?? null) : null),
    parse: nullOr(uuid<SubnetPoolId>()),
    create: 'optional',
    default: null,
    filter: 'equal',
  },
  prefixlen: { parse: integerIn(0, 32), create: 'optional' },
  use_default_subnetpool: { parse: boolean, create: 'optional', default: false },
  gateway_ip: {
    show: (source) => source.record.gatewayIp ?? null,
    parse: nullOr(ipAddress),
    create: 'optional',
    update: true,
    filter: (source, value) => sameAddress(source.record.gatewayIp, value),
  },
  allocation_pools: { show: (source) => source.record.allocationPools, parse: listOf(allocationPool), create: 'optional', update: true },
  enable_dhcp: {
    show: (source) => source.record.enableDhcp,
    parse: boolean,
    create: 'optional',
    default: true,
    update: true,
    filter: 'equal',
  },
  dns_nameservers: {
    show: (source) => source.record.dnsNameservers,
    parse: nameServers,
    create: 'optional',
    default: [],
    update: true,
  },
  host_routes: {
    show: ({ record }) => (record.ipVersion === 4 ? (record.hostRoutes ?? []) : []),
    parse: hostRoutes,
    create: 'optional',
    default: [],
    update: true,
  },
  service_types: {
    show: (source) => source.record.serviceTypes ?? [],
    parse: serviceTypes,
    create: 'optional',
    default: [],
    createBy: 'admin',
    update: true,
    updateBy: 'admin',
  },
  ipv6_ra_mode: {
    show: ({ record }) => (record.ipVersion === 6 ? (record.raMode ?? null) : null),
    parse: ipv6Mode,
    create: 'optional',
    filter: 'equal',
  },
  ipv6_address_mode: {
    show: ({ record }) => (record.ipVersion === 6 ? (record.addressMode ?? null) : null),
    parse: ipv6Mode,
    create: 'optional',
    filter: 'equal',
  },
  shared: { filter: (source, value) => source.shared === boolean(value, 'shared') },
  ...tagAttributes,
  ...stampAttributes,
} as const satisfies AttributeTable<SubnetSource>;

export type SubnetView = View<typeof subnetAttributes>;

/** `defaultPoolId`: the cluster's default pool. Throws BadRequest where pool and prefix contradict each other. */
export function createSubnetRequest(values: CreateValues<typeof subnetAttributes>, defaultPoolId: SubnetPoolId | undefined): CreateSubnet {
  const pool = poolOf(values, defaultPoolId);
  if (values.cidr === undefined && (pool === undefined || values.ip_version === 6)) {
    throw new WeftError('cidr_required', 'Bad subnets request: a subnetpool must be specified in the absence of a cidr.', {
      remedy: 'Name the cidr of the new subnet, or for IPv4 a subnet pool.',
    });
  }
  if (values.cidr !== undefined && isCidr6(values.cidr) !== (values.ip_version === 6)) {
    throw new InvalidInput(`cidr '${values.cidr}' does not match the ip_version '${values.ip_version}'`);
  }
  return {
    networkId: values.network_id,
    name: values.name,
    description: values.description,
    cidr: values.cidr,
    pool,
    gatewayIp: values.gateway_ip,
    enableDhcp: values.enable_dhcp,
    dnsNameservers: values.dns_nameservers,
    allocationPools: values.allocation_pools,
    hostRoutes: values.host_routes,
    serviceTypes: values.service_types,
    raMode: values.ipv6_ra_mode ?? undefined,
    addressMode: values.ipv6_address_mode ?? undefined,
  };
}

function poolOf(values: CreateValues<typeof subnetAttributes>, defaultPoolId: SubnetPoolId | undefined): CreateSubnet['pool'] {
  const { subnetpool_id: named, prefixlen: prefixLength, use_default_subnetpool: byDefault, cidr: given } = values;
  const bad = (why: string): BadPart => new BadPart('subnets', why);
  if (named !== null && byDefault) throw bad('subnetpool_id and use_default_subnetpool cannot both be specified');
  if (byDefault && defaultPoolId === undefined) throw bad('No default subnetpool found for IPv4');
  const poolId = byDefault ? defaultPoolId : (named ?? undefined);
  if (given !== undefined && prefixLength !== undefined) throw bad('cidr and prefixlen must not be supplied together');
  if (poolId === undefined && prefixLength !== undefined && given === undefined)
    throw bad('a subnetpool must be specified in the absence of a cidr');
  return poolId === undefined ? undefined : { poolId, prefixLength };
}

export function updateSubnetRequest(values: UpdateValues<typeof subnetAttributes>): UpdateSubnet {
  const { name, description, enable_dhcp: enableDhcp, dns_nameservers: dnsNameservers, allocation_pools: allocationPools } = values;
  return {
    ...(name === undefined ? {} : { name }),
    ...(description === undefined ? {} : { description }),
    ...(enableDhcp === undefined ? {} : { enableDhcp }),
    ...(dnsNameservers === undefined ? {} : { dnsNameservers }),
    ...(allocationPools === undefined ? {} : { allocationPools }),
    ...(values.gateway_ip === undefined ? {} : { gatewayIp: values.gateway_ip }),
    ...(values.host_routes === undefined ? {} : { hostRoutes: values.host_routes }),
    ...(values.service_types === undefined ? {} : { serviceTypes: values.service_types }),
  };
}
