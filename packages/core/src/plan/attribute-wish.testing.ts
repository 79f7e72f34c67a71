import { cidrNetwork, parseCidr } from '../cidr.ts';
import type { ClusterState } from '../cluster-state.ts';
import type { CommandContext } from '../command/context.ts';
import { updateSubnet } from '../command/subnet.ts';
import { ipv4FromNumber, ipv4ToNumber, parseIpv4 } from '../ipv4.ts';
import type { Changes } from '../resource.ts';

type Picking = Readonly<{ a: number; b: number; pick: <T>(items: Iterable<T>, n: number) => T }>;

/** A command that changes what a subnet or a port tells workloads. */
export function decideAttribute(state: ClusterState, ctx: CommandContext, { a, b, pick }: Picking): Changes {
  const subnet = pick(state.subnets.values(), a);
  switch (b % 4) {
    case 0:
      return updateSubnet(state, ctx, subnet.id, { gatewayIp: null });
    case 1:
    case 2:
      return updateSubnet(state, ctx, subnet.id, {
        gatewayIp: ipv4FromNumber(ipv4ToNumber(cidrNetwork(subnet.cidr)) + 1 + (b % 3)),
        allocationPools: [],
      });
    default:
      return updateSubnet(state, ctx, subnet.id, {
        dnsNameservers: [parseIpv4('9.9.9.9')].slice(b % 2),
        hostRoutes: [{ destination: parseCidr('172.16.0.0/12'), nexthop: parseIpv4(`10.0.${b % 3}.9`) }].slice(a % 2),
      });
  }
}
