import { parseCidr } from '../cidr.ts';
import type { Cidr } from '../cidr.ts';
import { Fields, integerIn, oneOf, parseBoolean } from '../fields.ts';
import type { Parse } from '../fields.ts';
import { ipProtocolWord, parseIpProtocol } from '../ip-protocol.ts';
import { parseUuid } from '../uuid.ts';
import type { SecurityGroupId } from '../uuid.ts';
import { InvalidValue } from '../weft-error.ts';

/** One allowance of a group, compiled: IPv4 only, remote resolved to what the kernel matches. */
export type GroupRule = Readonly<{
  direction: 'ingress' | 'egress';
  /** A word of `ipProtocolWord`. */
  protocol: string | undefined;
  /** Protocols with ports: first and last destination port. icmp: type and code. */
  portMin: number | undefined;
  portMax: number | undefined;
  remoteCidr: Cidr | undefined;
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
        protocol: r.optional('protocol', parseWord),
        portMin: r.optional('portMin', integerIn(0, 65_535)),
        portMax: r.optional('portMax', integerIn(0, 65_535)),
        remoteCidr: r.optional('remoteCidr', parseCidr),
        remoteGroup: r.optional('remoteGroup', parseUuid<SecurityGroupId>),
      };
    }),
  };
}
