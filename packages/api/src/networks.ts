import type { CreateNetwork, UpdateNetwork } from '@weft/core/command/network';
import type { Network } from '@weft/core/resource';
import type { SubnetId, TenantId } from '@weft/core/uuid';
import { Type } from 'typebox';
import type { AttributeTable, CreateValues, UpdateValues, View } from './attribute.ts';
import { dnsDomainAttribute } from './dns-attributes.ts';
import { providerAttributes, segmentationIdOf } from './provider.ts';
import {
  Id,
  adminStateUpAttribute,
  descriptionAttribute,
  identityAttributes,
  nameAttribute,
  stampAttributes,
} from './standard-attributes.ts';
import { tagAttributes } from './tags.ts';
import { boolean, integer, oneOf } from './values.ts';

/** `subnets`: those that the caller may see; `shared`: with the caller, or everybody. */
export type NetworkSource = Readonly<{ record: Network; subnets: readonly SubnetId[]; shared: boolean }>;

export const NETWORKS = { path: 'networks', plural: 'networks', singular: 'network' } as const;

/** Networks: neutron-api.md §4.1, and Weft's own `weft:topology`. */
export const networkAttributes = {
  ...identityAttributes,
  name: nameAttribute,
  description: descriptionAttribute,
  admin_state_up: adminStateUpAttribute,
  // Neutron keeps it ACTIVE also for a network that is switched off.
  status: { show: () => 'ACTIVE', shows: Type.Literal('ACTIVE'), filter: 'equal' },
  subnets: { show: (source) => source.subnets, shows: Type.Array(Id) },
  shared: {
    show: (source) => source.shared,
    parse: boolean,
    create: 'optional',
    default: false,
    createBy: 'admin',
    update: true,
    updateBy: 'admin',
    filter: 'equal',
  },
  'router:external': {
    show: (source) => source.record.external,
    parse: boolean,
    create: 'optional',
    default: false,
    createBy: 'admin',
    update: true,
    updateBy: 'admin',
    filter: 'equal',
  },
  is_default: {
    show: (source) => source.record.isDefault === true,
    parse: boolean,
    create: 'optional',
    default: false,
    createBy: 'admin',
    update: true,
    updateBy: 'admin',
    filter: 'equal',
  },
  mtu: { show: (source) => source.record.mtu, parse: integer, create: 'optional', update: true, filter: 'equal' },
  port_security_enabled: {
    show: (source) => source.record.portSecurityEnabled,
    parse: boolean,
    create: 'optional',
    default: true,
    update: true,
  },
  dns_domain: dnsDomainAttribute,
  ...providerAttributes,
  'weft:topology': {
    show: (source) => source.record.topology,
    parse: oneOf('mesh', 'concentrator'),
    create: 'optional',
    createBy: 'admin',
    filter: 'equal',
  },
  ...tagAttributes,
  ...stampAttributes,
} as const satisfies AttributeTable<NetworkSource>;

export type NetworkView = View<typeof networkAttributes>;

export function createNetworkRequest(values: CreateValues<typeof networkAttributes>, tenantId: TenantId): CreateNetwork {
  return {
    tenantId,
    name: values.name,
    description: values.description,
    adminStateUp: values.admin_state_up,
    portSecurityEnabled: values.port_security_enabled,
    external: values['router:external'],
    isDefault: values.is_default,
    shared: values.shared,
    topology: values['weft:topology'],
    mtu: values.mtu,
    segmentationId: segmentationIdOf(values),
    dnsDomain: values.dns_domain,
  };
}

export function updateNetworkRequest(values: UpdateValues<typeof networkAttributes>): UpdateNetwork {
  const { name, description, admin_state_up: adminStateUp, port_security_enabled: portSecurityEnabled, mtu } = values;
  const { 'router:external': external, is_default: isDefault, shared } = values;
  const segmentationId = segmentationIdOf({ 'provider:network_type': 'vxlan', ...values });
  return {
    ...(name === undefined ? {} : { name }),
    ...(description === undefined ? {} : { description }),
    ...(adminStateUp === undefined ? {} : { adminStateUp }),
    ...(portSecurityEnabled === undefined ? {} : { portSecurityEnabled }),
    ...(external === undefined ? {} : { external }),
    ...(isDefault === undefined ? {} : { isDefault }),
    ...(shared === undefined ? {} : { shared }),
    ...(mtu === undefined ? {} : { mtu }),
    ...(segmentationId === undefined ? {} : { segmentationId }),
    ...(values.dns_domain === undefined ? {} : { dnsDomain: values.dns_domain }),
  };
}
