import { cidrPrefixLength } from '../cidr.ts';
import type { ClusterState } from '../cluster-state.ts';
import { ipCidrContains, ipCidrPrefixLength } from '../ip.ts';
import type { IpAddress } from '../ip.ts';
import { answererOf } from '../public-gateway.ts';
import type { Changes, Resource, Uplink } from '../resource.ts';
import type { AnyRoute, ExternalGateway, Router } from '../router.ts';
import { isSubnet4 } from '../subnet.ts';
import type { NetworkId, RouterId, SubnetId, TenantId } from '../uuid.ts';
import { WeftError } from '../weft-error.ts';
import { routerConcentrator } from './concentrator.ts';
import { Conflict, NotFound, Refused, putChanged, stamps, updated } from './context.ts';
import type { CommandContext } from './context.ts';
import { publicAddress } from './public-address.ts';

export type ExternalGatewayRequest = Readonly<{
  networkId: NetworkId;
  /** Absent: as it was, else true. */
  enableSnat: boolean | undefined;
  /** Absent: any address. */
  fixedIps: readonly Readonly<{ subnetId: SubnetId | undefined; address: IpAddress | undefined }>[] | undefined;
}>;

export type CreateRouter = Readonly<{
  tenantId: TenantId;
  name: string;
  description: string;
  adminStateUp: boolean;
  externalGateway: ExternalGatewayRequest | undefined;
}>;

/** A router without interfaces (neutron-api.md §6.1). With an external gateway it gets a concentrator at once. */
export function createRouter(state: ClusterState, context: CommandContext, request: CreateRouter): Changes & Readonly<{ router: Router }> {
  if (!state.tenants.has(request.tenantId)) throw new NotFound('tenant', request.tenantId);
  const bare: Router = {
    kind: 'router',
    id: context.uuid() as RouterId,
    tenantId: request.tenantId,
    name: request.name,
    description: request.description,
    adminStateUp: request.adminStateUp,
    externalGateway: undefined,
    routes: [],
    ...stamps(context),
  };
  if (request.externalGateway === undefined) return { put: [bare], remove: [], router: bare };
  const { externalGateway, uplink } = gatewayFor(state, context, bare, request.externalGateway);
  const router = { ...bare, externalGateway };
  return { put: [router, routerConcentrator(state, context, router, uplink)], remove: [], router };
}

/** `externalGateway` null clears it; `routes` replaces all of them. */
export type UpdateRouter = Readonly<
  Partial<Pick<Router, 'name' | 'description' | 'adminStateUp' | 'routes'>> & { externalGateway?: ExternalGatewayRequest | null }
>;

export function updateRouter(
  state: ClusterState,
  context: CommandContext,
  id: RouterId,
  request: UpdateRouter,
): Changes & Readonly<{ router: Router }> {
  const old = state.routers.get(id);
  if (old === undefined) throw new NotFound('router', id);
  const { externalGateway: wanted, routes, ...plain } = request;
  const settled =
    wanted === undefined
      ? { externalGateway: old.externalGateway, uplink: state.concentratorOfRouter(id)?.uplink }
      : wanted === null
        ? { externalGateway: undefined, uplink: undefined }
        : gatewayFor(state, context, old, wanted);
  if (old.externalGateway?.networkId !== settled.externalGateway?.networkId) checkNoFloatingIps(state, old);
  if (routes !== undefined) checkRoutes(state, old, routes, settled.uplink);
  else checkRoutes(state, old, old.routes, settled.uplink);
  const router = updated(context, old, { ...plain, externalGateway: settled.externalGateway, ...(routes === undefined ? {} : { routes }) });
  const { put, remove } = concentratorChanges(state, context, router, settled.uplink);
  return { put: [...putChanged(old, router), ...put], remove, router };
}

export function deleteRouter(state: ClusterState, id: RouterId): Changes {
  const router = state.routers.get(id);
  if (router === undefined) throw new NotFound('router', id);
  const ports = [...state.interfacesOf(id)].map((port) => port.id);
  if (ports.length > 0) {
    throw new Conflict('router_in_use', `Router ${id} still has ports: has ports still attached: ${ports.join(', ')}.`, {
      details: { ports },
      remedy: 'Remove its interfaces first.',
    });
  }
  checkNoFloatingIps(state, router);
  const concentrator = state.concentratorOfRouter(id);
  return { put: [], remove: concentrator === undefined ? [router] : [router, concentrator] };
}

/** Routes more. Those that it has already are no error. */
export function addRoutes(
  state: ClusterState,
  context: CommandContext,
  id: RouterId,
  more: readonly AnyRoute[],
): ReturnType<typeof updateRouter> {
  const old = state.routers.get(id);
  if (old === undefined) throw new NotFound('router', id);
  return updateRouter(state, context, id, { routes: [...old.routes, ...more.filter((route) => !old.routes.some(isSame(route)))] });
}

/** Routes less. Those that it has not are no error. */
export function removeRoutes(
  state: ClusterState,
  context: CommandContext,
  id: RouterId,
  less: readonly AnyRoute[],
): ReturnType<typeof updateRouter> {
  const old = state.routers.get(id);
  if (old === undefined) throw new NotFound('router', id);
  return updateRouter(state, context, id, { routes: old.routes.filter((route) => !less.some(isSame(route))) });
}

function isSame(route: AnyRoute): (other: AnyRoute) => boolean {
  return ({ destination, nexthop }) => destination === route.destination && nexthop === route.nexthop;
}

