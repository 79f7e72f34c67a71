import type { ConvergenceView } from '@weft/api/v1';
import type { RouterStatus } from '@weft/api/routers';
import type { FloatingIpStatus } from '@weft/api/floating-ips';
import type { PortStatus } from '@weft/api/ports';
import type { ClusterState } from '@weft/core/cluster-state';
import type { Ipv4 } from '@weft/core/ipv4';
import { isDhcpPort } from '@weft/core/dhcp-service';
import { dhcpHostKey } from '@weft/core/plan/dhcphost';
import { gatewayKey } from '@weft/core/plan/gateway';
import { instanceKey } from '@weft/core/plan/instance';
import { peerKey } from '@weft/core/plan/peer';
import { planRefText } from '@weft/core/plan/plan';
import type { PlanKind } from '@weft/core/plan/plan';
import { portKey } from '@weft/core/plan/port';
import { publicIpKey } from '@weft/core/plan/publicip';
import { segmentKey } from '@weft/core/plan/segment';
import { answererOf } from '@weft/core/public-gateway';
import type { Router } from '@weft/core/router';
import { isRouterInterface } from '@weft/core/router';
import { servingGateway } from '@weft/core/segment-gateway';
import type { Concentrator, FloatingIp, Instance, Network, Port } from '@weft/core/resource';
import type { ConcentratorId, InstanceId, NetworkId, NodeId, PortId, RouterId } from '@weft/core/uuid';
import type { ErrorInfo } from '@weft/core/weft-error';
import type { NodeObservation } from './node-registry.ts';

/** What statuses are computed from: the desired state, and what nodes report. */
export type StatusSources = Readonly<{
  state: ClusterState;
  observe: (nodeId: NodeId) => NodeObservation | undefined;
  /** Why something unplaced is not placed. */
  placementError: (id: InstanceId | ConcentratorId) => ErrorInfo | undefined;
  /** The node that a concentrator was last announced from. */
  announcedFrom: (id: ConcentratorId) => NodeId | undefined;
}>;

export type WorkloadStatus = Readonly<{ status: 'pending' | 'building' | 'active' | 'error'; error: ErrorInfo | undefined }>;

/** ACTIVE when the port's own node and its gateway's have applied the newest of what concerns it (design §5, Sync). */
export function portStatus(sources: StatusSources, port: Port): PortStatus {
  const { state } = sources;
  if (isRouterInterface(port)) return interfaceStatus(sources, port, state.concentratorOfRouter(port.deviceId as RouterId));
  if (isDhcpPort(port)) return interfaceStatus(sources, port, state.concentratorOfNetwork(port.networkId));
  const nodeId = state.nodeOfPort(port.id);
  const network = state.networks.get(port.networkId);
  if (nodeId === undefined || network === undefined || !port.adminStateUp) return 'DOWN';
  const own = isApplied(sources, nodeId, 'segment', segmentKey(network.vni)) && isApplied(sources, nodeId, 'port', portKey(port.id));
  return own && isKnownToGateway(sources, network, port, nodeId) ? 'ACTIVE' : 'BUILD';
}

/** ACTIVE when the node of its router's gateway, or of its DHCP server, has applied that. */
function interfaceStatus(sources: StatusSources, { adminStateUp }: Port, concentrator: Concentrator | undefined): PortStatus {
  if (concentrator?.nodeId === undefined || !adminStateUp) return 'DOWN';
  return isApplied(sources, concentrator.nodeId, 'gateway', gatewayKey(concentrator.id)) ? 'ACTIVE' : 'BUILD';
}

export function instanceStatus(sources: StatusSources, instance: Instance): WorkloadStatus {
  if (instance.nodeId === undefined) {
    const error = sources.placementError(instance.id);
    return { status: error === undefined ? 'pending' : 'error', error };
  }
  const node = sources.observe(instance.nodeId);
  const failed = failureOf(node, 'instance', instanceKey(instance.id)) ?? failureOf(node, 'port', portKey(instance.portId));
  if (failed !== undefined) return { status: 'error', error: failed };
  const applied =
    isApplied(sources, instance.nodeId, 'instance', instanceKey(instance.id)) &&
    isApplied(sources, instance.nodeId, 'port', portKey(instance.portId));
  if (!applied) return { status: 'building', error: undefined };
  const reported = node?.instances.get(instance.id);
  if (reported === undefined || reported === 'active' || reported === 'running') return { status: 'active', error: undefined };
  if (reported === 'pending' || reported === 'starting') return { status: 'building', error: undefined };
  return { status: 'error', error: { code: 'instance_not_running', message: `its node reports it ${reported}`, retryable: true } };
}

