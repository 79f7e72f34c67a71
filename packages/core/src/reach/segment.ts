import type { ClusterState } from '../cluster-state.ts';
import type { IpAddress } from '../ip.ts';
import { gatewayNodeOf } from '../plan/render.ts';
import type { Network, Port } from '../resource.ts';
import type { NodeId } from '../uuid.ts';
import { dropped } from './flow.ts';
import type { Packet, ReachStep, Verdict } from './flow.ts';
import { askGroups } from './groups.ts';

/** The node that a port is plugged in on, if that node can end a tunnel: otherwise the segment is not there. */
export function seatOf(state: ClusterState, port: Port): NodeId | undefined {
  const nodeId = state.nodeOfPort(port.id);
  return nodeId !== undefined && state.nodes.get(nodeId)?.vtep !== undefined ? nodeId : undefined;
}

export function isUp(state: ClusterState, port: Port): boolean {
  return port.adminStateUp && state.networks.get(port.networkId)?.adminStateUp === true;
}

/** Who has an address on a network. */
export function portOnNetwork(state: ClusterState, network: Network, address: IpAddress): Port | undefined {
  for (const subnet of state.subnetsOf(network.id)) {
    const port = state.portByAddress(subnet.id, address);
    if (port !== undefined) return port;
  }
  return undefined;
}

/** From one node of a segment to whoever has the packet's destination there: neighbour entries, tunnel, the receiver's groups. */
export function deliver(state: ClusterState, network: Network, from: NodeId, packet: Packet, steps: ReachStep[]): Verdict {
  const port = portOnNetwork(state, network, packet.destination);
  if (port === undefined) return dropped({ kind: 'network', networkId: network.id }, 'unknown_address');
  const at = { kind: 'port', portId: port.id } as const;
  const to = seatOf(state, port);
  if (to === undefined) return dropped(at, 'not_placed');
  if (!carry(state, network, from, to, steps)) return dropped({ kind: 'network', networkId: network.id }, 'no_hub');
  if (!isUp(state, port)) return dropped(at, 'admin_down');
  return askGroups(state, port, 'ingress', packet, steps) ?? { kind: 'delivered', to: at, packet };
}

/** Whether a segment leads from one node to another: directly, or through its hub. */
export function carry(state: ClusterState, network: Network, from: NodeId, to: NodeId, steps: ReachStep[]): boolean {
  if (from === to) return true;
  const hub = network.topology === 'mesh' ? undefined : gatewayNodeOf(state, network);
  if (network.topology === 'concentrator' && hub?.vtep === undefined) return false;
  const passes = hub === undefined || hub.id === from || hub.id === to ? {} : { hub: hub.id };
  steps.push({ kind: 'switched', networkId: network.id, from, to, ...passes });
  return true;
}
