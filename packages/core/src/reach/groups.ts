import { cidrContains } from '../cidr.ts';
import type { Cidr } from '../cidr.ts';
import type { ClusterState } from '../cluster-state.ts';
import { ipCidrContains } from '../ip.ts';
import type { IpCidr } from '../ip.ts';
import type { Ipv4 } from '../ipv4.ts';
import { ipProtocolWord } from '../ip-protocol.ts';
import type { Port } from '../resource.ts';
import type { SecurityGroupRule } from '../security-group.ts';
import { dropped, ECHO_REQUEST } from './flow.ts';
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

/** What an IPv4 rule matches, in the words of its chain. */
export function ipv4Match({
  protocol,
  remoteCidr,
}: SecurityGroupRule): Readonly<{ protocol: string | undefined; remoteCidr: Cidr | undefined }> {
  return { protocol: protocol === undefined ? undefined : ipProtocolWord(protocol), remoteCidr: remoteCidr as Cidr | undefined };
}

function matches(state: ClusterState, rule: SecurityGroupRule, packet: Packet): boolean {
  if (rule.ethertype !== 'IPv4') return false;
  const { protocol, remoteCidr } = ipv4Match(rule);
  const remote = rule.direction === 'ingress' ? packet.source : packet.destination;
  if (rule.remoteGroupId !== undefined) {
    const isMember = state.isMember(rule.remoteGroupId, remote) || inAny(state.memberPrefixesOf(rule.remoteGroupId), remote);
    if (!isMember) return false;
  } else if (remoteCidr !== undefined && !cidrContains(remoteCidr, remote)) return false;
  if (protocol === undefined) return true;
  if (protocol !== packet.protocol) return false;
  if (protocol === 'icmp') {
    if (rule.portMin === undefined) return true;
    const { type, code } = packet.icmp ?? ECHO_REQUEST;
    return rule.portMin === type && (rule.portMax === undefined || rule.portMax === code);
  }
  return packet.port >= (rule.portMin ?? 0) && packet.port <= (rule.portMax ?? 65_535);
}

function inAny(prefixes: Iterable<IpCidr>, address: Ipv4): boolean {
  for (const prefix of prefixes) if (ipCidrContains(prefix, address)) return true;
  return false;
}
