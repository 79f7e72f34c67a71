/** Routes: `ip route`. Messages are `struct rtmsg` and RTA_* attributes. Source: rtnetlink(7), linux/rtnetlink.h. */
import { ipCidrNetwork, ipCidrOf, ipCidrPrefixLength, ipFromBytes, ipToBytes } from '@weft/core/ip';
import type { IpAddress, IpCidr } from '@weft/core/ip';
import { AttributeMap } from './codec/attributes.ts';
import type { MessageWriter } from './codec/message-writer.ts';
import { NLM_F_CREATE, NLM_F_REPLACE } from './codec/message.ts';
import type { Message } from './codec/message.ts';
import { NetlinkDecodeError } from './codec/netlink-decode-error.ts';
import { AF_INET, AF_INET6, familyOf } from './family.ts';
import type { NetlinkRequest, Rtnl } from './rtnl.ts';

const RTM_NEWROUTE = { code: 24, name: 'RTM_NEWROUTE' };
const RTM_DELROUTE = { code: 25, name: 'RTM_DELROUTE' };
const RTM_GETROUTE = { code: 26, name: 'RTM_GETROUTE' };

/** The originator by which a process without memory knows our routes (RTPROT_*, unassigned in rt_protos). */
export const ROUTE_PROTOCOL_WEFT = 121;

export const ROUTE_TABLE_MAIN = 254;

const HEADER_BYTES = 12;
const SCOPE_UNIVERSE = 0;
const SCOPE_LINK = 253;
const SCOPE_NOWHERE = 255;
const RTN_UNICAST = 1;
const RTA_DST = 1;
const RTA_OIF = 4;
const RTA_GATEWAY = 5;
const RTA_TABLE = 15;
const ANY = '0.0.0.0' as IpAddress;

/** A unicast route with one way out. */
export type Route = Readonly<{
  /** undefined: the default route, of the family of its gateway. */
  destination: IpCidr | undefined;
  /** undefined: the destination is on the link. */
  gateway: IpAddress | undefined;
  /** Index of the device it leaves by. */
  oif: number;
  table: number;
  protocol: number;
  scope: number;
}>;

/** A route to write, by default IPv4's default route; its protocol is always {@link ROUTE_PROTOCOL_WEFT}, its table by default the main one. */
export type RouteSpec = Readonly<{ destination: IpCidr | undefined; gateway: IpAddress | undefined; oif: number; table?: number }>;

/** The unicast routes of all tables and families, multipath routes (of others) excepted. Throws NetlinkError. */
export function routeList(rtnl: Rtnl): Route[] {
  const body = (family: number) => (m: MessageWriter) => m.raw(Uint8Array.of(family, ...Array.from({ length: HEADER_BYTES - 1 }, () => 0)));
  return [AF_INET, AF_INET6]
    .flatMap((family) => rtnl.dump({ type: RTM_GETROUTE, body: body(family) }))
    .map(decodeRoute)
    .filter((route) => route !== undefined);
}

/** Adds the route to that destination or replaces it. Throws NetlinkError, ENETUNREACH if the gateway is not on a link. */
export function routeReplace(rtnl: Rtnl, spec: RouteSpec): void {
  rtnl.request(routeReplaceRequest(spec));
}

export function routeReplaceRequest(spec: RouteSpec): NetlinkRequest {
  const scope = spec.gateway === undefined ? SCOPE_LINK : SCOPE_UNIVERSE;
  return {
    type: RTM_NEWROUTE,
    flags: NLM_F_CREATE | NLM_F_REPLACE,
    what: describe(spec),
    body: (m) => writeRoute(m, spec, scope, RTN_UNICAST),
  };
}

/** Removes one of *our* routes: others to the same destination stay. Throws NetlinkError, ESRCH if there is none. */
export function routeDelete(rtnl: Rtnl, spec: RouteSpec): void {
  rtnl.request(routeDeleteRequest(spec));
}

export function routeDeleteRequest(spec: RouteSpec): NetlinkRequest {
  return { type: RTM_DELROUTE, what: describe(spec), body: (m) => writeRoute(m, spec, SCOPE_NOWHERE, RTN_UNICAST) };
}

/** family, destination and source length, tos, table, protocol, scope, type; flags u32. */
function writeRoute(m: MessageWriter, spec: RouteSpec, scope: number, type: number): void {
  const { destination, gateway, oif, table = ROUTE_TABLE_MAIN } = spec;
  const prefix = destination === undefined ? 0 : ipCidrPrefixLength(destination);
  const network = destination === undefined ? undefined : ipCidrNetwork(destination);
  const family = familyOf(gateway ?? network ?? ANY);
  m.raw(Uint8Array.of(family, prefix, 0, 0, table > 255 ? 0 : table, ROUTE_PROTOCOL_WEFT, scope, type, 0, 0, 0, 0));
  m.u32(RTA_TABLE, table);
  m.u32(RTA_OIF, oif);
  if (network !== undefined) m.bytes(RTA_DST, ipToBytes(network));
  if (gateway !== undefined) m.bytes(RTA_GATEWAY, ipToBytes(gateway));
}

function decodeRoute({ payload }: Message): Route | undefined {
  if (payload.length < HEADER_BYTES) throw new NetlinkDecodeError('cut route', payload.length, HEADER_BYTES);
  const attributes = AttributeMap.decode(payload, HEADER_BYTES);
  const oif = attributes.u32(RTA_OIF);
  if (payload[7] !== RTN_UNICAST || oif === undefined) return undefined;
  const bytes = payload[0] === AF_INET6 ? 16 : 4;
  const destination = attributes.atLeast(RTA_DST, bytes);
  const gateway = attributes.atLeast(RTA_GATEWAY, bytes);
  return {
    destination: destination === undefined ? undefined : ipCidrOf(ipFromBytes(destination), payload[1] ?? 0),
    gateway: gateway === undefined ? undefined : ipFromBytes(gateway),
    oif,
    table: attributes.u32(RTA_TABLE) ?? payload[4] ?? 0,
    protocol: payload[5] ?? 0,
    scope: payload[6] ?? 0,
  };
}

function describe({ destination, gateway, oif }: RouteSpec): string {
  return `${destination ?? 'default'}${gateway === undefined ? '' : ` via ${gateway}`} by link ${oif}`;
}
