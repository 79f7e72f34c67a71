import type { ClusterState } from '../cluster-state.ts';
import type { Concentrator, FloatingIp, Instance, Network, PortForwarding } from '../resource.ts';
import type { NodeId, SecurityGroupId } from '../uuid.ts';
import { dhcpHostKey } from './dhcphost.ts';
import { dnsNameKey } from './dnsname.ts';
import { firewallKey } from './firewall.ts';
import { forwardKey } from './forward.ts';
import { gatewayKey } from './gateway.ts';
import { groupKey } from './group.ts';
import { instanceKey } from './instance.ts';
import { memberKey } from './member.ts';
import { natKey } from './nat.ts';
import { peerKey } from './peer.ts';
import { Plan } from './plan.ts';
import type { PlanRef } from './plan.ts';
import { portKey } from './port.ts';
import { publicIpKey } from './publicip.ts';
import { render } from './render.ts';
import type { ClusterFacts } from './render.ts';
import { segmentKey } from './segment.ts';
import { vtepKey } from './vtep.ts';
import { vtepFilterKey } from './vtepfilter.ts';

/** The whole plan of one node. Pure; costs in proportion to the plan. */
export function compile(state: ClusterState, facts: ClusterFacts, nodeId: NodeId): Plan {
  const plan = new Plan();
  for (const ref of refsOfNode(state, nodeId)) {
    const body = render(state, facts, nodeId, ref.kind, ref.key);
    if (body !== undefined) plan.set(ref.kind, ref.key, body);
  }
  return plan;
}

/** Every key that may render to something for this node. */
function* refsOfNode(state: ClusterState, nodeId: NodeId): Generator<PlanRef> {
  for (const networkId of state.segmentsOn(nodeId)) {
    const network = state.networks.get(networkId);
    if (network !== undefined) yield* refsOfSegment(state, network);
  }
  for (const groupId of state.groupsOn(nodeId)) {
    yield { kind: 'group', key: groupKey(groupId) };
    for (const remote of state.remotesOf(groupId)) yield* refsOfMembers(state, remote);
  }
  for (const instance of state.instancesOn(nodeId)) {
    yield { kind: 'instance', key: instanceKey(instance.id) };
    yield { kind: 'port', key: portKey(instance.portId) };
  }
  for (const concentrator of state.concentratorsOn(nodeId)) yield* refsOfConcentrator(state, concentrator);
}

/** A gateway, and what of the outside leads to it. */
export function* refsOfConcentrator(state: ClusterState, concentrator: Concentrator): Generator<PlanRef> {
  yield { kind: 'gateway', key: gatewayKey(concentrator.id) };
  yield { kind: 'firewall', key: firewallKey(concentrator.id) };
  yield { kind: 'nat', key: natKey(concentrator.id) };
  for (const floating of state.floatingIpsOf(concentrator.tenantId)) {
    yield { kind: 'publicip', key: publicIpKey(floating.address) };
    yield { kind: 'dnsname', key: dnsNameKey(undefined, floating.address) };
    for (const forwarding of state.forwardingsOf(floating.id)) yield* refsOfForwarding(floating, forwarding);
  }
  for (const network of state.networksOf(concentrator.tenantId)) {
    for (const port of state.portsOf(network.id)) {
      const instance = state.instanceOfPort(port.id);
      if (instance !== undefined) yield* refsOfSsh(concentrator, instance);
    }
  }
}

export function* refsOfForwarding(floating: FloatingIp, forwarding: PortForwarding): Generator<PlanRef> {
  for (let port = forwarding.externalFirst; port <= forwarding.externalLast; port += 1) {
    yield { kind: 'forward', key: forwardKey(floating.address, forwarding.protocol, port) };
  }
}

export function* refsOfSsh(concentrator: Concentrator, instance: Instance): Generator<PlanRef> {
  if (concentrator.uplink === undefined || instance.sshPort === undefined) return;
  yield { kind: 'forward', key: forwardKey(concentrator.uplink.address, 'tcp', instance.sshPort) };
}

/** What a segment brings to any node that carries it; which of these a node really gets, `render` decides. */
export function* refsOfSegment(state: ClusterState, network: Network): Generator<PlanRef> {
  yield { kind: 'segment', key: segmentKey(network.vni) };
  yield { kind: 'peer', key: peerKey(network.vni, network.gatewayMac) };
  for (const port of state.portsOf(network.id)) {
    yield { kind: 'peer', key: peerKey(network.vni, port.mac) };
    for (const { mac } of port.addressPairs ?? []) yield { kind: 'peer', key: peerKey(network.vni, mac) };
    for (const fixed of port.fixedIps) {
      yield { kind: 'dhcphost', key: dhcpHostKey(network.vni, fixed.address) };
      yield { kind: 'dnsname', key: dnsNameKey(network.vni, fixed.address) };
    }
  }
  for (const other of state.nodesOf(network.id)) {
    const vtep = state.nodes.get(other)?.vtep;
    if (vtep === undefined) continue;
    yield { kind: 'vtep', key: vtepKey(network.vni, vtep) };
    yield { kind: 'vtepfilter', key: vtepFilterKey(vtep) };
  }
}

export function* refsOfMembers(state: ClusterState, groupId: SecurityGroupId): Generator<PlanRef> {
  for (const address of state.membersOf(groupId)) yield { kind: 'member', key: memberKey(groupId, address) };
}
