import { Type } from 'typebox';
import type { Static } from 'typebox';

/**
 * What a write with `?dry_run=true` answers, with status 200 and whatever it is a write of: what it would do. Nothing is changed and no id is
 * reserved: made for real, a new object gets another one. What follows later from the change, such as where the scheduler places a workload,
 * is not in it.
 */

const nullable = <T extends Type.TSchema>(schema: T): Type.TUnion<[T, Type.TNull]> => Type.Union([schema, Type.Null()]);
const Action = Type.Union([Type.Literal('create'), Type.Literal('update'), Type.Literal('delete')]);
const Record = Type.Record(Type.String(), Type.Unknown());

/** A port and one of its addresses; without a port a public address, or a prefix of the outside, some others excepted. */
const End = Type.Object({ port_id: nullable(Type.String()), address: Type.String(), except: Type.Array(Type.String()) });

/** A connection that would be possible, or no more. */
const Line = Type.Object({
  from: End,
  to: End,
  protocol: Type.Union([Type.Literal('tcp'), Type.Literal('udp'), Type.Literal('icmp')]),
  /** Of the destination, like `22,80-89`; null for icmp. */
  ports: nullable(Type.String()),
  /** `delivered to …`, or why it gets nowhere: `ingress_group`, `firewall_rule <id>`. */
  before: Type.String(),
  after: Type.String(),
});
export type ReachLineView = Static<typeof Line>;

export const DryRunView = Type.Object({
  dry_run: Type.Literal(true),
  /** Records as the cluster keeps them, without secrets; null where there is none. */
  changes: Type.Array(
    Type.Object({ action: Action, kind: Type.String(), id: Type.String(), before: nullable(Record), after: nullable(Record) }),
  ),
  /** What would change in which node's plan; for administrators only. */
  affected_nodes: Type.Array(
    Type.Object({
      id: Type.String(),
      hostname: Type.String(),
      resources: Type.Array(Type.Object({ kind: Type.String(), key: Type.String(), action: Action })),
    }),
  ),
  /** `truncated`: there may be more. */
  reachability: Type.Object({ opens: Type.Array(Line), closes: Type.Array(Line), truncated: Type.Boolean() }),
});
export type DryRunView = Static<typeof DryRunView>;
