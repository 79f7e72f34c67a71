import { Type } from 'typebox';
import type { TSchema } from 'typebox';
import { createSchema, updateSchema, viewSchema } from '../attribute-schema.ts';
import type { AttributeTable, CollectionNames } from '../attribute.ts';
import { FLOATING_IPS, floatingIpAttributes } from '../floating-ips.ts';
import { NETWORKS, networkAttributes } from '../networks.ts';
import {
  AGENTS,
  agentAttributes,
  AVAILABILITY_ZONES,
  IP_AVAILABILITIES,
  ipAvailabilityAttributes,
  zoneAttributes,
} from '../operator-views.ts';
import { PORT_FORWARDINGS, portForwardingAttributes } from '../port-forwardings.ts';
import { PORTS, portAttributes } from '../ports.ts';
import { RBAC_POLICIES, rbacPolicyAttributes } from '../rbac-policies.ts';
import { ROUTERS, routerAttributes } from '../routers.ts';
import { SECURITY_GROUP_RULES, SECURITY_GROUPS, securityGroupAttributes, securityGroupRuleAttributes } from '../security-groups.ts';
import { SUBNET_POOLS, subnetPoolAttributes } from '../subnet-pools.ts';
import { SUBNETS, subnetAttributes } from '../subnets.ts';
import { pascalCase } from './operation.ts';

/** A collection of /v2.0 as the document shows it: what can be done with it, and what may go wrong then. */
export type DocumentedCollection = Readonly<{
  names: CollectionNames;
  table: AttributeTable<never>;
  /** As the table of errors calls its objects. */
  kind: string;
  /** Where it is, if not at `/v2.0/<path>`; `{id}` is then its parent's, and its own is `{child}`. */
  under?: Readonly<{ path: string; kind: string }>;
  /** What there is beside `list`. */
  verbs: readonly ('show' | 'create' | 'update' | 'delete')[];
  access?: 'admin';
  /** Codes of its own, by verb; `write`: of create and update. */
  errors?: Readonly<Partial<Record<'create' | 'update' | 'write' | 'delete', readonly string[]>>>;
}>;

const ALL = ['show', 'create', 'update', 'delete'] as const;

