import type { ClusterState } from '../cluster-state.ts';
import { isIpv4, isIpv6 } from '../ip.ts';
import type { IpAddress } from '../ip.ts';
import type { Changes, FloatingIp, Resource } from '../resource.ts';
import { isRouterInterface } from '../router.ts';
import { isGuest } from '../sharing.ts';
import { reachesExternal } from '../subnet-router.ts';
import type { FloatingIpId, NetworkId, PortId, SubnetId, TenantId } from '../uuid.ts';
import { missingConcentrator } from './concentrator.ts';
import { Conflict, NotFound, Refused, putChanged, stamps, updated } from './context.ts';
import type { CommandContext } from './context.ts';
import { publicName } from './dns.ts';
import { publicAddress } from './public-address.ts';

/** Which port, and which of its addresses; `fixedIp` absent: its only one. */
export type FloatingIpTarget = Readonly<{ portId: PortId; fixedIp: IpAddress | undefined }>;

export type CreateFloatingIp = Readonly<{
  tenantId: TenantId;
  description: string;
  floatingNetworkId: NetworkId;
  subnetId: SubnetId | undefined;
  address: IpAddress | undefined;
  target: FloatingIpTarget | undefined;
  /** Both or none; empty is none. */
  dnsName?: string;
  dnsDomain?: string;
}>;

/** A public address for a tenant (neutron-api.md §6.2). */
export function createFloatingIp(
  state: ClusterState,
  context: CommandContext,
  request: CreateFloatingIp,
): Changes & Readonly<{ floatingIp: FloatingIp }> {
  const network = state.networks.get(request.floatingNetworkId);
  if (network === undefined) throw new NotFound('network', request.floatingNetworkId);
  if (!network.external) {
    throw new Refused('not_external_network', `Bad floatingip request: Network ${network.id} is not a valid external network.`);
  }
  if (!state.tenants.has(request.tenantId)) throw new NotFound('tenant', request.tenantId);
  // What its gateway has not given up yet it may have back.
  const holder = state.concentratorOf(request.tenantId)?.id;
  const { subnet, address } = publicAddress(state, context, network, { subnetId: request.subnetId, address: request.address, holder });
  const floatingIp: FloatingIp = {
    kind: 'floatingIp',
    id: context.uuid() as FloatingIpId,
    tenantId: request.tenantId,
    description: request.description,
    floatingNetworkId: network.id,
    subnetId: subnet.id,
    address,
    ...resolveTarget(state, request.tenantId, network.id, request.target, undefined),
    ...publicName(request.dnsName ?? '', request.dnsDomain ?? ''),
    ...stamps(context),
  };
  return { put: [floatingIp, ...gatewayFor(state, context, floatingIp)], remove: [], floatingIp };
}

/** `target` null takes it off its port; absent leaves it. */
export type UpdateFloatingIp = Readonly<{ description?: string; target?: FloatingIpTarget | null }>;

export function updateFloatingIp(
  state: ClusterState,
  context: CommandContext,
  id: FloatingIpId,
  request: UpdateFloatingIp,
): Changes & Readonly<{ floatingIp: FloatingIp }> {
  const old = state.floatingIps.get(id);
  if (old === undefined) throw new NotFound('floatingIp', id);
  if (request.target !== undefined && request.target !== null) {
    for (const forwarding of state.forwardingsOf(id)) {
      throw new Conflict('fip_in_use_by_port_forwarding', `Floating IP ${id} in use by Port Forwarding ${forwarding.id}.`, {
        remedy: 'Delete its port forwardings first, or use another floating IP.',
      });
    }
  }
  const target =
    request.target === undefined ? {} : resolveTarget(state, old.tenantId, old.floatingNetworkId, request.target ?? undefined, old);
  const floatingIp = updated(context, old, {
    ...target,
    ...(request.description === undefined ? {} : { description: request.description }),
  });
  return { put: [...putChanged(old, floatingIp), ...gatewayFor(state, context, floatingIp)], remove: [], floatingIp };
}

