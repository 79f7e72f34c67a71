import type { IpCidr } from '../ip.ts';
import { MAX_ADDRESS_PAIRS } from '../address-pair.ts';
import type { AddressPair } from '../address-pair.ts';
import type { ClusterState } from '../cluster-state.ts';
import { isMulticastMac } from '../mac.ts';
import type { Mac } from '../mac.ts';
import { changedRateLimit } from '../rate-limit.ts';
import type { RateLimitChange } from '../rate-limit.ts';
import { isDhcpPort } from '../dhcp-service.ts';
import { isRouterInterface } from '../router.ts';
import type { Changes, Concentrator, FloatingIp, Network, Port } from '../resource.ts';
import type { NetworkId, PortId, SecurityGroupId, TenantId } from '../uuid.ts';
import { Conflict, NotFound, Refused, putChanged, revised, stamps, updated } from './context.ts';
import type { CommandContext } from './context.ts';
import { lacksDhcpPort, withDhcpPort } from './dhcp-port.ts';
import { allocateNew, allocateWanted, movedWithMac } from './fixed-ips.ts';
import type { FixedIpRequest } from './fixed-ips.ts';
import { freeMac } from './free-address.ts';
import { isBound } from './bind-port.ts';
import { changedExtras } from './port-extras.ts';
import type { PortExtras } from './port-extras.ts';
import { checkGuest } from './network-policies.ts';
import { defaultGroupOf } from './tenant.ts';

/** `mac` absent: the port's own. */
export type AddressPairRequest = Readonly<{ cidr: IpCidr; text: string; mac: Mac | undefined }>;

export type CreatePort = Readonly<{
  networkId: NetworkId;
  /** Absent: the network's. */
  tenantId?: TenantId;
  name: string;
  description: string;
  adminStateUp: boolean;
  mac: Mac | undefined;
  /** Absent: an address of each family, of the first subnet with room. Empty: none. */
  fixedIps: readonly FixedIpRequest[] | undefined;
  /** Absent: the tenant's default group, if the port has port security. */
  securityGroups: readonly SecurityGroupId[] | undefined;
  portSecurityEnabled: boolean | undefined;
  deviceId: string;
  deviceOwner: string;
  tags?: readonly string[];
  addressPairs?: readonly AddressPairRequest[];
  rateLimit?: RateLimitChange;
}> &
  PortExtras;

export function createPort(state: ClusterState, context: CommandContext, request: CreatePort): Changes & Readonly<{ port: Port }> {
  const network = state.networks.get(request.networkId);
  if (network === undefined) throw new NotFound('network', request.networkId);
  if (network.external) {
    throw new Refused('port_on_external_network', `Network ${network.id} is external: no port can be on it.`, {
      remedy: 'Make a floating IP of that network, and associate it with a port of your own network.',
    });
  }
  const { tenantId = network.tenantId } = request;
  if (tenantId !== network.tenantId) checkGuest(state, network, tenantId);
  checkNoInterface(request.deviceOwner);
  const id = context.uuid() as PortId;
  const portSecurityEnabled = request.portSecurityEnabled ?? network.portSecurityEnabled;
  const mac = request.mac === undefined ? freeMac(state, context, network) : checkMac(state, network, request.mac, id);
  const port: Port = {
    kind: 'port',
    id,
    tenantId,
    networkId: network.id,
    name: request.name,
    description: request.description,
    adminStateUp: request.adminStateUp,
    mac,
    fixedIps: allocateNew(state, context, network, { mac, fixedIps: [], deviceOwner: request.deviceOwner }, request.fixedIps),
    securityGroups: groupsFor(state, tenantId, request.securityGroups, portSecurityEnabled),
    portSecurityEnabled,
    deviceId: request.deviceId,
    deviceOwner: request.deviceOwner,
    addressPairs: pairsFor(network, mac, request.addressPairs ?? [], portSecurityEnabled),
    rateLimit: changedRateLimit(undefined, request.rateLimit ?? {}),
    ...changedExtras(state, context, { networkId: network.id, tenantId }, undefined, request),
    ...stamps(context),
    ...(request.tags === undefined || request.tags.length === 0 ? {} : { tags: request.tags }),
  };
  const changes = { put: [port], remove: [], port };
  return lacksDhcpPort(state, port) ? withDhcpPort(state, context, network.id, changes) : changes;
}

export type UpdatePort = Readonly<
  Partial<Pick<Port, 'name' | 'description' | 'adminStateUp' | 'securityGroups' | 'portSecurityEnabled' | 'deviceId' | 'deviceOwner'>> & {
    fixedIps?: readonly FixedIpRequest[];
    addressPairs?: readonly AddressPairRequest[];
    rateLimit?: RateLimitChange;
    /** `null`: another one, made up. */
    mac?: Mac | null;
  } & PortExtras
>;

