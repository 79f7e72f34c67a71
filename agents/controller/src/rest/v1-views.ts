import type { ConcentratorView, InstanceView, NodeView, PoolView, TenantView } from '@weft/api/v1';
import { poolContains, poolSize } from '@weft/core/address-pool';
import type { ClusterState } from '@weft/core/cluster-state';
import type { Ipv4 } from '@weft/core/ipv4';
import type { Concentrator, Instance, Network, Node, Tenant } from '@weft/core/resource';
import { isSubnet4 } from '@weft/core/subnet';
import type { Subnet4 } from '@weft/core/subnet';
import type { ErrorInfo } from '@weft/core/weft-error';
import type { NodeObservation } from '../node-registry.ts';
import { concentratorStatus, convergence, instanceStatus, sshReach } from '../status.ts';
import type { StatusSources } from '../status.ts';

export function tenantView(tenant: Tenant): TenantView {
  const { id, name, automaticGateway, sshReach: reach, rateLimit, createdAt, updatedAt } = tenant;
  return {
    id,
    name,
    automatic_gateway: automaticGateway,
    ssh_reach: reach,
    ingress_kbps: rateLimit?.ingressKbps ?? null,
    egress_kbps: rateLimit?.egressKbps ?? null,
    created_at: createdAt,
    updated_at: updatedAt,
  };
}

export function nodeView(node: Node, observed: NodeObservation | undefined): NodeView {
  const { id, hostname, roles, vtep } = node;
  const { progress, load } = observed ?? {};
  return {
    id,
    hostname,
    roles: [...roles],
    status: observed?.connected === true ? 'connected' : 'disconnected',
    plan: planOf(observed),
    vtep: vtep ?? null,
    applied_revision: progress?.applied ?? null,
    sent_revision: observed?.sent ?? null,
    failed: Object.fromEntries(Object.entries(progress?.failed ?? {}).map(([key, error]) => [key, fault(error)])),
    held: progress?.held ?? null,
    load: known(load?.load),
    mem_total_mb: known(load?.memTotalMb),
    mem_available_mb: known(load?.memAvailableMb),
    last_seen: observed?.lastSeenMs === undefined ? null : new Date(observed.lastSeenMs).toISOString(),
  };
}

export function instanceView(instance: Instance, sources: StatusSources): InstanceView {
  const { id, tenantId, name, command, portId, addressing, nodeId, requestedNodeId, createdAt, updatedAt } = instance;
  const { status, error } = instanceStatus(sources, instance);
  const networkId = sources.state.ports.get(portId)?.networkId;
  const ssh = sshReach(sources.state, instance);
  return {
    id,
    tenant_id: tenantId,
    name,
    command: [...command],
    port_id: portId,
    addressing,
    node_id: nodeId ?? requestedNodeId ?? null,
    status,
    error: error === undefined ? null : fault(error),
    ssh_ip: ssh?.address ?? null,
    ssh_port: ssh?.port ?? null,
    applied: networkId === undefined ? { applied: 0, of: 0, oldest: null } : convergence(sources, networkId),
    created_at: createdAt,
    updated_at: updatedAt,
  };
}

export function concentratorView(concentrator: Concentrator, sources: StatusSources): ConcentratorView {
  const { id, tenantId, routerId, networkId, nodeId, generation, uplink, createdAt, updatedAt } = concentrator;
  const { status, error } = concentratorStatus(sources, concentrator);
  return {
    id,
    tenant_id: tenantId,
    router_id: routerId ?? null,
    network_id: networkId ?? null,
    node_id: nodeId ?? null,
    status,
    error: error === undefined ? null : fault(error),
    generation,
    uplink_address: uplink?.address ?? null,
    created_at: createdAt,
    updated_at: updatedAt,
  };
}

/** Every IPv4 subnet of an external network, and how much of its pools is taken: also by addresses that are held until a node confirms. */
export function poolViews(state: ClusterState): readonly PoolView[] {
  const uplinks = [...state.concentrators.values()].flatMap(({ uplink }) => uplink?.address ?? []);
  const held = [...state.addressHolds.values()].map(({ address }) => address);
  return [...state.networks.values()]
    .filter((network) => network.external)
    .flatMap((network) =>
      [...state.subnetsOf(network.id)].filter(isSubnet4).map((subnet) => poolView(state, network, subnet, [...uplinks, ...held])),
    );
}

function poolView(state: ClusterState, network: Network, subnet: Subnet4, others: readonly Ipv4[]): PoolView {
  const pools = subnet.allocationPools;
  const total = Number(poolSize(pools));
  const taken = new Set([...others, ...[...state.floatingIpsIn(subnet.id)].map(({ address }) => address)]);
  const used = [...taken].filter((address) => pools.some((pool) => poolContains(pool, address))).length;
  const { id, name, cidr } = subnet;
  return { id, name, network_id: network.id, network_name: network.name, cidr, total, used, free: total - used };
}

function planOf(observed: NodeObservation | undefined): NodeView['plan'] {
  if (observed === undefined) return 'unknown';
  const { progress } = observed;
  if (progress.held !== undefined) return 'held';
  if (progress.applied === undefined) return observed.connected ? 'syncing' : 'unknown';
  return progress.isComplete ? 'in-sync' : 'syncing';
}

/** -1 is how a node says that it cannot tell. */
function known(figure: number | undefined): number | null {
  return figure === undefined || figure < 0 ? null : figure;
}

function fault({ code, message }: ErrorInfo): Readonly<{ code: string; message: string }> {
  return { code, message };
}
