import { Fields } from '../fields.ts';
import { parseIp } from '../ip.ts';
import type { IpAddress } from '../ip.ts';
import { parseUuid } from '../uuid.ts';
import type { SecurityGroupId } from '../uuid.ts';

/** An address in a security group that a rule on this node names as remote. Key: `<group id>/<address>`. A kind of its own, see ADR 0002. */
export type MemberBody = Readonly<{ groupId: SecurityGroupId; address: IpAddress }>;

export const memberKey = (groupId: SecurityGroupId, address: IpAddress): string => `${groupId}/${address}`;

export function parseMemberBody(value: unknown): MemberBody {
  const f = new Fields(value, 'member');
  return { groupId: f.required('groupId', parseUuid<SecurityGroupId>), address: f.required('address', parseIp) };
}
