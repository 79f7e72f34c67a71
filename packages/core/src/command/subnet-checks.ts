import { isBefore, poolContains } from '../address-pool.ts';
import { cidrHosts, cidrLast, cidrNetwork, cidrPrefixLength } from '../cidr.ts';
import type { Cidr } from '../cidr.ts';
import { cidr6Hosts, cidr6Network, cidr6PrefixLength } from '../cidr6.ts';
import type { Cidr6 } from '../cidr6.ts';
import { ipCidrContains, isCidr6, isIpv6 } from '../ip.ts';
import type { IpAddress, IpCidr } from '../ip.ts';
import { ipv4ToNumber } from '../ipv4.ts';
import { ipv6ToBigint } from '../ipv6.ts';
import type { Ipv6Mode } from '../ipv6-mode.ts';
import type { Network } from '../resource.ts';
import type { AllocationPool } from '../subnet.ts';
import { Conflict, Refused } from './context.ts';

/** What a subnet may be (neutron-api.md §4.2), of either family. All throw Refused or Conflict. */

/** First and last address that a host may have. */
export function hostsOf(cidr: IpCidr): Readonly<{ first: IpAddress; last: IpAddress }> {
  return isCidr6(cidr) ? cidr6Hosts(cidr) : cidrHosts(cidr);
}

/** Whether a host may have the address: the first of a prefix names the network, or any of its routers, the last of IPv4 everybody. */
export function isHostAddress(cidr: IpCidr, address: IpAddress): boolean {
  const { first, last } = hostsOf(cidr);
  return ipCidrContains(cidr, address) && !isBefore(address, first) && !isBefore(last, address);
}

export function checkCidr(request: Readonly<{ cidr: IpCidr; enableDhcp: boolean }>): void {
  const refuse = (why: string): never => {
    throw new Refused('invalid_cidr', `Invalid input for operation: ${request.cidr} ${why}.`);
  };
  if (isCidr6(request.cidr)) checkCidr6(request.cidr, request.enableDhcp, refuse);
  else checkCidr4(request.cidr, request.enableDhcp, refuse);
}

function checkCidr4(cidr: Cidr, enableDhcp: boolean, refuse: (why: string) => never): void {
  const firstByte = ipv4ToNumber(cidrNetwork(cidr)) >>> 24;
  const lastByte = ipv4ToNumber(cidrLast(cidr)) >>> 24;
  if (firstByte === 0) refuse('is not a usable network');
  if (firstByte <= 127 && lastByte >= 127) refuse('is or contains a loopback network');
  if (lastByte >= 224) refuse('is or contains a multicast or reserved network');
  if (enableDhcp && cidrPrefixLength(cidr) > 30) refuse('has no room for DHCP: use a prefix up to /30, or enable_dhcp=false');
}

/** Of the addresses of RFC 4291 §2.4 only unicast ones can be given to somebody; link-local ones every host has anyway. */
function checkCidr6(cidr: Cidr6, enableDhcp: boolean, refuse: (why: string) => never): void {
  const high = Number(ipv6ToBigint(cidr6Network(cidr)) >> 112n);
  if (cidr6PrefixLength(cidr) < 8 || high <= 0xff) refuse('is not a usable network, or contains the loopback or mapped addresses');
  if (high >= 0xff00) refuse('is or contains a multicast network');
  if (high >= 0xfe80 && high <= 0xfebf) refuse('is or contains link-local addresses');
  if (enableDhcp && cidr6PrefixLength(cidr) > 126) refuse('has no room for DHCP: use a prefix up to /126, or enable_dhcp=false');
}

/** The smallest packet that every link of IPv6 has to carry (RFC 8200 §5). */
const SMALLEST_IPV6_MTU = 1280;

