import type { ClusterState } from '../cluster-state.ts';
import { isCidr6 } from '../ip.ts';
import type { IpAddress } from '../ip.ts';
import { ICMP, ICMPV6, ipProtocolNumber, ipProtocolWord, parseIpProtocol } from '../ip-protocol.ts';
import type { SecurityGroupRule } from '../security-group.ts';
import type { NodeId, SecurityGroupId } from '../uuid.ts';
import type { GroupBody, GroupRule } from './group.ts';
import type { MemberBody } from './member.ts';

export function renderGroup(state: ClusterState, nodeId: NodeId, key: string): GroupBody | undefined {
  const groupId = key as SecurityGroupId;
  const group = state.securityGroups.get(groupId);
  if (group === undefined || !state.usesGroup(nodeId, groupId)) return undefined;
  const rules = [...state.rulesOf(groupId)].flatMap((rule) => compileRule(state, rule));
  const sorted = rules.toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
  return { groupId, ...(group.stateless === true ? { stateless: true } : {}), rules: sorted };
}

/** The addresses of a remote group are `member`s; prefixes of its ports' address pairs, of which there are few, are rules like this one. */
function compileRule(state: ClusterState, rule: SecurityGroupRule): GroupRule[] {
  const compiled: GroupRule = {
    direction: rule.direction,
    ...(rule.ethertype === 'IPv6' ? { family: 'ipv6' as const } : {}),
    protocol: protocolWord(rule),
    portMin: rule.portMin,
    portMax: rule.portMax,
    remoteCidr: rule.remoteCidr,
    remoteGroup: rule.remoteGroupId,
  };
  if (rule.remoteGroupId === undefined) return [compiled];
  const prefixes = [...state.memberPrefixesOf(rule.remoteGroupId)].filter((cidr) => isCidr6(cidr) === (rule.ethertype === 'IPv6'));
  return [compiled, ...prefixes.map((remoteCidr) => ({ ...compiled, remoteCidr, remoteGroup: undefined }))];
}

/** What a rule calls its protocol: "icmp" means the rule's family's. */
export function protocolWord({ protocol, ethertype }: SecurityGroupRule): string | undefined {
  if (protocol === undefined) return undefined;
  const isIcmpv6 = ethertype === 'IPv6' && ipProtocolNumber(protocol) === ICMP;
  return ipProtocolWord(isIcmpv6 ? parseIpProtocol(ICMPV6, 'protocol') : protocol);
}

/** Whether a rule of a group that this node enforces names `groupId` as remote. */
function needsMembers(state: ClusterState, nodeId: NodeId, groupId: SecurityGroupId): boolean {
  for (const namer of state.namedBy(groupId)) if (state.usesGroup(nodeId, namer)) return true;
  return false;
}

export function renderMember(state: ClusterState, nodeId: NodeId, key: string): MemberBody | undefined {
  const slash = key.indexOf('/');
  const [groupId, address] = [key.slice(0, slash) as SecurityGroupId, key.slice(slash + 1) as IpAddress];
  return state.isMember(groupId, address) && needsMembers(state, nodeId, groupId) ? { groupId, address } : undefined;
}