/** A public address that led to an address which the port no longer has is taken off it. */
export function updatePort(
  state: ClusterState,
  context: CommandContext,
  id: PortId,
  request: UpdatePort,
): Changes & Readonly<{ port: Port }> {
  const old = state.ports.get(id);
  const network = old === undefined ? undefined : state.networks.get(old.networkId);
  if (old === undefined || network === undefined) throw new NotFound('port', id);
  if (isRouterInterface(old) || isDhcpPort(old)) checkService(request, old);
  else checkNoInterface(request.deviceOwner);
  const portSecurityEnabled = request.portSecurityEnabled ?? old.portSecurityEnabled;
  const { fixedIps, addressPairs = old.addressPairs ?? [], rateLimit = {}, dhcpOptions: _, binding: __, ...plain } = request;
  if (!portSecurityEnabled && request.securityGroups === undefined && old.securityGroups.length > 0) {
    throw new Conflict(
      'port_security_has_groups',
      `Port ${id} has security groups. Cannot disable port security or IP address until they are removed.`,
      {
        remedy: 'Set security_groups to an empty list in the same request.',
      },
    );
  }
  if (request.mac !== undefined && request.mac !== old.mac && isBound(state, old)) {
    throw new Conflict('port_bound', `Unable to complete operation on port ${id}, port is already bound; its MAC address cannot change.`, {
      remedy: 'Delete the instance that it is plugged in to first, or unbind it.',
    });
  }
  const groups = request.securityGroups ?? old.securityGroups;
  const mac = changedMac(state, context, network, old, request.mac);
  const held = movedWithMac(state, old.fixedIps, old.mac, mac);
  const { deviceOwner = old.deviceOwner } = request;
  const port = updated(context, old, {
    ...plain,
    portSecurityEnabled,
    mac,
    fixedIps: fixedIps === undefined ? held : allocateWanted(state, context, network, { mac, fixedIps: held, deviceOwner }, fixedIps),
    securityGroups: groupsFor(state, old.tenantId, groups, portSecurityEnabled),
    addressPairs: pairsFor(network, mac, addressPairs, portSecurityEnabled),
    rateLimit: changedRateLimit(old.rateLimit, rateLimit),
    ...changedExtras(state, context, old, old, request),
  });
  const loose = [...state.floatingIpsOfPort(id)].filter(({ fixedIp }) => port.fixedIps.every((fixed) => fixed.address !== fixedIp));
  const changes = { put: [...putChanged(old, port), ...loose.map((floating) => disassociated(context, floating))], remove: [], port };
  return !isDhcpPort(port) && lacksDhcpPort(state, port) ? withDhcpPort(state, context, network.id, changes) : changes;
}

function served(state: ClusterState, { networkId }: Port): Concentrator[] {
  const concentrator = state.concentratorOfNetwork(networkId);
  return concentrator === undefined ? [] : [concentrator];
}

/** A port that nobody uses goes; a public address that led to it stays with its tenant; forwardings to it, and rules about it, go. */
export function deletePort(state: ClusterState, context: CommandContext, id: PortId): Changes {
  const port = state.ports.get(id);
  if (port === undefined) throw new NotFound('port', id);
  if (isRouterInterface(port)) {
    throw new Conflict(
      'service_port_in_use',
      `Port ${id} cannot be deleted directly via the port API: has device owner ${port.deviceOwner}.`,
      { remedy: `Take it off its router: remove_router_interface of router ${port.deviceId}.` },
    );
  }
  const instance = state.instanceOfPort(id);
  if (instance !== undefined) {
    throw new Conflict('port_in_use', `Port ${id} is in use by instance ${instance.id}.`, {
      details: { instance: instance.id },
      remedy: 'Delete the instance first.',
    });
  }
  const put = [...state.floatingIpsOfPort(id)].map((floating) => disassociated(context, floating));
  const remove = [port, ...state.forwardingsTo(id), ...state.firewallRulesOfPort(id), ...state.natRulesOfPort(id)];
  // While others are there to be served it is made anew, as Neutron's agents do.
  if (isDhcpPort(port)) return withDhcpPort(state, context, port.networkId, { put, remove: [...remove, ...served(state, port)] });
  return { put, remove };
}

/** Who says to be a router's interface, or a DHCP server, is believed by the whole data path: a port becomes the one by `add_router_interface` alone, and Weft makes the other. */
function checkNoInterface(deviceOwner: string | undefined): void {
  if (deviceOwner === undefined || (!isRouterInterface({ deviceOwner }) && !isDhcpPort({ deviceOwner }))) return;
  throw new Refused('not_a_router_interface', `Bad port request: device_owner ${deviceOwner} cannot be set.`, {
    remedy: isDhcpPort({ deviceOwner })
      ? 'Leave it out: a subnet that needs such a port gets it.'
      : 'Use add_router_interface of the router.',
  });
}

