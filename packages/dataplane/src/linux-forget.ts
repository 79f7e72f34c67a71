import type { IpAddress } from '@weft/core/ip';
import type { Conntrack, ConntrackEntry } from '@weft/netlink/conntrack';
import { isOver } from './over.ts';
import type { Over } from './over.ts';
import { ANY_ADDRESS } from './revocation.ts';
import { ENDED_MARK } from './ruleset/gateway.ts';
import type { FirstPacket } from './still-allowed.ts';

const TCP = 6;

/**
 * Ends the connections of a zone that a rule marked. TCP that was led inside is not deleted but dropped from here on: the workload's next
 * packet would be taken for a connection that it began itself, with the gateway's own address as its source, and where that is also the
 * address that it was reached at, all would go on. Throws NetlinkError.
 */
export function endMarked(conntrack: Conntrack, zone: number, mark: number): void {
  conntrack.remark((entry) => entry.zone === zone && entry.mark === mark && entry.protocol === TCP && entry.isLed, ENDED_MARK);
  conntrack.deleteByMark(zone, mark);
}

/**
 * Ends what is over in a zone, and nothing else. All TCP of it is dropped from here on as above: what is denied one way may be allowed the
 * other, and would be taken up again with the next packet from there. Throws NetlinkError.
 */
export function endOver(conntrack: Conntrack, zone: number, over: Over): void {
  const isStillThere = (entry: ConntrackEntry): boolean => entry.mark !== ENDED_MARK && isOver(over, entry);
  conntrack.remark((entry) => entry.zone === zone && entry.protocol === TCP && isStillThere(entry), ENDED_MARK);
  conntrack.deleteMatching((entry) => entry.zone === zone && entry.protocol !== TCP && isOver(over, entry));
}

/** Ends connections of a zone: all, or those of an address. Throws NetlinkError. */
export function forgetConnections(conntrack: Conntrack, zone: number, address: IpAddress | undefined): void {
  if (address === undefined) conntrack.deleteByZone(zone);
  else conntrack.deleteByAddress(zone, address);
}

/** Ends those connections of the addresses, by zone, that are not allowed. A dump, and a request for each that ends. Throws NetlinkError. */
export function forgetDenied(
  conntrack: Conntrack,
  addresses: ReadonlyMap<number, ReadonlySet<IpAddress>>,
  isAllowed: (zone: number, packet: FirstPacket) => boolean,
): void {
  conntrack.deleteMatching((entry) => {
    const asked = addresses.get(entry.zone);
    if (asked === undefined || !(asked.has(ANY_ADDRESS) || asked.has(entry.source) || asked.has(entry.destination))) return false;
    return !isAllowed(entry.zone, entry);
  });
}
