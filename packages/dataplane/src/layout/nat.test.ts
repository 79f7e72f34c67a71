import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Cidr } from '@weft/core/cidr';
import type { CompiledNatRule } from '@weft/core/plan/nat';
import { Plan } from '@weft/core/plan/plan';
import { concentratorId, ipv4, PlanBuilder } from '../plan-builder.testing.ts';
import { layoutNat } from './nat.ts';

const UPLINK = { address: ipv4('203.0.113.10'), prefixLength: 24, gateway: ipv4('203.0.113.254') };
const OUT: CompiledNatRule = {
  direction: 'outbound',
  protocol: 'tcp',
  remoteCidr: '198.51.100.0/24' as Cidr,
  portMin: 25,
  portMax: 26,
  address: undefined,
  local: [ipv4('10.0.0.11'), ipv4('10.0.0.12')],
  to: undefined,
};
const IN: CompiledNatRule = {
  direction: 'inbound',
  protocol: 'udp',
  remoteCidr: undefined,
  portMin: 8000,
  portMax: 8001,
  address: ipv4('203.0.113.100'),
  local: undefined,
  to: { address: ipv4('10.0.0.11'), port: 9000 },
};

const body = (...rules: readonly CompiledNatRule[]) => ({ concentratorId: concentratorId(1), rules });
const plan = new PlanBuilder().gateway(1, [10_001], { uplink: UPLINK }).plan;
const lines = (...rules: readonly CompiledNatRule[]): string[] =>
  layoutNat({ plan }, body(...rules)).flatMap((object) => {
    if (object.kind === 'chain') return object.rules.map((rule) => `${object.name} ${rule.replace(/ct mark set \d+/, 'MARK')}`);
    return object.kind === 'element' && object.set !== 'translating' ? [`${object.set} ${object.key.join(' ')} ${object.value}`] : [];
  });
const marks = (...rules: readonly CompiledNatRule[]): string[] =>
  layoutNat({ plan }, body(...rules)).flatMap((object) => (object.kind === 'element' && object.set === 'translating' ? object.key : []));

test('what leaves gets the gateway’s own address where no other is given, a rule for each address of the workload', () => {
  const condition = (local: string): string =>
    `nat_rules_out ip saddr ${local} ip daddr 198.51.100.0/24 tcp dport 25-26 MARK snat to 203.0.113.10`;
  assert.deepEqual(lines(OUT).slice(0, 4), [
    'nat_rules_out ip saddr != @subnets return',
    condition('10.0.0.11'),
    condition('10.0.0.12'),
    'nat_rules_out return',
  ]);
  assert.match(lines(OUT)[4] ?? '', /^translated_out wu\S+ jump nat_rules_out$/);
});

test('what arrives is led port by port, and only the addresses that rules name are looked at', () => {
  assert.deepEqual(lines(IN), [
    'nat_rules_in ip daddr 203.0.113.100 udp dport 8000-8001 MARK dnat ip to udp dport map { 8000 : 10.0.0.11 . 9000, 8001 : 10.0.0.11 . 9001 }',
    'nat_rules_in return',
    'translated_in 203.0.113.100 jump nat_rules_in',
  ]);
  const to = (port: number) => ({ address: ipv4('10.0.0.11'), port });
  assert.match(lines({ ...IN, to: to(8000) })[0] ?? '', /dnat to 10\.0\.0\.11$/);
  assert.match(lines({ ...IN, portMax: 8000 })[0] ?? '', /dnat to 10\.0\.0\.11:9000$/);
});

test('a rule’s mark follows from what it does, and not from its place; each of its workload’s addresses has its own', () => {
  assert.deepEqual(marks(IN, OUT).toSorted(), marks(OUT, IN).toSorted());
  assert.equal(new Set(marks(IN, OUT)).size, 3);
  for (const changed of [{ portMax: 8002 }, { remoteCidr: '198.51.100.0/24' as Cidr }, { address: undefined }])
    assert.notDeepEqual(marks({ ...IN, ...changed }), marks(IN), JSON.stringify(changed));
  assert.equal(marks({ ...OUT, local: [ipv4('10.0.0.12')] })[0], marks(OUT)[1]);
  for (const mark of marks(IN, OUT)) assert.ok(Number(mark) > 0 && Number(mark) <= 2 ** 31, mark);
});

test('nothing stands without a gateway that has an uplink', () => {
  for (const without of [new Plan(), new PlanBuilder().gateway(1, [10_001]).plan])
    assert.deepEqual(layoutNat({ plan: without }, body(IN, OUT)), []);
});
