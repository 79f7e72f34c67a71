import type { CreateSubnet, UpdateSubnet } from '@weft/core/command/subnet';
import type { Parse } from '@weft/core/fields';
import type { AllocationPool, Subnet } from '@weft/core/resource';
import type { StaticRoute } from '@weft/core/router';
import type { NetworkId } from '@weft/core/uuid';
import { WeftError } from '@weft/core/weft-error';
import type { AttributeTable, CreateValues, UpdateValues, View } from './attribute.ts';
import { InvalidInput } from './request-error.ts';
import { descriptionAttribute, identityAttributes, nameAttribute, nameText, stampAttributes } from './standard-attributes.ts';
import { tagAttributes } from './tags.ts';
import { boolean, cidr, invalid, ipAddress, listOf, nullOr, objectOf, oneOf, uuid } from './values.ts';

export type SubnetSource = Readonly<{ record: Subnet }>;

export const SUBNETS = { path: 'subnets', plural: 'subnets', singular: 'subnet' } as const;

const MAX_NAME_SERVERS = 5;

const allocationPool: Parse<AllocationPool> = (value, what) => {
  const { start, end } = objectOf({ start: ipAddress, end: ipAddress }, 'IP pool')(value, what);
  if (start === undefined || end === undefined) throw invalid(what, `Invalid data format for IP pool: '${JSON.stringify(value)}'.`);
  return { start, end };
};

const nameServers: Parse<Subnet['dnsNameservers']> = (value, what) => {
  const servers = listOf(ipAddress)(value, what);
  if (servers.length > MAX_NAME_SERVERS) {
    throw new WeftError('dns_name_servers_exhausted', `Unable to complete operation. More than ${MAX_NAME_SERVERS} DNS nameservers.`);
  }
  const twice = servers.find((server, index) => servers.indexOf(server) !== index);
  if (twice !== undefined) throw invalid(what, `Duplicate nameserver '${twice}'.`);
  return servers;
};

const MAX_HOST_ROUTES = 20;

const hostRoutes: Parse<readonly StaticRoute[]> = (value, what) => {
  const routes = listOf((item: unknown, name): StaticRoute => {
    const { destination, nexthop } = objectOf({ destination: cidr, nexthop: ipAddress }, 'hostroute')(item, name);
    if (destination === undefined || nexthop === undefined)
      throw invalid(name, `Invalid data format for hostroute: '${JSON.stringify(item)}'.`);
    return { destination, nexthop };
  })(value ?? [], what);
  if (routes.length > MAX_HOST_ROUTES) {
    throw new WeftError('host_routes_exhausted', `Unable to complete operation. More than ${MAX_HOST_ROUTES} host routes.`);
  }
  const twice = routes.find((route, index) => routes.findIndex(({ destination }) => destination === route.destination) !== index);
  if (twice !== undefined) throw invalid(what, `Duplicate hostroute '${twice.destination}'.`);
  return routes;
};

/** Owners of ports, as Neutron has them: of the network's own services, or of computers. */
const serviceTypes: Parse<readonly string[]> = (value, what) => {
  const types = listOf(nameText)(value ?? [], what);
  const unknown = types.find((type) => !/^(network|compute):/.test(type));
  if (unknown !== undefined) {
    throw new WeftError('invalid_service_type', `Subnet service type ${unknown} does not correspond to a valid device owner.`, {
      remedy: "Begin it with 'network:' or 'compute:'.",
    });
  }
  return [...new Set(types)];
};

/** Subnets: neutron-api.md §4.2; IPv4 only for now. */
export const subnetAttributes = {
  ...identityAttributes,
  name: nameAttribute,
  description: descriptionAttribute,
  network_id: { show: (source) => source.record.networkId, parse: uuid<NetworkId>(), create: 'required', filter: 'equal' },
  ip_version: { show: () => 4, parse: oneOf(4, 6), create: 'required', filter: 'equal' },
  cidr: { show: (source) => source.record.cidr, parse: cidr, create: 'optional', filter: 'equal' },
  gateway_ip: {
    show: (source) => source.record.gatewayIp ?? null,
    parse: nullOr(ipAddress),
    create: 'optional',
    update: true,
    filter: 'equal',
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
    show: (source) => source.record.hostRoutes ?? [],
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
  ipv6_ra_mode: { show: () => null, filter: 'equal' },
  ipv6_address_mode: { show: () => null, filter: 'equal' },
  ...tagAttributes,
  ...stampAttributes,
} as const satisfies AttributeTable<SubnetSource>;

export type SubnetView = View<typeof subnetAttributes>;

export function createSubnetRequest(values: CreateValues<typeof subnetAttributes>): CreateSubnet {
  if (values.ip_version !== 4) throw new InvalidInput('only subnets of IP version 4 are supported');
  if (values.cidr === undefined) {
    throw new WeftError('cidr_required', 'Bad subnets request: a subnetpool must be specified in the absence of a cidr.', {
      remedy: 'Name the cidr of the new subnet.',
    });
  }
  return {
    networkId: values.network_id,
    name: values.name,
    description: values.description,
    cidr: values.cidr,
    gatewayIp: values.gateway_ip,
    enableDhcp: values.enable_dhcp,
    dnsNameservers: values.dns_nameservers,
    allocationPools: values.allocation_pools,
    hostRoutes: values.host_routes,
    serviceTypes: values.service_types,
  };
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
