import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseCidr } from '../cidr.ts';
import type { Port } from '../resource.ts';
import type { FirewallRuleId, PortId, TenantId } from '../uuid.ts';
import { createFirewallRule, deleteFirewallRule, updateFirewallRule } from './firewall-rule.ts';
import type { CreateFirewallRule } from './firewall-rule.ts';
import { deletePort } from './port.ts';
import { deleteTenant } from './tenant.ts';
import { assertRefused, TestCluster, testId } from './test-support.ts';

type Rig = Readonly<{
  cluster: TestCluster;
  port: Port;
  tryTo: (changed?: Partial<CreateFirewallRule>) => ReturnType<typeof createFirewallRule>;
}>;

function rig(): Rig {
  const cluster = new TestCluster();
  const network = cluster.network(cluster.tenant('red').id);
  cluster.subnet(network, '10.0.0.0/24');
  const port = cluster.port(network);
  const request: CreateFirewallRule = {
    tenantId: port.tenantId,
    portId: undefined,
    direction: 'outbound',
    action: 'deny',
    protocol: 'tcp',
    remoteCidr: undefined,
    portMin: 25,
    portMax: 25,
    priority: 100,
    description: '',
  };
  return { cluster, port, tryTo: (changed = {}) => createFirewallRule(cluster.state, cluster.context, { ...request, ...changed }) };
}

test('a rule is made, changed and deleted; what is not mentioned stays, and undefined takes a condition away', () => {
  const { cluster, port, tryTo } = rig();
  const { firewallRule } = cluster.do(tryTo({ portId: port.id, remoteCidr: parseCidr('198.51.100.0/24') }));
  const change = { action: 'allow', remoteCidr: undefined } as const;
  const changed = cluster.do(updateFirewallRule(cluster.state, cluster.context, firewallRule.id, change)).firewallRule;
  assert.deepEqual(changed, { ...firewallRule, ...change, revision: 2 });
  cluster.do(deleteFirewallRule(cluster.state, firewallRule.id));
  assert.equal(cluster.state.firewallRules.size, 0);
});

test('what cannot be a rule is refused by its reason', () => {
  const { cluster, tryTo } = rig();
  const bad = (changed: Partial<CreateFirewallRule>, why: RegExp): void =>
    assertRefused(cluster, () => tryTo(changed), 'invalid_firewall_rule', why);
  bad({ protocol: undefined }, /a rule for any protocol cannot name ports/);
  bad({ protocol: 'icmp' }, /a rule for icmp cannot name ports/);
  bad({ portMin: 26 }, /26-25 ends before it begins/);
  bad({ portMax: undefined }, /needs both ends; only 25/);
  const blue = cluster.network(cluster.tenant('blue').id);
  cluster.subnet(blue, '10.0.0.0/24');
  for (const portId of [testId<PortId>(1), cluster.port(blue).id]) assertRefused(cluster, () => tryTo({ portId }), 'not_found', /^port /);
  assertRefused(cluster, () => tryTo({ tenantId: testId<TenantId>(1) }), 'not_found', /^tenant /);
  const unknown = testId<FirewallRuleId>(1);
  assertRefused(cluster, () => deleteFirewallRule(cluster.state, unknown), 'not_found', /^firewallRule /);
  assertRefused(cluster, () => updateFirewallRule(cluster.state, cluster.context, unknown, {}), 'not_found', /^firewallRule /);
});

test('two rules about the same traffic need different priorities, whatever their verdicts; a rule is no duplicate of itself', () => {
  const { cluster, port, tryTo } = rig();
  const { firewallRule } = cluster.do(tryTo());
  for (const action of ['deny', 'allow'] as const) {
    assertRefused(cluster, () => tryTo({ action }), 'firewall_rule_exists', /already denies that at priority 100/);
  }
  assertRefused(cluster, () => tryTo({ remoteCidr: parseCidr('0.0.0.0/0') }), 'firewall_rule_exists');
  const other = cluster.do(tryTo({ priority: 101 })).firewallRule;
  const clash = { priority: 100 };
  assertRefused(cluster, () => updateFirewallRule(cluster.state, cluster.context, other.id, clash), 'firewall_rule_exists');
  cluster.do(updateFirewallRule(cluster.state, cluster.context, firewallRule.id, { description: 'no mail' }));
  for (const changed of [{ portId: port.id }, { direction: 'inbound' }, { protocol: 'udp' }, { portMax: 26 }] as const)
    cluster.do(tryTo(changed));
});

test('a rule goes with its port, and with its tenant', () => {
  const { cluster, port, tryTo } = rig();
  cluster.do(tryTo({ portId: port.id }));
  cluster.do(deletePort(cluster.state, cluster.context, port.id));
  assert.equal(cluster.state.firewallRules.size, 0);
  const { id } = cluster.tenant('blue');
  cluster.do(tryTo({ tenantId: id }));
  cluster.do(deleteTenant(cluster.state, id));
  assert.equal(cluster.state.firewallRules.size, 0);
});
