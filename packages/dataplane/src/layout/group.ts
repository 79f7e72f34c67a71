import { isIpv6 } from '@weft/core/ip';
import type { GroupBody, GroupRule } from '@weft/core/plan/group';
import type { MemberBody } from '@weft/core/plan/member';
import type { KernelObject } from '../kernel-object.ts';
import { groupEgressName, groupIngressName, groupSetName, groupSetName6 } from '../names.ts';
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
    ...[...named].flatMap(memberSets),
    { ...chain, name: groupIngressName(body.groupId), rules: rules('ingress', 'accept') },
    {
      ...chain,
      name: groupEgressName(body.groupId),
      rules: rules('egress', `meta mark set meta mark | 0x${MARK_EGRESS_ALLOWED.toString(16)} return`),
    },
  ];
}

/** Several groups may name the same one: the sets are theirs together. One for each family, whichever the rules are about: members have both. */
function memberSets(groupId: MemberBody['groupId']): KernelObject[] {
  const set = { kind: 'set', place: 'fabric', family: 'bridge' } as const;
  return [
    { ...set, name: groupSetName(groupId), type: 'ipv4_addr' },
    { ...set, name: groupSetName6(groupId), type: 'ipv6_addr' },
  ];
}

export function layoutMember({ groupId, address }: MemberBody): readonly KernelObject[] {
  const set = isIpv6(address) ? groupSetName6(groupId) : groupSetName(groupId);
  return [{ kind: 'element', place: 'fabric', family: 'bridge', set, key: [address], value: undefined }];
}

/** Matches of what IPv6 carries pass over the headers in between, whatever their number. */
function matchOf(rule: GroupRule): string {
  const [ip, set, all] = rule.family === 'ipv6' ? (['ip6', groupSetName6, '::/0'] as const) : (['ip', groupSetName, '0.0.0.0/0'] as const);
  const remote = `${ip} ${rule.direction === 'ingress' ? 'saddr' : 'daddr'}`;
  const parts: string[] = [];
  if (rule.remoteGroup !== undefined) parts.push(`${remote} @${set(rule.remoteGroup)}`);
  else if (rule.remoteCidr !== undefined && rule.remoteCidr !== all) parts.push(`${remote} ${rule.remoteCidr}`);
  else parts.push(`ether type ${ip}`);
  const icmp = rule.protocol === 'icmp' || rule.protocol === 'ipv6-icmp' ? rule.protocol : undefined;
  if (icmp !== undefined) {
    const name = icmp === 'icmp' ? 'icmp' : 'icmpv6';
    parts.push(rule.portMin === undefined ? `meta l4proto ${icmp}` : `${name} type ${rule.portMin}`);
    if (rule.portMin !== undefined && rule.portMax !== undefined) parts.push(`${name} code ${rule.portMax}`);
  } else if (rule.protocol !== undefined) {
    if (rule.portMin === undefined && rule.portMax === undefined) parts.push(`meta l4proto ${rule.protocol}`);
    else parts.push(`${rule.protocol} dport ${rule.portMin ?? 0}-${rule.portMax ?? 65_535}`);
  }
  return `${parts.join(' ')} `;
}
