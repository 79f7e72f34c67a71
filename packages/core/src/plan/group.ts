import { Fields, integerIn, oneOf, parseBoolean } from '../fields.ts';
import type { Parse } from '../fields.ts';
import { parseIpCidr } from '../ip.ts';
import type { IpCidr } from '../ip.ts';
import { ipProtocolWord, parseIpProtocol } from '../ip-protocol.ts';
import { parseUuid } from '../uuid.ts';
import type { SecurityGroupId } from '../uuid.ts';
import { InvalidValue } from '../weft-error.ts';

/** One allowance of a group, compiled: remote resolved to what the kernel matches. */
export type GroupRule = Readonly<{
  direction: 'ingress' | 'egress';
  /** Absent: IPv4. A rule says nothing about packets of the other family. */
  family?: 'ipv6';
  /** A word of `ipProtocolWord`. */
  protocol: string | undefined;
  /** Protocols with ports: first and last destination port. icmp and ipv6-icmp: type and code. */
  portMin: number | undefined;
  portMax: number | undefined;
  remoteCidr: IpCidr | undefined;
  /** Only addresses that `member` resources list under this group. */
  remoteGroup: SecurityGroupId | undefined;
}>;

/** A security group that ports of this node are in. What no rule allows is refused. Key: the group's id. */
export type GroupBody = Readonly<{
  groupId: SecurityGroupId;
  rules: readonly GroupRule[];
  /** Answers need rules of their own. A port is in groups of one kind only. */
  stateless?: true;
}>;

/** It becomes part of a rule's text, so nothing else may be in it. */
const parseWord: Parse<string> = (value, what) => {
  if (typeof value !== 'string' || ipProtocolWord(parseIpProtocol(value, what)) !== value)
    throw new InvalidValue(what, value, 'is not a protocol');
  return value;
};

export const groupKey = (groupId: SecurityGroupId): string => groupId;

export function parseGroupBody(value: unknown): GroupBody {
  const f = new Fields(value, 'group');
  return {
    groupId: f.required('groupId', parseUuid<SecurityGroupId>),
    ...(f.optional('stateless', parseBoolean) === true ? { stateless: true as const } : {}),
    rules: f.list('rules', (rule, what) => {
      const r = new Fields(rule, what);
      return {
        direction: r.required('direction', oneOf('ingress', 'egress')),
        ...(r.optional('family', oneOf('ipv6')) === undefined ? {} : { family: 'ipv6' as const }),
        protocol: r.optional('protocol', parseWord),
        portMin: r.optional('portMin', integerIn(0, 65_535)),
        portMax: r.optional('portMax', integerIn(0, 65_535)),
        remoteCidr: r.optional('remoteCidr', parseIpCidr),
        remoteGroup: r.optional('remoteGroup', parseUuid<SecurityGroupId>),
      };
    }),
  };
}
