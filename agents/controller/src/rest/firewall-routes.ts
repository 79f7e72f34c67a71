import { CreateFirewallRuleBody, FirewallRuleView, UpdateFirewallRuleBody } from '@weft/api/v1';
import { cidrClearingHostBits } from '@weft/core/cidr';
import { createFirewallRule, deleteFirewallRule, updateFirewallRule } from '@weft/core/command/firewall-rule';
import type { UpdateFirewallRule } from '@weft/core/command/firewall-rule';
import type { FirewallRule } from '@weft/core/firewall-rule';
import { compareRules } from '@weft/core/rule-order';
import type { PortId } from '@weft/core/uuid';
import type { FastifyInstance } from 'fastify';
import { visible } from './collections.ts';
import { filtered } from './filtered.ts';
import type { RestContext } from './rest-context.ts';
import { ruleOwner } from './rule-owner.ts';

type WithId = { Params: { id: string } };

/** Without another: in the middle, so that there is room on both sides. */
const DEFAULT_PRIORITY = 32_768;

/** What is let through between tenants and the outside. Tenants see and make their own. */
export function firewallRoutes(scope: FastifyInstance, { controller, decider, caller }: RestContext): void {
  const { cluster } = controller;

  scope.route({
    method: 'GET',
    url: '/firewall-rules',
    handler: async (request) => {
      const who = caller(request);
      const all = who.kind === 'admin' ? cluster.state.firewallRules.values() : cluster.state.firewallRulesOf(who.tenantId);
      const views = [...all].toSorted(compareRules).map(firewallRuleView);
      await cluster.settled();
      return { firewall_rules: filtered(views, request.query as Readonly<Record<string, unknown>>, FirewallRuleView) };
    },
  });

  scope.route<WithId>({
    method: 'GET',
    url: '/firewall-rules/:id',
    handler: async (request) => {
      const view = firewallRuleView(visible(cluster.state, caller(request), 'firewallRule', request.params.id));
      await cluster.settled();
      return view;
    },
  });

  scope.route<{ Body: CreateFirewallRuleBody }>({
    method: 'POST',
    url: '/firewall-rules',
    schema: { body: CreateFirewallRuleBody },
    handler: async (request, reply) => {
      const { body } = request;
      const wanted = {
        protocol: undefined,
        remoteCidr: undefined,
        portMin: undefined,
        portMax: undefined,
        priority: DEFAULT_PRIORITY,
        description: '',
        ...conditions(body),
        direction: body.direction,
        action: body.action,
        portId: (body.port_id?.toLowerCase() as PortId | undefined) ?? undefined,
      };
      const view = await decider.decideAndShow(
        request,
        (state, given) =>
          createFirewallRule(state, given, { ...wanted, tenantId: ruleOwner(state, caller(request), body, 'firewall rule') }),
        ({ firewallRule }) => firewallRuleView(firewallRule),
      );
      return reply.status(201).send(view);
    },
  });

  scope.route<WithId & { Body: UpdateFirewallRuleBody }>({
    method: 'PUT',
    url: '/firewall-rules/:id',
    schema: { body: UpdateFirewallRuleBody },
    handler: async (request) =>
      decider.decideAndShow(
        request,
        (state, given) => {
          const { id } = visible(state, caller(request), 'firewallRule', request.params.id);
          return updateFirewallRule(state, given, id, conditions(request.body));
        },
        ({ firewallRule }) => firewallRuleView(firewallRule),
      ),
  });

  scope.route<WithId>({
    method: 'DELETE',
    url: '/firewall-rules/:id',
    handler: async (request, reply) => {
      await decider.decide(request, (state) =>
        deleteFirewallRule(state, visible(state, caller(request), 'firewallRule', request.params.id).id),
      );
      return reply.status(204).send();
    },
  });
}

/** Only what is said; null takes a condition away. Throws InvalidValue. */
function conditions(body: UpdateFirewallRuleBody): UpdateFirewallRule {
  const { direction, action, priority, description, protocol, remote_cidr, port_min, port_max } = body;
  return {
    ...(direction === undefined ? {} : { direction }),
    ...(action === undefined ? {} : { action }),
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

function firewallRuleView(rule: FirewallRule): FirewallRuleView {
  return {
    id: rule.id,
    tenant_id: rule.tenantId,
    port_id: rule.portId ?? null,
    direction: rule.direction,
    action: rule.action,
    protocol: rule.protocol ?? null,
    remote_cidr: rule.remoteCidr ?? null,
    port_min: rule.portMin ?? null,
    port_max: rule.portMax ?? null,
    priority: rule.priority,
    description: rule.description,
    created_at: rule.createdAt,
    updated_at: rule.updatedAt,
  };
}
