import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { Role, hasAnyRole, hasRoles, oidsOfRoles, roleName, rolesFromOids } from './role.ts';

test('roles survive the way through OIDs, and other OIDs grant nothing', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 0x7f }), (roles) => {
      assert.equal(rolesFromOids(['1.3.6.1.5.5.7.3.1', ...oidsOfRoles(roles), '1.3.6.1.4.1.343.8.7']), roles);
    }),
  );
});

test('the original roles have the original OIDs', () => {
  const arc = '1.3.6.1.4.1.343.8';
  assert.deepEqual(oidsOfRoles(Role.CNAgent | Role.NetworkingAgent), [`${arc}.1`, `${arc}.4`]);
  assert.deepEqual(oidsOfRoles(Role.Scheduler | Role.Controller), [`${arc}.3`, `${arc}.2`]);
  assert.deepEqual(oidsOfRoles(Role.Server | Role.CNCIAgent), [`${arc}.5`, `${arc}.6`]);
});

test('a mask has a role only with all of its bits, also the top one', () => {
  assert.ok(hasRoles(0x14, Role.CNAgent));
  assert.ok(!hasRoles(Role.CNAgent, 0x14));
  assert.ok(hasAnyRole(Role.CNAgent, 0x14));
  assert.ok(hasRoles(0x8000_0001, 0x8000_0000));
  assert.ok(!hasRoles(0x7f, 0x8000_0000));
});

test('names of several roles are joined in the order of the bits', () => {
  assert.equal(roleName(0x14), 'CNAgent-NetworkingAgent');
  assert.equal(roleName(Role.Controller | Role.Scheduler), 'Controller-Scheduler');
  assert.equal(roleName(0), 'none');
});
