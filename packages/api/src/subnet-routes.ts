import type { StaticRoute } from '@weft/core/router';
import { isCidr6, isIpv6 } from '@weft/core/ip';
import { WeftError } from '@weft/core/weft-error';
import { Type } from 'typebox';
import { described } from './described.ts';
import { InvalidInput } from './request-error.ts';
import { nameText } from './standard-attributes.ts';
import { cidr, invalid, ipAddress, listOf, objectOf } from './values.ts';

/** Two lists that a subnet has beside its addresses (neutron-api.md §4.2). */

const MAX_HOST_ROUTES = 20;

const Route = Type.Object({ destination: cidr.schema, nexthop: ipAddress.schema }, { additionalProperties: false });

const hostRoute = described(Route, (value, what): StaticRoute => {
  const { destination, nexthop } = objectOf({ destination: cidr, nexthop: ipAddress }, 'hostroute')(value, what);
  if (destination === undefined || nexthop === undefined)
    throw invalid(what, `Invalid data format for hostroute: '${JSON.stringify(value)}'.`);
  if (isCidr6(destination) || isIpv6(nexthop)) throw new InvalidInput('host_routes are of IPv4 only');
  return { destination, nexthop };
});

/** Null is none. */
export const hostRoutes = described(Type.Array(Route, { maxItems: MAX_HOST_ROUTES }), (value, what): readonly StaticRoute[] => {
  const routes = listOf(hostRoute)(value ?? [], what);
  if (routes.length > MAX_HOST_ROUTES) {
    throw new WeftError('host_routes_exhausted', `Unable to complete operation. More than ${MAX_HOST_ROUTES} host routes.`);
  }
  const twice = routes.find((route, index) => routes.findIndex(({ destination }) => destination === route.destination) !== index);
  if (twice !== undefined) throw invalid(what, `Duplicate hostroute '${twice.destination}'.`);
  return routes;
});

const Types = Type.Array(Type.String({ maxLength: 255, pattern: '^(network|compute):' }));

/** Owners of ports, as Neutron has them: of the network's own services, or of computers. Null is none. */
export const serviceTypes = described(Types, (value, what): readonly string[] => {
  const types = listOf(nameText)(value ?? [], what);
  const unknown = types.find((type) => !/^(network|compute):/.test(type));
  if (unknown !== undefined) {
    throw new WeftError('invalid_service_type', `Subnet service type ${unknown} does not correspond to a valid device owner.`, {
      remedy: "Begin it with 'network:' or 'compute:'.",
    });
  }
  return [...new Set(types)];
});
