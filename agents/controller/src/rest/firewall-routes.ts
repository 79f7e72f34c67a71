import { CreateFirewallRuleBody, FirewallRuleView, UpdateFirewallRuleBody } from '@weft/api/v1';
import { createFirewallRule, deleteFirewallRule, updateFirewallRule } from '@weft/core/command/firewall-rule';
import type { FirewallRule } from '@weft/core/firewall-rule';
import type { PortId } from '@weft/core/uuid';
import type { FastifyInstance } from 'fastify';
import type { RestContext } from './rest-context.ts';
import { ANY_TRAFFIC, ruleRoutes, trafficOf } from './rule-routes.ts';

/** What is let through between tenants and the outside. */
export function firewallRoutes(scope: FastifyInstance, context: RestContext): void {
  ruleRoutes<'firewallRule', CreateFirewallRuleBody, UpdateFirewallRuleBody>(scope, context, {
    kind: 'firewallRule',
    path: 'firewall-rules',
    plural: 'firewall_rules',
    what: 'firewall rule',
    createBody: CreateFirewallRuleBody,
    updateBody: UpdateFirewallRuleBody,
    view: { schema: FirewallRuleView, of: firewallRuleView },
    all: (state) => state.firewallRules.values(),
    of: (state, tenantId) => state.firewallRulesOf(tenantId),
    create: (state, given, tenantId, body) => {
      const { direction, action } = body;
      const portId = (body.port_id?.toLowerCase() as PortId | undefined) ?? undefined;
      const wanted = { ...ANY_TRAFFIC, ...trafficOf(body), direction, action, portId, tenantId };
      const { firewallRule: rule, ...changes } = createFirewallRule(state, given, wanted);
      return { ...changes, rule };
    },
    update: (state, given, id, body) => {
      const { direction, action } = body;
      const verdict = { ...(direction === undefined ? {} : { direction }), ...(action === undefined ? {} : { action }) };
      const { firewallRule: rule, ...changes } = updateFirewallRule(state, given, id, { ...trafficOf(body), ...verdict });
      return { ...changes, rule };
    },
    delete: deleteFirewallRule,
  });
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
