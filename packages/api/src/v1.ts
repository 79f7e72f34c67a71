import { MAX_KBPS, MIN_KBPS } from '@weft/core/rate-limit';
import { USER_DATA_MAX_LENGTH } from '@weft/core/user-data';
import { Type } from 'typebox';
import type { Static } from 'typebox';

/**
 * Weft's own resources under /v1: plain JSON objects, lists under the collection's name (`{ "nodes": [ … ] }`). Schemas check bodies
 * and describe answers; nothing is coerced, defaulted or removed.
 */

const strict = { additionalProperties: false };
const Id = Type.String({ format: 'uuid' });
const Timestamp = Type.String({ format: 'date-time' });
const nullable = <T extends Type.TSchema>(schema: T): Type.TUnion<[T, Type.TNull]> => Type.Union([schema, Type.Null()]);
const Fault = Type.Object({ code: Type.String(), message: Type.String() });
/** Neither NUL nor other control characters: names are printed in tables and logs. */
const printable = '^[^\\u0000-\\u001f\\u007f]*$';

export const CreateTenantBody = Type.Object({ name: Type.String({ minLength: 1, maxLength: 255, pattern: printable }) }, strict);
export type CreateTenantBody = Static<typeof CreateTenantBody>;

/** Kilobits a second, 1000 bits each, of all bytes of Ethernet frames; null: no limit. */
const Kbps = nullable(Type.Integer({ minimum: MIN_KBPS, maximum: MAX_KBPS }));

export const UpdateTenantBody = Type.Object(
  { ssh_reach: Type.Optional(Type.Boolean()), ingress_kbps: Type.Optional(Kbps), egress_kbps: Type.Optional(Kbps) },
  { ...strict, minProperties: 1 },
);
export type UpdateTenantBody = Static<typeof UpdateTenantBody>;

export const TenantView = Type.Object({
  id: Id,
  name: Type.String(),
  automatic_gateway: Type.Boolean(),
  /** Whether port 22 of every workload is reachable at its `ssh_ip` and `ssh_port`. */
  ssh_reach: Type.Boolean(),
  /** How fast what comes from outside to its networks may be, and what it sends there: all of it together, at its gateway's uplink. */
  ingress_kbps: Kbps,
  egress_kbps: Kbps,
  created_at: Timestamp,
  updated_at: Timestamp,
});
export type TenantView = Static<typeof TenantView>;

/** The answer to creating a tenant, and the only one with its token. */
export const NewTenantView = Type.Intersect([TenantView, Type.Object({ token: Type.String() })]);
export type NewTenantView = Static<typeof NewTenantView>;

export const NodeView = Type.Object({
  id: Id,
  hostname: Type.String(),
  roles: Type.Array(Type.Union([Type.Literal('compute'), Type.Literal('network'), Type.Literal('concentrator')])),
  /** Its management connection. Data traffic does not depend on it. */
  status: Type.Union([Type.Literal('connected'), Type.Literal('disconnected')]),
  /** `syncing` until the node has applied a plan of this cluster; `held`: it waits for `POST /v1/nodes/{id}/accept`. */
  plan: Type.Union([Type.Literal('unknown'), Type.Literal('syncing'), Type.Literal('in-sync'), Type.Literal('held')]),
  /** Where its tunnels end. */
  vtep: nullable(Type.String()),
  /** The newest revision that the node has applied, and the newest that was sent to it. */
  applied_revision: nullable(Type.Integer()),
  sent_revision: nullable(Type.Integer()),
  /** What it could not apply, by plan kind and key. */
  failed: Type.Record(Type.String(), Fault),
  held: nullable(Type.Object({ reason: Type.String(), epoch: Type.String(), revision: Type.Integer(), ports: Type.Integer() })),
  load: nullable(Type.Number()),
  mem_total_mb: nullable(Type.Number()),
  mem_available_mb: nullable(Type.Number()),
  last_seen: nullable(Timestamp),
});
export type NodeView = Static<typeof NodeView>;

/** The plan that was accepted. */
export const AcceptedView = Type.Object({ id: Id, epoch: Type.String(), revision: Type.Integer() });
export type AcceptedView = Static<typeof AcceptedView>;

export const CreateInstanceBody = Type.Object(
  {
    name: Type.Optional(Type.String({ maxLength: 255, pattern: printable })),
    command: Type.Array(Type.String({ maxLength: 32_768, pattern: '^[^\\u0000]*$' }), { minItems: 1, maxItems: 1024 }),
    port_id: Id,
    addressing: Type.Optional(Type.Union([Type.Literal('static'), Type.Literal('dhcp')])),
    node_id: Type.Optional(nullable(Id)),
    /** Base64, as Nova's: told to the workload alone, by the metadata service of its node. */
    user_data: Type.Optional(
      nullable(Type.String({ maxLength: USER_DATA_MAX_LENGTH, pattern: '^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$' })),
    ),
  },
  strict,
);
export type CreateInstanceBody = Static<typeof CreateInstanceBody>;

