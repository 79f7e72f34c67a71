import { parseCidr } from '../cidr.ts';
import type { Cidr } from '../cidr.ts';
import { parseCidr6 } from '../cidr6.ts';
import type { Cidr6 } from '../cidr6.ts';
import { Fields, integerIn, listOf, parseString, oneOf, parseBoolean, parseCount } from '../fields.ts';
import type { Parse } from '../fields.ts';
import { parseIpv4 } from '../ipv4.ts';
import type { Ipv4 } from '../ipv4.ts';
import { parseIpv6 } from '../ipv6.ts';
import type { Ipv6 } from '../ipv6.ts';
import { IPV6_MODES } from '../ipv6-mode.ts';
import type { Ipv6Mode } from '../ipv6-mode.ts';
import { parseMac } from '../mac.ts';
import type { Mac } from '../mac.ts';
import { parseRateLimit } from '../rate-limit.ts';
import type { RateLimit } from '../rate-limit.ts';
import type { Uplink } from '../resource.ts';
import { parseStaticRoute, parseStaticRoute6 } from '../router.ts';
import type { StaticRoute, StaticRoute6 } from '../router.ts';
import { parseUuid } from '../uuid.ts';
import type { ConcentratorId, TenantId } from '../uuid.ts';
import { parseVni } from '../vni.ts';
import type { Vni } from '../vni.ts';

export type GatewaySubnet = Readonly<{
  cidr: Cidr;
  gatewayIp: Ipv4;
  dhcp: boolean;
  dnsNameservers: readonly Ipv4[];
  /** What its DHCP server tells of other ways. */
  hostRoutes?: readonly StaticRoute[] | undefined;
  /** What leases name as the way on. Absent: the gateway itself; empty: none. */
  routers?: readonly Ipv4[] | undefined;
  /** How long a lease lasts, at least 2. Absent: an hour. */
  leaseMinutes?: number | undefined;
}>;

export type GatewaySubnet6 = Readonly<{
  cidr: Cidr6;
  gatewayIp: Ipv6;
  /** What it says in router advertisements. Absent: it sends none for this subnet. */
  advertise?: Ipv6Mode | undefined;
  /** Whether it answers DHCPv6 here. */
  dhcp: boolean;
  dnsNameservers: readonly Ipv6[];
}>;

/** `subnets6` absent: none. The two families of a segment share the leg and its MAC. */
export type GatewaySegment = Readonly<{
  vni: Vni;
  mac: Mac;
  mtu: number;
  /** What its clients are told that names end with, with a dot at its end. Absent: the cluster's domain. */
  dnsDomain?: string | undefined;
  subnets: readonly GatewaySubnet[];
  subnets6?: readonly GatewaySubnet6[] | undefined;
}>;

/** A tenant's gateway hosted on this node: its addresses, routing, source NAT, and what it refuses. Key: the concentrator's id. */
export type GatewayBody = Readonly<{
  concentratorId: ConcentratorId;
  tenantId: TenantId;
  generation: number;
  uplink: Uplink | undefined;
  /** Underlay, management and VTEP prefixes: dropped before any NAT when routed to the uplink (design §7). */
  infrastructure: readonly Cidr[];
  segments: readonly GatewaySegment[];
  /** Of what passes the uplink. */
  rateLimit?: RateLimit | undefined;
  /** False: it forwards nothing, but answers for itself. Absent: true. */
  forwarding?: boolean | undefined;
  /** False: only what has a public address gets out. Absent: true. */
  sourceNat?: boolean | undefined;
  /** By next hops on the subnets above. */
  routes?: readonly StaticRoute[] | undefined;
  routes6?: readonly StaticRoute6[] | undefined;
}>;

export const gatewayKey = (concentratorId: ConcentratorId): string => concentratorId;

const parseSubnet6: Parse<GatewaySubnet6> = (value, what) => {
  const f = new Fields(value, what);
  return {
    cidr: f.required('cidr', parseCidr6),
    gatewayIp: f.required('gatewayIp', parseIpv6),
    advertise: f.optional('advertise', oneOf(...IPV6_MODES)),
    dhcp: f.required('dhcp', parseBoolean),
    dnsNameservers: f.list('dnsNameservers', parseIpv6),
  };
};

export function parseGatewayBody(value: unknown): GatewayBody {
  const f = new Fields(value, 'gateway');
  return {
    concentratorId: f.required('concentratorId', parseUuid<ConcentratorId>),
    tenantId: f.required('tenantId', parseUuid<TenantId>),
    generation: f.required('generation', parseCount),
    uplink: f.optional('uplink', (value, what) => {
      const u = new Fields(value, what);
      return {
        address: u.required('address', parseIpv4),
        prefixLength: u.required('prefixLength', integerIn(0, 32)),
        gateway: u.required('gateway', parseIpv4),
      };
    }),
    infrastructure: f.list('infrastructure', parseCidr),
    segments: f.list('segments', (value, what) => {
      const s = new Fields(value, what);
      return {
        vni: s.required('vni', parseVni),
        mac: s.required('mac', parseMac),
        mtu: s.required('mtu', integerIn(68, 65_535)),
        dnsDomain: s.optional('dnsDomain', parseString),
        subnets: s.list('subnets', (value, what) => {
          const n = new Fields(value, what);
          return {
            cidr: n.required('cidr', parseCidr),
            gatewayIp: n.required('gatewayIp', parseIpv4),
            dhcp: n.required('dhcp', parseBoolean),
            dnsNameservers: n.list('dnsNameservers', parseIpv4),
            hostRoutes: n.optional('hostRoutes', listOf(parseStaticRoute)),
            routers: n.optional('routers', listOf(parseIpv4)),
            leaseMinutes: n.optional('leaseMinutes', integerIn(2, 1440)),
          };
        }),
        subnets6: s.optional('subnets6', listOf(parseSubnet6)),
      };
    }),
    rateLimit: f.optional('rateLimit', parseRateLimit),
    forwarding: f.optional('forwarding', parseBoolean),
    sourceNat: f.optional('sourceNat', parseBoolean),
    routes: f.optional('routes', listOf(parseStaticRoute)),
    routes6: f.optional('routes6', listOf(parseStaticRoute6)),
  };
}
