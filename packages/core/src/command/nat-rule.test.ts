import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { parseCidr } from '../cidr.ts';
import type { FloatingIp, Port } from '../resource.ts';
import type { FloatingIpId, NatRuleId, PortId, TenantId } from '../uuid.ts';
import { retireConcentrator } from './concentrator.ts';
import { createFloatingIp, deleteFloatingIp } from './floating-ip.ts';
import { createNatRule, deleteNatRule, updateNatRule } from './nat-rule.ts';
import type { CreateNatRule } from './nat-rule.ts';
import { deletePort } from './port.ts';
import { deleteTenant } from './tenant.ts';
import { assertRefused, TestCluster, testId } from './test-support.ts';

type Rig = Readonly<{
  cluster: TestCluster;
  port: Port;
  floating: FloatingIp;
  /** An address of the other tenant's. */
  foreign: FloatingIp;
  /** Led to the port, unless said otherwise. */
  tryTo: (changed?: Partial<CreateNatRule>) => ReturnType<typeof createNatRule>;
}>;

const OUT = { direction: 'outbound', portId: undefined, portMin: undefined, portMax: undefined, protocol: undefined } as const;

function rig(): Rig {
  const cluster = new TestCluster();
  const network = cluster.network(cluster.tenant('red').id);
  cluster.subnet(network, '10.0.0.0/24');
  const port = cluster.port(network);
  const blue = cluster.tenant('blue').id;
  const outside = cluster.network(blue, { external: true });
  cluster.subnet(outside, '203.0.113.0/24');
  const address = (tenantId: TenantId): FloatingIp => {
    const plain = { description: '', subnetId: undefined, address: undefined, target: undefined };
    return cluster.do(createFloatingIp(cluster.state, cluster.context, { ...plain, tenantId, floatingNetworkId: outside.id })).floatingIp;
  };
  const [floating, foreign] = [address(port.tenantId), address(blue)];
  const request: CreateNatRule = {
    tenantId: port.tenantId,
    portId: port.id,
    direction: 'inbound',
    protocol: 'tcp',
    remoteCidr: undefined,
    portMin: 8080,
    portMax: 8080,
    floatingIpId: floating.id,
    toPort: 80,
    priority: 100,
    description: '',
  };
  const tryTo: Rig['tryTo'] = (changed = {}) => createNatRule(cluster.state, cluster.context, { ...request, ...changed });
  return { cluster, port, floating, foreign, tryTo };
}

test('a rule is made, changed and deleted; what is not mentioned stays, and undefined takes a condition away', () => {
  const { cluster, tryTo } = rig();
  const { natRule } = cluster.do(tryTo({ remoteCidr: parseCidr('198.51.100.0/24') }));
  const change = { toPort: undefined, remoteCidr: undefined, floatingIpId: undefined };
  const changed = cluster.do(updateNatRule(cluster.state, cluster.context, natRule.id, change)).natRule;
  assert.deepEqual(changed, { ...natRule, ...change, revision: 2 });
  cluster.do(deleteNatRule(cluster.state, natRule.id));
  assert.equal(cluster.state.natRules.size, 0);
});

test('what cannot be a rule is refused by its reason', () => {
  const { cluster, port, tryTo } = rig();
  const bad = (changed: Partial<CreateNatRule>, why: RegExp): void => assertRefused(cluster, () => tryTo(changed), 'invalid_nat_rule', why);
  bad({ portId: undefined }, /leads to a workload, and none is named/);
  bad({ protocol: undefined }, /a rule for any protocol cannot name ports/);
  bad({ protocol: 'icmp', portMin: undefined, portMax: undefined }, /for tcp or udp, not for icmp/);
  bad({ portMin: undefined, portMax: undefined }, /needs the ports/);
  bad({ portMax: undefined }, /needs both ends; only 8080/);
  bad({ portMin: 8081 }, /8081-8080 ends before it begins/);
  bad({ portMax: 9104 }, /1025 ports, and a range may hold at most 1024/);
  bad({ portMax: 8081, toPort: 65_535 }, /2 ports from 65535 on would end beyond 65535/);
  bad({ ...OUT }, /an outbound rule changes the source/);
  bad({ ...OUT, toPort: undefined, portMin: 25, portMax: 25 }, /a rule for any protocol cannot name ports/);
  const island = cluster.network(port.tenantId);
  cluster.subnet(island, '10.5.0.0/24', { gatewayIp: null });
  const castaway = cluster.port(island).id;
  for (const changed of [{}, { ...OUT, toPort: undefined }]) bad({ ...changed, portId: castaway }, /no address on a subnet with a gateway/);
});

