import { isIpv4 } from '@weft/core/ip';
import type { IpAddress } from '@weft/core/ip';

/** Address families in messages (linux/socket.h). */
export const AF_INET = 2;
export const AF_INET6 = 10;

export function familyOf(address: IpAddress): number {
  return isIpv4(address) ? AF_INET : AF_INET6;
}
