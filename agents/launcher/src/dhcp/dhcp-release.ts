import { randomInt } from 'node:crypto';
import { ipv4ToBytes } from '@weft/core/ipv4';
import type { Ipv4 } from '@weft/core/ipv4';
import { macToBytes } from '@weft/core/mac';
import type { Mac } from '@weft/core/mac';
import { InetSocket } from '@weft/sys/inet-socket';
import { netnsOpen } from '@weft/sys/netns';

/** Whose lease is given back, and to whom: the server's own address. */
export type DhcpRelease = Readonly<{ address: Ipv4; mac: Mac; clientId: Uint8Array | undefined; server: Ipv4 }>;

const DHCP_SERVER_PORT = 67;
const HEADER_BYTES = 236;
const MAGIC_COOKIE = [0x63, 0x82, 0x53, 0x63];
const MESSAGE_TYPE = 53;
const RELEASE = 7;
const SERVER_IDENTIFIER = 54;
const CLIENT_IDENTIFIER = 61;
const END = 255;

/**
 * DHCPRELEASE (RFC 2131 §4.4.6). The server knows the lease by the client identifier, or by the MAC if the client had sent none; so both
 * are as in its lease file.
 */
export function encodeDhcpRelease({ address, mac, clientId, server }: DhcpRelease, transactionId: number): Uint8Array {
  const header = new Uint8Array(HEADER_BYTES);
  header.set([1, 1, 6, 0]);
  new DataView(header.buffer).setUint32(4, transactionId);
  header.set(ipv4ToBytes(address), 12);
  header.set(macToBytes(mac), 28);
  const id = clientId === undefined ? [] : [CLIENT_IDENTIFIER, clientId.length, ...clientId];
  const options = [MESSAGE_TYPE, 1, RELEASE, SERVER_IDENTIFIER, 4, ...ipv4ToBytes(server), ...id, END];
  return Uint8Array.from([...header, ...MAGIC_COOKIE, ...options]);
}

/** Sends releases to a server from within its own namespace. Throws SysError. */
export function sendDhcpReleases(netnsPath: string, releases: readonly DhcpRelease[]): void {
  if (releases.length === 0) return;
  using netns = netnsOpen(netnsPath);
  using socket = InetSocket.open({ netns, kind: 'udp' });
  for (const release of releases) socket.sendTo(encodeDhcpRelease(release, randomInt(2 ** 32)), release.server, DHCP_SERVER_PORT);
}
