import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Cidr } from '@weft/core/cidr';
import type { CompiledFirewallRule } from '@weft/core/plan/firewall';
import { Plan } from '@weft/core/plan/plan';
import { revokedByFirewall } from './firewall-revocation.ts';
import { concentratorId, ipv4 } from './plan-builder.testing.ts';

const DENY: CompiledFirewallRule = {
  direction: 'inbound',
  action: 'deny',
  protocol: 'tcp',
  remoteCidr: undefined,
  portMin: 80,
  portMax: 80,
  local: [ipv4('10.0.0.12')],
};
const ALLOW: CompiledFirewallRule = { ...DENY, action: 'allow', remoteCidr: '198.51.100.0/24' as Cidr };

function revoked(was: readonly CompiledFirewallRule[] | undefined, now: readonly CompiledFirewallRule[]): unknown[] {
  const plan = new Plan();
  const body = (rules: readonly CompiledFirewallRule[]) => ({ concentratorId: concentratorId(1), rules });
  for (const [n, internal] of [ipv4('10.0.0.12'), ipv4('10.0.0.13')].entries()) {
    const address = ipv4(`203.0.113.10${n}`);
    plan.set('publicip', address, { concentratorId: concentratorId(1), address, internal });
  }
  return revokedByFirewall(plan, was === undefined ? undefined : body(was), body(now)).map(({ address }) => address ?? 'all');
}

test('a new denial ends connections of the workload, by its own and its public addresses; of one remote address; or all', () => {
  assert.deepEqual(revoked(undefined, [DENY]), ['10.0.0.12', '203.0.113.100']);
  assert.deepEqual(revoked([], [{ ...DENY, local: undefined, remoteCidr: '198.51.100.7/32' as Cidr }]), ['198.51.100.7']);
  assert.deepEqual(revoked([], [{ ...DENY, local: undefined }]), ['all']);
});

test('nothing ends where nothing is taken: the same again, an exception more, an allowing rule, one denial less', () => {
  for (const [was, now] of [
    [[DENY], [DENY]],
    [[DENY], [ALLOW, DENY]],
    [[DENY], [DENY, ALLOW]],
    [[], [ALLOW]],
    [[DENY], []],
    [
      [ALLOW, DENY],
      [ALLOW, DENY, ALLOW],
    ],
  ] as const)
    assert.deepEqual(revoked(was, now), [], JSON.stringify([was.length, now.length]));
});

test('an exception that goes, or is asked too late, ends connections', () => {
  for (const now of [[DENY], [DENY, ALLOW]]) assert.deepEqual(revoked([ALLOW, DENY], now).length, 2);
});
