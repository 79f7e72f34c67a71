/** Network devices: `ip link`. What they are on the wire: link-message.ts. */
import { InvalidValue } from '@weft/core/weft-error';
import type { MessageWriter } from './codec/message-writer.ts';
import { NLM_F_CREATE, NLM_F_EXCL } from './codec/message.ts';
import {
  checkLinkAlias,
  decodeLink,
  encodeLinkHeader,
  parseInterfaceName,
  writeBridgePort,
  writeLinkAlias,
  writeLinkChange,
  writeLinkCreation,
  writeLinkName,
} from './link-message.ts';
import type { Link, LinkChange, LinkSpec } from './link-message.ts';
import { isAbsent } from './netlink-error.ts';
import { Rtnl } from './rtnl.ts';
import type { NetlinkRequest } from './rtnl.ts';

export type { Bridge, BridgePort, Link, LinkChange, LinkSpec, Vxlan } from './link-message.ts';

const RTM_NEWLINK = { code: 16, name: 'RTM_NEWLINK' };
const RTM_DELLINK = { code: 17, name: 'RTM_DELLINK' };
const RTM_GETLINK = { code: 18, name: 'RTM_GETLINK' };
const IFLA_MASTER = 10;

/** All devices of the namespace, or the ports of the bridge `master`. Throws NetlinkError. */
export function linkList(rtnl: Rtnl, only: Readonly<{ master?: number }> = {}): Link[] {
  const body = (m: MessageWriter): void => {
    m.raw(encodeLinkHeader({}));
    if (only.master !== undefined) m.u32(IFLA_MASTER, only.master);
  };
  return rtnl.dump({ type: RTM_GETLINK, body }).map(decodeLink);
}

/** The device of that name. Throws NetlinkError. */
export function linkGet(rtnl: Rtnl, name: string): Link | undefined {
  const what = parseInterfaceName(name);
  try {
    return decodeLink(rtnl.get({ type: RTM_GETLINK, what, body: (m) => writeLinkName(m, name) }));
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
}

/**
 * Makes a device. The creating message cannot carry an alias or port flags, so these (and `up`) follow in a second one; if that is refused the
 * device is removed again, and if this process is killed between them the device is there, down and without them.
 * Throws NetlinkError: EEXIST, EOPNOTSUPP for a kind that the kernel lacks, EADDRINUSE for a VXLAN's UDP port.
 */
export function linkAdd(rtnl: Rtnl, spec: LinkSpec): void {
  const { name, alias, bridgePort, up = false } = spec;
  checkLinkAlias(alias);
  // Opened before anything is made, so that nothing is left half-done for want of a socket.
  using elsewhere = spec.netns === undefined ? undefined : Rtnl.open(spec.netns);
  const there = elsewhere ?? rtnl;
  rtnl.request({
    type: RTM_NEWLINK,
    flags: NLM_F_CREATE | NLM_F_EXCL,
    what: `${spec.kind} ${parseInterfaceName(name)}`,
    body: (m) => writeLinkCreation(m, spec),
  });
  if (alias === undefined && bridgePort === undefined && !up) return;
  const writeRest = (m: MessageWriter): void => {
    writeLinkName(m, name, up);
    writeLinkAlias(m, alias);
    if (bridgePort !== undefined) writeBridgePort(m, bridgePort);
  };
  try {
    there.request({ type: RTM_NEWLINK, what: name, body: writeRest });
  } catch (error) {
    there.batch([{ type: RTM_DELLINK, body: (m) => writeLinkName(m, name) }]);
    throw error;
  }
}

/**
 * Changes a device. The order is: everything of the device itself, then its flags as a bridge's port, then `up` – so that a port never
 * forwards before its flags are set. What comes before a refused part has been done. A device that moves away (`netns`) is changed *there*,
 * port flags excepted: set those through an Rtnl of that namespace. Throws NetlinkError, ENODEV if there is none.
 */
export function linkSet(rtnl: Rtnl, index: number, change: LinkChange): void {
  for (const request of linkSetRequests(index, change)) rtnl.request(request);
}

/** The one or two messages of {@link linkSet}, for {@link Rtnl.batch}. */
export function linkSetRequests(index: number, change: LinkChange): NetlinkRequest[] {
  const { bridgePort } = change;
  if (bridgePort !== undefined && change.netns !== undefined) {
    throw new InvalidValue('bridgePort', index, 'cannot be set while the device moves to another namespace');
  }
  const what = `link ${index}`;
  const { up, ...rest } = change;
  if (bridgePort === undefined) return [{ type: RTM_NEWLINK, what, body: (m) => writeLinkChange(m, index, change) }];
  const port = (m: MessageWriter): void => {
    m.raw(encodeLinkHeader({ index, up }));
    writeBridgePort(m, bridgePort);
  };
  const requests: NetlinkRequest[] = [{ type: RTM_NEWLINK, what: `port flags of ${what}`, body: port }];
  const others = Object.keys(rest).some((key) => key !== 'bridgePort');
  return others ? [{ type: RTM_NEWLINK, what, body: (m) => writeLinkChange(m, index, rest) }, ...requests] : requests;
}

/** Removes a device (and a veth's peer). A bridge takes some 17 ms. Throws NetlinkError, ENODEV if there is none. */
export function linkDelete(rtnl: Rtnl, index: number): void {
  rtnl.request(linkDeleteRequest(index));
}

export function linkDeleteRequest(index: number): NetlinkRequest {
  return { type: RTM_DELLINK, what: `link ${index}`, body: (m) => m.raw(encodeLinkHeader({ index })) };
}
