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

export const UpdateTenantBody = Type.Object({ ssh_reach: Type.Boolean() }, strict);
export type UpdateTenantBody = Static<typeof UpdateTenantBody>;

export const TenantView = Type.Object({
  id: Id,
  name: Type.String(),
  automatic_gateway: Type.Boolean(),
  /** Whether port 22 of every workload is reachable at its `ssh_ip` and `ssh_port`. */
  ssh_reach: Type.Boolean(),
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

/** A subnet of an external network, and how many addresses of its allocation pools floating IPs and gateways have. */
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

/** `scheduler`: whether new work can be placed; existing traffic does not need it. */
export const HealthView = Type.Object({
  status: Type.Literal('ok'),
  scheduler: Type.Union([Type.Literal('connected'), Type.Literal('disconnected')]),
});
export type HealthView = Static<typeof HealthView>;
