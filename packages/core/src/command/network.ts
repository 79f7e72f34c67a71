import type { ClusterState } from '../cluster-state.ts';
import { localMac } from '../mac.ts';
import type { Changes, Network, Resource, Topology } from '../resource.ts';
import { isSubnet6 } from '../subnet.ts';
import type { NetworkId, TenantId } from '../uuid.ts';
import type { Vni } from '../vni.ts';
import { EVERYBODY } from '../rbac-policy.ts';
import { checkAddresses } from './shared-addresses.ts';
import { externalChanges, policyFor, sharedChanges } from './network-policies.ts';
import { missingConcentrator } from './concentrator.ts';
import { checkIpv6Fits } from './subnet-checks.ts';
import { Conflict, NotFound, Refused, putChanged, stamps, updated } from './context.ts';
import type { CommandContext } from './context.ts';
import { dhcpServiceOf, withDhcpPort } from './dhcp-port.ts';
import { isDhcpPort } from '../dhcp-service.ts';

export type CreateNetwork = Readonly<{
  tenantId: TenantId;
  name: string;
  description: string;
  adminStateUp: boolean;
  portSecurityEnabled: boolean;
  external: boolean;
  /** Of external networks one at most. */
  isDefault?: boolean;
  /** For every project, ports as well. */
  shared?: boolean;
  topology: Topology | undefined;
  /** 0 or absent: the largest that fits. */
  mtu: number | undefined;
  /** The VNI. Absent: any free one. */
  segmentationId?: number | undefined;
  /** Empty or absent: the cluster's. */
  dnsDomain?: string;
}>;

export function createNetwork(
  state: ClusterState,
  context: CommandContext,
  request: CreateNetwork,
): Changes & Readonly<{ network: Network }> {
  if (!state.tenants.has(request.tenantId)) throw new NotFound('tenant', request.tenantId);
  const network: Network = {
    kind: 'network',
    id: context.uuid() as NetworkId,
    tenantId: request.tenantId,
    name: request.name,
    description: request.description,
    adminStateUp: request.adminStateUp,
    portSecurityEnabled: request.portSecurityEnabled,
    external: request.external,
    ...(request.isDefault === true ? { isDefault: checkDefault(state, request.external, undefined) } : {}),
    vni: request.segmentationId === undefined ? freeVni(state, context) : checkVni(state, context, request.segmentationId),
    topology: request.topology ?? context.cluster.defaultTopology,
    mtu: checkMtu(context, request.mtu),
    gatewayMac: localMac(context.random(5)),
    dnsDomain: request.dnsDomain || undefined,
    ...stamps(context),
  };
  const policies = [
    ...(request.shared === true ? [policyFor(context, network, 'access_as_shared', EVERYBODY)] : []),
    ...(request.external ? [policyFor(context, network, 'access_as_external', EVERYBODY)] : []),
  ];
  return { put: [network, ...policies], remove: [], network };
}

export type UpdateNetwork = Readonly<
  Partial<Pick<Network, 'name' | 'description' | 'adminStateUp' | 'portSecurityEnabled' | 'external' | 'mtu'>> & {
    isDefault?: boolean;
    shared?: boolean;
    /** What it is already: a VNI does not change. */
    segmentationId?: number;
    /** Empty: the cluster's. */
    dnsDomain?: string;
  }
>;

export function updateNetwork(
  state: ClusterState,
  context: CommandContext,
  id: NetworkId,
  request: UpdateNetwork,
): Changes & Readonly<{ network: Network }> {
  const old = state.networks.get(id);
  if (old === undefined) throw new NotFound('network', id);
  const mtu = request.mtu === undefined ? old.mtu : checkMtu(context, request.mtu);
  if ([...state.subnetsOf(id)].some(isSubnet6)) checkIpv6Fits({ id, mtu });
  if (request.external === true && !old.external) checkNoPorts(state, id);
  if (request.external === false) {
    checkNoFloatingIps(state, id, 'cannot become internal');
    checkNoRouters(state, id, 'cannot become internal');
    if (old.external) checkAddresses(state, old, state.subnetsOf(id));
  }
  const { segmentationId = old.vni, isDefault: wanted, shared, ...plain } = request;
  if (segmentationId !== old.vni) {
    throw new Refused('segmentation_id_fixed', `Invalid input for operation: the segmentation id of network ${id} cannot be changed.`, {
      details: { segmentationId: old.vni },
      remedy: 'Make another network with that segmentation id.',
    });
  }
  const external = request.external ?? old.external;
  const isDefault = (wanted ?? (external && old.isDefault === true)) ? checkDefault(state, external, id) : undefined;
  const dnsDomain = request.dnsDomain === undefined ? old.dnsDomain : request.dnsDomain || undefined;
  const network = updated(context, old, { ...plain, mtu, isDefault, dnsDomain });
  const served = old.external && !network.external && [...state.subnetsOf(id)].some((subnet) => subnet.gatewayIp !== undefined);
  const policies = [
    ...(shared === undefined ? [] : [sharedChanges(state, context, old, shared)]),
    ...(external === old.external ? [] : [externalChanges(state, context, old, external)]),
  ];
  const put = [
    ...putChanged(old, network),
    ...policies.flatMap((each) => each.put),
    ...(served ? missingConcentrator(state, context, old.tenantId) : []),
  ];
  const changes = { put, remove: policies.flatMap((each) => each.remove), network };
  return network.external === old.external ? changes : withDhcpPort(state, context, id, changes);
}

