import type { GroupBody, GroupRule } from '@weft/core/plan/group';
import type { MemberBody } from '@weft/core/plan/member';
import type { KernelObject } from '../kernel-object.ts';
import { groupEgressName, groupIngressName, groupSetName } from '../names.ts';
import { MARK_EGRESS_ALLOWED } from '../ruleset/fabric.ts';

/**
 * A security group is two chains that its ports jump to: `accept` admits; for the way out a mark says "allowed", because the receiving
 * port's groups are still to be asked. The sets of the groups that its rules name are made here and filled by `member` resources.
 */
export function layoutGroup(body: GroupBody): readonly KernelObject[] {
  const rules = (direction: 'ingress' | 'egress', verdict: string): string[] => [
    ...body.rules.filter((rule) => rule.direction === direction).map((rule) => `${matchOf(rule)}${verdict}`),
    'return',
  ];
  const chain = { kind: 'chain', place: 'fabric', family: 'bridge' } as const;
  const named = new Set(body.rules.flatMap((rule) => rule.remoteGroup ?? []));
  return [
    ...[...named].map(memberSet),
    { ...chain, name: groupIngressName(body.groupId), rules: rules('ingress', 'accept') },
    {
      ...chain,
      name: groupEgressName(body.groupId),
      rules: rules('egress', `meta mark set meta mark | 0x${MARK_EGRESS_ALLOWED.toString(16)} return`),
    },
  ];
}

/** Several groups may name the same one: the set is theirs together. */
function memberSet(groupId: MemberBody['groupId']): KernelObject {
  return { kind: 'set', place: 'fabric', family: 'bridge', name: groupSetName(groupId), type: 'ipv4_addr' };
}

export function layoutMember(body: MemberBody): readonly KernelObject[] {
  return [{ kind: 'element', place: 'fabric', family: 'bridge', set: groupSetName(body.groupId), key: [body.address], value: undefined }];
}

function matchOf(rule: GroupRule): string {
  const remote = rule.direction === 'ingress' ? 'ip saddr' : 'ip daddr';
  const parts: string[] = [];
  if (rule.remoteGroup !== undefined) parts.push(`${remote} @${groupSetName(rule.remoteGroup)}`);
  else if (rule.remoteCidr !== undefined && rule.remoteCidr !== '0.0.0.0/0') parts.push(`${remote} ${rule.remoteCidr}`);
  else parts.push('ether type ip');
  if (rule.protocol === 'icmp') {
    parts.push(rule.portMin === undefined ? 'meta l4proto icmp' : `icmp type ${rule.portMin}`);
    if (rule.portMin !== undefined && rule.portMax !== undefined) parts.push(`icmp code ${rule.portMax}`);
  } else if (rule.protocol !== undefined) {
    if (rule.portMin === undefined && rule.portMax === undefined) parts.push(`meta l4proto ${rule.protocol}`);
    else parts.push(`${rule.protocol} dport ${rule.portMin ?? 0}-${rule.portMax ?? 65_535}`);
  }
  return `${parts.join(' ')} `;
}
