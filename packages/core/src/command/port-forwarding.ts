import type { ClusterState } from '../cluster-state.ts';
import { isIpv6 } from '../ip.ts';
import type { IpAddress } from '../ip.ts';
import type { Ipv4 } from '../ipv4.ts';
import { answererOf, gatewayOfAddress } from '../public-gateway.ts';
import { isRouterInterface } from '../router.ts';
import { isGuest } from '../sharing.ts';
import { reachesExternal } from '../subnet-router.ts';
import type { Changes, FloatingIp, PortForwarding } from '../resource.ts';
import type { FloatingIpId, PortForwardingId, PortId } from '../uuid.ts';
import { missingConcentrator } from './concentrator.ts';
import { Conflict, NotFound, Refused, revised, stamps, updated } from './context.ts';
import type { CommandContext } from './context.ts';

export type PortForwardingRequest = Readonly<{
  description: string;
  protocol: 'tcp' | 'udp';
  externalFirst: number;
  externalLast: number;
  internalPortId: PortId;
  internalAddress: IpAddress;
  internalFirst: number;
  internalLast: number;
}>;

/** Each port is one element of the gateway's map, so a range has an end. */
export const LARGEST_FORWARDED_RANGE = 1024;

/** Ports of a public address that lead to a workload (neutron-api.md §6.3). */
export function createPortForwarding(
  state: ClusterState,
  context: CommandContext,
  floatingIpId: FloatingIpId,
  request: PortForwardingRequest,
): Changes & Readonly<{ portForwarding: PortForwarding }> {
  const floating = state.floatingIps.get(floatingIpId);
  if (floating === undefined) throw new NotFound('floatingIp', floatingIpId);
  const fields = check(state, floating, request, undefined);
  const portForwarding: PortForwarding = {
    kind: 'portForwarding',
    id: context.uuid() as PortForwardingId,
    tenantId: floating.tenantId,
    floatingIpId,
    ...fields,
    ...stamps(context),
  };
  const put = [portForwarding, revised(context, floating, {}), ...missingConcentrator(state, context, floating.tenantId)];
  return { put, remove: [], portForwarding };
}

export function updatePortForwarding(
  state: ClusterState,
  context: CommandContext,
  id: PortForwardingId,
  request: PortForwardingRequest,
): Changes & Readonly<{ portForwarding: PortForwarding }> {
  const old = state.portForwardings.get(id);
  const floating = old === undefined ? undefined : state.floatingIps.get(old.floatingIpId);
  if (old === undefined || floating === undefined) throw new NotFound('portForwarding', id);
  const fields = check(state, floating, request, old);
  const portForwarding = updated(context, old, fields);
  const put = portForwarding === old ? [] : [portForwarding, revised(context, floating, {})];
  return { put, remove: [], portForwarding };
}

export function deletePortForwarding(state: ClusterState, context: CommandContext, id: PortForwardingId): Changes {
  const forwarding = state.portForwardings.get(id);
  if (forwarding === undefined) throw new NotFound('portForwarding', id);
  const floating = state.floatingIps.get(forwarding.floatingIpId);
  return { put: floating === undefined ? [] : [revised(context, floating, {})], remove: [forwarding] };
}

/** What is to be written of the request. */
function check(
  state: ClusterState,
  floating: FloatingIp,
  request: PortForwardingRequest,
  self: PortForwarding | undefined,
): Omit<PortForwardingRequest, 'internalLast' | 'internalAddress'> & Readonly<{ internalAddress: Ipv4 }> {
  if (floating.portId !== undefined) {
    throw new Conflict(
      'floating_ip_port_already_associated',
      `Floating IP ${floating.id} is associated with port ${floating.portId} as a whole.`,
      {
        remedy: 'Take it off that port first, or use another floating IP.',
      },
    );
  }
  const bad = (why: string): never => {
    throw new Refused('invalid_port_forwarding', `Bad port_forwarding request: ${why}`);
  };
  const length = request.externalLast - request.externalFirst + 1;
  if (length < 1 || request.internalLast < request.internalFirst) bad('a range of ports ends before it begins.');
  if (length !== request.internalLast - request.internalFirst + 1) bad('the internal and the external range differ in length.');
  if (length > LARGEST_FORWARDED_RANGE) bad(`a range may hold at most ${LARGEST_FORWARDED_RANGE} ports.`);
  const port = state.ports.get(request.internalPortId);
  if (port === undefined || port.tenantId !== floating.tenantId) throw new NotFound('port', request.internalPortId);
  const { internalLast: _, internalAddress, ...fields } = request;
  if (isIpv6(internalAddress)) return bad(`${internalAddress} is not an IPv4 address.`);
  const fixed = port.fixedIps.find((candidate) => candidate.address === internalAddress);
  if (fixed === undefined) return bad(`port ${port.id} does not have address ${request.internalAddress}.`);
  if (isGuest(state, port)) bad(`port ${port.id} is on another project's network, whose gateway leads in nothing of yours.`);
  if (isRouterInterface(port) || !reachesExternal(state, fixed.subnetId, floating.floatingNetworkId)) {
    bad(`subnet ${fixed.subnetId} has no gateway, so that nothing leads from ${floating.address} to port ${port.id}.`);
  }
  const [answerer, gateway] = [answererOf(state, floating), gatewayOfAddress(state, port.id, internalAddress, floating.floatingNetworkId)];
  const isOnlyOne = [...state.forwardingsOf(floating.id)].every(({ id }) => id === self?.id);
  if (!isOnlyOne && answerer !== undefined && gateway !== undefined && answerer.id !== gateway.id) {
    bad(`${floating.address} leads to ports behind another gateway already, and port ${port.id} is not behind that one.`);
  }
  for (const other of state.floatingIpsOfPort(port.id)) {
    if (other.fixedIp === request.internalAddress) {
      throw new Conflict(
        'port_has_binding_floating_ip',
        `Port ${port.id} already has floating IP ${other.address} for ${request.internalAddress}.`,
      );
    }
  }
  for (const other of state.forwardingsOf(floating.id)) {
    if (other.id === self?.id || other.protocol !== request.protocol) continue;
    if (request.externalFirst <= other.externalLast && other.externalFirst <= request.externalLast) {
      bad(`${request.protocol} port ${Math.max(request.externalFirst, other.externalFirst)} of ${floating.address} is forwarded already.`);
    }
    const otherLast = other.internalFirst + other.externalLast - other.externalFirst;
    const sameTarget = other.internalPortId === request.internalPortId && other.internalAddress === request.internalAddress;
    if (sameTarget && request.internalFirst <= otherLast && other.internalFirst <= request.internalLast) {
      bad(
        `${request.protocol} port ${Math.max(request.internalFirst, other.internalFirst)} of ${request.internalAddress} is reached by port forwarding ${other.id} already.`,
      );
    }
  }
  return { ...fields, internalAddress };
}
