import { parseIpv4 } from './ipv4.ts';
import type { Ipv4 } from './ipv4.ts';

/** Where workloads ask who they are, by TCP: the link-local address that EC2 and OpenStack use, and so cloud-init. Never anybody else's. */
export const METADATA_ADDRESS: Ipv4 = parseIpv4('169.254.169.254');
export const METADATA_PORT = 80;