/** How far the nodes of a segment are: `applied` of `of`; `oldest` is the lowest revision among them, null while one has not reported. */
export const ConvergenceView = Type.Object({ applied: Type.Integer(), of: Type.Integer(), oldest: nullable(Type.Integer()) });
export type ConvergenceView = Static<typeof ConvergenceView>;

export const InstanceView = Type.Object({
  id: Id,
  tenant_id: Id,
  name: Type.String(),
  command: Type.Array(Type.String()),
  port_id: Id,
  addressing: Type.Union([Type.Literal('static'), Type.Literal('dhcp')]),
  node_id: nullable(Id),
  status: Type.Union([Type.Literal('pending'), Type.Literal('building'), Type.Literal('active'), Type.Literal('error')]),
  error: nullable(Fault),
  /** Where its SSH server is reached from outside; null while its tenant has no SSH reach, or no gateway leads to it. */
  ssh_ip: nullable(Type.String()),
  ssh_port: nullable(Type.Integer()),
  /** Of the segment of its port. */
  applied: ConvergenceView,
  created_at: Timestamp,
  updated_at: Timestamp,
});
export type InstanceView = Static<typeof InstanceView>;

export const ConcentratorView = Type.Object({
  id: Id,
  tenant_id: Id,
  /** Whose routing it does; null here and for the network: it is the tenant's automatic gateway. */
  router_id: nullable(Id),
  /** Whose DHCP and names it serves, forwarding nothing. */
  network_id: nullable(Id),
  node_id: nullable(Id),
  status: Type.Union([Type.Literal('pending'), Type.Literal('building'), Type.Literal('active'), Type.Literal('error')]),
  error: nullable(Fault),
  generation: Type.Integer(),
  uplink_address: nullable(Type.String()),
  created_at: Timestamp,
  updated_at: Timestamp,
});
export type ConcentratorView = Static<typeof ConcentratorView>;

/** Without a node: another one that the controller chooses. */
export const MoveConcentratorBody = nullable(Type.Object({ node_id: Type.Optional(nullable(Id)) }, strict));
export type MoveConcentratorBody = Static<typeof MoveConcentratorBody>;

/** A subnet of an external network, and how many addresses of its allocation pools floating IPs and gateways have, or had until lately: nobody else gets those yet. */
export const PoolView = Type.Object({
  id: Id,
  name: Type.String(),
  network_id: Id,
  network_name: Type.String(),
  cidr: Type.String(),
  total: Type.Integer(),
  used: Type.Integer(),
  free: Type.Integer(),
});
export type PoolView = Static<typeof PoolView>;

const FirewallCondition = {
  direction: Type.Union([Type.Literal('inbound'), Type.Literal('outbound')]),
  action: Type.Union([Type.Literal('allow'), Type.Literal('deny')]),
  /** Null: any. */
  protocol: nullable(Type.Union([Type.Literal('tcp'), Type.Literal('udp'), Type.Literal('icmp')])),
  /** Outside; null: anywhere. */
  remote_cidr: nullable(Type.String({ maxLength: 18 })),
  /** Of the destination, both or neither; null: any. */
  port_min: nullable(Type.Integer({ minimum: 0, maximum: 65_535 })),
  port_max: nullable(Type.Integer({ minimum: 0, maximum: 65_535 })),
  /** Rules are asked by rising priority, then id; the first that fits decides. */
  priority: Type.Integer({ minimum: 0, maximum: 65_535 }),
  description: Type.String({ maxLength: 255, pattern: printable }),
};

/** What is left out stays. */
export const UpdateFirewallRuleBody = Type.Partial(Type.Object(FirewallCondition), strict);
export type UpdateFirewallRuleBody = Static<typeof UpdateFirewallRuleBody>;

/** Administrators say whose it is by `tenant_id`, or by the port. */
export const CreateFirewallRuleBody = Type.Object(
  {
    ...Type.Partial(Type.Object(FirewallCondition)).properties,
    direction: FirewallCondition.direction,
    action: FirewallCondition.action,
    port_id: Type.Optional(nullable(Id)),
    tenant_id: Type.Optional(Id),
  },
  strict,
);
export type CreateFirewallRuleBody = Static<typeof CreateFirewallRuleBody>;

/** A rule for traffic between a tenant (`port_id` null), or one workload of it, and the outside. */
export const FirewallRuleView = Type.Object({
  id: Id,
  tenant_id: Id,
  port_id: nullable(Id),
  ...FirewallCondition,
  created_at: Timestamp,
  updated_at: Timestamp,
});
export type FirewallRuleView = Static<typeof FirewallRuleView>;

const portNumber = Type.Integer({ minimum: 1, maximum: 65_535 });

