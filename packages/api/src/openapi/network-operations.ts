import { AutoTopologyView } from '../auto-topology.ts';
import { QUOTA_RESOURCES } from '@weft/core/quota';
import { Type } from 'typebox';
import { ROUTERS, RouterInterfaceView, parseExtraRoutes, parseRouterInterface } from '../routers.ts';
import { ref } from './operation.ts';
import type { Operation } from './operation.ts';

/** What of /v2.0 is no plain verb of a collection: routers' interfaces and routes, quotas, extensions, what nodes carry. */
export function networkOperations(): readonly Operation[] {
  return [...routerActions(), ...quotaOperations(), ...autoTopologyOperations(), ...extensionOperations(), ...nodeOperations()];
}

const BAD_INTERFACE = ['not_found:router', 'not_found:subnet', 'not_found:port', 'bad_router_request', 'foreign_network'];

function routerActions(): readonly Operation[] {
  const at = `/v2.0/${ROUTERS.path}/{id}`;
  const tag = 'routers';
  const interfaces = {
    method: 'put',
    tag,
    body: parseRouterInterface.schema,
    answer: { status: 200, schema: RouterInterfaceView },
  } as const;
  const routes = {
    method: 'put',
    tag,
    body: Type.Object({ router: parseExtraRoutes.schema }),
    answer: { status: 200, schema: Type.Object({ router: ref('Router') }) },
    errors: ['not_found:router', 'invalid_routes', 'routes_exhausted'],
  } as const;
  return [
    {
      ...interfaces,
      path: `${at}/add_router_interface`,
      id: 'add_router_interface',
      summary: 'Join a subnet to a router',
      about: 'By `subnet_id` the router gets the subnet’s gateway address; by `port_id` that port becomes the interface.',
      errors: [
        ...BAD_INTERFACE,
        'router_interface_overlap',
        'port_in_use',
        'port_bound',
        'ip_address_already_allocated',
        'ip_address_generation_failure',
        'port_on_external_network',
        'not_found:network',
        'mac_generation_failure',
        'port_has_binding_floating_ip',
        'port_has_port_forwarding',
      ],
    },
    {
      ...interfaces,
      path: `${at}/remove_router_interface`,
      id: 'remove_router_interface',
      summary: 'Take a subnet off a router',
      errors: [
        ...BAD_INTERFACE,
        'not_a_router_interface',
        'router_interface_overlap',
        'subnet_mismatch_for_port',
        'router_interface_in_use_by_floating_ip',
        'router_interface_in_use_by_route',
        'router_interface_not_found',
        'router_interface_not_found_for_subnet',
      ],
    },
    { ...routes, path: `${at}/add_extraroutes`, id: 'add_extraroutes', summary: 'Add static routes to a router' },
    { ...routes, path: `${at}/remove_extraroutes`, id: 'remove_extraroutes', summary: 'Remove static routes from a router' },
  ];
}

const Limit = Type.Integer({ minimum: -1, maximum: 2 ** 31 - 1, description: '-1: any number.' });
const Owner = Type.Union([Type.String(), Type.Null()]);

/** Schemas of quotas by name. */
export const QUOTA_SCHEMAS = {
  Quota: Type.Object(Object.fromEntries(QUOTA_RESOURCES.map((name) => [name, Limit]))),
  QuotaUpdate: Type.Object(
    {
      ...Object.fromEntries([...QUOTA_RESOURCES].map((name) => [name, Type.Optional(Limit)])),
      check_limit: Type.Optional(Type.Boolean({ description: 'Refuse a limit below what is in use.' })),
      force: Type.Optional(Type.Boolean({ description: 'Not looked at: without check_limit a limit is always taken.' })),
      tenant_id: Type.Optional(Type.String()),
      project_id: Type.Optional(Type.String()),
    },
    { additionalProperties: false },
  ),
  QuotaUse: Type.Object(
    Object.fromEntries(
      QUOTA_RESOURCES.map((name) => [name, Type.Object({ limit: Limit, used: Type.Integer(), reserved: Type.Integer() })]),
    ),
  ),
};