test('what a rule names must be there, and the tenant’s own', () => {
  const { cluster, foreign, tryTo } = rig();
  for (const floatingIpId of [testId<FloatingIpId>(1), foreign.id])
    assertRefused(cluster, () => tryTo({ floatingIpId }), 'not_found', /^floatingIp /);
  const blue = cluster.network(foreign.tenantId);
  cluster.subnet(blue, '10.0.0.0/24');
  for (const portId of [testId<PortId>(1), cluster.port(blue).id]) assertRefused(cluster, () => tryTo({ portId }), 'not_found', /^port /);
  assertRefused(cluster, () => tryTo({ tenantId: testId<TenantId>(1) }), 'not_found', /^tenant /);
  const unknown = testId<NatRuleId>(1);
  assertRefused(cluster, () => deleteNatRule(cluster.state, unknown), 'not_found', /^natRule /);
  assertRefused(cluster, () => updateNatRule(cluster.state, cluster.context, unknown, {}), 'not_found', /^natRule /);
});

test('ports that are kept for SSH are refused on the gateway’s own address alone, and the ones named instead can be', () => {
  const { cluster, tryTo } = rig();
  const { sshPorts } = cluster.context.cluster;
  assert.ok(sshPorts !== undefined);
  fc.assert(
    fc.property(fc.integer({ min: sshPorts.first - 20, max: sshPorts.last + 20 }), fc.integer({ min: 1, max: 10 }), (portMin, length) => {
      const range = { portMin, portMax: portMin + length - 1, toPort: undefined };
      const own = { ...range, floatingIpId: undefined };
      for (const free of [range, { ...own, protocol: 'udp' as const }]) assert.ok(tryTo(free).natRule);
      if (portMin > sshPorts.last || range.portMax < sshPorts.first) {
        assert.ok(tryTo(own).natRule);
        return;
      }
      const remedy = remedyOf(() => tryTo(own));
      const [, first, last] = /nearest that can be are (\d+)-(\d+)/.exec(remedy) ?? [];
      assert.equal(Number(last) - Number(first), length - 1, remedy);
      assert.ok(tryTo({ ...own, portMin: Number(first), portMax: Number(last) }).natRule);
    }),
  );
});

function remedyOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    return (error as { remedy?: string }).remedy ?? '';
  }
  throw new Error('nothing was refused');
}

test('two rules about the same traffic need different priorities, wherever they lead; a rule is no duplicate of itself', () => {
  const { cluster, port, tryTo } = rig();
  const { natRule } = cluster.do(tryTo());
  assertRefused(cluster, () => tryTo({ toPort: 81 }), 'nat_rule_exists', /already translates that at priority 100/);
  assertRefused(cluster, () => tryTo({ remoteCidr: parseCidr('0.0.0.0/0') }), 'nat_rule_exists');
  const other = cluster.do(tryTo({ priority: 101 })).natRule;
  const clash = { priority: 100 };
  assertRefused(cluster, () => updateNatRule(cluster.state, cluster.context, other.id, clash), 'nat_rule_exists');
  cluster.do(updateNatRule(cluster.state, cluster.context, natRule.id, { description: 'web' }));
  for (const changed of [{ protocol: 'udp' }, { portMax: 8081 }, { floatingIpId: undefined }] as const) cluster.do(tryTo(changed));
  const out = { ...OUT, toPort: undefined };
  cluster.do(tryTo(out));
  assertRefused(cluster, () => tryTo({ ...out, floatingIpId: undefined }), 'nat_rule_exists', /already translates/);
  cluster.do(tryTo({ ...out, portId: port.id }));
});

test('a rule goes with its port, and with its tenant, and its public address stays as long as it does', () => {
  const { cluster, port, floating, tryTo } = rig();
  const { natRule } = cluster.do(tryTo());
  cluster.do(tryTo({ ...OUT, toPort: undefined, floatingIpId: undefined }));
  assertRefused(cluster, () => deleteFloatingIp(cluster.state, floating.id), 'fip_in_use_by_nat_rule', new RegExp(natRule.id));
  cluster.do(deletePort(cluster.state, cluster.context, port.id));
  assert.equal(cluster.state.natRules.size, 1);
  cluster.do(deleteFloatingIp(cluster.state, floating.id));
  const { id } = cluster.tenant('green');
  cluster.do(tryTo({ ...OUT, tenantId: id, toPort: undefined, floatingIpId: undefined }));
  cluster.do(deleteTenant(cluster.state, id));
  assert.equal(cluster.state.natRules.size, 1);
});

test('a rule that leads in brings the tenant’s gateway back, and keeps it', () => {
  const { cluster, port, tryTo } = rig();
  const before = cluster.state.concentratorOf(port.tenantId);
  assert.ok(before !== undefined);
  cluster.do(tryTo({ ...OUT, toPort: undefined }));
  cluster.do(retireConcentrator(cluster.state, before.id));
  assert.equal(cluster.state.concentratorOf(port.tenantId), undefined);
  cluster.do(tryTo());
  const now = cluster.state.concentratorOf(port.tenantId);
  assert.ok(now !== undefined);
  assert.deepEqual(retireConcentrator(cluster.state, now.id), { put: [], remove: [] });
});