export const COLLECTIONS: readonly DocumentedCollection[] = [
  {
    names: NETWORKS,
    table: networkAttributes,
    kind: 'network',
    verbs: ALL,
    errors: {
      create: ['no_network_available', 'not_found:tenant', 'tunnel_id_in_use', 'segmentation_id_out_of_range'],
      update: [
        'external_network_in_use',
        'network_in_use',
        'segmentation_id_fixed',
        'invalid_shared_setting',
        'shared_addresses_overlap',
        'subnet_overlap',
      ],
      write: ['mtu_too_big', 'mtu_too_small', 'default_external_network_exists', 'default_network_not_external'],
      delete: ['network_in_use', 'external_network_in_use'],
    },
  },
  {
    names: SUBNETS,
    table: subnetAttributes,
    kind: 'subnet',
    verbs: ALL,
    errors: {
      create: [
        'not_found:network',
        'subnet_overlap',
        'cidr_required',
        'invalid_cidr',
        'invalid_gateway',
        'ip_address_generation_failure',
        'not_found:subnetPool',
        'subnet_allocation_error',
        'subnet_pool_quota_exceeded',
        'min_prefix_subnet_allocation',
        'max_prefix_subnet_allocation',
        'network_subnet_pool_affinity',
      ],
      write: [
        'invalid_allocation_pool',
        'out_of_bounds_allocation_pool',
        'overlapping_allocation_pools',
        'gateway_conflict_with_allocation_pools',
        'dns_name_servers_exhausted',
        'host_routes_exhausted',
        'invalid_service_type',
        'gateway_ip_in_use',
        'ip_address_in_use',
        'uplink_exhausted',
      ],
      delete: ['subnet_in_use'],
    },
  },
  {
    names: SUBNET_POOLS,
    table: subnetPoolAttributes,
    kind: 'subnetPool',
    verbs: ALL,
    errors: {
      create: ['not_found:tenant'],
      update: ['subnet_pool_prefix_update'],
      write: ['subnet_pool_prefix_bounds', 'empty_subnet_pool_prefixes', 'default_subnet_pool_exists'],
      delete: ['subnet_pool_in_use'],
    },
  },
  {
    names: PORTS,
    table: portAttributes,
    kind: 'port',
    verbs: ALL,
    errors: {
      create: [
        'not_found:network',
        'not_found:tenant',
        'network_not_shared',
        'shared_addresses_overlap',
        'port_on_external_network',
        'mac_generation_failure',
        'not_a_router_interface',
      ],
      update: ['port_bound', 'port_has_binding_floating_ip', 'port_has_port_forwarding', 'service_port_in_use', 'router_port_ip_change'],
      write: [
        'not_found:subnet',
        'not_found:securityGroup',
        'invalid_mac',
        'mac_address_in_use',
        'invalid_ip_for_network',
        'invalid_ip_for_subnet',
        'ip_address_already_allocated',
        'ip_address_held',
        'ip_address_generation_failure',
        'no_matching_subnet',
        'port_security_required',
        'port_security_has_groups',
        'allowed_address_pair_exhausted',
        'allowed_address_pairs_missing_ip',
        'duplicate_address_pair',
        'address_pair_and_port_security_required',
        'security_group_conflict',
        'invalid_dns_name',
        'extra_dhcp_opt_bad_data',
      ],
      delete: ['port_in_use', 'service_port_in_use', 'port_has_port_forwarding'],
    },
  },
  {
    names: ROUTERS,
    table: routerAttributes,
    kind: 'router',
    verbs: ALL,
    errors: {
      update: ['invalid_routes', 'routes_exhausted', 'router_external_gateway_in_use'],
      write: [
        'not_found:network',
        'not_found:subnet',
        'bad_router_request',
        'external_fixed_ips',
        'external_subnet_without_gateway',
        'external_ip_address_exhausted',
        'not_external_network',
        'invalid_ip_for_network',
        'invalid_ip_for_subnet',
        'ip_address_already_allocated',
        'ip_address_held',
        'ip_address_generation_failure',
        'router_interface_overlap',
      ],
      delete: ['router_in_use'],
    },
  },
  {
    names: FLOATING_IPS,
    table: floatingIpAttributes,
    kind: 'floatingIp',
    verbs: ALL,
    errors: {
      create: [
        'not_found:network',
        'not_found:subnet',
        'not_external_network',
        'invalid_ip_for_network',
        'invalid_ip_for_subnet',
        'ip_address_already_allocated',
        'ip_address_held',
        'ip_address_generation_failure',
        'external_ip_address_exhausted',
        'invalid_floating_dns',
      ],
      write: [
        'not_found:port',
        'invalid_fixed_ip',
        'external_gateway_not_found',
        'floating_ip_port_already_associated',
        'fip_in_use_by_port_forwarding',
        'fip_in_use_by_nat_rule',
        'port_has_port_forwarding',
        'port_has_binding_floating_ip',
      ],
      delete: ['fip_in_use_by_port_forwarding', 'fip_in_use_by_nat_rule'],
    },
  },
  {
    names: PORT_FORWARDINGS,
    table: portForwardingAttributes,
    kind: 'portForwarding',
    under: { path: `${FLOATING_IPS.path}/{id}`, kind: 'floatingIp' },
    verbs: ALL,
    errors: {
      write: [
        'not_found:port',
        'invalid_port_forwarding',
        'invalid_fixed_ip',
        'external_gateway_not_found',
        'fip_in_use_by_port_forwarding',
        'floating_ip_port_already_associated',
        'port_has_binding_floating_ip',
        'port_has_port_forwarding',
      ],
    },
  },
  {
    names: SECURITY_GROUPS,
    table: securityGroupAttributes,
    kind: 'securityGroup',
    verbs: ALL,
    errors: {
      write: [
        'security_group_default_already_exists',
        'security_group_cannot_update_default',
        'security_group_in_use',
        'security_group_conflict',
      ],
      delete: ['security_group_in_use', 'security_group_cannot_remove_default'],
    },
  },
  {
    names: SECURITY_GROUP_RULES,
    table: securityGroupRuleAttributes,
    kind: 'securityGroupRule',
    verbs: ['show', 'create', 'delete'],
    errors: {
      create: [
        'not_found:securityGroup',
        'security_group_rule_exists',
        'security_group_multiple_remotes',
        'security_group_remote_family',
        'security_group_protocol_family',
        'security_group_invalid_ether_type',
        'security_group_invalid_protocol',
        'security_group_protocol_required_with_ports',
        'security_group_invalid_port_range',
        'security_group_invalid_port_value',
        'security_group_invalid_icmp_value',
        'security_group_missing_icmp_type',
        'security_group_invalid_protocol_for_port',
        'security_group_no_address_groups',
        'security_group_not_single_group_rules',
        'security_group_rules_not_single_tenant',
        'invalid_remote_prefix',
      ],
    },
  },
  {
    names: RBAC_POLICIES,
    table: rbacPolicyAttributes,
    kind: 'rbacPolicy',
    verbs: ALL,
    errors: {
      create: ['not_found:network', 'network_in_use', 'shared_addresses_overlap'],
      write: ['duplicate_rbac_policy'],
      update: ['rbac_policy_in_use'],
      delete: ['rbac_policy_in_use', 'subnet_overlap'],
    },
  },
  { names: AGENTS, table: agentAttributes, kind: 'node', verbs: ['show'], access: 'admin' },
  { names: AVAILABILITY_ZONES, table: zoneAttributes, kind: 'node', verbs: [] },
  { names: IP_AVAILABILITIES, table: ipAvailabilityAttributes, kind: 'network', verbs: ['show'], access: 'admin' },
];

/** Collections' schemas by name: `Network`, `NetworkCreate`, `NetworkUpdate`. */
export function collectionSchemas(): Readonly<Record<string, TSchema>> {
  return Object.fromEntries(
    COLLECTIONS.flatMap(({ names, table, verbs }): [string, TSchema][] => {
      const name = schemaName(names);
      return [
        [name, viewSchema(table)],
        ...(verbs.includes('create') ? [[`${name}Create`, createSchema(table)] as [string, TSchema]] : []),
        ...(verbs.includes('update') ? [[`${name}Update`, updateSchema(table)] as [string, TSchema]] : []),
      ];
    }),
  );
}

/** `SecurityGroup`. */
export function schemaName({ singular }: CollectionNames): string {
  return pascalCase(singular);
}

/** Links to the pages before and after this one. */
export const PageLinks = Type.Array(Type.Object({ rel: Type.Enum(['next', 'previous']), href: Type.String() }));
