import { NOWHERE, made, post, put, remove } from './row.testing.ts';
import type { Ask, ErrorRow, World } from './row.testing.ts';

const bad = { status: 400, type: 'HTTPBadRequest' } as const;
const inUse = { status: 409, type: 'SecurityGroupInUse' } as const;
const noGroup = { status: 404, type: 'SecurityGroupNotFound' } as const;

/** A rule of red's group. */
const rule = (w: World, body: object): Ask => post('security_group_rule', { security_group_id: w.group, direction: 'ingress', ...body });
const ports = (min: unknown, max: unknown): object => ({ port_range_min: min, port_range_max: max });
const bound = async (w: World): Promise<string> => made(w.red, 'port', { network_id: w.network, security_groups: [w.group] });

/** Security groups: neutron-api.md §7. */
export const securityGroupRows: readonly ErrorRow[] = [
  {
    at: '§7.1',
    when: 'a group is called default',
    ask: () => post('security_group', { name: 'default' }),
    status: 409,
    type: 'SecurityGroupDefaultAlreadyExists',
    text: /already exists/,
  },
  {
    at: '§7.1',
    when: 'a group is renamed to default',
    ask: (w) => put('security_group', w.group, { name: 'default' }),
    status: 409,
    type: 'SecurityGroupDefaultAlreadyExists',
    text: /already exists/,
  },
  {
    at: '§7.3',
    when: 'the default group is renamed',
    ask: (w) => put('security_group', w.defaultGroup, { name: 'x' }),
    status: 409,
    type: 'SecurityGroupCannotUpdateDefault',
    text: /default/,
  },
  {
    at: '§7.3',
    when: 'the default group is deleted, and no port has it',
    ask: async (w) => {
      for (const port of [w.port, w.routedPort]) await w.red('PUT', `/v2.0/ports/${port}`, { port: { security_groups: [] } });
      return remove(`security-groups/${w.defaultGroup}`);
    },
    status: 409,
    type: 'SecurityGroupCannotRemoveDefault',
    text: /default/,
  },
  {
    at: '§7.3',
    when: 'the default group is deleted while ports have it',
    ask: (w) => remove(`security-groups/${w.defaultGroup}`),
    ...inUse,
    text: /in use/,
  },
  {
    at: '§7.1',
    when: 'a group is deleted while a port has it',
    ask: async (w) => {
      await bound(w);
      return remove(`security-groups/${w.group}`);
    },
    ...inUse,
    text: /^Security Group .* in use\.$/i,
  },
  {
    at: '§7.1',
    when: 'a group becomes stateless while a port has it',
    ask: async (w) => {
      await bound(w);
      return put('security_group', w.group, { stateful: false });
    },
    ...inUse,
    text: /in use/,
  },
  {
    at: '§7.1',
    when: 'a port would have stateful and stateless groups',
    ask: async (w) =>
      post('port', { network_id: w.network, security_groups: [w.group, await made(w.red, 'security_group', { stateful: false })] }),
    status: 409,
    type: 'SecurityGroupConflict',
    text: /both stateful and stateless/,
  },
  {
    at: '§7.1',
    when: 'a group is too long a name',
    ask: () => post('security_group', { name: 'x'.repeat(256) }),
    ...bad,
    text: /exceeds maximum length/,
  },
  {
    at: '§7.1',
    when: 'stateful is no boolean',
    ask: () => post('security_group', { stateful: 'maybe' }),
    status: 400,
    type: 'InvalidInput',
    text: /'maybe' cannot be converted/,
  },
  {
    at: '§7.1',
    when: 'a group’s rules are not made with it',
    ask: () => post('security_group', { security_group_rules: [] }),
    ...bad,
    text: /'security_group_rules' not allowed in POST/,
  },
  {
    at: '§7.1',
    when: 'a rule has no group',
    ask: (w) => rule(w, { security_group_id: undefined }),
    ...bad,
    text: /Required attribute 'security_group_id' not specified/,
  },
  {
    at: '§7.1',
    when: 'a rule has no direction',
    ask: (w) => rule(w, { direction: undefined }),
    ...bad,
    text: /Required attribute 'direction' not specified/,
  },
  {
    at: '§7.1',
    when: 'a direction is neither',
    ask: (w) => rule(w, { direction: 'sideways' }),
    ...bad,
    text: /'sideways' is not in \[ingress, egress\]/,
  },
  {
    at: '§7.1',
    when: 'an ethertype is neither',
    ask: (w) => rule(w, { ethertype: 'IPv5' }),
    status: 400,
    type: 'SecurityGroupRuleInvalidEtherType',
    text: /ethertype 'IPv5' not supported/,
  },
  {
    at: '§7.1',
    when: 'a protocol is unknown',
    ask: (w) => rule(w, { protocol: 'warp' }),
    status: 400,
    type: 'SecurityGroupRuleInvalidProtocol',
    text: /protocol warp not supported/,
  },
  {
    at: '§7.1',
    when: 'a protocol is any',
    ask: (w) => rule(w, { protocol: 'any' }),
    status: 400,
    type: 'SecurityGroupRuleInvalidProtocol',
    text: /protocol any not supported/,
  },
  {
    at: '§7.1',
    when: 'a protocol is above 255',
    ask: (w) => rule(w, { protocol: '256' }),
    status: 400,
    type: 'SecurityGroupRuleInvalidProtocol',
    text: /protocol 256 not supported/,
  },
  {
    at: '§7.1',
    when: 'ICMPv6 is over IPv4',
    ask: (w) => rule(w, { protocol: 'icmpv6' }),
    status: 400,
    type: 'SecurityGroupEthertypeConflictWithProtocol',
    text: /IPv4/,
  },
  {
    at: '§7.1',
    when: 'a rule cannot be changed',
    ask: (w) => put('security_group_rule', w.rule, { description: 'x' }),
    status: 405,
    type: 'HTTPMethodNotAllowed',
    text: /PUT/,
  },
  {
    at: '§7.1',
    when: 'there are two remotes',
    ask: (w) => rule(w, { remote_ip_prefix: '10.0.0.0/8', remote_group_id: w.group }),
    status: 400,
    type: 'SecurityGroupMultipleRemoteEntites',
    text: /Only/,
  },
  {
    at: '§7.1',
    when: 'a prefix is of the other family',
    ask: (w) => rule(w, { remote_ip_prefix: 'fd00::/8' }),
    status: 400,
    type: 'SecurityGroupRuleParameterConflict',
    text: /fd00/,
  },
  {
    at: '§7.1',
    when: 'there are no address groups',
    ask: (w) => rule(w, { remote_address_group_id: NOWHERE }),
    status: 404,
    type: 'AddressGroupNotFound',
    text: /no address groups/,
  },
  {
    at: '§7.2',
    when: 'ports are without protocol',
    ask: (w) => rule(w, ports(1, 1)),
    status: 400,
    type: 'SecurityGroupProtocolRequiredWithPorts',
    text: /Must also specify protocol/,
  },
  {
    at: '§7.2',
    when: 'a range has no end',
    ask: (w) => rule(w, { protocol: 'tcp', port_range_min: 1 }),
    status: 400,
    type: 'SecurityGroupInvalidPortRange',
    text: /port_range_min/,
  },
  {
    at: '§7.2',
    when: 'a range has no beginning',
    ask: (w) => rule(w, { protocol: 'udp', port_range_max: 1 }),
    status: 400,
    type: 'SecurityGroupInvalidPortRange',
    text: /port_range_min/,
  },
  {
    at: '§7.2',
    when: 'a range ends before it begins',
    ask: (w) => rule(w, { protocol: 'sctp', ...ports(2, 1) }),
    status: 400,
    type: 'SecurityGroupInvalidPortRange',
    text: /port_range_min/,
  },
  {
    at: '§7.2',
    when: 'a port is 0',
    ask: (w) => rule(w, { protocol: 'udplite', ...ports(0, 1) }),
    status: 400,
    type: 'SecurityGroupInvalidPortValue',
    text: /Invalid value for port 0/,
  },
  {
    at: '§7.2',
    when: 'a port is too large',
    ask: (w) => rule(w, { protocol: 'dccp', ...ports(1, 65_536) }),
    status: 400,
    type: 'SecurityGroupInvalidPortValue',
    text: /65536/,
  },
  {
    at: '§7.2',
    when: 'an ICMP type is too large',
    ask: (w) => rule(w, { protocol: 'icmp', port_range_min: 256 }),
    status: 400,
    type: 'SecurityGroupInvalidIcmpValue',
    text: /256/,
  },
  {
    at: '§7.2',
    when: 'an ICMP code is too large',
    ask: (w) => rule(w, { protocol: 'icmp', ...ports(8, 256) }),
    status: 400,
    type: 'SecurityGroupInvalidIcmpValue',
    text: /256/,
  },
  {
    at: '§7.2',
    when: 'an ICMP code has no type',
    ask: (w) => rule(w, { protocol: 'icmp', port_range_max: 3 }),
    status: 400,
    type: 'SecurityGroupMissingIcmpType',
    text: /type/,
  },
  {
    at: '§7.2',
    when: 'another protocol has ports',
    ask: (w) => rule(w, { protocol: 'gre', ...ports(1, 1) }),
    status: 400,
    type: 'SecurityGroupInvalidProtocolForPort',
    text: /gre/,
  },
  {
    at: '§7.2',
    when: 'a rule is there already',
    ask: (w) => rule(w, { protocol: 'tcp' }),
    status: 409,
    type: 'SecurityGroupRuleExists',
    text: /Rule id is [0-9a-f-]{36}\.$/,
  },
  {
    at: '§7.2',
    when: 'a rule for everybody is there already',
    ask: (w) => rule(w, { protocol: 'tcp', remote_ip_prefix: '0.0.0.0/0' }),
    status: 409,
    type: 'SecurityGroupRuleExists',
    text: /Rule id is/,
  },
  {
    at: '§7.2',
    when: 'a rule is twice in a bulk',
    ask: (w) => {
      const one = { security_group_id: w.group, direction: 'ingress', protocol: 'udp' };
      return { method: 'POST', url: '/v2.0/security-group-rules', body: { security_group_rules: [one, one] } };
    },
    status: 409,
    type: 'SecurityGroupRuleExists',
    text: /Rule id is/,
  },
  {
    at: '§7.2',
    when: 'a bulk is of two groups',
    ask: (w) => {
      const rules = [w.group, w.defaultGroup].map((security_group_id) => ({ security_group_id, direction: 'ingress', protocol: 'udp' }));
      return { method: 'POST', url: '/v2.0/security-group-rules', body: { security_group_rules: rules } };
    },
    status: 400,
    type: 'SecurityGroupNotSingleGroupRules',
    text: /one security profile at a time/,
  },
  {
    at: '§7.2',
    when: 'a bulk is of two projects',
    as: 'admin',
    ask: (w) => {
      const rules = [w.redProject, NOWHERE].map((project_id) => ({
        security_group_id: w.group,
        direction: 'ingress',
        protocol: 'udp',
        project_id,
      }));
      return { method: 'POST', url: '/v2.0/security-group-rules', body: { security_group_rules: rules } };
    },
    status: 400,
    type: 'SecurityGroupRulesNotSingleTenant',
    text: /Multiple tenant_ids/,
  },
  {
    at: '§7.2',
    when: 'a rule’s group is not there',
    ask: (w) => rule(w, { security_group_id: NOWHERE }),
    ...noGroup,
    text: `Security group ${NOWHERE} does not exist`,
  },
  { at: '§7.2', when: 'a rule’s group is another project’s', as: 'blue', ask: (w) => rule(w, {}), ...noGroup, text: /does not exist/ },
  {
    at: '§7.2',
    when: 'a remote group is not there',
    ask: (w) => rule(w, { remote_group_id: NOWHERE }),
    ...noGroup,
    text: /does not exist/,
  },
  {
    at: '§7.2',
    when: 'a prefix is none',
    ask: (w) => rule(w, { remote_ip_prefix: '10.0.0.0/33' }),
    status: 400,
    type: 'InvalidCIDR',
    text: /Invalid CIDR 10\.0\.0\.0\/33/,
  },
];
