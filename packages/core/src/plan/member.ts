import { Fields } from '../fields.ts';
import { parseIpv4 } from '../ipv4.ts';
import type { Ipv4 } from '../ipv4.ts';
import { parseUuid } from '../uuid.ts';
import type { SecurityGroupId } from '../uuid.ts';

/** An address in a security group that a rule on this node names as remote. Key: `<group id>/<address>`. A kind of its own, see ADR 0002. */
export type MemberBody = Readonly<{ groupId: SecurityGroupId; address: Ipv4 }>;

export const memberKey = (groupId: SecurityGroupId, address: Ipv4): string => `${groupId}/${address}`;

export function parseMemberBody(value: unknown): MemberBody {
  const f = new Fields(value, 'member');
  return { groupId: f.required('groupId', parseUuid<SecurityGroupId>), address: f.required('address', parseIpv4) };
}