export function checkIpv6Fits({ id, mtu }: Pick<Network, 'id' | 'mtu'>): void {
  if (mtu >= SMALLEST_IPV6_MTU) return;
  throw new Refused(
    'mtu_too_small',
    `Invalid input for operation: the MTU of network ${id} is ${mtu}; with an IPv6 subnet the minimum is ${SMALLEST_IPV6_MTU}.`,
  );
}

/** `ipv6_ra_mode` and `ipv6_address_mode`. */
export function checkModes(
  request: Readonly<{ cidr: IpCidr; enableDhcp: boolean; raMode: Ipv6Mode | undefined; addressMode: Ipv6Mode | undefined }>,
): void {
  const { cidr, enableDhcp, raMode, addressMode } = request;
  const refuse = (why: string): never => {
    throw new Refused('invalid_ipv6_mode', `Invalid input for operation: ${why}.`);
  };
  if (raMode === undefined && addressMode === undefined) return;
  if (!isCidr6(cidr)) refuse(`${raMode === undefined ? 'ipv6_address_mode' : 'ipv6_ra_mode'} is not valid when ip_version is 4`);
  if (!enableDhcp) refuse('ipv6_ra_mode or ipv6_address_mode cannot be set when enable_dhcp is set to False');
  if (raMode !== undefined && addressMode !== undefined && raMode !== addressMode) {
    refuse(
      `ipv6_ra_mode set to '${raMode}' with ipv6_address_mode set to '${addressMode}' is not valid. If both attributes are set, they must be the same value`,
    );
  }
  const isSelf = [raMode, addressMode].some((mode) => mode === 'slaac' || mode === 'dhcpv6-stateless');
  if (isSelf && isCidr6(cidr) && cidr6PrefixLength(cidr) !== 64) {
    refuse(`Invalid CIDR ${cidr} for IPv6 address mode. Addresses are made as EUI-64, which requires the prefix to be /64`);
  }
}

export function checkGateway(cidr: IpCidr, gatewayIp: IpAddress | undefined): void {
  if (gatewayIp === undefined || isHostAddress(cidr, gatewayIp)) return;
  throw new Refused('invalid_gateway', `Invalid input for operation: Gateway ${gatewayIp} is not valid on subnet ${cidr}.`);
}

/** Name servers are of the subnet's family: its DHCP server could not tell the others. */
export function checkNameServers(cidr: IpCidr, servers: readonly IpAddress[]): void {
  const other = servers.find((server) => isIpv6(server) !== isCidr6(cidr));
  if (other === undefined) return;
  throw new Refused(
    'invalid_name_server',
    `Invalid input for operation: dns_nameserver '${other}' does not match the ip_version '${isCidr6(cidr) ? 6 : 4}'.`,
  );
}

export function checkPools(cidr: IpCidr, pools: readonly AllocationPool[], gatewayIp: IpAddress | undefined): void {
  for (const pool of pools) {
    const name = `${pool.start}-${pool.end}`;
    if (isIpv6(pool.start) !== isCidr6(cidr) || isIpv6(pool.end) !== isCidr6(cidr) || isBefore(pool.end, pool.start)) {
      throw new Refused('invalid_allocation_pool', `The allocation pool ${name} is not valid.`);
    }
    if (!isHostAddress(cidr, pool.start) || !isHostAddress(cidr, pool.end)) {
      throw new Refused('out_of_bounds_allocation_pool', `The allocation pool ${name} spans beyond the subnet cidr ${cidr}.`);
    }
    if (gatewayIp !== undefined && poolContains(pool, gatewayIp)) {
      throw new Conflict('gateway_conflict_with_allocation_pools', `Gateway ip ${gatewayIp} conflicts with allocation pool ${name}.`);
    }
    for (const other of pools) {
      if (other !== pool && (poolContains(pool, other.start) || poolContains(pool, other.end))) {
        throw new Conflict(
          'overlapping_allocation_pools',
          `Found overlapping allocation pools: ${name} ${other.start}-${other.end} for subnet ${cidr}.`,
        );
      }
    }
  }
}
