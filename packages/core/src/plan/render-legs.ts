import { DHCP_LEASE_MINUTES } from '../dhcp-service.ts';
import { isIpv4, isIpv6 } from '../ip.ts';
import { servingGateway } from '../segment-gateway.ts';
import type { SegmentGateway } from '../segment-gateway.ts';
import { isSubnet4, isSubnet6, speaksDhcp } from '../subnet.ts';
import type { GatewaySegment, GatewaySubnet, GatewaySubnet6 } from './gateway.ts';

/**
 * A gateway's place on a segment, by family. What it serves there, no other gateway of the segment does. `isServer`: it serves DHCP and names
 * and routes nothing, so that it names other routers, and does not advertise itself as one.
 */
export function renderLegs(
  own: SegmentGateway,
  all: readonly SegmentGateway[],
  isServer: boolean,
): Pick<GatewaySegment, 'subnets' | 'subnets6'> {
  const subnets: GatewaySubnet[] = [];
  const subnets6: GatewaySubnet6[] = [];
  for (const { subnet, address } of own.legs) {
    const serves = servingGateway(all, subnet.id) === own;
    if (isSubnet4(subnet) && isIpv4(address)) {
      const { cidr, enableDhcp, dnsNameservers, hostRoutes } = subnet;
      const routers = isServer ? [subnet.gatewayIp].filter((router) => router !== undefined) : undefined;
      const leaseMinutes = isServer ? DHCP_LEASE_MINUTES : undefined;
      subnets.push({ cidr, gatewayIp: address, dhcp: serves && enableDhcp, dnsNameservers, hostRoutes, routers, leaseMinutes });
    } else if (isSubnet6(subnet) && isIpv6(address)) {
      const { cidr, raMode, dnsNameservers } = subnet;
      const advertise = serves && !isServer ? raMode : undefined;
      subnets6.push({ cidr, gatewayIp: address, advertise, dhcp: serves && speaksDhcp(subnet), dnsNameservers });
    }
  }
  return { subnets: subnets.toSorted(byCidr), subnets6: subnets6.length === 0 ? undefined : subnets6.toSorted(byCidr) };
}

function byCidr(a: Readonly<{ cidr: string }>, b: Readonly<{ cidr: string }>): number {
  return a.cidr < b.cidr ? -1 : 1;
}
