import { randomInt } from 'node:crypto';
import { ipv6ToBytes } from '@weft/core/ipv6';
import type { Ipv6 } from '@weft/core/ipv6';
import { linkGet } from '@weft/netlink/link';
import { Rtnl } from '@weft/netlink/rtnl';
import { InetSocket } from '@weft/sys/inet-socket';
import { netnsOpen } from '@weft/sys/netns';

/** Whose lease is given back: to the server at `server`, its link-local address on the gateway's interface `leg`. */
export type Dhcp6Release = Readonly<{
  address: Ipv6;
  iaid: number;
  clientId: Uint8Array;
  serverId: Uint8Array;
  server: Ipv6;
  leg: string;
}>;

const DHCPV6_SERVER_PORT = 547;
const RELEASE = 8;
const CLIENT_ID = 1;
const SERVER_ID = 2;
const IA_NA = 3;
const IA_ADDRESS = 5;

/** RELEASE (RFC 8415 §18.2.7) in the client's name: the server knows the lease by the client's identifier, its association and its address. */
export function encodeDhcp6Release({ address, iaid, clientId, serverId }: Dhcp6Release, transactionId: number): Uint8Array {
  const leased = option(IA_ADDRESS, Uint8Array.of(...ipv6ToBytes(address), ...new Uint8Array(8)));
  const association = option(IA_NA, Uint8Array.of(...u32(iaid), ...new Uint8Array(8), ...leased));
  const header = [RELEASE, ...u32(transactionId).subarray(1)];
  return Uint8Array.of(...header, ...option(CLIENT_ID, clientId), ...option(SERVER_ID, serverId), ...association);
}

/** Sends releases to a server from within its own namespace. Throws SysError; where a leg is not there, nothing is sent. */
export function sendDhcp6Releases(netnsPath: string, releases: readonly Dhcp6Release[]): void {
  if (releases.length === 0) return;
  using netns = netnsOpen(netnsPath);
  using rtnl = Rtnl.open(netns);
  using socket = InetSocket.open({ netns, kind: 'udp', family: 6 });
  for (const release of releases) {
    const index = linkGet(rtnl, release.leg)?.index;
    if (index === undefined) continue;
    socket.sendTo(encodeDhcp6Release(release, randomInt(2 ** 24)), release.server, DHCPV6_SERVER_PORT, index);
  }
}

function u32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value);
  return bytes;
}

function option(code: number, value: Uint8Array): Uint8Array {
  return Uint8Array.of(code >> 8, code & 255, value.length >> 8, value.length & 255, ...value);
}