export function deleteFloatingIp(state: ClusterState, id: FloatingIpId): Changes {
  const floatingIp = state.floatingIps.get(id);
  if (floatingIp === undefined) throw new NotFound('floatingIp', id);
  for (const forwarding of state.forwardingsOf(id)) {
    throw new Conflict('fip_in_use_by_port_forwarding', `Floating IP ${id} in use by Port Forwarding ${forwarding.id}.`, {
      remedy: 'Delete its port forwardings first.',
    });
  }
  for (const rule of state.natRulesUsing(id)) {
    throw new Conflict('fip_in_use_by_nat_rule', `Floating IP ${id} in use by NAT rule ${rule.id}.`, {
      remedy: 'Delete the NAT rules that use it first, or let them use another one.',
    });
  }
  return { put: [], remove: [floatingIp] };
}

/** What leads somewhere needs a gateway to lead there. */
function gatewayFor(state: ClusterState, context: CommandContext, floatingIp: FloatingIp): Resource[] {
  return floatingIp.portId === undefined ? [] : missingConcentrator(state, context, floatingIp.tenantId);
}

function resolveTarget(
  state: ClusterState,
  tenantId: TenantId,
  floatingNetworkId: NetworkId,
  target: FloatingIpTarget | undefined,
  self: FloatingIp | undefined,
): Pick<FloatingIp, 'portId' | 'fixedIp'> {
  if (target === undefined) return { portId: undefined, fixedIp: undefined };
  const port = state.ports.get(target.portId);
  if (port === undefined || port.tenantId !== tenantId) throw new NotFound('port', target.portId);
  if (target.fixedIp !== undefined && isIpv6(target.fixedIp)) {
    throw new Refused(
      'invalid_fixed_ip',
      `Bad floatingip request: Cannot bind a floating IP to ${target.fixedIp}, since that is not an IPv4 address.`,
    );
  }
  const own = port.fixedIps.map(({ address }) => address).filter(isIpv4);
  const { fixedIp = own.length === 1 ? own[0] : undefined } = target;
  const fixed = port.fixedIps.find((candidate) => candidate.address === fixedIp);
  if (fixedIp === undefined || fixed === undefined) {
    const why =
      target.fixedIp !== undefined
        ? `Port ${port.id} does not have fixed ip ${target.fixedIp}.`
        : own.length === 0
          ? `Cannot add floating IP to port ${port.id} that has no fixed IPv4 addresses.`
          : `Port ${port.id} has multiple fixed IPv4 addresses. Must provide a specific IPv4 address when assigning a floating IP.`;
    throw new Refused('invalid_fixed_ip', `Bad floatingip request: ${why}`);
  }
  if (isRouterInterface(port) || isGuest(state, port) || !reachesExternal(state, fixed.subnetId, floatingNetworkId)) {
    throw new Refused(
      'external_gateway_not_found',
      `External network ${floatingNetworkId} is not reachable from subnet ${fixed.subnetId}. Therefore, cannot associate Port ${port.id} with a Floating IP.`,
    );
  }
  for (const other of state.floatingIpsOfPort(port.id)) {
    if (other.id !== self?.id && other.fixedIp === fixedIp && other.floatingNetworkId === floatingNetworkId) {
      throw new Conflict(
        'floating_ip_port_already_associated',
        `Cannot associate floating IP with port ${port.id} using fixed IP ${fixedIp}, as that fixed IP already has a floating IP on external network ${floatingNetworkId}.`,
      );
    }
  }
  for (const forwarding of state.forwardingsTo(port.id)) {
    if (forwarding.internalAddress !== fixedIp) continue;
    throw new Conflict(
      'port_has_port_forwarding',
      `Cannot associate floating IP with port ${port.id} using fixed IP ${fixedIp}, as port forwarding ${forwarding.id} leads there already.`,
      { remedy: 'Delete that port forwarding first.' },
    );
  }
  return { portId: port.id, fixedIp };
}
