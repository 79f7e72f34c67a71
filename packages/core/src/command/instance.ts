import type { ClusterState } from '../cluster-state.ts';
import { isDhcpPort } from '../dhcp-service.ts';
import { isRouterInterface } from '../router.ts';
import type { Changes, Instance } from '../resource.ts';
import type { InstanceId, NodeId, PortId, TenantId } from '../uuid.ts';
import { missingConcentrator, missingDhcpConcentrator } from './concentrator.ts';
import { Conflict, NotFound, Refused, revised, stamps } from './context.ts';
import type { CommandContext } from './context.ts';
import { nodeForInstance } from './bind-port.ts';

export type CreateInstance = Readonly<{
  tenantId: TenantId;
  name: string;
  command: readonly string[];
  portId: PortId;
  addressing: 'static' | 'dhcp';
  nodeId: NodeId | undefined;
  /** In base64. */
  userData?: string | undefined;
}>;

/** A workload, not placed yet; the port learns whose it is, as Nova would tell it. */
export function createInstance(
  state: ClusterState,
  context: CommandContext,
  request: CreateInstance,
): Changes & Readonly<{ instance: Instance }> {
  const port = state.ports.get(request.portId);
  if (port === undefined || port.tenantId !== request.tenantId) throw new NotFound('port', request.portId);
  const other = state.instanceOfPort(port.id);
  if (other !== undefined)
    throw new Conflict('port_in_use', `Port ${port.id} is in use by instance ${other.id}.`, { details: { instance: other.id } });
  if (request.command.length === 0) throw new Refused('invalid_command', 'an instance needs a command to run, as a list of words');
  if (request.nodeId !== undefined && state.nodes.get(request.nodeId)?.roles.includes('compute') !== true)
    throw new NotFound('node', request.nodeId);
  if (isRouterInterface(port)) throw new Conflict('port_in_use', `Port ${port.id} is in use by router ${port.deviceId}.`);
  if (isDhcpPort(port)) throw new Conflict('port_in_use', `Port ${port.id} serves DHCP on network ${port.networkId}.`);
  const instance: Instance = {
    kind: 'instance',
    id: context.uuid() as InstanceId,
    tenantId: request.tenantId,
    name: request.name,
    command: request.command,
    portId: port.id,
    addressing: request.addressing,
    requestedNodeId: nodeForInstance(state, port, request.nodeId),
    nodeId: undefined,
    generation: 0,
    sshPort: freeSshPort(state, context, request.tenantId),
    userData: request.userData,
    ...stamps(context),
  };
  const network = state.networks.get(port.networkId);
  const served = network !== undefined && [...state.subnetsOf(network.id)].some((subnet) => subnet.gatewayIp !== undefined);
  const gateway = served ? missingConcentrator(state, context, network.tenantId) : [];
  const server = missingDhcpConcentrator(state, context, port.networkId);
  return {
    put: [instance, revised(context, port, { deviceId: instance.id, deviceOwner: 'compute:weft' }), ...gateway, ...server],
    remove: [],
    instance,
  };
}

/** A free port of the tenant's gateway; none where the cluster has no range, or the tenant has used it up: SSH is a convenience. */
function freeSshPort(state: ClusterState, context: CommandContext, tenantId: TenantId): number | undefined {
  const range = context.cluster.sshPorts;
  if (range === undefined) return undefined;
  const size = range.last - range.first + 1;
  const random = context.random(4);
  const start = new DataView(random.buffer, random.byteOffset, 4).getUint32(0) % size;
  for (let offset = 0; offset < size; offset += 1) {
    const port = range.first + ((start + offset) % size);
    if (state.instanceBySshPort(tenantId, port) === undefined) return port;
  }
  return undefined;
}

/** The scheduler's answer. The same answer twice changes nothing. */
export function placeInstance(state: ClusterState, context: CommandContext, id: InstanceId, nodeId: NodeId): Changes {
  const old = state.instances.get(id);
  if (old === undefined) throw new NotFound('instance', id);
  if (!state.nodes.has(nodeId)) throw new NotFound('node', nodeId);
  if (old.nodeId === nodeId) return { put: [], remove: [] };
  return { put: [revised(context, old, { nodeId, generation: old.generation + 1 })], remove: [] };
}

/** The instance goes; its port stays, free for another. */
export function deleteInstance(state: ClusterState, context: CommandContext, id: InstanceId): Changes {
  const instance = state.instances.get(id);
  if (instance === undefined) throw new NotFound('instance', id);
  const port = state.ports.get(instance.portId);
  return { put: port === undefined ? [] : [revised(context, port, { deviceId: '', deviceOwner: '' })], remove: [instance] };
}
