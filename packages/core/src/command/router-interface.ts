import type { ClusterState } from '../cluster-state.ts';
import { ipCidrContains, ipCidrsOverlap, isIpv6 } from '../ip.ts';
import { answererOf } from '../public-gateway.ts';
import type { Changes, Network, Port, Resource } from '../resource.ts';
import { isSubnet4, isSubnet6 } from '../subnet.ts';
import type { Subnet } from '../subnet.ts';
import { ROUTER_INTERFACE } from '../router.ts';
import type { Router } from '../router.ts';
import type { PortId, RouterId, SubnetId } from '../uuid.ts';
import { missingConcentrator, routerConcentrator } from './concentrator.ts';
import { Conflict, NotFound, Refused, revised, stamps } from './context.ts';
import type { CommandContext } from './context.ts';
import { NO_EXTRAS } from './port-extras.ts';
import { withDhcpPort } from './dhcp-port.ts';
import { freeMac } from './free-address.ts';
import { automaticOverlap } from './subnet.ts';

/** One of them to add; at least one to remove. */
export type RouterInterfaceRequest = Readonly<{ subnetId: SubnetId | undefined; portId: PortId | undefined }>;
/** `subnets`: those that the request put on the router, or took off it. */
type Interface = Changes & Readonly<{ router: Router; port: Port; subnets: readonly Subnet[] }>;

/** A subnet, or a port, becomes an interface. In the same commit the tenant's automatic gateway gives the subnet up (design §8). */
export function addRouterInterface(
  state: ClusterState,
  context: CommandContext,
  routerId: RouterId,
  { subnetId, portId }: RouterInterfaceRequest,
): Interface {
  const old = state.routers.get(routerId);
  if (old === undefined) throw new NotFound('router', routerId);
  if ((subnetId === undefined) === (portId === undefined)) {
    throw bad(subnetId === undefined ? 'Either subnet_id or port_id must be specified' : 'Cannot specify both subnet-id and port-id');
  }
  const { port, subnets } =
    subnetId === undefined ? ofPort(state, context, old, portId as PortId) : ofSubnet(state, context, old, subnetId);
  for (const subnet of subnets) {
    for (const other of subnetsOf(state, old)) {
      if (other.id === subnet.id) throw bad(`Router already has a port on subnet ${subnet.id}`);
      if (ipCidrsOverlap(other.cidr, subnet.cidr)) {
        throw bad(`Cidr ${subnet.cidr} of subnet ${subnet.id} overlaps with cidr ${other.cidr} of subnet ${other.id}`);
      }
    }
  }
  const { uplink } = state.concentratorOfRouter(old.id) ?? {};
  const concentrator = routerConcentrator(state, context, old, uplink);
  const router = revised(context, old, {});
  const made = concentrator === state.concentratorOfRouter(old.id) ? [] : [concentrator];
  return withDhcpPort(state, context, port.networkId, { put: [router, port, ...made], remove: [], router, port, subnets });
}

/**
 * Its port is deleted, also where it was made before; one that other subnets share only gives up the one that was named. The automatic gateway
 * takes the subnets back in the same commit.
 */
export function removeRouterInterface(
  state: ClusterState,
  context: CommandContext,
  routerId: RouterId,
  { subnetId, portId }: RouterInterfaceRequest,
): Interface {
  const old = state.routers.get(routerId);
  if (old === undefined) throw new NotFound('router', routerId);
  if (subnetId === undefined && portId === undefined) throw bad('Either subnet_id or port_id must be specified');
  const port = interfaceNamed(state, old, subnetId, portId);
  const network = state.networks.get(port.networkId);
  const left = port.fixedIps.filter((fixed) => subnetId !== undefined && fixed.subnetId !== subnetId);
  const subnets = port.fixedIps.flatMap((fixed) => (left.includes(fixed) ? [] : (state.subnets.get(fixed.subnetId) ?? [])));
  if (subnets.length === 0 || network === undefined) throw new NotFound('subnet', subnetId ?? '');
  for (const subnet of subnets) checkUnused(state, old, subnet);
  const back = subnets.filter((subnet) => returns(state, port, subnet));
  for (const subnet of back) checkReturn(state, old, network, subnet);
  const router = revised(context, old, {});
  const put: Resource[] = [router, ...(back.length > 0 ? missingConcentrator(state, context, old.tenantId) : [])];
  if (left.length > 0) return { put: [...put, revised<Port>(context, port, { fixedIps: left })], remove: [], router, port, subnets };
  const others = [...state.interfacesOf(old.id)].filter(({ id }) => id !== port.id);
  const concentrator = state.concentratorOfRouter(old.id);
  const isLast = others.length === 0 && old.externalGateway === undefined;
  const remove: Resource[] = [port, ...state.firewallRulesOfPort(port.id), ...state.natRulesOfPort(port.id)];
  if (isLast && concentrator !== undefined) remove.push(concentrator);
  return withDhcpPort(state, context, network.id, { put, remove, router, port, subnets });
}

