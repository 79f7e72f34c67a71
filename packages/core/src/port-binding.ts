import type { ClusterState } from './cluster-state.ts';
import { Fields, oneOf, parseString } from './fields.ts';
import type { Parse } from './fields.ts';
import type { Node, Port } from './resource.ts';
import type { NodeId } from './uuid.ts';

/** What a port is to be for its computer, in Neutron's words. Weft plugs `normal` ones. */
export const VNIC_TYPES = [
  'normal',
  'direct',
  'direct-physical',
  'macvtap',
  'baremetal',
  'virtio-forwarder',
  'vdpa',
  'smart-nic',
  'remote-managed',
  'accelerator-direct',
  'accelerator-direct-physical',
] as const;
export type VnicType = (typeof VNIC_TYPES)[number];

/**
 * Where a port is to be plugged in, as an administrator or Nova says (neutron-api.md §5.1). `host` is a node's host name or id, or empty. `profile` is
 * kept for whoever wrote it, as canonical JSON.
 */
export type PortBinding = Readonly<{ host: string; vnicType: VnicType; profile: string }>;

export const UNBOUND: PortBinding = { host: '', vnicType: 'normal', profile: '{}' };

/**
 * `tap`: a compute node of Weft is there to connect an interface that the computer makes. `binding_failed`: none is, or not for such a port.
 */
export type VifType = 'unbound' | 'tap' | 'binding_failed';

/** A binding, and what becomes of it as long as the cluster is as it is. */
export type EffectiveBinding = PortBinding & Readonly<{ vifType: VifType }>;

/** An instance of ours is where it is, whatever was said. */
export function bindingOf(state: ClusterState, port: Port): EffectiveBinding {
  const said = port.binding ?? UNBOUND;
  const nodeId = state.nodeOfPort(port.id);
  const node = nodeId === undefined ? undefined : state.nodes.get(nodeId);
  return node === undefined ? effective(state, said) : { ...said, host: node.hostname, vifType: 'tap' };
}

export function effective(state: ClusterState, binding: PortBinding): EffectiveBinding {
  const { host, vnicType } = binding;
  if (host === '') return { ...binding, vifType: 'unbound' };
  return { ...binding, vifType: vnicType === 'normal' && computeNode(state, host) !== undefined ? 'tap' : 'binding_failed' };
}

/** The compute node of that host name or id. */
export function computeNode(state: ClusterState, host: string): Node | undefined {
  const byId = state.nodes.get(host.toLowerCase() as NodeId);
  const node = byId ?? [...state.nodes.values()].find(({ hostname }) => hostname === host);
  return node?.roles.includes('compute') === true ? node : undefined;
}

export const parsePortBinding: Parse<PortBinding> = (value, what) => {
  const f = new Fields(value, what);
  return {
    host: f.required('host', parseString),
    vnicType: f.required('vnicType', oneOf(...VNIC_TYPES)),
    profile: f.required('profile', parseString),
  };
};