function quotaOperations(): readonly Operation[] {
  const tag = 'quotas';
  const quota = { status: 200, schema: Type.Object({ quota: ref('Quota') }) } as const;
  const own = { method: 'get', tag, errors: ['forbidden'] } as const;
  const owned = Type.Object({ ...QUOTA_SCHEMAS.Quota.properties, tenant_id: Type.String(), project_id: Type.String() });
  const whose = { status: 200, schema: Type.Object({ tenant: Type.Object({ tenant_id: Owner }) }) } as const;
  return [
    {
      method: 'get',
      path: '/v2.0/quotas',
      id: 'list_quotas',
      tag,
      summary: 'List the projects whose limits are not the defaults',
      access: 'admin',
      answer: { status: 200, schema: Type.Object({ quotas: Type.Array(owned) }) },
    },
    { ...own, path: '/v2.0/quotas/tenant', id: 'show_quota_tenant', summary: 'Show whose quotas the token’s are', answer: whose },
    { ...own, path: '/v2.0/quotas/project', id: 'show_quota_project', summary: 'Show whose quotas the token’s are', answer: whose },
    { ...own, path: '/v2.0/quotas/{id}', id: 'show_quota', summary: 'Show a project’s limits', answer: quota },
    { ...own, path: '/v2.0/quotas/{id}/default', id: 'show_default_quota', summary: 'Show the default limits', answer: quota },
    {
      ...own,
      path: '/v2.0/quotas/{id}/details',
      id: 'show_quota_use',
      summary: 'Show a project’s limits and what is in use',
      answer: { status: 200, schema: Type.Object({ quota: ref('QuotaUse') }) },
    },
    {
      method: 'put',
      path: '/v2.0/quotas/{id}',
      id: 'update_quota',
      tag,
      summary: 'Set a project’s limits',
      access: 'admin',
      body: Type.Object({ quota: ref('QuotaUpdate') }),
      answer: quota,
      errors: ['not_found:tenant'],
    },
    {
      method: 'delete',
      path: '/v2.0/quotas/{id}',
      id: 'delete_quota',
      tag,
      summary: 'Give a project the default limits back',
      access: 'admin',
      answer: { status: 204 },
      errors: ['not_found:tenant'],
    },
  ];
}

function autoTopologyOperations(): readonly Operation[] {
  const path = '/v2.0/auto-allocated-topology/{id}';
  const tag = 'auto-allocated-topology';
  const dryRun = { name: 'fields', description: '`dry-run`: only say whether it could be made.', schema: Type.String() };
  return [
    {
      method: 'get',
      path,
      id: 'show_auto_allocated_topology',
      tag,
      summary: 'Show a project’s automatic topology, and make it the first time',
      about: '`None` stands for the token’s own project.',
      query: [dryRun],
      answer: { status: 200, schema: Type.Object({ auto_allocated_topology: AutoTopologyView }) },
      errors: ['bad_request', 'not_found:tenant', 'auto_allocation_failure', 'not_authorized', 'over_quota', 'forbidden'],
    },
    {
      method: 'delete',
      path,
      id: 'delete_auto_allocated_topology',
      tag,
      summary: 'Take a project’s automatic topology down',
      answer: { status: 204 },
      errors: [
        'not_authorized',
        'network_in_use',
        'router_in_use',
        'router_interface_in_use_by_floating_ip',
        'router_external_gateway_in_use',
      ],
    },
  ];
}

/** As `GET /v2.0/extensions` shows it. */
export const ExtensionView = Type.Object({
  alias: Type.String(),
  name: Type.String(),
  description: Type.String(),
  updated: Type.String(),
  links: Type.Array(Type.Unknown(), { maxItems: 0 }),
});

function extensionOperations(): readonly Operation[] {
  const tag = 'extensions';
  return [
    {
      method: 'get',
      path: '/v2.0/extensions',
      id: 'list_extensions',
      tag,
      summary: 'List the extensions of Neutron that are obeyed',
      answer: { status: 200, schema: Type.Object({ extensions: Type.Array(ref('Extension')) }) },
    },
    {
      method: 'get',
      path: '/v2.0/extensions/{id}',
      id: 'show_extension',
      tag,
      summary: 'Show an extension, by its alias',
      answer: { status: 200, schema: Type.Object({ extension: ref('Extension') }) },
      errors: ['unknown_path'],
      errorBodies: { 404: Type.Object({ code: Type.Literal(404), title: Type.String(), message: Type.String() }) },
    },
  ];
}

function nodeOperations(): readonly Operation[] {
  const network = Type.Object({ id: Type.String(), name: Type.String(), tenant_id: Type.String(), project_id: Type.String() });
  return [
    {
      method: 'get',
      path: '/v2.0/networks/{id}/dhcp-agents',
      id: 'list_dhcp_agents',
      tag: 'networks',
      summary: 'List the nodes that carry a network',
      access: 'admin',
      answer: { status: 200, schema: Type.Object({ agents: Type.Array(ref('Agent')) }) },
      errors: ['not_found:network'],
    },
    {
      method: 'get',
      path: '/v2.0/agents/{id}/dhcp-networks',
      id: 'list_networks_on_agent',
      tag: 'agents',
      summary: 'List the networks that a node carries',
      access: 'admin',
      answer: { status: 200, schema: Type.Object({ networks: Type.Array(network) }) },
      errors: ['not_found:node', 'not_found:network'],
    },
  ];
}
