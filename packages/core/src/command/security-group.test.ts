import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseCidr } from '../cidr.ts';
import { parseCidr6 } from '../cidr6.ts';
import { parseIpProtocol } from '../ip-protocol.ts';
import type { Port } from '../resource.ts';
import type { SecurityGroup } from '../security-group.ts';
import { updatePort } from './port.ts';
import {
  createSecurityGroup,
  createSecurityGroupRule,
  deleteSecurityGroup,
  deleteSecurityGroupRule,
  EVERYTHING,
  updateSecurityGroup,
} from './security-group.ts';
import type { CreateSecurityGroupRule } from './security-group.ts';
import { defaultGroupOf } from './tenant.ts';
import { assertRefused, TestCluster, testId } from './test-support.ts';

type Rig = Readonly<{ cluster: TestCluster; group: SecurityGroup; port: Port }>;

function rig(): Rig {
  const cluster = new TestCluster();
  const network = cluster.network(cluster.tenant('red').id);
  cluster.subnet(network, '10.0.0.0/24');
  const port = cluster.port(network);
  const { group } = cluster.do(
    createSecurityGroup(cluster.state, cluster.context, { tenantId: port.tenantId, name: 'web', description: '' }),
  );
  return { cluster, group, port };
}

const protocol = (text: string): CreateSecurityGroupRule['protocol'] => parseIpProtocol(text, 'protocol');

/** Tries a rule: ingress, IPv4, everything, but for what is said. */
function rule({ cluster, group }: Rig, changed: Partial<CreateSecurityGroupRule> = {}): ReturnType<typeof createSecurityGroupRule> {
  const request = { ...EVERYTHING, groupId: group.id, description: '', direction: 'ingress', ethertype: 'IPv4', ...changed } as const;
  return createSecurityGroupRule(cluster.state, cluster.context, request);
}

test('a new group lets everything out of both families and nothing in', () => {
  const { cluster, group } = rig();
  const rules = [...cluster.state.rulesOf(group.id)].map(({ direction, ethertype, remoteGroupId }) => [
    direction,
    ethertype,
    remoteGroupId,
  ]);
  assert.deepEqual(rules, [
    ['egress', 'IPv4', undefined],
    ['egress', 'IPv6', undefined],
  ]);
});

test('the default group keeps its name and stays, and no other may be called so', () => {
  const { cluster, group, port } = rig();
  const { state, context } = cluster;
  const byDefault = defaultGroupOf(state, port.tenantId);
  assert.ok(byDefault);
  assertRefused(cluster, () => updateSecurityGroup(state, context, byDefault.id, { name: 'x' }), 'security_group_cannot_update_default');
  cluster.do(updatePort(state, context, port.id, { securityGroups: [byDefault.id] }));
  assertRefused(cluster, () => deleteSecurityGroup(state, byDefault.id), 'security_group_in_use', /in use/);
  cluster.do(updatePort(state, context, port.id, { securityGroups: [] }));
  assertRefused(cluster, () => deleteSecurityGroup(state, byDefault.id), 'security_group_cannot_remove_default');
  assertRefused(cluster, () => updateSecurityGroup(state, context, group.id, { name: 'default' }), 'security_group_default_already_exists');
  const again = { tenantId: port.tenantId, name: 'default', description: '' };
  assertRefused(cluster, () => createSecurityGroup(state, context, again), 'security_group_default_already_exists');
  assert.equal(updateSecurityGroup(state, context, byDefault.id, { description: 'mine' }).group.description, 'mine');
});

test('a group is stateful unless told, changes while no port is in it, and shares a port with its own kind only', () => {
  const { cluster, group, port } = rig();
  const { state, context } = cluster;
  const change = (stateful: boolean) => updateSecurityGroup(state, context, group.id, { stateful });
  assert.equal(group.stateless, undefined);
  assert.equal(cluster.do(change(false)).group.stateless, true);
  const byDefault = defaultGroupOf(state, port.tenantId);
  assert.ok(byDefault);
  const both = { securityGroups: [byDefault.id, group.id] };
  assertRefused(cluster, () => updatePort(state, context, port.id, both), 'security_group_conflict', /both stateful and stateless/);
  cluster.do(updatePort(state, context, port.id, { securityGroups: [group.id] }));
  assertRefused(cluster, () => change(true), 'security_group_in_use', /in use/);
  assert.equal(cluster.do(change(false)).group.stateless, true, 'saying what holds anyway is no change');
  cluster.do(updatePort(state, context, port.id, { securityGroups: [byDefault.id] }));
  assert.equal('stateless' in cluster.do(change(true)).group, false);
  const plain = { tenantId: port.tenantId, name: 'x', description: '' };
  assert.equal(createSecurityGroup(state, context, { ...plain, stateful: false }).group.stateless, true);
});

