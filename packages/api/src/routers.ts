import type { CreateRouter, ExternalGatewayRequest, UpdateRouter } from '@weft/core/command/router';
import type { RouterInterfaceRequest } from '@weft/core/command/router-interface';
import { isCidr4, isCidr6, isIpv4, isIpv6 } from '@weft/core/ip';
import type { Port } from '@weft/core/resource';
import type { Subnet } from '@weft/core/subnet';
import type { AnyRoute, Router } from '@weft/core/router';
import type { NetworkId, PortId, SubnetId, TenantId } from '@weft/core/uuid';
import { Type } from 'typebox';
import type { Static } from 'typebox';
import type { AttributeTable, CreateValues, UpdateValues, View } from './attribute.ts';
import type { Caller } from './caller.ts';
import { described } from './described.ts';
import { BadRequest, Forbidden } from './request-error.ts';
import {
  Id,
  ProjectId,
  adminStateUpAttribute,
  descriptionAttribute,
  identityAttributes,
  nameAttribute,
  stampAttributes,
} from './standard-attributes.ts';
import { tagAttributes } from './tags.ts';
import { boolean, cidr, invalid, ipAddress, listOf, nullOr, objectOf, uuid } from './values.ts';

/** `ALLOCATING`: its gateway is not placed yet. `ERROR`: it cannot be, or its node says that it cannot host it. */
export type RouterStatus = 'ACTIVE' | 'ALLOCATING' | 'ERROR';

export type RouterSource = Readonly<{ record: Router; status: RouterStatus }>;

export const ROUTERS = { path: 'routers', plural: 'routers', singular: 'router' } as const;

const externalFixedIps = listOf(objectOf({ subnet_id: uuid<SubnetId>(), ip_address: ipAddress }, 'external fixed IP'));

const gatewayKeys = objectOf(
  { network_id: uuid<NetworkId>(), enable_snat: boolean, external_fixed_ips: externalFixedIps },
  'external gateway',
);

/** Null or `{}` clears it (neutron-api.md §6.1). */
const externalGateway = described(nullOr(gatewayKeys).schema, (value, what): ExternalGatewayRequest | null => {
  if (value === null) return null;
  const given = gatewayKeys(value, what);
  if (Object.keys(given).length === 0) return null;
  if (given.network_id === undefined) throw invalid(what, `Invalid data format for external gateway: 'network_id' is not there.`);
  return {
    networkId: given.network_id,
    enableSnat: given.enable_snat,
    fixedIps: given.external_fixed_ips?.map(({ subnet_id: subnetId, ip_address: address }) => ({ subnetId, address })),
  };
});

const Route = Type.Object({ destination: cidr.schema, nexthop: ipAddress.schema }, { additionalProperties: false });

const route = described(Route, (value, what): AnyRoute => {
  const { destination, nexthop } = objectOf({ destination: cidr, nexthop: ipAddress }, 'route')(value, what);
  if (destination === undefined || nexthop === undefined) throw invalid(what, 'a route has a destination and a nexthop.');
  if (isCidr6(destination) && isIpv6(nexthop)) return { destination, nexthop };
  if (isCidr4(destination) && isIpv4(nexthop)) return { destination, nexthop };
  throw invalid(what, `the nexthop ${nexthop} of ${destination} is of another IP version.`);
});

const GatewayInfo = Type.Object({
  network_id: Id,
  enable_snat: Type.Boolean(),
  external_fixed_ips: Type.Array(Type.Object({ subnet_id: Id, ip_address: Type.String() })),
});
type GatewayInfo = Static<typeof GatewayInfo>;

/** Routers: neutron-api.md §6.1. */
export const routerAttributes = {
  ...identityAttributes,
  name: nameAttribute,
  description: descriptionAttribute,
  admin_state_up: adminStateUpAttribute,
  status: { show: (source) => source.status, shows: Type.Enum(['ACTIVE', 'ALLOCATING', 'ERROR']) },
  external_gateway_info: {
    shows: Type.Union([GatewayInfo, Type.Null()]),
    show: (source) => gatewayInfo(source.record),
    parse: externalGateway,
    create: 'optional',
    default: null,
    update: true,
  },
  routes: { show: (source) => source.record.routes.map(shownRoute), parse: listOf(route), update: true },
  availability_zone_hints: { show: () => [], shows: Type.Array(Type.String()) },
  availability_zones: { show: () => [], shows: Type.Array(Type.String()) },
  flavor_id: { show: () => null, shows: Type.Null() },
  ...tagAttributes,
  ...stampAttributes,
} as const satisfies AttributeTable<RouterSource>;