const Translation = {
  /** Null: any; inbound rules say tcp or udp. */
  protocol: FirewallCondition.protocol,
  /** Outside: where it goes to, or comes from; null: anywhere. */
  remote_cidr: FirewallCondition.remote_cidr,
  /** Of the destination, before translation; both or neither. Null: any; inbound rules name them. */
  port_min: nullable(portNumber),
  port_max: nullable(portNumber),
  /** Outbound: the source that the outside sees. Inbound: where it arrives. Null: the gateway's own address. */
  floating_ip_id: nullable(Id),
  /** Inbound: the workload's port that `port_min` leads to, and so on by ones. Null: the same numbers. */
  to_port: nullable(portNumber),
  priority: FirewallCondition.priority,
  description: FirewallCondition.description,
};

/** What is left out stays; so do direction and port. */
export const UpdateNatRuleBody = Type.Partial(Type.Object(Translation), strict);
export type UpdateNatRuleBody = Static<typeof UpdateNatRuleBody>;

/** Administrators say whose it is by `tenant_id`, or by the port. */
export const CreateNatRuleBody = Type.Object(
  {
    ...Type.Partial(Type.Object(Translation)).properties,
    direction: FirewallCondition.direction,
    port_id: Type.Optional(nullable(Id)),
    tenant_id: Type.Optional(Id),
  },
  strict,
);
export type CreateNatRuleBody = Static<typeof CreateNatRuleBody>;

/** A translation between a tenant and the outside. `port_id`: outbound, whose traffic it is about (null: all); inbound, where it leads. */
export const NatRuleView = Type.Object({
  id: Id,
  tenant_id: Id,
  port_id: nullable(Id),
  direction: FirewallCondition.direction,
  ...Translation,
  created_at: Timestamp,
  updated_at: Timestamp,
});
export type NatRuleView = Static<typeof NatRuleView>;
/** Packets that were dropped for one reason, and what to do about it. */
export const DropView = Type.Object({
  where: Type.Union([Type.Literal('port'), Type.Literal('gateway')]),
  /** A stable word. */
  reason: Type.String(),
  /** Whether the workload sent the packets or was to have them; null where neither can be said. */
  direction: nullable(Type.Union([Type.Literal('sent'), Type.Literal('received')])),
  packets: Type.Integer(),
  /** 0 where only packets are counted: what a rate limit drops. */
  bytes: Type.Integer(),
  explanation: Type.String(),
  remedy: Type.String(),
});
export type DropView = Static<typeof DropView>;

/** What is in the way of a port's traffic: packets that were dropped since its rules stand, and what the state alone shows. */
export const PortWhyView = Type.Object({
  port_id: Id,
  node_id: nullable(Id),
  gateway_node_id: nullable(Id),
  drops: Type.Array(DropView),
  notes: Type.Array(Type.Object({ code: Type.String(), message: Type.String(), remedy: Type.String() })),
  /** Nodes that did not say what they dropped. */
  unanswered: Type.Array(Id),
});
export type PortWhyView = Static<typeof PortWhyView>;
/** `public_ip.map_failed` and `unmap_failed`: the gateway's node could not. A mapping that failed is taken back. */
export const EventName = Type.Union([
  Type.Literal('public_ip.mapped'),
  Type.Literal('public_ip.unmapped'),
  Type.Literal('public_ip.map_failed'),
  Type.Literal('public_ip.unmap_failed'),
  Type.Literal('instance.created'),
  Type.Literal('instance.placed'),
  Type.Literal('instance.stopped'),
  Type.Literal('instance.deleted'),
  Type.Literal('concentrator.made'),
  Type.Literal('concentrator.placed'),
  Type.Literal('concentrator.announced'),
  Type.Literal('concentrator.moved'),
  Type.Literal('concentrator.retired'),
  Type.Literal('node.joined'),
  Type.Literal('node.connected'),
  Type.Literal('node.lost'),
  Type.Literal('node.forgotten'),
]);
export type EventName = Static<typeof EventName>;

/** Something that happened. Tenants see their own, administrators all. */
export const EventView = Type.Object({
  /** Rises with every event of the cluster, so a tenant's own have gaps. */
  seq: Type.Integer(),
  time: Timestamp,
  /** Null: it concerns no one tenant. */
  tenant_id: nullable(Id),
  type: Type.Union([Type.Literal('info'), Type.Literal('error')]),
  name: EventName,
  /** By what they are: `floating_ip`, `instance`, `node`, … */
  resources: Type.Record(Type.String(), Type.String()),
  message: Type.String(),
});
export type EventView = Static<typeof EventView>;

/** Oldest first. Only so many are kept: `truncated` says that some which were asked for are no longer there. */
export const EventsView = Type.Object({ events: Type.Array(EventView), last: Type.Integer(), truncated: Type.Boolean() });
export type EventsView = Static<typeof EventsView>;

/** `scheduler`: whether new work can be placed; existing traffic does not need it. */
export const HealthView = Type.Object({
  status: Type.Literal('ok'),
  scheduler: Type.Union([Type.Literal('connected'), Type.Literal('disconnected')]),
});
export type HealthView = Static<typeof HealthView>;
