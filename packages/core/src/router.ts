import { parseCidr } from './cidr.ts';
import type { Cidr } from './cidr.ts';
import { Fields, parseBoolean, parseString } from './fields.ts';
import type { Parse } from './fields.ts';
import { parseIpv4 } from './ipv4.ts';
import type { Ipv4 } from './ipv4.ts';
import type { FixedIp, Port } from './resource.ts';
import { parseStamps } from './stamps.ts';
import type { Stamps } from './stamps.ts';
import { parseUuid } from './uuid.ts';
import type { NetworkId, RouterId, SubnetId, TenantId } from './uuid.ts';

/** Where a router meets the outside. Exactly one address: the gateway's own. */
export type ExternalGateway = Readonly<{ networkId: NetworkId; fixedIps: readonly FixedIp[]; enableSnat: boolean }>;

/** What is addressed to `destination` goes to `nexthop`, which is on a subnet of the router. */
export type StaticRoute = Readonly<{ destination: Cidr; nexthop: Ipv4 }>;

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
    routes: readonly StaticRoute[];
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
  routes: f.list('routes', parseStaticRoute),
  ...parseStamps(f),
});
