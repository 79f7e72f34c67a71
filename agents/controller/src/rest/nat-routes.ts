import { CreateNatRuleBody, NatRuleView, UpdateNatRuleBody } from '@weft/api/v1';
import { createNatRule, deleteNatRule, updateNatRule } from '@weft/core/command/nat-rule';
import type { UpdateNatRule } from '@weft/core/command/nat-rule';
import type { NatRule } from '@weft/core/nat-rule';
import type { FloatingIpId, PortId } from '@weft/core/uuid';
import type { FastifyInstance } from 'fastify';
import type { RestContext } from './rest-context.ts';
import { ANY_TRAFFIC, ruleRoutes, trafficOf } from './rule-routes.ts';

/** What is translated between tenants and the outside. */
export function natRoutes(scope: FastifyInstance, context: RestContext): void {
  ruleRoutes<'natRule', CreateNatRuleBody, UpdateNatRuleBody>(scope, context, {
    kind: 'natRule',
    path: 'nat-rules',
    plural: 'nat_rules',
    what: 'NAT rule',
    createBody: CreateNatRuleBody,
    updateBody: UpdateNatRuleBody,
    view: { schema: NatRuleView, of: natRuleView },
    all: (state) => state.natRules.values(),
    of: (state, tenantId) => state.natRulesOf(tenantId),
    create: (state, given, tenantId, body) => {
      const portId = (body.port_id?.toLowerCase() as PortId | undefined) ?? undefined;
      const nowhere = { floatingIpId: undefined, toPort: undefined };
      const wanted = { ...ANY_TRAFFIC, ...nowhere, ...translation(body), direction: body.direction, portId, tenantId };
      const { natRule: rule, ...changes } = createNatRule(state, given, wanted);
      return { ...changes, rule };
    },
    update: (state, given, id, body) => {
      const { natRule: rule, ...changes } = updateNatRule(state, given, id, translation(body));
      return { ...changes, rule };
    },
    delete: deleteNatRule,
  });
}

/** Only what is said; null is the gateway's own address, and the same port. Throws InvalidValue. */
function translation(body: UpdateNatRuleBody): UpdateNatRule {
  const { floating_ip_id, to_port } = body;
  return {
    ...trafficOf(body),
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