/** Whether a subnet is the automatic gateway's again once this interface is gone. */
function returns(state: ClusterState, port: Port, subnet: Subnet): boolean {
  const others = [...state.interfacesOn(port.networkId)].filter(({ id }) => id !== port.id);
  return subnet.gatewayIp !== undefined && !others.some(({ fixedIps }) => fixedIps.some((fixed) => fixed.subnetId === subnet.id));
}

function checkReturn(state: ClusterState, router: Router, network: Network, subnet: Subnet): void {
  const overlap = automaticOverlap(state, network, subnet.cidr);
  if (overlap === undefined) return;
  throw new Conflict(
    'router_interface_overlap',
    `Router ${router.id} interface for subnet ${subnet.id} cannot be deleted: off the router the subnet (${subnet.cidr}) would overlap with subnet ${overlap.id} (${overlap.cidr}), for the project's own gateway routes both.`,
    { details: { subnet: subnet.id, other: overlap.id }, remedy: 'Put the other subnet on a router, or delete one of them.' },
  );
}

function subnetsOf(state: ClusterState, router: Router): Subnet[] {
  return [...state.interfacesOf(router.id)].flatMap(({ fixedIps }) =>
    fixedIps.flatMap(({ subnetId }) => state.subnets.get(subnetId) ?? []),
  );
}

function ofSubnet(
  state: ClusterState,
  context: CommandContext,
  router: Router,
  subnetId: SubnetId,
): Readonly<{ port: Port; subnets: readonly Subnet[] }> {
  const subnet = state.subnets.get(subnetId);
  const network = subnet === undefined ? undefined : state.networks.get(subnet.networkId);
  if (subnet === undefined || network === undefined || network.external) throw new NotFound('subnet', subnetId);
  checkOwn(router, network);
  if (subnet.gatewayIp === undefined) throw bad(`Subnet for router interface must have a gateway IP`);
  const taken = state.portByAddress(subnet.id, subnet.gatewayIp);
  for (const own of state.interfacesOf(router.id))
    if (own.fixedIps.some((fixed) => fixed.subnetId === subnet.id)) throw bad(`Router already has a port on subnet ${subnet.id}`);
  if (taken !== undefined) {
    throw new Conflict('ip_address_already_allocated', `IP address ${subnet.gatewayIp} already allocated in subnet ${subnet.id}.`, {
      details: { port: taken.id },
      remedy: 'Make a port on the subnet, and add that one (port_id).',
    });
  }
  const fixed = { subnetId: subnet.id, address: subnet.gatewayIp };
  const shared = subnet.ipVersion === 6 ? ipv6InterfaceOn(state, router, network) : undefined;
  if (shared !== undefined) return { port: revised<Port>(context, shared, { fixedIps: [...shared.fixedIps, fixed] }), subnets: [subnet] };
  const port: Port = {
    kind: 'port',
    id: context.uuid() as PortId,
    tenantId: router.tenantId,
    networkId: network.id,
    name: '',
    description: '',
    adminStateUp: true,
    mac: freeMac(state, context, network),
    fixedIps: [fixed],
    securityGroups: [],
    portSecurityEnabled: false,
    deviceId: router.id,
    deviceOwner: ROUTER_INTERFACE,
    addressPairs: undefined,
    rateLimit: undefined,
    ...NO_EXTRAS,
    ...stamps(context),
  };
  return { port, subnets: [subnet] };
}

/** The router's interface on a network that has IPv6 already: all IPv6 subnets of a network are on one (neutron-api.md §6.1). */
function ipv6InterfaceOn(state: ClusterState, router: Router, network: Network): Port | undefined {
  return [...state.interfacesOf(router.id)].find(
    ({ networkId, fixedIps }) => networkId === network.id && fixedIps.some(({ address }) => isIpv6(address)),
  );
}

