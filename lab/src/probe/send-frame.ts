import { isIpv6 } from '@weft/core/ip';
import type { IpAddress } from '@weft/core/ip';
import type { Ipv4 } from '@weft/core/ipv4';
import { InetSocket } from '@weft/sys/inet-socket';
import { PacketSocket } from '@weft/sys/packet-socket';
import type { Place } from './place.ts';

/** Sends a whole frame out of `place`'s interface `n` times, past its IP stack: any source, any content. Throws SysError. */
export function sendFrame(place: Place, frame: Uint8Array, n = 1): void {
  using socket = PacketSocket.open({ netns: place.netns, ifname: place.ifname });
  for (let sent = 0; sent < n; sent++) socket.send(frame);
}

export type DatagramOptions = Readonly<{ target: IpAddress; port: number; payload: Uint8Array; sourcePort?: number; n?: number }>;

/**
 * Sends a UDP datagram through the IP stack of `place`'s namespace: its routes and address resolution, so it is on its way only when the
 * next hop's address is known. Throws SysError (ENETUNREACH…).
 */
export function sendDatagram(place: Place, options: DatagramOptions): void {
  using socket = InetSocket.open({ netns: place.netns, kind: 'udp', family: isIpv6(options.target) ? 6 : 4 });
  if (options.sourcePort !== undefined) socket.bind(place.ip ?? ('0.0.0.0' as Ipv4), options.sourcePort);
  for (let sent = 0; sent < (options.n ?? 1); sent++) socket.sendTo(options.payload, options.target, options.port);
}
