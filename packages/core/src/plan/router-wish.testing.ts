import type { ClusterState } from '../cluster-state.ts';
import type { CommandContext } from '../command/context.ts';
import { addRouterInterface, removeRouterInterface } from '../command/router-interface.ts';
import { addRoutes, createRouter, deleteRouter, removeRoutes, updateRouter } from '../command/router.ts';
import type { ExternalGatewayRequest } from '../command/router.ts';
import { parseCidr } from '../cidr.ts';
import { parseCidr6 } from '../cidr6.ts';
import { parseIpv6 } from '../ipv6.ts';
import { parseIpv4 } from '../ipv4.ts';
import type { Changes } from '../resource.ts';

type Picking = Readonly<{ a: number; b: number; pick: <T>(items: Iterable<T>, n: number) => T }>;

/** A command about some router. */
export function decideRouter(state: ClusterState, ctx: CommandContext, { a, b, pick }: Picking): Changes {
  const gateway = (n: number): ExternalGatewayRequest => {
    const external = [...state.networks.values()].filter((network) => network.external);
    return { networkId: pick(external, n).id, enableSnat: n % 3 === 0 ? false : undefined, fixedIps: undefined };
  };
  if (b % 8 === 0) {
    const wish = { name: '', description: '', adminStateUp: true, externalGateway: b % 16 === 0 ? gateway(a) : undefined };
    return createRouter(state, ctx, { ...wish, tenantId: pick(state.tenants.values(), a).id });
  }
  const { id, tenantId } = pick(state.routers.values(), a);
  switch (b % 8) {
    case 1:
    case 2: {
      const subnets = [...state.subnets.values()].filter((subnet) => subnet.tenantId === tenantId);
      return addRouterInterface(state, ctx, id, { subnetId: pick(subnets, b).id, portId: undefined });
    }
    case 3: {
      const ports = [...state.ports.values()].filter((port) => port.tenantId === tenantId && port.deviceId === '');
      return addRouterInterface(state, ctx, id, { subnetId: undefined, portId: pick(ports, b).id });
    }
    case 4: {
      const port = pick(state.interfacesOf(id), b);
      const subnetId = a % 2 === 0 ? undefined : pick(port.fixedIps, b).subnetId;
      return removeRouterInterface(state, ctx, id, { subnetId, portId: port.id });
    }
    case 5:
      return updateRouter(state, ctx, id, { externalGateway: b % 3 === 0 ? null : gateway(b) });
    case 6: {
      const route4 = { destination: parseCidr('172.16.0.0/12'), nexthop: parseIpv4(`10.0.${b % 3}.9`) };
      const route6 = { destination: parseCidr6('fd99::/48'), nexthop: parseIpv6(`fd00:0:0:${b % 2}::9`) };
      const routes = [a % 2 === 0 ? route4 : route6];
      return b % 5 === 0 ? removeRoutes(state, ctx, id, routes) : addRoutes(state, ctx, id, routes);
    }
    default:
      return b % 3 === 0 ? deleteRouter(state, id) : updateRouter(state, ctx, id, { adminStateUp: b % 2 === 0 });
  }
}