function ofPort(
  state: ClusterState,
  context: CommandContext,
  router: Router,
  portId: PortId,
): Readonly<{ port: Port; subnets: readonly Subnet[] }> {
  const old = state.ports.get(portId);
  if (old?.tenantId !== router.tenantId) throw new NotFound('port', portId);
  const uses = [old.deviceId, ...[...state.floatingIpsOfPort(portId), ...state.forwardingsTo(portId)].map(({ id }) => id)].filter(
    (id) => id !== '',
  );
  if (uses.length > 0) {
    throw new Conflict('port_in_use', `Unable to complete operation on port ${portId}. Port already has an attached device ${uses[0]}.`, {
      remedy: 'Name a port that nothing uses.',
    });
  }
  const subnets = old.fixedIps.flatMap(({ subnetId }) => state.subnets.get(subnetId) ?? []);
  const network = state.networks.get(old.networkId);
  if (network !== undefined) checkOwn(router, network);
  if (subnets.length === 0 || network === undefined) throw bad(`Router port must have at least one fixed IP`);
  if (subnets.filter(isSubnet4).length > 1) throw bad(`Cannot have multiple IPv4 subnets on router port`);
  if (subnets.some(isSubnet6) && ipv6InterfaceOn(state, router, network) !== undefined)
    throw bad(`Cannot have multiple router ports with the same network id if both contain IPv6 subnets`);
  const port = revised<Port>(context, old, {
    deviceId: router.id,
    deviceOwner: ROUTER_INTERFACE,
    portSecurityEnabled: false,
    securityGroups: [],
  });
  return { port, subnets };
}

/** A router of another project would bring packets with any source address to the segment, where groups know their members by address (ADR 11). */
function checkOwn(router: Router, network: Network): void {
  if (network.tenantId === router.tenantId) return;
  throw new Refused(
    'foreign_network',
    `Bad router request: network ${network.id} is of another project: a router connects networks of its own project.`,
    { remedy: 'Plug a workload into the shared network, or make the router in the project of the network.' },
  );
}

function interfaceNamed(state: ClusterState, router: Router, subnetId: SubnetId | undefined, portId: PortId | undefined): Port {
  const own = [...state.interfacesOf(router.id)];
  if (portId !== undefined) {
    const port = own.find(({ id }) => id === portId);
    if (port === undefined) {
      throw new Refused('router_interface_not_found', `Router ${router.id} does not have an interface with id ${portId}`);
    }
    if (subnetId !== undefined && !port.fixedIps.some((fixed) => fixed.subnetId === subnetId)) {
      throw new Refused('subnet_mismatch_for_port', `Subnet on port ${portId} does not match the requested subnet ${subnetId}.`);
    }
    return port;
  }
  if (subnetId !== undefined && !state.subnets.has(subnetId)) throw new NotFound('subnet', subnetId);
  const port = own.find(({ fixedIps }) => fixedIps.some((fixed) => fixed.subnetId === subnetId));
  if (port === undefined) {
    throw new Refused('router_interface_not_found_for_subnet', `Router ${router.id} has no interface on subnet ${subnetId}`);
  }
  return port;
}

function checkUnused(state: ClusterState, router: Router, subnet: Subnet): void {
  for (const { destination, nexthop } of router.routes) {
    if (!ipCidrContains(subnet.cidr, nexthop)) continue;
    throw new Conflict(
      'router_interface_in_use_by_route',
      `Router interface for subnet ${subnet.id} on router ${router.id} cannot be deleted, as it is required by one or more routes.`,
      { details: { destination, nexthop }, remedy: 'Remove those routes first.' },
    );
  }
  for (const floating of state.floatingIpsOf(router.tenantId)) {
    if (answererOf(state, floating)?.routerId !== router.id) continue;
    const internal = [floating.fixedIp, ...[...state.forwardingsOf(floating.id)].map(({ internalAddress }) => internalAddress)];
    if (!internal.some((address) => address !== undefined && ipCidrContains(subnet.cidr, address))) continue;
    throw new Conflict(
      'router_interface_in_use_by_floating_ip',
      `Router interface for subnet ${subnet.id} on router ${router.id} cannot be deleted, as it is required by one or more floating IPs.`,
      { details: { floatingIp: floating.id }, remedy: 'Take those floating IPs off their ports first.' },
    );
  }
}

function bad(why: string): Refused {
  return new Refused('bad_router_request', `Bad router request: ${why}.`);
}
