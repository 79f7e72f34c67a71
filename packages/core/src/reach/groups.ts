import type { ClusterState } from '../cluster-state.ts';
import { ipCidrContains, isIpv6 } from '../ip.ts';
import type { IpAddress, IpCidr } from '../ip.ts';
import { protocolWord } from '../plan/render-group.ts';
import type { Port } from '../resource.ts';
import type { SecurityGroupRule } from '../security-group.ts';
import { dropped, icmpOf } from './flow.ts';
import type { Packet, ReachStep, Verdict } from './flow.ts';

/**
 * What a port's security groups say about a packet that it sends (`egress`) or gets (`ingress`); undefined: it may pass. As the chains that
 * dataplane's `layout/group.ts` writes: one rule of one group is enough, a group that is named as remote means all addresses of its ports.
 */
export function askGroups(
  state: ClusterState,
  port: Port,
  direction: 'ingress' | 'egress',
  packet: Packet,
  steps: ReachStep[],
): Verdict | undefined {
  if (!port.portSecurityEnabled) {
    steps.push({ kind: 'port_security_off', portId: port.id });
    return undefined;
  }
  for (const groupId of port.securityGroups) {
    for (const rule of state.rulesOf(groupId)) {
      if (rule.direction !== direction || !matches(state, rule, packet)) continue;
      steps.push({ kind: 'group_allows', portId: port.id, direction, groupId, ruleId: rule.id });
      return undefined;
    }
  }
  return dropped({ kind: 'port', portId: port.id }, direction === 'egress' ? 'egress_group' : 'ingress_group');
}

/** What a rule matches, in the words of its chain but for ICMP, which is one word for both families. */
export function wordedMatch(rule: SecurityGroupRule): Readonly<{ protocol: string | undefined; remoteCidr: IpCidr | undefined }> {
  const word = protocolWord(rule);
  return { protocol: word === 'ipv6-icmp' && rule.ethertype === 'IPv6' ? 'icmp' : word, remoteCidr: rule.remoteCidr };
}

function matches(state: ClusterState, rule: SecurityGroupRule, packet: Packet): boolean {
  if ((rule.ethertype === 'IPv6') !== isIpv6(packet.destination)) return false;
  const { protocol, remoteCidr } = wordedMatch(rule);
  const remote = rule.direction === 'ingress' ? packet.source : packet.destination;
  if (rule.remoteGroupId !== undefined) {
    const isMember = state.isMember(rule.remoteGroupId, remote) || inAny(state.memberPrefixesOf(rule.remoteGroupId), remote);
    if (!isMember) return false;
  } else if (remoteCidr !== undefined && !ipCidrContains(remoteCidr, remote)) return false;
  if (protocol === undefined) return true;
  if (protocol !== packet.protocol) return false;
  if (protocol === 'icmp') {
    if (rule.portMin === undefined) return true;
    const { type, code } = icmpOf(packet);
    return rule.portMin === type && (rule.portMax === undefined || rule.portMax === code);
  }
  return packet.port >= (rule.portMin ?? 0) && packet.port <= (rule.portMax ?? 65_535);
}

function inAny(prefixes: Iterable<IpCidr>, address: IpAddress): boolean {
  for (const prefix of prefixes) if (ipCidrContains(prefix, address)) return true;
  return false;
}
