import { cidrContains, cidrPrefixLength } from '../cidr.ts';
import { isIpv4 } from '../ip.ts';
import type { Ipv4 } from '../ipv4.ts';
import type { StaticRoute } from '../router.ts';
import type { Port } from '../resource.ts';
import type { Subnet4 } from '../subnet.ts';

/** What a workload whose addresses are set for it is told of the way to others, by IPv4. */
export type WorkloadRoutes = Readonly<{ gateway: Ipv4 | undefined; routes: readonly StaticRoute[] }>;

/**
 * The subnets' `host_routes`, as a kernel can have them: over next hops that the workload can see and that are not itself, one for each
 * destination, and none to what is on the link anyway. A route to everything takes the gateway's place, as DHCP's option 121 has it
 * (RFC 3442).
 */
export function workloadRoutes(subnets: readonly Subnet4[], own: readonly Ipv4[]): WorkloadRoutes {
  const routes = new Map<string, StaticRoute>();
  for (const route of subnets.flatMap(({ hostRoutes }) => hostRoutes ?? [])) {
    const isNear = subnets.some(({ cidr }) => cidrContains(cidr, route.nexthop)) && !own.includes(route.nexthop);
    const isLink = subnets.some(({ cidr }) => cidr === route.destination);
    if (isNear && !isLink && !routes.has(route.destination)) routes.set(route.destination, route);
  }
  const everything = [...routes.values()].find(({ destination }) => cidrPrefixLength(destination) === 0);
  return {
    gateway: everything?.nexthop ?? subnets.find(({ gatewayIp }) => gatewayIp !== undefined)?.gatewayIp,
    routes: [...routes.values()].filter((route) => route !== everything).toSorted((a, b) => (a.destination < b.destination ? -1 : 1)),
  };
}

/** Where a workload sends what is not for its own link: the most precise of its routes decides. */
export function nextHop(subnets: readonly Subnet4[], { fixedIps }: Pick<Port, 'fixedIps'>, destination: Ipv4): Ipv4 | undefined {
  const { gateway, routes } = workloadRoutes(subnets, fixedIps.map(({ address }) => address).filter(isIpv4));
  const [best] = routes
    .filter((route) => cidrContains(route.destination, destination))
    .toSorted((a, b) => cidrPrefixLength(b.destination) - cidrPrefixLength(a.destination));
  return best?.nexthop ?? gateway;
}
