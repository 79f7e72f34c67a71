import { cidrNetwork, parseCidr } from '../cidr.ts';
import { cidr6Network } from '../cidr6.ts';
import type { ClusterState } from '../cluster-state.ts';
import type { CommandContext } from '../command/context.ts';
import { updateNetwork } from '../command/network.ts';
import { updatePort } from '../command/port.ts';
import { createFloatingIp } from '../command/floating-ip.ts';
import { updateSubnet } from '../command/subnet.ts';
import { isCidr6 } from '../ip.ts';
import type { IpAddress, IpCidr } from '../ip.ts';
import { ipv4FromNumber, ipv4ToNumber, parseIpv4 } from '../ipv4.ts';
import { ipv6FromBigint, ipv6ToBigint, parseIpv6 } from '../ipv6.ts';
import type { Changes } from '../resource.ts';
import { isSubnet6 } from '../subnet.ts';

type Picking = Readonly<{ a: number; b: number; pick: <T>(items: Iterable<T>, n: number) => T }>;

/** A command that changes what a subnet or a port tells workloads. */
export function decideAttribute(state: ClusterState, ctx: CommandContext, { a, b, pick }: Picking): Changes {
  if (a % 2 === 0) return decideNames(state, ctx, { a, b, pick });
  const subnet = pick(state.subnets.values(), a);
  switch (b % 4) {
    case 0:
      return updateSubnet(state, ctx, subnet.id, { gatewayIp: null });
    case 1:
    case 2:
      return updateSubnet(state, ctx, subnet.id, {
        gatewayIp: nthAddress(subnet.cidr, 1 + (b % 3)),
        allocationPools: [],
      });
    default:
      if (isSubnet6(subnet)) return updateSubnet(state, ctx, subnet.id, { dnsNameservers: [parseIpv6('fd00::9')].slice(b % 2) });
      return updateSubnet(state, ctx, subnet.id, {
        dnsNameservers: [parseIpv4('9.9.9.9')].slice(b % 2),
        hostRoutes: [{ destination: parseCidr('172.16.0.0/12'), nexthop: parseIpv4(`10.0.${b % 3}.9`) }].slice(a % 2),
      });
  }
}

function nthAddress(cidr: IpCidr, n: number): IpAddress {
  if (isCidr6(cidr)) return ipv6FromBigint(ipv6ToBigint(cidr6Network(cidr)) + BigInt(n));
  return ipv4FromNumber(ipv4ToNumber(cidrNetwork(cidr)) + n);
}

/** Names, domains and DHCP options, set and taken away. */
function decideNames(state: ClusterState, ctx: CommandContext, { a, b, pick }: Picking): Changes {
  const some = b % 3 > 0;
  if (b % 5 === 0) return updateNetwork(state, ctx, pick(state.networks.values(), a).id, { dnsDomain: some ? 'red.example.' : '' });
  const port = pick(state.ports.values(), a);
  if (b % 7 === 3) return updatePort(state, ctx, port.id, { binding: { host: some ? `n${b % 4}` : '' } });
  if (b % 5 === 1)
    return updatePort(state, ctx, port.id, { dnsName: some ? `web${b}` : '', dnsDomain: b % 2 === 0 ? 'blue.example.' : '' });
  if (b % 5 === 2) {
    const external = [...state.networks.values()].filter((network) => network.external);
    const wish = {
      tenantId: port.tenantId,
      description: '',
      subnetId: undefined,
      address: undefined,
      dnsName: 'shop',
      dnsDomain: 'red.example.',
    };
    const target = some ? { portId: port.id, fixedIp: undefined } : undefined;
    return createFloatingIp(state, ctx, { ...wish, floatingNetworkId: pick(external, a).id, target });
  }
  return updatePort(state, ctx, port.id, {
    dhcpOptions: [{ name: 'classless-static-route', value: some ? `10.${b}.0.0/16,10.0.0.9` : null }],
  });
}
