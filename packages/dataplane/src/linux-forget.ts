import type { Ipv4 } from '@weft/core/ipv4';
import type { Conntrack } from '@weft/netlink/conntrack';
import type { Service } from './kernel.ts';
import { ANY_ADDRESS } from './revocation.ts';
import { ENDED_MARK } from './ruleset/gateway.ts';
import type { FirstPacket } from './still-allowed.ts';

const PROTOCOLS = { tcp: 6, udp: 17 } as const;

/**
 * Ends the connections of a zone that a rule marked. TCP that was led inside is not deleted but dropped from here on: the workload's next
 * packet would be taken for a connection that it began itself, with the gateway's own address as its source, and where that is also the
 * address that it was reached at, all would go on. Throws NetlinkError.
 */
export function endMarked(conntrack: Conntrack, zone: number, mark: number): void {
  conntrack.remark((entry) => entry.zone === zone && entry.mark === mark && entry.protocol === PROTOCOLS.tcp && entry.isLed, ENDED_MARK);
  conntrack.deleteByMark(zone, mark);
}

/**
 * Ends connections of a zone: all, those of an address, or those of a service of an address. The last are deleted by who opened them, and take
 * along whatever else that client has there: it dials again, while all other clients of the address are left alone. Throws NetlinkError.
 */
export function forgetConnections(conntrack: Conntrack, zone: number, address: Ipv4 | undefined, service: Service | undefined): void {
  if (address === undefined) return conntrack.deleteByZone(zone);
  if (service === undefined) return conntrack.deleteByAddress(zone, address);
  const clients = new Set<Ipv4>();
  for (const entry of conntrack.list()) {
    const fits = entry.zone === zone && entry.destination === address && entry.protocol === PROTOCOLS[service.protocol];
    if (fits && entry.destinationPort === service.port) clients.add(entry.source);
  }
  for (const client of clients) conntrack.deleteByAddress(zone, client);
}

/** Ends those connections of the addresses, by zone, that are not allowed. A dump, and a request for each that ends. Throws NetlinkError. */
export function forgetDenied(
  conntrack: Conntrack,
  addresses: ReadonlyMap<number, ReadonlySet<Ipv4>>,
  isAllowed: (zone: number, packet: FirstPacket) => boolean,
): void {
  conntrack.deleteWhere((entry) => {
    const asked = addresses.get(entry.zone);
    if (asked === undefined || !(asked.has(ANY_ADDRESS) || asked.has(entry.source) || asked.has(entry.destination))) return false;
    return !isAllowed(entry.zone, entry);
  });
}
