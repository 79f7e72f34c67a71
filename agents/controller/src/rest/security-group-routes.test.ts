import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertNeutron, make, makeNetwork, openRest } from './rest-support.ts';
import type { Call } from './rest-support.ts';

type Rule = Readonly<Record<string, unknown>>;

async function withGroup(run: (call: Call, id: string, other: Call) => Promise<void>): Promise<void> {
  await using rest = await openRest();
  const call = await rest.as('red');
  const group = await make(call, 'security-groups', 'security_group', { name: 'web', description: 'x' });
  await run(call, String(group['id']), await rest.as('blue'));
}

test('a group is made with two rules, gets more, is changed and deleted', async () => {
  await withGroup(async (call, id) => {
    const rule = await make(call, 'security-group-rules', 'security_group_rule', {
      security_group_id: id,
      direction: 'ingress',
      ethertype: 'ipv4',
      protocol: 'TCP',
      port_range_min: '80',
      port_range_max: 443,
      remote_ip_prefix: '10.1.2.3/16',
    });
    const { ethertype, protocol, port_range_min: min, remote_ip_prefix: prefix, normalized_cidr: normalized, description } = rule as Rule;
    assert.deepEqual([ethertype, protocol, min, prefix, normalized, description], ['IPv4', 'tcp', 80, '10.1.2.3/16', '10.1.0.0/16', '']);
    const shown = (await call('GET', `/v2.0/security-groups/${id}`)).body['security_group'] as Rule;
    assert.deepEqual([(shown['security_group_rules'] as Rule[]).length, shown['revision_number']], [3, 2]);
    const renamed = await call('PUT', `/v2.0/security-groups/${id}`, { security_group: { name: 'www' } });
    assert.equal((renamed.body['security_group'] as Rule)['name'], 'www');
    assert.equal((await call('DELETE', `/v2.0/security-group-rules/${String(rule['id'])}`)).status, 204);
    assert.equal((await call('DELETE', `/v2.0/security-groups/${id}`)).status, 204);
    assertNeutron(await call('GET', `/v2.0/security-groups/${id}`), 404, 'SecurityGroupNotFound', /does not exist/);
  });
});

test('rules are made in bulk, all or none', async () => {
  await withGroup(async (call, id) => {
    const rule = (port: number): object => ({
      security_group_id: id,
      direction: 'ingress',
      protocol: 'udp',
      port_range_min: port,
      port_range_max: port,
    });
    const made = await call('POST', '/v2.0/security-group-rules', { security_group_rules: [rule(1), rule(2)] });
    assert.equal((made.body['security_group_rules'] as Rule[]).length, 2);
    const refused = await call('POST', '/v2.0/security-group-rules', { security_group_rules: [rule(3), rule(1)] });
    assertNeutron(refused, 409, 'SecurityGroupRuleExists', /Rule id is/);
    const listed = await call('GET', `/v2.0/security-group-rules?security_group_id=${id}&direction=ingress`);
    assert.equal((listed.body['security_group_rules'] as Rule[]).length, 2);
  });
});

test('another project’s group does not exist', async () => {
  await withGroup(async (_call, id, other) => {
    const rule = { security_group_id: id, direction: 'ingress' };
    assertNeutron(await other('POST', '/v2.0/security-group-rules', { security_group_rule: rule }), 404, 'SecurityGroupNotFound', /exist/);
    assertNeutron(await other('DELETE', `/v2.0/security-groups/${id}`), 404, 'SecurityGroupNotFound', /exist/);
    assertNeutron(await other('PUT', `/v2.0/security-groups/${id}`, { security_group: {} }), 404, 'SecurityGroupNotFound', /exist/);
  });
});

