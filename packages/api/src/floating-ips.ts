import type { CreateFloatingIp, FloatingIpTarget, UpdateFloatingIp } from '@weft/core/command/floating-ip';
import type { IpAddress } from '@weft/core/ip';
import type { FloatingIp, Port, PortForwarding } from '@weft/core/resource';
import type { NetworkId, PortId, RouterId, SubnetId, TenantId } from '@weft/core/uuid';
import { WeftError } from '@weft/core/weft-error';
import { Type } from 'typebox';
import type { Static } from 'typebox';
import type { AttributeTable, CreateValues, UpdateValues, View } from './attribute.ts';
import { fixedDnsAttributes } from './dns-attributes.ts';
import type { PortStatus } from './ports.ts';
import { Id, descriptionAttribute, identityAttributes, stampAttributes } from './standard-attributes.ts';
import { tagAttributes } from './tags.ts';
import { ipAddress, nullOr, uuid } from './values.ts';

/** `ACTIVE`: the gateway's node answers for the address. `DOWN`: it leads nowhere, or not yet. `ERROR`: the gateway's node cannot, and tries on. */
export type FloatingIpStatus = 'ACTIVE' | 'DOWN' | 'ERROR';

export type FloatingIpSource = Readonly<{
  record: FloatingIp;
  status: FloatingIpStatus;
  /** Where it leads. */
  port: Readonly<{ record: Port; status: PortStatus }> | undefined;
  forwardings: readonly PortForwarding[];
  /** The router that it leads through; absent: the automatic gateway, or nothing. */
  routerId: RouterId | undefined;
}>;

export const FLOATING_IPS = { path: 'floatingips', plural: 'floatingips', singular: 'floatingip' } as const;

const PortDetails = Type.Object({
  name: Type.String(),
  network_id: Id,
  mac_address: Type.String(),
  admin_state_up: Type.Boolean(),
  status: Type.Enum(['ACTIVE', 'BUILD', 'DOWN']),
  device_id: Type.String(),
  device_owner: Type.String(),
});
type PortDetails = Static<typeof PortDetails>;

const ForwardingSummary = Type.Object({
  id: Id,
  protocol: Type.String(),
  internal_ip_address: Type.String(),
  internal_port_id: Id,
  internal_port: Type.Union([Type.Integer(), Type.Null()]),
  external_port: Type.Union([Type.Integer(), Type.Null()]),
});
type ForwardingSummary = Static<typeof ForwardingSummary>;

/** Floating IPs: neutron-api.md §6.2. Behind the automatic gateway `router_id` is null. */
export const floatingIpAttributes = {
  ...identityAttributes,
  description: descriptionAttribute,
  floating_network_id: {
    show: (source) => source.record.floatingNetworkId,
    parse: uuid<NetworkId>(),
    create: 'required',
    filter: 'equal',
  },
  floating_ip_address: {
    shows: Type.String(),
    show: (source) => source.record.address,
    parse: nullOr(ipAddress),
    create: 'optional',
    default: null,
    createBy: 'admin',
    filter: 'equal',
  },
  subnet_id: { parse: nullOr(uuid<SubnetId>()), create: 'optional', default: null },
  port_id: {
    show: (source) => source.record.portId ?? null,
    parse: nullOr(uuid<PortId>()),
    create: 'optional',
    default: null,
    update: true,
    filter: 'equal',
  },
  fixed_ip_address: {
    show: (source) => source.record.fixedIp ?? null,
    parse: nullOr(ipAddress),
    create: 'optional',
    default: null,
    update: true,
    filter: 'equal',
  },
  router_id: { show: (source) => source.routerId ?? null, shows: Type.Union([Id, Type.Null()]), filter: 'equal' },
  status: { show: (source) => source.status, shows: Type.Enum(['ACTIVE', 'DOWN', 'ERROR']), filter: 'equal' },
  port_details: { show: (source) => portDetails(source), shows: Type.Union([PortDetails, Type.Null()]) },
  port_forwardings: { show: (source) => source.forwardings.map(forwardingSummary), shows: Type.Array(ForwardingSummary) },
  // At create alone, as in Neutron.
  ...fixedDnsAttributes,
  ...tagAttributes,
  ...stampAttributes,
} as const satisfies AttributeTable<FloatingIpSource>;

export type FloatingIpView = View<typeof floatingIpAttributes>;

/** `tenantId`: whose it is to be. Throws WeftError for an address of no port. */
export function createFloatingIpRequest(values: CreateValues<typeof floatingIpAttributes>, tenantId: TenantId): CreateFloatingIp {
  return {
    tenantId,
    description: values.description,
    floatingNetworkId: values.floating_network_id,
    subnetId: values.subnet_id ?? undefined,
    address: values.floating_ip_address ?? undefined,
    target: targetOf(values.port_id, values.fixed_ip_address) ?? undefined,
    dnsName: values.dns_name,
    dnsDomain: values.dns_domain,
  };
}

/** It is taken off its port only where `port_id` is there, and null (neutron-api.md §6.2). */
export function updateFloatingIpRequest(values: UpdateValues<typeof floatingIpAttributes>): UpdateFloatingIp {
  const { description, port_id: portId, fixed_ip_address: fixedIp } = values;
  const target = targetOf(portId, fixedIp);
  return { ...(description === undefined ? {} : { description }), ...(target === undefined ? {} : { target }) };
}

function targetOf(portId: PortId | null | undefined, fixedIp: IpAddress | null | undefined): FloatingIpTarget | null | undefined {
  if (typeof portId === 'string') return { portId, fixedIp: fixedIp ?? undefined };
  if (typeof fixedIp === 'string') {
    throw new WeftError('invalid_fixed_ip', 'Bad floatingip request: fixed_ip_address cannot be specified without a port_id.', {
      remedy: 'Say port_id, too.',
    });
  }
  return portId;
}

function portDetails({ port }: FloatingIpSource): PortDetails | null {
  if (port === undefined) return null;
  const { name, networkId, mac, adminStateUp, deviceId, deviceOwner } = port.record;
  return {
    name,
    network_id: networkId,
    mac_address: mac,
    admin_state_up: adminStateUp,
    status: port.status,
    device_id: deviceId,
    device_owner: deviceOwner,
  };
}

function forwardingSummary(forwarding: PortForwarding): ForwardingSummary {
  const single = forwarding.externalFirst === forwarding.externalLast;
  return {
    id: forwarding.id,
    protocol: forwarding.protocol,
    internal_ip_address: forwarding.internalAddress,
    internal_port_id: forwarding.internalPortId,
    internal_port: single ? forwarding.internalFirst : null,
    external_port: single ? forwarding.externalFirst : null,
  };
}
