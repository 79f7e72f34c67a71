import { CreateNatRuleBody, NatRuleView, UpdateNatRuleBody } from '@weft/api/v1';
import { cidrClearingHostBits } from '@weft/core/cidr';
import { createNatRule, deleteNatRule, updateNatRule } from '@weft/core/command/nat-rule';
import type { UpdateNatRule } from '@weft/core/command/nat-rule';
import type { NatRule } from '@weft/core/nat-rule';
import { compareRules } from '@weft/core/rule-order';
import type { FloatingIpId, PortId } from '@weft/core/uuid';
import type { FastifyInstance } from 'fastify';
import { visible } from './collections.ts';
import { filtered } from './filtered.ts';
import type { RestContext } from './rest-context.ts';
import { ruleOwner } from './rule-owner.ts';

type WithId = { Params: { id: string } };

/** Without another: in the middle, so that there is room on both sides. */
const DEFAULT_PRIORITY = 32_768;

/** What is translated between tenants and the outside. Tenants see and make their own. */
export function natRoutes(scope: FastifyInstance, { controller, decider, caller }: RestContext): void {
  const { cluster } = controller;

  scope.route({
    method: 'GET',
    url: '/nat-rules',
    handler: async (request) => {
      const who = caller(request);
      const all = who.kind === 'admin' ? cluster.state.natRules.values() : cluster.state.natRulesOf(who.tenantId);
      const views = [...all].toSorted(compareRules).map(natRuleView);
      await cluster.settled();
      return { nat_rules: filtered(views, request.query as Readonly<Record<string, unknown>>, NatRuleView) };
    },
  });

  scope.route<WithId>({
    method: 'GET',
    url: '/nat-rules/:id',
    handler: async (request) => {
      const view = natRuleView(visible(cluster.state, caller(request), 'natRule', request.params.id));
      await cluster.settled();
      return view;
    },
  });

  scope.route<{ Body: CreateNatRuleBody }>({
    method: 'POST',
    url: '/nat-rules',
    schema: { body: CreateNatRuleBody },
    handler: async (request, reply) => {
      const { body } = request;
      const wanted = {
        protocol: undefined,
        remoteCidr: undefined,
        portMin: undefined,
        portMax: undefined,
        floatingIpId: undefined,
        toPort: undefined,
        priority: DEFAULT_PRIORITY,
        description: '',
        ...translation(body),
        direction: body.direction,
        portId: (body.port_id?.toLowerCase() as PortId | undefined) ?? undefined,
      };
      const view = await decider.decideAndShow(
        request,
        (state, given) => createNatRule(state, given, { ...wanted, tenantId: ruleOwner(state, caller(request), body, 'NAT rule') }),
        ({ natRule }) => natRuleView(natRule),
      );
      return reply.status(201).send(view);
    },
  });

  scope.route<WithId & { Body: UpdateNatRuleBody }>({
    method: 'PUT',
    url: '/nat-rules/:id',
    schema: { body: UpdateNatRuleBody },
    handler: async (request) =>
      decider.decideAndShow(
        request,
        (state, given) => {
          const { id } = visible(state, caller(request), 'natRule', request.params.id);
          return updateNatRule(state, given, id, translation(request.body));
        },
        ({ natRule }) => natRuleView(natRule),
      ),
  });

  scope.route<WithId>({
    method: 'DELETE',
    url: '/nat-rules/:id',
    handler: async (request, reply) => {
      await decider.decide(request, (state) => deleteNatRule(state, visible(state, caller(request), 'natRule', request.params.id).id));
      return reply.status(204).send();
    },
  });
}

/** Only what is said; null takes a condition away. Throws InvalidValue. */
function translation(body: UpdateNatRuleBody): UpdateNatRule {
  const { priority, description, protocol, remote_cidr, port_min, port_max, floating_ip_id, to_port } = body;
  return {
    ...(priority === undefined ? {} : { priority }),
    ...(description === undefined ? {} : { description }),
    ...(protocol === undefined ? {} : { protocol: protocol ?? undefined }),
    ...(remote_cidr === undefined
      ? {}
      : { remoteCidr: remote_cidr === null ? undefined : cidrClearingHostBits(remote_cidr, 'remote_cidr') }),
    ...(port_min === undefined ? {} : { portMin: port_min ?? undefined }),
    ...(port_max === undefined ? {} : { portMax: port_max ?? undefined }),
    ...(floating_ip_id === undefined ? {} : { floatingIpId: (floating_ip_id?.toLowerCase() as FloatingIpId | undefined) ?? undefined }),
    ...(to_port === undefined ? {} : { toPort: to_port ?? undefined }),
  };
}

function natRuleView(rule: NatRule): NatRuleView {
  return {
    id: rule.id,
    tenant_id: rule.tenantId,
    port_id: rule.portId ?? null,
    direction: rule.direction,
    protocol: rule.protocol ?? null,
    remote_cidr: rule.remoteCidr ?? null,
    port_min: rule.portMin ?? null,
    port_max: rule.portMax ?? null,
    floating_ip_id: rule.floatingIpId ?? null,
    to_port: rule.toPort ?? null,
    priority: rule.priority,
    description: rule.description,
    created_at: rule.createdAt,
    updated_at: rule.updatedAt,
  };
}