export function concentratorStatus(sources: StatusSources, concentrator: Concentrator): WorkloadStatus {
  if (concentrator.nodeId === undefined) {
    const error = sources.placementError(concentrator.id);
    return { status: error === undefined ? 'pending' : 'error', error };
  }
  const failed = failureOf(sources.observe(concentrator.nodeId), 'gateway', gatewayKey(concentrator.id));
  if (failed !== undefined) return { status: 'error', error: failed };
  const announced = sources.announcedFrom(concentrator.id) === concentrator.nodeId;
  const active = announced || isApplied(sources, concentrator.nodeId, 'gateway', gatewayKey(concentrator.id));
  return { status: active ? 'active' : 'building', error: undefined };
}

/**
 * ACTIVE when it leads somewhere or a NAT rule uses it, and the node of the gateway that answers for it has applied that; ERROR when that node says it cannot. As
 * long as another gateway has not given the address up, it is DOWN.
 */
export function floatingIpStatus(sources: StatusSources, floating: FloatingIp): FloatingIpStatus {
  const { state } = sources;
  const gateway = answererOf(state, floating);
  if (gateway?.nodeId === undefined || state.isHeldByAnother(floating.address, gateway.id)) return 'DOWN';
  const key = publicIpKey(floating.address);
  if (failureOf(sources.observe(gateway.nodeId), 'publicip', key) !== undefined) return 'ERROR';
  return isApplied(sources, gateway.nodeId, 'publicip', key) ? 'ACTIVE' : 'DOWN';
}

/** Without anything to route between it needs no gateway, and is ACTIVE as Neutron's is. */
export function routerStatus(sources: StatusSources, router: Router): RouterStatus {
  const concentrator = sources.state.concentratorOfRouter(router.id);
  if (concentrator === undefined) return 'ACTIVE';
  const { status } = concentratorStatus(sources, concentrator);
  if (status === 'error') return 'ERROR';
  return status === 'active' ? 'ACTIVE' : 'ALLOCATING';
}

export type SshReach = Readonly<{ address: Ipv4; port: number }>;

/** Where a workload's SSH server is reached from outside; undefined while it is not to be, or no gateway leads to it. */
export function sshReach(state: ClusterState, instance: Instance): SshReach | undefined {
  if (state.tenants.get(instance.tenantId)?.sshReach !== true || instance.sshPort === undefined) return undefined;
  const gateway = gatewayOfPort({ state }, instance.portId);
  const address = gateway?.tenantId === instance.tenantId ? gateway.uplink?.address : undefined;
  return address === undefined ? undefined : { address, port: instance.sshPort };
}

/** The concentrator between a port and the outside: of the first of its subnets that has one. */
function gatewayOfPort({ state }: Pick<StatusSources, 'state'>, portId: PortId): Concentrator | undefined {
  const gateways = state.ports.get(portId)?.fixedIps.flatMap(({ subnetId }) => state.gatewayOfSubnet(subnetId) ?? []);
  return gateways?.find(({ uplink }) => uplink !== undefined);
}

/** How many of the nodes that carry a segment have applied all of their plans. */
export function convergence(sources: StatusSources, networkId: NetworkId): ConvergenceView {
  let [applied, of] = [0, 0];
  let oldest: number | null = Number.POSITIVE_INFINITY;
  for (const nodeId of sources.state.nodesOf(networkId)) {
    const progress = sources.observe(nodeId)?.progress;
    of += 1;
    if (progress?.isComplete === true) applied += 1;
    oldest = oldest === null || progress?.applied === undefined ? null : Math.min(oldest, progress.applied);
  }
  return { applied, of, oldest: of === 0 ? null : oldest };
}

/** To every gateway of the segment, and its addresses to the DHCP server of their subnets. */
function isKnownToGateway(sources: StatusSources, network: Network, port: Port, nodeId: NodeId): boolean {
  const gateways = sources.state.gatewaysOf(network);
  return gateways.every((gateway) => {
    const host = gateway.concentrator.nodeId;
    if (host === undefined) return false;
    const served = port.fixedIps.filter(({ subnetId }) => servingGateway(gateways, subnetId) === gateway);
    return (
      isApplied(sources, host, 'segment', segmentKey(network.vni)) &&
      isApplied(sources, host, 'gateway', gatewayKey(gateway.concentrator.id)) &&
      (host === nodeId || isApplied(sources, host, 'peer', peerKey(network.vni, port.mac))) &&
      served.every((fixed) => isApplied(sources, host, 'dhcphost', dhcpHostKey(network.vni, fixed.address)))
    );
  });
}

function isApplied(sources: StatusSources, nodeId: NodeId, kind: PlanKind, key: string): boolean {
  return sources.observe(nodeId)?.progress.isApplied(planRefText({ kind, key })) ?? false;
}

function failureOf(node: NodeObservation | undefined, kind: PlanKind, key: string): ErrorInfo | undefined {
  const text = planRefText({ kind, key });
  const failed = node?.progress.failed ?? {};
  return Object.hasOwn(failed, text) ? failed[text] : undefined;
}
