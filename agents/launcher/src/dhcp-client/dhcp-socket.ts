import type { Ipv4 } from '@weft/core/ipv4';
import { BROADCAST_MAC } from '@weft/core/mac';
import type { Mac } from '@weft/core/mac';
import { decodeDhcp, DHCP_CLIENT_PORT, DHCP_SERVER_PORT, encodeDhcp } from '@weft/core/packet/dhcp';
import type { DhcpMessage } from '@weft/core/packet/dhcp';
import { decodeEthernet, encodeEthernet, ETHERTYPE_IPV4 } from '@weft/core/packet/ethernet';
import { decodeIpv4, encodeIpv4, ipv4Packet, PROTOCOL_UDP } from '@weft/core/packet/ipv4';
import { decodeUdp, encodeUdp } from '@weft/core/packet/udp';
import { PacketSocket } from '@weft/sys/packet-socket';

/** A server's answer, and the station it came from. */
export type DhcpAnswer = Readonly<{ message: DhcpMessage; from: Mac }>;

/** From `source`, to a server or to everybody. */
export type DhcpEnvelope = Readonly<{ source: Ipv4; to: Readonly<{ mac: Mac; ip: Ipv4 }> }>;

export const NO_ADDRESS = '0.0.0.0' as Ipv4;
export const EVERYBODY = { mac: BROADCAST_MAC, ip: '255.255.255.255' as Ipv4 } as const;

/** A client's end of DHCP on an interface that need not have an address, and where somebody else's client may have the port. */
export class DhcpSocket implements Disposable {
  readonly #mac: Mac;
  readonly #socket: PacketSocket;

  /** Throws SysError: ENODEV, EPERM. */
  constructor(options: Readonly<{ ifname: string; mac: Mac }>) {
    this.#mac = options.mac;
    this.#socket = PacketSocket.open({ ifname: options.ifname, protocol: ETHERTYPE_IPV4 });
  }

  /** Throws SysError, ENETDOWN while the interface is down. */
  send(message: DhcpMessage, { source, to }: DhcpEnvelope): void {
    const ports = { sourcePort: DHCP_CLIENT_PORT, destinationPort: DHCP_SERVER_PORT };
    const udp = encodeUdp(source, to.ip, { ...ports, payload: encodeDhcp(message) });
    const payload = encodeIpv4(ipv4Packet(source, to.ip, PROTOCOL_UDP, udp));
    this.#socket.send(encodeEthernet({ source: this.#mac, destination: to.mac, etherType: ETHERTYPE_IPV4, payload }));
  }

  /** The next reply that has come to this station, whomever it answers; undefined if none waits. Throws SysError. */
  receive(): DhcpAnswer | undefined {
    for (let received = this.#socket.receive(); received !== undefined; received = this.#socket.receive()) {
      const frame = received.outgoing ? undefined : decodeEthernet(received.frame);
      if (frame === undefined || (frame.destination !== this.#mac && frame.destination !== BROADCAST_MAC)) continue;
      const packet = decodeIpv4(frame.payload);
      if (packet?.protocol !== PROTOCOL_UDP || packet.moreFragments || packet.offsetBytes > 0) continue;
      const datagram = decodeUdp(packet.payload);
      if (datagram?.sourcePort !== DHCP_SERVER_PORT || datagram.destinationPort !== DHCP_CLIENT_PORT) continue;
      const message = decodeDhcp(datagram.payload);
      if (message?.op === 'reply') return { message, from: frame.source };
    }
    return undefined;
  }

  [Symbol.dispose](): void {
    this.#socket[Symbol.dispose]();
  }
}
