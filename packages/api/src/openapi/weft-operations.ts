import { Type } from 'typebox';
import type { TSchema } from 'typebox';
import * as V1 from '../v1.ts';
import { plainFilters } from './list-parameters.ts';
import { pascalCase, ref, spaced, withArticle } from './operation.ts';
import type { Operation } from './operation.ts';

/** Weft's own resources under /v1. */
type Resource = Readonly<{
  path: string;
  plural: string;
  singular: string;
  kind: string;
  view: Type.TObject;
  access?: 'admin';
  listAccess?: 'admin';
  create?: Readonly<{ body: TSchema; answer?: TSchema; access?: 'admin'; errors: readonly string[] }>;
  update?: Readonly<{ body: TSchema; errors: readonly string[] }>;
  delete?: Readonly<{ access?: 'admin'; errors: readonly string[] }>;
}>;

const RULE_ERRORS = ['not_found:port', 'not_found:tenant'];
const FIREWALL_ERRORS = [...RULE_ERRORS, 'invalid_firewall_rule', 'firewall_rule_exists'];
const NAT_ERRORS = [
  ...RULE_ERRORS,
  'invalid_nat_rule',
  'nat_rule_exists',
  'not_found:floatingIp',
  'fip_in_use_by_port_forwarding',
  'floating_ip_port_already_associated',
];

const RESOURCES: readonly Resource[] = [
  {
    path: 'tenants',
    plural: 'tenants',
    singular: 'tenant',
    kind: 'tenant',
    view: V1.TenantView,
    create: { body: ref('TenantCreate'), answer: ref('NewTenant'), access: 'admin', errors: ['tenant_exists', 'invalid_name'] },
    update: { body: ref('TenantUpdate'), errors: ['no_ssh_ports'] },
    delete: { access: 'admin', errors: ['tenant_in_use'] },
  },
  {
    path: 'nodes',
    plural: 'nodes',
    singular: 'node',
    kind: 'node',
    view: V1.NodeView,
    access: 'admin',
    delete: { access: 'admin', errors: ['node_in_use', 'node_connected'] },
  },
  {
    path: 'instances',
    plural: 'instances',
    singular: 'instance',
    kind: 'instance',
    view: V1.InstanceView,
    create: {
      body: ref('InstanceCreate'),
      errors: ['not_found:port', 'not_found:node', 'port_bound', 'port_in_use', 'invalid_command', 'invalid_name', 'service_port_in_use'],
    },
    delete: { errors: [] },
  },
  { path: 'concentrators', plural: 'concentrators', singular: 'concentrator', kind: 'concentrator', view: V1.ConcentratorView },
  { path: 'pools', plural: 'pools', singular: 'pool', kind: 'subnet', view: V1.PoolView, access: 'admin' },
  {
    path: 'firewall-rules',
    plural: 'firewall_rules',
    singular: 'firewall_rule',
    kind: 'firewallRule',
    view: V1.FirewallRuleView,
    create: { body: ref('FirewallRuleCreate'), errors: FIREWALL_ERRORS },
    update: { body: ref('FirewallRuleUpdate'), errors: FIREWALL_ERRORS },
    delete: { errors: [] },
  },
  {
    path: 'nat-rules',
    plural: 'nat_rules',
    singular: 'nat_rule',
    kind: 'natRule',
    view: V1.NatRuleView,
    create: { body: ref('NatRuleCreate'), errors: NAT_ERRORS },
    update: { body: ref('NatRuleUpdate'), errors: NAT_ERRORS },
    delete: { errors: [] },
  },
];

/** Schemas of /v1 by name. */
export const WEFT_SCHEMAS: Readonly<Record<string, TSchema>> = {
  Tenant: V1.TenantView,
  TenantCreate: V1.CreateTenantBody,
  TenantUpdate: V1.UpdateTenantBody,
  NewTenant: V1.NewTenantView,
  Node: V1.NodeView,
  Accepted: V1.AcceptedView,
  Instance: V1.InstanceView,
  InstanceCreate: V1.CreateInstanceBody,
  Concentrator: V1.ConcentratorView,
  Pool: V1.PoolView,
  FirewallRule: V1.FirewallRuleView,
  FirewallRuleCreate: V1.CreateFirewallRuleBody,
  FirewallRuleUpdate: V1.UpdateFirewallRuleBody,
  NatRule: V1.NatRuleView,
  NatRuleCreate: V1.CreateNatRuleBody,
  NatRuleUpdate: V1.UpdateNatRuleBody,
  PortWhy: V1.PortWhyView,
  Events: V1.EventsView,
  Health: V1.HealthView,
};

