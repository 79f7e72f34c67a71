import { parseCidr } from './cidr.ts';
import type { Cidr } from './cidr.ts';
import { parseCidr6 } from './cidr6.ts';
import type { Cidr6 } from './cidr6.ts';
import { Fields, parseBoolean, parseString } from './fields.ts';
import type { Parse } from './fields.ts';
import { isCidr4, isCidr6 } from './ip.ts';
import { parseIpv4 } from './ipv4.ts';
import type { Ipv4 } from './ipv4.ts';
import { parseIpv6 } from './ipv6.ts';
import type { Ipv6 } from './ipv6.ts';
import type { Port } from './resource.ts';
import { parseStamps } from './stamps.ts';
import type { Stamps } from './stamps.ts';
import { parseUuid } from './uuid.ts';
import type { NetworkId, RouterId, SubnetId, TenantId } from './uuid.ts';

/** An address of an external network. */
export type PublicIp = Readonly<{ subnetId: SubnetId; address: Ipv4 }>;

/** Where a router meets the outside. Exactly one address: the gateway's own. */
export type ExternalGateway = Readonly<{ networkId: NetworkId; fixedIps: readonly PublicIp[]; enableSnat: boolean }>;

/** What is addressed to `destination` goes to `nexthop`, which is on a subnet of the router. */
export type StaticRoute = Readonly<{ destination: Cidr; nexthop: Ipv4 }>;
export type StaticRoute6 = Readonly<{ destination: Cidr6; nexthop: Ipv6 }>;
export type AnyRoute = StaticRoute | StaticRoute6;

export function isRoute4(route: AnyRoute): route is StaticRoute {
  return isCidr4(route.destination);
}

export function isRoute6(route: AnyRoute): route is StaticRoute6 {
  return isCidr6(route.destination);
}

/**
 * A Neutron router. Its interfaces are ports whose owner is {@link ROUTER_INTERFACE} and whose device it is. What it does in the kernel is done by a
 * concentrator of its own, so that routers of one tenant know nothing of one another.
 */
export type Router = Stamps &
  Readonly<{
    kind: 'router';
    id: RouterId;
    tenantId: TenantId;
    name: string;
    description: string;
    /** A router that is down forwards nothing. */
    adminStateUp: boolean;
    externalGateway: ExternalGateway | undefined;
    routes: readonly AnyRoute[];
  }>;

/** Whose device a router's interface is, in the words of the API. */
export const ROUTER_INTERFACE = 'network:router_interface';

export function isRouterInterface(port: Pick<Port, 'deviceOwner'>): boolean {
  return port.deviceOwner === ROUTER_INTERFACE;
}

export const parseStaticRoute: Parse<StaticRoute> = (value, what) => {
  const f = new Fields(value, what);
  return { destination: f.required('destination', parseCidr), nexthop: f.required('nexthop', parseIpv4) };
};

export const parseStaticRoute6: Parse<StaticRoute6> = (value, what) => {
  const f = new Fields(value, what);
  return { destination: f.required('destination', parseCidr6), nexthop: f.required('nexthop', parseIpv6) };
};

const parseRoute: Parse<AnyRoute> = (value, what) => {
  const isSix = new Fields(value, what).required('destination', parseString).includes(':');
  return isSix ? parseStaticRoute6(value, what) : parseStaticRoute(value, what);
};

const parseExternalGateway: Parse<ExternalGateway> = (value, what) => {
  const f = new Fields(value, what);
  return {
    networkId: f.required('networkId', parseUuid<NetworkId>),
    fixedIps: f.list('fixedIps', (item, name) => {
      const fixed = new Fields(item, name);
      return { subnetId: fixed.required('subnetId', parseUuid<SubnetId>), address: fixed.required('address', parseIpv4) };
    }),
    enableSnat: f.required('enableSnat', parseBoolean),
  };
};

export const parseRouter = (f: Fields): Router => ({
  kind: 'router',
  id: f.required('id', parseUuid<RouterId>),
  tenantId: f.required('tenantId', parseUuid<TenantId>),
  name: f.required('name', parseString),
  description: f.required('description', parseString),
  adminStateUp: f.required('adminStateUp', parseBoolean),
  externalGateway: f.optional('externalGateway', parseExternalGateway),
  routes: f.list('routes', parseRoute),
  ...parseStamps(f),
});
