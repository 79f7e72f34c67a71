import type { IpAddress } from '../ip.ts';
import { dhcpHostName } from './dhcphost.ts';

/** A workload's name where it can be a host's (RFC 1123 §2.1), otherwise one made of its address. */
export function hostName(name: string | undefined, address: IpAddress): string {
  const lower = name?.toLowerCase() ?? '';
  return /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(lower) ? lower : dhcpHostName(address);
}