export function weftOperations(): readonly Operation[] {
  return [...RESOURCES.flatMap(verbsOf), ...actions()];
}

function verbsOf(resource: Resource): readonly Operation[] {
  const { path, plural, singular, kind, view, access } = resource;
  const at = `/v1/${path}`;
  const [name, what] = [pascalCase(singular), spaced(singular)];
  const common = { tag: spaced(plural) };
  const restricted = access === undefined ? {} : { access };
  const missing = [`not_found:${kind}`];
  return [
    {
      ...common,
      ...restricted,
      method: 'get',
      path: at,
      id: `list_${plural}`,
      summary: `List ${spaced(plural)}`,
      query: plainFilters(view),
      answer: { status: 200, schema: Type.Object({ [plural]: Type.Array(ref(name)) }) },
    },
    {
      ...common,
      ...restricted,
      method: 'get',
      path: `${at}/{id}`,
      id: `show_${singular}`,
      summary: `Show ${withArticle(what)}`,
      answer: { status: 200, schema: ref(name) },
      errors: missing,
    },
    ...(resource.create === undefined
      ? []
      : [
          {
            ...common,
            ...(resource.create.access === undefined ? {} : { access: resource.create.access }),
            method: 'post' as const,
            path: at,
            id: `create_${singular}`,
            summary: `Create ${withArticle(what)}`,
            body: resource.create.body,
            answer: { status: 201 as const, schema: resource.create.answer ?? ref(name) },
            errors: resource.create.errors,
          },
        ]),
    ...(resource.update === undefined
      ? []
      : [
          {
            ...common,
            method: 'put' as const,
            path: `${at}/{id}`,
            id: `update_${singular}`,
            summary: `Change ${withArticle(what)}`,
            about: 'What is left out stays.',
            body: resource.update.body,
            answer: { status: 200 as const, schema: ref(name) },
            errors: [...missing, ...resource.update.errors],
          },
        ]),
    ...(resource.delete === undefined
      ? []
      : [
          {
            ...common,
            ...(resource.delete.access === undefined ? {} : { access: resource.delete.access }),
            method: 'delete' as const,
            path: `${at}/{id}`,
            id: `delete_${singular}`,
            summary: `Delete ${withArticle(what)}`,
            answer: { status: 204 as const },
            errors: [...missing, ...resource.delete.errors],
          },
        ]),
  ];
}

function actions(): readonly Operation[] {
  return [
    {
      method: 'post',
      path: '/v1/nodes/{id}/accept',
      id: 'accept_plan',
      tag: 'nodes',
      summary: 'Let a node take over the plan that it holds back',
      access: 'admin',
      answer: { status: 200, schema: ref('Accepted') },
      errors: ['not_found:node', 'node_not_connected', 'nothing_held'],
    },
    {
      method: 'post',
      path: '/v1/concentrators/{id}/move',
      id: 'move_concentrator',
      tag: 'concentrators',
      summary: 'Move a concentrator to another node',
      access: 'admin',
      body: V1.MoveConcentratorBody,
      bodyOptional: true,
      answer: { status: 200, schema: ref('Concentrator') },
      errors: ['not_found:concentrator', 'not_found:node', 'same_node', 'no_network_node', 'not_a_network_node', 'node_not_connected'],
    },
    {
      method: 'get',
      path: '/v1/ports/{id}/why',
      id: 'why_port',
      tag: 'ports',
      summary: 'Ask what is in the way of a port’s traffic',
      answer: { status: 200, schema: ref('PortWhy') },
      errors: ['not_found:port'],
    },
    {
      method: 'get',
      path: '/v1/events',
      id: 'list_events',
      tag: 'events',
      summary: 'List what happened, or follow it',
      about: 'With `Accept: text/event-stream` the events come as they happen, as server-sent events; `Last-Event-ID` resumes.',
      query: [
        ...plainFilters(V1.EventView),
        { name: 'after', schema: Type.Integer({ minimum: 0 }), description: 'The `seq` of the last event that is known already.' },
        { name: 'limit', schema: Type.Integer({ minimum: 1, maximum: 1000, default: 100 }) },
      ],
      answer: { status: 200, schema: ref('Events') },
      errors: ['too_many_streams'],
    },
  ];
}
