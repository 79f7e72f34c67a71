import { parseCidr } from './cidr.ts';
import type { Cidr } from './cidr.ts';
import { parseCidr6 } from './cidr6.ts';
import type { Cidr6 } from './cidr6.ts';
import { Fields, integerIn, listOf, oneOf, parseBoolean, parseString } from './fields.ts';
import type { Parse } from './fields.ts';
import { isIpv4, isIpv6 } from './ip.ts';
import type { IpAddress } from './ip.ts';
import { parseIpv4 } from './ipv4.ts';
import type { Ipv4 } from './ipv4.ts';
import { parseIpv6 } from './ipv6.ts';
import type { Ipv6 } from './ipv6.ts';
import { IPV6_MODES } from './ipv6-mode.ts';
import type { Ipv6Mode } from './ipv6-mode.ts';
import { parseStaticRoute } from './router.ts';
import type { StaticRoute } from './router.ts';
import { parseStamps } from './stamps.ts';
import type { Stamps } from './stamps.ts';
import { parseUuid } from './uuid.ts';
import type { NetworkId, SubnetId, SubnetPoolId, TenantId } from './uuid.ts';

/** Addresses that are given out, both ends included. */
export type AllocationPool<A extends IpAddress = IpAddress> = Readonly<{ start: A; end: A }>;

type Common = Stamps &
  Readonly<{
    kind: 'subnet';
    id: SubnetId;
    tenantId: TenantId;
    networkId: NetworkId;
    name: string;
    description: string;
    enableDhcp: boolean;
    /** Owners of ports that it is kept for. Absent: all. */
    serviceTypes?: readonly string[] | undefined;
  }>;

type OfFamily<A extends IpAddress, C> = Readonly<{
  cidr: C;
  gatewayIp: A | undefined;
  dnsNameservers: readonly A[];
  allocationPools: readonly AllocationPool<A>[];
}>;

export type Subnet4 = Common &
  OfFamily<Ipv4, Cidr> &
  Readonly<{
    ipVersion: 4;
    /** What workloads are told of other ways than the gateway. Absent: nothing. */
    hostRoutes?: readonly StaticRoute[] | undefined;
    /** Where its prefix is from. Absent: somebody said it. */
    subnetPoolId?: SubnetPoolId | undefined;
  }>;

export type Subnet6 = Common &
  OfFamily<Ipv6, Cidr6> &
  Readonly<{
    ipVersion: 6;
    /** What the gateway advertises. Absent: nothing; a router of the tenant's own may. */
    raMode?: Ipv6Mode | undefined;
    /** How hosts get their addresses. Absent: as `raMode` says, from somebody else; without that as with `dhcpv6-stateful`. */
    addressMode?: Ipv6Mode | undefined;
  }>;

/** The addresses of one family on a network. A network may have several, of both. */
export type Subnet = Subnet4 | Subnet6;

export function isSubnet4(subnet: Subnet): subnet is Subnet4 {
  return subnet.ipVersion === 4;
}

export function isSubnet6(subnet: Subnet): subnet is Subnet6 {
  return subnet.ipVersion === 6;
}

/** Whether hosts make their addresses on the subnet themselves, from its prefix and their MAC: whoever is on the network has one. */
export function isSelfAddressed(subnet: Subnet): subnet is Subnet6 {
  if (subnet.ipVersion === 4) return false;
  return [subnet.raMode, subnet.addressMode].some((mode) => mode === 'slaac' || mode === 'dhcpv6-stateless');
}

/** Whether the subnet's gateway answers DHCPv6: with leases, or with all else that hosts ask for. */
export function speaksDhcp({ enableDhcp, raMode, addressMode }: Subnet6): boolean {
  return enableDhcp && (addressMode === undefined ? raMode === undefined : addressMode !== 'slaac');
}

/** Whether the subnet's gateway leases its addresses. */
export function leases(subnet: Subnet): boolean {
  if (subnet.ipVersion === 4) return subnet.enableDhcp;
  return speaksDhcp(subnet) && !isSelfAddressed(subnet);
}

export function isPool4(pool: AllocationPool): pool is AllocationPool<Ipv4> {
  return isIpv4(pool.start) && isIpv4(pool.end);
}

export function isPool6(pool: AllocationPool): pool is AllocationPool<Ipv6> {
  return isIpv6(pool.start) && isIpv6(pool.end);
}

const parsePool =
  <A extends IpAddress>(parse: Parse<A>): Parse<AllocationPool<A>> =>
  (value, what) => {
    const pool = new Fields(value, what);
    return { start: pool.required('start', parse), end: pool.required('end', parse) };
  };

const parseVersion = integerIn(4, 6);

/** Records of releases that knew one family only do not say which it is. */
export const parseSubnet = (f: Fields): Subnet => {
  const common = {
    kind: 'subnet',
    id: f.required('id', parseUuid<SubnetId>),
    tenantId: f.required('tenantId', parseUuid<TenantId>),
    networkId: f.required('networkId', parseUuid<NetworkId>),
    name: f.required('name', parseString),
    description: f.required('description', parseString),
    enableDhcp: f.required('enableDhcp', parseBoolean),
    serviceTypes: f.optional('serviceTypes', listOf(parseString)),
    ...parseStamps(f),
  } as const;
  if (f.optional('ipVersion', parseVersion) === 6) {
    return {
      ...common,
      ipVersion: 6,
      cidr: f.required('cidr', parseCidr6),
      gatewayIp: f.optional('gatewayIp', parseIpv6),
      dnsNameservers: f.list('dnsNameservers', parseIpv6),
      allocationPools: f.list('allocationPools', parsePool(parseIpv6)),
      raMode: f.optional('raMode', oneOf(...IPV6_MODES)),
      addressMode: f.optional('addressMode', oneOf(...IPV6_MODES)),
    };
  }
  return {
    ...common,
    ipVersion: 4,
    cidr: f.required('cidr', parseCidr),
    gatewayIp: f.optional('gatewayIp', parseIpv4),
    dnsNameservers: f.list('dnsNameservers', parseIpv4),
    allocationPools: f.list('allocationPools', parsePool(parseIpv4)),
    hostRoutes: f.optional('hostRoutes', listOf(parseStaticRoute)),
    subnetPoolId: f.optional('subnetPoolId', parseUuid<SubnetPoolId>),
  };
};