/** What a router's concentrator is to be when the router has no interface more or less. */
function concentratorChanges(
  state: ClusterState,
  context: CommandContext,
  router: Router,
  uplink: Uplink | undefined,
): Readonly<{ put: readonly Resource[]; remove: readonly Resource[] }> {
  const old = state.concentratorOfRouter(router.id);
  const hasInterfaces = [...state.interfacesOf(router.id)].length > 0;
  if (router.externalGateway === undefined && !hasInterfaces) return { put: [], remove: old === undefined ? [] : [old] };
  const now = routerConcentrator(state, context, router, uplink);
  return { put: now === old ? [] : [now], remove: [] };
}

function gatewayFor(
  state: ClusterState,
  context: CommandContext,
  router: Router,
  request: ExternalGatewayRequest,
): Readonly<{ externalGateway: ExternalGateway; uplink: Uplink }> {
  const network = state.networks.get(request.networkId);
  if (network === undefined) throw new NotFound('network', request.networkId);
  if (!network.external) {
    throw new Refused('not_external_network', `Bad router request: Network ${network.id} is not an external network.`);
  }
  const old = router.externalGateway;
  const enableSnat = request.enableSnat ?? old?.enableSnat ?? true;
  const [wanted, ...more] = request.fixedIps ?? [];
  if (more.length > 0) {
    throw new Refused('external_fixed_ips', 'Bad router request: a router has one external address.', {
      remedy: 'Say one of external_fixed_ips. For more public addresses make floating IPs.',
    });
  }
  const [has] = old?.networkId === network.id ? old.fixedIps : [];
  const isKept =
    has !== undefined &&
    (wanted?.address === undefined || wanted.address === has.address) &&
    (wanted?.subnetId === undefined || wanted.subnetId === has.subnetId);
  const subnets = [...state.subnetsOf(network.id)].filter(isSubnet4);
  const { subnet, address } = isKept
    ? { subnet: subnets.find(({ id }) => id === has.subnetId), address: has.address }
    : freeAddress(state, context, router, network.id, wanted);
  if (subnet?.gatewayIp === undefined) {
    throw new Refused(
      'external_subnet_without_gateway',
      `Bad router request: subnet ${subnet?.id} of network ${network.id} has no gateway.`,
      {
        remedy: 'Name a subnet with a gateway in external_fixed_ips: its gateway is the way on.',
      },
    );
  }
  return {
    externalGateway: { networkId: network.id, fixedIps: [{ subnetId: subnet.id, address }], enableSnat },
    uplink: { address, prefixLength: cidrPrefixLength(subnet.cidr), gateway: subnet.gatewayIp },
  };
}

function freeAddress(
  state: ClusterState,
  context: CommandContext,
  router: Router,
  networkId: NetworkId,
  wanted: Readonly<{ subnetId: SubnetId | undefined; address: IpAddress | undefined }> | undefined,
): ReturnType<typeof publicAddress> {
  const network = state.networks.get(networkId);
  if (network === undefined) throw new NotFound('network', networkId);
  const holder = state.concentratorOfRouter(router.id)?.id;
  try {
    return publicAddress(state, context, network, { subnetId: wanted?.subnetId, address: wanted?.address, holder });
  } catch (error) {
    if (!(error instanceof WeftError) || error.code !== 'ip_address_generation_failure') throw error;
    throw new Refused('external_ip_address_exhausted', `Unable to find any IP address on external network ${network.id}.`, {
      remedy: 'Add a subnet to the external network, or give addresses back.',
    });
  }
}

function checkNoFloatingIps(state: ClusterState, router: Router): void {
  if (router.externalGateway === undefined) return;
  for (const floating of state.floatingIpsOf(router.tenantId)) {
    if (answererOf(state, floating)?.routerId !== router.id) continue;
    throw new Conflict(
      'router_external_gateway_in_use',
      `Gateway cannot be updated for router ${router.id}, since a gateway to external network ${router.externalGateway.networkId} is required by one or more floating IPs.`,
      { details: { floatingIp: floating.id }, remedy: 'Take its floating IPs off their ports first.' },
    );
  }
}

/** More could not be told from a mistake (Neutron's `max_routes`). */
const MOST_ROUTES = 30;

function checkRoutes(state: ClusterState, router: Router, routes: readonly AnyRoute[], uplink: Uplink | undefined): void {
  if (routes.length > MOST_ROUTES) {
    throw new Refused(
      'routes_exhausted',
      `Unable to complete operation for ${router.id}. The number of routes exceeds the maximum ${MOST_ROUTES}.`,
    );
  }
  const invalid = (route: AnyRoute, why: string): never => {
    throw new Refused('invalid_routes', `Invalid format for routes: ${route.destination} via ${route.nexthop}, ${why}`);
  };
  const fixed = [...state.interfacesOf(router.id)].flatMap(({ fixedIps }) => fixedIps);
  for (const [index, route] of routes.entries()) {
    if (routes.findIndex(({ destination }) => destination === route.destination) !== index)
      invalid(route, 'the destination is there twice');
    if (ipCidrPrefixLength(route.destination) === 0) invalid(route, 'the way to everything else is the external gateway');
    if (fixed.some(({ address }) => address === route.nexthop) || uplink?.address === route.nexthop)
      invalid(route, 'the nexthop is used by router');
    const near = fixed.some(({ subnetId }) => {
      const subnet = state.subnets.get(subnetId);
      return subnet !== undefined && ipCidrContains(subnet.cidr, route.nexthop);
    });
    if (!near) invalid(route, 'the nexthop is not connected with router');
    if (fixed.some(({ subnetId }) => state.subnets.get(subnetId)?.cidr === route.destination))
      invalid(route, 'the destination is a subnet of the router');
  }
}