test('every refusal has the status and type that clients branch on', async () => {
  await withGroup(async (call, id) => {
    const cases: readonly (readonly [Rule, number, string, RegExp])[] = [
      [{ ethertype: 'IPv5' }, 400, 'SecurityGroupRuleInvalidEtherType', /IPv5/],
      [{ protocol: 'warp' }, 400, 'SecurityGroupRuleInvalidProtocol', /warp/],
      [{ protocol: '256' }, 400, 'SecurityGroupRuleInvalidProtocol', /256/],
      [{ protocol: 'icmpv6' }, 400, 'SecurityGroupEthertypeConflictWithProtocol', /IPv4/],
      [{ port_range_min: 1, port_range_max: 1 }, 400, 'SecurityGroupProtocolRequiredWithPorts', /protocol/],
      [{ protocol: 'tcp', port_range_min: 2, port_range_max: 1 }, 400, 'SecurityGroupInvalidPortRange', /port_range_min/],
      [{ protocol: 'tcp', port_range_min: 0, port_range_max: 1 }, 400, 'SecurityGroupInvalidPortValue', /0/],
      [{ protocol: 'tcp', port_range_min: 1, port_range_max: 65_536 }, 400, 'SecurityGroupInvalidPortValue', /65536/],
      [{ protocol: 'icmp', port_range_min: 300 }, 400, 'SecurityGroupInvalidIcmpValue', /300/],
      [{ protocol: 'icmp', port_range_max: 3 }, 400, 'SecurityGroupMissingIcmpType', /type/],
      [{ protocol: 'gre', port_range_min: 1, port_range_max: 1 }, 400, 'SecurityGroupInvalidProtocolForPort', /gre/],
      [{ remote_ip_prefix: '10.0.0.0/33' }, 400, 'InvalidCIDR', /10\.0\.0\.0\/33/],
      [{ remote_ip_prefix: 'fd00::/8' }, 400, 'SecurityGroupRuleParameterConflict', /fd00/],
      [{ remote_ip_prefix: '10.0.0.0/8', remote_group_id: id }, 400, 'SecurityGroupMultipleRemoteEntites', /Only/],
      [{ remote_group_id: '12345678-0000-4000-8000-000000000000' }, 404, 'SecurityGroupNotFound', /exist/],
      [{ remote_address_group_id: '12345678-0000-4000-8000-000000000000' }, 404, 'AddressGroupNotFound', /address group/],
      [{ direction: 'sideways' }, 400, 'HTTPBadRequest', /sideways/],
      [{ colour: 'red' }, 400, 'HTTPBadRequest', /Unrecognized attribute\(s\) 'colour'/],
    ];
    for (const [changed, status, type, message] of cases) {
      const body = { security_group_rule: { security_group_id: id, direction: 'ingress', ...changed } };
      assertNeutron(await call('POST', '/v2.0/security-group-rules', body), status, type, message);
    }
    const incomplete = { security_group_rule: { direction: 'ingress' } };
    assertNeutron(await call('POST', '/v2.0/security-group-rules', incomplete), 400, 'HTTPBadRequest', /security_group_id/);
    const again = { security_group: { name: 'default' } };
    assertNeutron(await call('POST', '/v2.0/security-groups', again), 409, 'SecurityGroupDefaultAlreadyExists', /already/);
    const [byDefault] = (await call('GET', '/v2.0/security-groups?name=default')).body['security_groups'] as Rule[];
    const path = `/v2.0/security-groups/${String(byDefault?.['id'])}`;
    assertNeutron(await call('DELETE', path), 409, 'SecurityGroupCannotRemoveDefault', /default/);
    assertNeutron(await call('PUT', path, { security_group: { name: 'x' } }), 409, 'SecurityGroupCannotUpdateDefault', /default/);
    const { network } = await makeNetwork(call);
    await make(call, 'ports', 'port', { network_id: network, security_groups: [id] });
    assertNeutron(await call('DELETE', `/v2.0/security-groups/${id}`), 409, 'SecurityGroupInUse', /in use/);
    const stateless = { security_group: { stateful: false } };
    assertNeutron(await call('PUT', `/v2.0/security-groups/${id}`, stateless), 409, 'SecurityGroupInUse', /in use/);
    const other = await make(call, 'security-groups', 'security_group', { name: 'plain', stateful: false });
    assert.equal(other['stateful'], false);
    const mixed = { port: { network_id: network, security_groups: [id, other['id']] } };
    assertNeutron(await call('POST', '/v2.0/ports', mixed), 409, 'SecurityGroupConflict', /both stateful and stateless/);
    const put = await call('PUT', `/v2.0/security-groups/${String(other['id'])}`, { security_group: { stateful: true } });
    assert.deepEqual([put.status, (put.body['security_group'] as Rule)['stateful']], [200, true]);
  });
});
