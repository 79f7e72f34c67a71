import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Cidr } from '@weft/core/cidr';
import type { CompiledFirewallRule } from '@weft/core/plan/firewall';
import { revokedByFirewall } from './firewall-revocation.ts';
import { gatewayPlace } from './names.ts';
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
  const body = (rules: readonly CompiledFirewallRule[]) => ({ concentratorId: concentratorId(1), rules });
  return revokedByFirewall(was === undefined ? undefined : body(was), body(now));
}

test('a new denial has the gateway’s connections looked at', () => {
  for (const was of [undefined, [], [{ ...DENY, portMax: 81 }]]) {
    assert.deepEqual(revoked(was, [DENY]), [{ place: gatewayPlace(concentratorId(1)), zone: 0, address: undefined }]);
  }
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
  for (const now of [[DENY], [DENY, ALLOW]]) assert.equal(revoked([ALLOW, DENY], now).length, 1);
});