export type RouterView = View<typeof routerAttributes>;

export function createRouterRequest(values: CreateValues<typeof routerAttributes>, tenantId: TenantId): CreateRouter {
  return {
    tenantId,
    name: values.name,
    description: values.description,
    adminStateUp: values.admin_state_up,
    externalGateway: values.external_gateway_info ?? undefined,
  };
}

export function updateRouterRequest(values: UpdateValues<typeof routerAttributes>): UpdateRouter {
  const { name, description, admin_state_up: adminStateUp, external_gateway_info: gateway, routes } = values;
  return {
    ...(name === undefined ? {} : { name }),
    ...(description === undefined ? {} : { description }),
    ...(adminStateUp === undefined ? {} : { adminStateUp }),
    ...(gateway === undefined ? {} : { externalGateway: gateway }),
    ...(routes === undefined ? {} : { routes }),
  };
}

/** How a gateway looks outside is the operator's. Throws Forbidden. */
export function checkGatewayPolicy(caller: Caller, verb: 'create' | 'update', gateway: ExternalGatewayRequest | null | undefined): void {
  if (caller.kind === 'admin' || gateway === null || gateway === undefined) return;
  const set = gateway.enableSnat !== undefined ? 'enable_snat' : gateway.fixedIps !== undefined ? 'external_fixed_ips' : undefined;
  if (set === undefined) return;
  const rule = `${verb}_router:external_gateway_info`;
  throw new Forbidden(`(rule:${verb}_router and (rule:${rule} and rule:${rule}:${set})) is disallowed by policy`);
}

const interfaceKeys = objectOf({ subnet_id: uuid<SubnetId>(), port_id: uuid<PortId>() }, 'router interface');

export type RouterInterfaceBody = Static<typeof interfaceKeys.schema>;

/** The body of add_router_interface and remove_router_interface, which has no wrapper. Throws BadRequest. */
export const parseRouterInterface = described(interfaceKeys.schema, (body): RouterInterfaceRequest => {
  if (typeof body !== 'object' || body === null) throw new BadRequest('Invalid format: None');
  const given = interfaceKeys(body, 'router interface');
  return { subnetId: given.subnet_id, portId: given.port_id };
});

/** The body of add_extraroutes and remove_extraroutes, below its wrapper. Throws BadRequest. */
export const parseExtraRoutes = described(Type.Object({ routes: Type.Array(Route) }), (inner): readonly AnyRoute[] => {
  const { routes } = objectOf({ routes: listOf(route) }, 'router')(inner, 'routes');
  if (routes === undefined) throw new BadRequest("Failed to parse request. Required attribute 'routes' not specified");
  return routes;
});

export const RouterInterfaceView = Type.Object({
  id: Id,
  tenant_id: ProjectId,
  project_id: ProjectId,
  port_id: Id,
  network_id: Id,
  subnet_id: Id,
  subnet_ids: Type.Array(Id),
});
export type RouterInterfaceView = Static<typeof RouterInterfaceView>;

export function routerInterfaceView(the: Readonly<{ router: Router; port: Port; subnets: readonly Subnet[] }>): RouterInterfaceView {
  const { router, port, subnets } = the;
  const ids = subnets.map(({ id }) => id);
  const owner = { tenant_id: router.tenantId, project_id: router.tenantId };
  return { id: router.id, ...owner, port_id: port.id, network_id: port.networkId, subnet_id: ids.at(-1) ?? '', subnet_ids: ids };
}

function gatewayInfo({ externalGateway: gateway }: Router): GatewayInfo | null {
  if (gateway === undefined) return null;
  const { networkId, enableSnat, fixedIps } = gateway;
  return {
    network_id: networkId,
    enable_snat: enableSnat,
    external_fixed_ips: fixedIps.map(({ subnetId, address }) => ({ subnet_id: subnetId, ip_address: address })),
  };
}

function shownRoute({ destination, nexthop }: AnyRoute): Readonly<{ destination: string; nexthop: string }> {
  return { destination, nexthop };
}
