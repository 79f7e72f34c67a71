import type { ClusterState } from '../cluster-state.ts';
import { bindingOf, computeNode, UNBOUND } from '../port-binding.ts';
import type { PortBinding } from '../port-binding.ts';
import type { Port } from '../resource.ts';
import type { NodeId } from '../uuid.ts';
import { Conflict } from './context.ts';

export type BindingChange = Readonly<Partial<PortBinding>>;

/** What a port's binding is after a request; undefined for one that says nothing. Throws Conflict where an instance holds the port elsewhere. */
export function changedBinding(state: ClusterState, old: Port | undefined, change: BindingChange): PortBinding | undefined {
  const said = old?.binding ?? UNBOUND;
  const now = { ...said, ...change };
  if (old !== undefined && (now.host !== said.host || now.vnicType !== said.vnicType)) checkInstance(state, old, now);
  return now.host === UNBOUND.host && now.vnicType === UNBOUND.vnicType && now.profile === UNBOUND.profile ? undefined : now;
}

/** An instance is where it is, or will be where it was asked for: a binding may say so, but nothing else. */
export function checkInstance(state: ClusterState, port: Port, wanted: PortBinding): void {
  const instance = state.instanceOfPort(port.id);
  if (instance === undefined) return;
  const nodeId = instance.nodeId ?? instance.requestedNodeId;
  if (wanted.vnicType === 'normal' && nodeId !== undefined && computeNode(state, wanted.host)?.id === nodeId) return;
  throw new Conflict('port_bound', `Unable to complete operation on port ${port.id}, port is already bound to instance ${instance.id}.`, {
    details: { instance: instance.id },
    remedy: 'Delete the instance that it is plugged in to first.',
  });
}

/** The node that an instance on this port has to run on, if any: the one that was asked for, else the one that the port is bound to. */
export function nodeForInstance(state: ClusterState, port: Port, wanted: NodeId | undefined): NodeId | undefined {
  if (port.binding === undefined) return wanted;
  const { host, vnicType } = port.binding;
  const node = host === '' ? wanted : computeNode(state, host)?.id;
  if (vnicType === 'normal' && (host === '' || (node !== undefined && (wanted ?? node) === node))) return node;
  throw new Conflict('port_bound', `Port ${port.id} is bound to '${host}' as ${vnicType}: no instance of this cluster can have it there.`, {
    remedy: 'Unbind it, or bind it to the compute node that the instance is to run on, as normal.',
  });
}

/** Where somebody is there to connect it, its addresses are in use. */
export function isBound(state: ClusterState, port: Port): boolean {
  return bindingOf(state, port).vifType === 'tap';
}