/** A network goes with its subnets, once no port is left on it. */
export function deleteNetwork(state: ClusterState, id: NetworkId): Changes {
  const network = state.networks.get(id);
  if (network === undefined) throw new NotFound('network', id);
  checkNoPorts(state, id);
  checkNoFloatingIps(state, id, 'cannot be deleted');
  checkNoRouters(state, id, 'cannot be deleted');
  const remove: Resource[] = [network, ...state.subnetsOf(id), ...state.policiesOf(id), ...dhcpServiceOf(state, id)];
  return { put: [], remove };
}

function checkNoPorts(state: ClusterState, id: NetworkId): void {
  for (const port of state.portsOf(id)) {
    if (isDhcpPort(port)) continue;
    throw new Conflict(
      'network_in_use',
      `Unable to complete operation on network ${id}. There are one or more ports still in use on the network, id for these ports is: ${port.id}.`,
      {
        details: { port: port.id },
        remedy: 'Delete its ports first.',
      },
    );
  }
}

function checkNoFloatingIps(state: ClusterState, id: NetworkId, what: string): void {
  for (const subnet of state.subnetsOf(id)) {
    for (const floating of state.floatingIpsIn(subnet.id)) {
      throw new Conflict(
        'external_network_in_use',
        `External network ${id} ${what}: floating IP ${floating.id} holds ${floating.address} of it.`,
        { details: { floatingIp: floating.id }, remedy: 'Delete its floating IPs first.' },
      );
    }
  }
}

function checkNoRouters(state: ClusterState, id: NetworkId, what: string): void {
  for (const router of state.routers.values()) {
    if (router.externalGateway?.networkId !== id) continue;
    throw new Conflict('external_network_in_use', `External network ${id} ${what}: it is the external gateway of router ${router.id}.`, {
      details: { router: router.id },
      remedy: 'Clear the external gateway of its routers first.',
    });
  }
}

/** Throws Refused for what is not external, Conflict beside another one. */
function checkDefault(state: ClusterState, external: boolean, self: NetworkId | undefined): true {
  if (!external) {
    throw new Refused('default_network_not_external', 'Bad network request: is_default is for external networks.', {
      remedy: 'Set router:external, too, or leave is_default out.',
    });
  }
  for (const other of state.networks.values()) {
    if (other.isDefault !== true || other.id === self) continue;
    throw new Conflict('default_external_network_exists', `A default external network already exists: ${other.id}.`, {
      details: { network: other.id },
      remedy: 'Set its is_default to false first.',
    });
  }
  return true;
}

function checkMtu(context: CommandContext, mtu: number | undefined): number {
  const largest = context.cluster.mtu;
  if (mtu === undefined || mtu === 0) return largest;
  if (mtu > largest) throw new Refused('mtu_too_big', `Invalid input for operation: Requested MTU is too big, maximum is ${largest}.`);
  if (mtu < 68) throw new Refused('mtu_too_small', 'Invalid input for operation: Requested MTU is too small, minimum is 68.');
  return mtu;
}

/** The VNI that an administrator asks for. */
function checkVni(state: ClusterState, context: CommandContext, wanted: number): Vni {
  const { first, last } = context.cluster.vniRange;
  if (wanted < first || wanted > last) {
    throw new Refused(
      'segmentation_id_out_of_range',
      `Invalid input for operation: segmentation_id ${wanted} is not in the range of this cluster, ${first} to ${last}.`,
      { details: { first, last }, remedy: 'Leave segmentation_id out, or widen the range of VNIs in the server configuration.' },
    );
  }
  if (state.networkByVni.has(wanted as Vni)) {
    throw new Conflict('tunnel_id_in_use', `Unable to create the network. The tunnel ID ${wanted} is in use.`, {
      details: { segmentationId: wanted },
    });
  }
  return wanted as Vni;
}

/** A free VNI, from a random place in the range: a number just given back is not used again at once. */
function freeVni(state: ClusterState, context: CommandContext): Vni {
  const { first, last } = context.cluster.vniRange;
  const size = last - first + 1;
  const random = context.random(4);
  const start = new DataView(random.buffer, random.byteOffset, 4).getUint32(0) % size;
  for (let offset = 0; offset < size; offset += 1) {
    const vni = (first + ((start + offset) % size)) as Vni;
    if (!state.networkByVni.has(vni)) return vni;
  }
  throw new Conflict('no_network_available', 'Unable to create the network. No tenant network is available for allocation.', {
    retryable: true,
  });
}