test('a group goes with its rules and with those that name it, once no port is in it', () => {
  const the = rig();
  const { cluster, group, port } = the;
  const { state, context } = cluster;
  const byDefault = defaultGroupOf(state, port.tenantId);
  assert.ok(byDefault);
  const naming = cluster.do(rule(the, { groupId: byDefault.id, remoteGroupId: group.id })).rule;
  cluster.do(rule(the, { remoteGroupId: group.id }));
  cluster.do(updatePort(state, context, port.id, { securityGroups: [group.id] }));
  assertRefused(cluster, () => deleteSecurityGroup(state, group.id), 'security_group_in_use', /in use/);
  cluster.do(updatePort(state, context, port.id, { securityGroups: [] }));
  cluster.do(deleteSecurityGroup(state, group.id));
  assert.equal(state.securityGroups.has(group.id), false);
  assert.equal(state.securityGroupRules.has(naming.id), false);
  assert.deepEqual([...state.rulesOf(group.id)], []);
  assert.equal([...state.rulesOf(byDefault.id)].length, 4);
});

test('a rule’s coming and going is a change of its group', () => {
  const the = rig();
  const { cluster, group } = the;
  const made = cluster.do(rule(the)).rule;
  assert.equal(cluster.state.securityGroups.get(group.id)?.revision, 2);
  cluster.do(deleteSecurityGroupRule(cluster.state, cluster.context, made.id));
  assert.equal(cluster.state.securityGroups.get(group.id)?.revision, 3);
});

test('a rule that says what another one says is refused, however it is said', () => {
  const the = rig();
  const { cluster } = the;
  cluster.do(rule(the, { protocol: protocol('6'), portMin: 22, portMax: 22 }));
  cluster.do(rule(the));
  cluster.do(rule(the, { ethertype: 'IPv6', protocol: protocol('ipv6-icmp') }));
  const same: readonly Partial<CreateSecurityGroupRule>[] = [
    { protocol: protocol('TCP'), portMin: 22, portMax: 22 },
    { remoteCidr: parseCidr('0.0.0.0/0'), remoteText: '0.0.0.0/0' },
    { protocol: protocol('ip') },
    { ethertype: 'IPv6', protocol: protocol('icmp') },
  ];
  for (const changed of same) assertRefused(cluster, () => rule(the, changed), 'security_group_rule_exists', /Rule id is/);
  cluster.do(rule(the, { direction: 'ingress', remoteCidr: parseCidr('10.0.0.0/8') }));
});

test('what no packet could match is refused by its reason', () => {
  const the = rig();
  const { cluster } = the;
  const bad: readonly (readonly [Partial<CreateSecurityGroupRule>, string])[] = [
    [{ portMin: 1, portMax: 2 }, 'security_group_protocol_required_with_ports'],
    [{ protocol: protocol('tcp'), portMin: 5, portMax: 4 }, 'security_group_invalid_port_range'],
    [{ protocol: protocol('udp'), portMin: 5 }, 'security_group_invalid_port_range'],
    [{ protocol: protocol('sctp'), portMax: 5 }, 'security_group_invalid_port_range'],
    [{ protocol: protocol('tcp'), portMin: 0, portMax: 4 }, 'security_group_invalid_port_value'],
    [{ protocol: protocol('icmp'), portMin: 256 }, 'security_group_invalid_icmp_value'],
    [{ protocol: protocol('icmp'), portMin: 8, portMax: 256 }, 'security_group_invalid_icmp_value'],
    [{ protocol: protocol('icmp'), portMax: 0 }, 'security_group_missing_icmp_type'],
    [{ protocol: protocol('gre'), portMin: 1, portMax: 1 }, 'security_group_invalid_protocol_for_port'],
    [{ protocol: protocol('icmpv6') }, 'security_group_protocol_family'],
    [{ remoteCidr: parseCidr6('fd00::/8') }, 'security_group_remote_family'],
    [{ ethertype: 'IPv6', remoteCidr: parseCidr('10.0.0.0/8') }, 'security_group_remote_family'],
    [{ remoteCidr: parseCidr('10.0.0.0/8'), remoteGroupId: the.group.id }, 'security_group_multiple_remotes'],
    [{ remoteGroupId: testId(1) }, 'not_found'],
    [{ groupId: testId(1) }, 'not_found'],
  ];
  for (const [changed, code] of bad) assertRefused(cluster, () => rule(the, changed), code);
  cluster.do(rule(the, { protocol: protocol('icmp'), portMin: 8, portMax: 0 }));
  cluster.do(rule(the, { ethertype: 'IPv6', remoteCidr: parseCidr6('fd00::/8') }));
  cluster.do(rule(the, { protocol: protocol('47') }));
});

test('a group of another tenant cannot be named', () => {
  const the = rig();
  const foreign = defaultGroupOf(the.cluster.state, the.cluster.tenant('blue').id);
  assertRefused(the.cluster, () => rule(the, { remoteGroupId: foreign?.id }), 'not_found', /securityGroup/);
});