/** What makes a port a router's interface, or a DHCP server's, is not changed. */
function checkService(request: UpdatePort, old: Port): void {
  const isChanged = (key: 'deviceOwner' | 'deviceId' | 'portSecurityEnabled' | 'securityGroups' | 'fixedIps'): boolean =>
    request[key] !== undefined && JSON.stringify(request[key]) !== JSON.stringify(old[key]);
  if (isChanged('fixedIps')) {
    throw new Refused('router_port_ip_change', `Bad port request: IP updates for port ${old.id} are not allowed.`, {
      remedy: `Take it off its router ${old.deviceId}, and add an interface with the other address.`,
    });
  }
  if ((['deviceOwner', 'deviceId', 'portSecurityEnabled', 'securityGroups'] as const).some(isChanged)) {
    throw new Refused('not_a_router_interface', `Bad port request: port ${old.id} stays an interface of router ${old.deviceId}.`, {
      remedy: 'Use remove_router_interface of the router.',
    });
  }
}

function disassociated(context: CommandContext, floating: FloatingIp): FloatingIp {
  return revised(context, floating, { portId: undefined, fixedIp: undefined });
}

/** Weft's own bridges use these (dataplane, `bridgeMac`); a workload with one could not be reached. */
export const RESERVED_MAC_PREFIX = '06:57:45:';

function changedMac(state: ClusterState, context: CommandContext, network: Network, old: Port, wanted: Mac | null | undefined): Mac {
  if (wanted === undefined) return old.mac;
  return wanted === null ? freeMac(state, context, network) : checkMac(state, network, wanted, old.id);
}

function checkMac(state: ClusterState, network: Network, mac: Mac, portId: PortId): Mac {
  if (isMulticastMac(mac) || mac === '00:00:00:00:00:00') {
    throw new Refused('invalid_mac', `Invalid input for mac_address. Reason: '${mac}' is not the address of one endpoint.`);
  }
  if (mac.startsWith(RESERVED_MAC_PREFIX)) throw new Refused('invalid_mac', `Invalid input for mac_address. Reason: '${mac}' is reserved.`);
  const other = state.portByMac(network.id, mac);
  if (mac === network.gatewayMac || (other !== undefined && other.id !== portId)) {
    throw new Conflict('mac_address_in_use', `Unable to complete operation for network ${network.id}. The mac address ${mac} is in use.`);
  }
  return mac;
}

/** What the pairs are, with the port's own MAC where none was given; undefined for none. */
function pairsFor(
  network: Network,
  own: Mac,
  requested: readonly AddressPairRequest[],
  portSecurity: boolean,
): readonly AddressPair[] | undefined {
  if (requested.length === 0) return undefined;
  if (!portSecurity) {
    throw new Conflict(
      'address_pair_and_port_security_required',
      'Port Security must be enabled in order to have allowed address pairs on a port.',
      { remedy: 'Set allowed_address_pairs to an empty list: a port without port security may send as anybody.' },
    );
  }
  if (requested.length > MAX_ADDRESS_PAIRS) {
    throw new Refused('allowed_address_pair_exhausted', `The number of allowed address pair exceeds the maximum ${MAX_ADDRESS_PAIRS}.`);
  }
  const pairs = requested.map(({ cidr, text, mac = own }) => ({ mac, cidr, text }));
  for (const [at, { mac, cidr, text }] of pairs.entries()) {
    if (pairs.findIndex((other) => other.mac === mac && other.cidr === cidr) !== at) {
      throw new Refused('duplicate_address_pair', `Request contains duplicate address pair: mac_address ${mac} ip_address ${text}.`);
    }
    if (isMulticastMac(mac) || mac === network.gatewayMac || mac.startsWith(RESERVED_MAC_PREFIX)) {
      throw new Refused(
        'invalid_mac',
        `Invalid input for allowed_address_pairs. Reason: '${mac}' is not the address of one endpoint, or reserved.`,
      );
    }
  }
  return pairs;
}

function groupsFor(
  state: ClusterState,
  tenantId: TenantId,
  requested: readonly SecurityGroupId[] | undefined,
  portSecurity: boolean,
): readonly SecurityGroupId[] {
  if (requested === undefined) {
    const group = portSecurity ? defaultGroupOf(state, tenantId) : undefined;
    return group === undefined ? [] : [group.id];
  }
  if (requested.length > 0 && !portSecurity) {
    throw new Refused(
      'port_security_required',
      'Port security must be enabled and the port must have an IP address in order to use security groups.',
    );
  }
  for (const groupId of requested) {
    if (state.securityGroups.get(groupId)?.tenantId !== tenantId) throw new NotFound('securityGroup', groupId);
  }
  const kinds = new Set(requested.map((groupId) => state.securityGroups.get(groupId)?.stateless));
  if (kinds.size > 1) {
    throw new Conflict(
      'security_group_conflict',
      'Cannot apply both stateful and stateless security groups on the same port at the same time.',
      { remedy: 'Name groups of one kind only.' },
    );
  }
  return [...new Set(requested)];
}
