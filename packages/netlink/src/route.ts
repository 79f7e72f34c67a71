/** IPv4 routes: `ip route`. Messages are `struct rtmsg` and RTA_* attributes. Source: rtnetlink(7), linux/rtnetlink.h. */
import { cidrNetwork, cidrOf, cidrPrefixLength } from '@weft/core/cidr';
import type { Cidr } from '@weft/core/cidr';
import { ipv4FromBytes, ipv4ToBytes } from '@weft/core/ipv4';
import type { Ipv4 } from '@weft/core/ipv4';
import { AttributeMap } from './codec/attributes.ts';
import type { MessageWriter } from './codec/message-writer.ts';
import { NLM_F_CREATE, NLM_F_REPLACE } from './codec/message.ts';
import type { Message } from './codec/message.ts';
import { NetlinkDecodeError } from './codec/netlink-decode-error.ts';
import type { NetlinkRequest, Rtnl } from './rtnl.ts';

const RTM_NEWROUTE = { code: 24, name: 'RTM_NEWROUTE' };
const RTM_DELROUTE = { code: 25, name: 'RTM_DELROUTE' };
const RTM_GETROUTE = { code: 26, name: 'RTM_GETROUTE' };

/** The originator by which a process without memory knows our routes (RTPROT_*, unassigned in rt_protos). */
export const ROUTE_PROTOCOL_WEFT = 121;

export const ROUTE_TABLE_MAIN = 254;

const AF_INET = 2;
const HEADER_BYTES = 12;
const SCOPE_UNIVERSE = 0;
const SCOPE_LINK = 253;
const SCOPE_NOWHERE = 255;
const RTN_UNICAST = 1;
const RTA_DST = 1;
const RTA_OIF = 4;
const RTA_GATEWAY = 5;
const RTA_TABLE = 15;

/** A unicast route with one way out. */
export type Route = Readonly<{
  /** undefined: the default route. */
  destination: Cidr | undefined;
  /** undefined: the destination is on the link. */
  gateway: Ipv4 | undefined;
  /** Index of the device it leaves by. */
  oif: number;
  table: number;
  protocol: number;
  scope: number;
}>;

/** A route to write; its protocol is always {@link ROUTE_PROTOCOL_WEFT}, its table by default the main one. */
export type RouteSpec = Readonly<{ destination: Cidr | undefined; gateway: Ipv4 | undefined; oif: number; table?: number }>;

/** The unicast routes of all tables, multipath routes (of others) excepted. Throws NetlinkError. */
export function routeList(rtnl: Rtnl): Route[] {
  const body = (m: MessageWriter): void => m.raw(Uint8Array.of(AF_INET, ...Array.from({ length: HEADER_BYTES - 1 }, () => 0)));
  return rtnl
    .dump({ type: RTM_GETROUTE, body })
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
  const prefix = destination === undefined ? 0 : cidrPrefixLength(destination);
  m.raw(Uint8Array.of(AF_INET, prefix, 0, 0, table > 255 ? 0 : table, ROUTE_PROTOCOL_WEFT, scope, type, 0, 0, 0, 0));
  m.u32(RTA_TABLE, table);
  m.u32(RTA_OIF, oif);
  if (destination !== undefined) m.bytes(RTA_DST, ipv4ToBytes(cidrNetwork(destination)));
  if (gateway !== undefined) m.bytes(RTA_GATEWAY, ipv4ToBytes(gateway));
}

function decodeRoute({ payload }: Message): Route | undefined {
  if (payload.length < HEADER_BYTES) throw new NetlinkDecodeError('cut route', payload.length, HEADER_BYTES);
  const attributes = AttributeMap.decode(payload, HEADER_BYTES);
  const oif = attributes.u32(RTA_OIF);
  if (payload[7] !== RTN_UNICAST || oif === undefined) return undefined;
  const destination = attributes.atLeast(RTA_DST, 4);
  const gateway = attributes.atLeast(RTA_GATEWAY, 4);
  return {
    destination: destination === undefined ? undefined : cidrOf(ipv4FromBytes(destination), payload[1] ?? 0),
    gateway: gateway === undefined ? undefined : ipv4FromBytes(gateway),
    oif,
    table: attributes.u32(RTA_TABLE) ?? payload[4] ?? 0,
    protocol: payload[5] ?? 0,
    scope: payload[6] ?? 0,
  };
}

function describe({ destination, gateway, oif }: RouteSpec): string {
  return `${destination ?? 'default'}${gateway === undefined ? '' : ` via ${gateway}`} by link ${oif}`;
}
