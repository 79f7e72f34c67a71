import type { Caller } from '@weft/api/caller';
import { BadRequest } from '@weft/api/request-error';
import { cidrClearingHostBits } from '@weft/core/cidr';
import type { Cidr } from '@weft/core/cidr';
import type { ClusterState } from '@weft/core/cluster-state';
import type { CommandContext } from '@weft/core/command/context';
import type { FirewallRule } from '@weft/core/firewall-rule';
import type { NatRule } from '@weft/core/nat-rule';
import type { Changes } from '@weft/core/resource';
import { compareRules } from '@weft/core/rule-order';
import type { TenantId } from '@weft/core/uuid';
import type { FastifyInstance } from 'fastify';
import { visible } from './visibility.ts';
import { filtered } from './filtered.ts';
import type { RestContext } from './rest-context.ts';

type Rules = { firewallRule: FirewallRule; natRule: NatRule };
type RuleKind = keyof Rules;
type Rule<K extends RuleKind> = Rules[K];
type Decided<K extends RuleKind> = Changes & Readonly<{ rule: Rule<K> }>;

/** What administrators name a new rule's owner by. */
type Named = Readonly<{ port_id?: string | null; tenant_id?: string }>;

/** A kind of rule at tenants' gateways, joined to its commands. `C` and `U`: bodies as their schemas leave them. */
export type RuleCollection<K extends RuleKind, C extends Named, U> = Readonly<{
  kind: K;
  /** In the URL, in JSON, and to people. */
  path: string;
  plural: string;
  what: string;
  createBody: object;
  updateBody: object;
  view: Readonly<{ schema: Readonly<{ properties: object }>; of: (rule: Rule<K>) => object }>;
  all: (state: ClusterState) => Iterable<Rule<K>>;
  of: (state: ClusterState, tenantId: TenantId) => Iterable<Rule<K>>;
  create: (state: ClusterState, context: CommandContext, tenantId: TenantId, body: C) => Decided<K>;
  update: (state: ClusterState, context: CommandContext, id: Rule<K>['id'], body: U) => Decided<K>;
  delete: (state: ClusterState, id: Rule<K>['id']) => Changes;
}>;

type WithId = { Params: { id: string } };

/** The verbs of a kind of rule. Tenants see and make their own. */
export function ruleRoutes<K extends RuleKind, C extends Named, U>(
  scope: FastifyInstance,
  { controller, decider, caller }: RestContext,
  collection: RuleCollection<K, C, U>,
): void {
  const { cluster } = controller;
  const { kind, path, plural, what, view } = collection;
  const find = (state: ClusterState, who: Caller, id: string): Rule<K> => visible(state, who, kind, id) as Rule<K>;

  scope.route({
    method: 'GET',
    url: `/${path}`,
    handler: async (request) => {
      const who = caller(request);
      const all = who.kind === 'admin' ? collection.all(cluster.state) : collection.of(cluster.state, who.tenantId);
      const views = [...all].toSorted(compareRules).map(view.of);
      await cluster.settled();
      return { [plural]: filtered(views, request.query as Readonly<Record<string, unknown>>, view.schema) };
    },
  });

  scope.route<WithId>({
    method: 'GET',
    url: `/${path}/:id`,
    handler: async (request) => {
      const shown = view.of(find(cluster.state, caller(request), request.params.id));
      await cluster.settled();
      return shown;
    },
  });

  scope.route({
    method: 'POST',
    url: `/${path}`,
    schema: { body: collection.createBody },
    handler: async (request, reply) => {
      const body = request.body as C;
      const shown = await decider.decideAndShow(
        request,
        (state, given) => collection.create(state, given, ownerOf(state, caller(request), body, what), body),
        ({ rule }) => view.of(rule),
      );
      return reply.status(201).send(shown);
    },
  });

  scope.route<WithId>({
    method: 'PUT',
    url: `/${path}/:id`,
    schema: { body: collection.updateBody },
    handler: async (request) =>
      decider.decideAndShow(
        request,
        (state, given) => collection.update(state, given, find(state, caller(request), request.params.id).id, request.body as U),
        ({ rule }) => view.of(rule),
      ),
  });

  scope.route<WithId>({
    method: 'DELETE',
    url: `/${path}/:id`,
    handler: async (request, reply) => {
      await decider.decide(request, (state) => collection.delete(state, find(state, caller(request), request.params.id).id));
      return reply.status(204).send();
    },
  });
}

/** Whose a new rule is: the caller's, or for administrators the port's or the named tenant's. Throws NotFound, BadRequest. */
function ownerOf(state: ClusterState, who: Caller, { port_id, tenant_id }: Named, what: string): TenantId {
  const named = tenant_id?.toLowerCase() as TenantId | undefined;
  const owner = who.kind === 'tenant' ? who.tenantId : port_id ? visible(state, who, 'port', port_id).tenantId : named;
  if (owner === undefined) throw new BadRequest(`whose ${what} is it to be?`, { remedy: 'Say tenant_id, or port_id.' });
  if (named !== undefined && named !== owner) throw new BadRequest(`the rule would be tenant ${owner}’s, not ${named}’s`);
  return owner;
}

/** Of a new rule that does not say more. In the middle, so that there is room on both sides. */
export const ANY_TRAFFIC = {
  protocol: undefined,
  remoteCidr: undefined,
  portMin: undefined,
  portMax: undefined,
  priority: 32_768,
  description: '',
} as const;

type TrafficBody = Readonly<{
  protocol?: 'tcp' | 'udp' | 'icmp' | null;
  remote_cidr?: string | null;
  port_min?: number | null;
  port_max?: number | null;
  priority?: number;
  description?: string;
}>;

type Traffic = {
  protocol?: 'tcp' | 'udp' | 'icmp' | undefined;
  remoteCidr?: Cidr | undefined;
  portMin?: number | undefined;
  portMax?: number | undefined;
  priority?: number;
  description?: string;
};

/** Which traffic a rule is about: only what is said; null takes a condition away. Throws InvalidValue. */
export function trafficOf({ protocol, remote_cidr, port_min, port_max, priority, description }: TrafficBody): Traffic {
  return {
    ...(priority === undefined ? {} : { priority }),
    ...(description === undefined ? {} : { description }),
    ...(protocol === undefined ? {} : { protocol: protocol ?? undefined }),
    ...(remote_cidr === undefined
      ? {}
      : { remoteCidr: remote_cidr === null ? undefined : cidrClearingHostBits(remote_cidr, 'remote_cidr') }),
    ...(port_min === undefined ? {} : { portMin: port_min ?? undefined }),
    ...(port_max === undefined ? {} : { portMax: port_max ?? undefined }),
  };
}
