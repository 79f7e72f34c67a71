/** Whole frames for {@link sendFrame}: what a well-behaved endpoint sends, and what one sends that lies about itself. */
import type { Ipv4 } from '@weft/core/ipv4';
import { BROADCAST_MAC } from '@weft/core/mac';
import type { Mac } from '@weft/core/mac';
import type { Vni } from '@weft/core/vni';
import { encodeArp } from '../packet/arp.ts';
import type { ArpMessage } from '../packet/arp.ts';
import { concatBytes } from '@weft/core/packet/bytes';
import { DHCP_CLIENT_PORT, DHCP_SERVER_PORT, encodeDhcp } from '@weft/core/packet/dhcp';
import { encodeEthernet, encodeVlanTagged, ETHERTYPE_ARP, ETHERTYPE_IPV4 } from '@weft/core/packet/ethernet';
import type { EthernetFrame } from '@weft/core/packet/ethernet';
import { encodeIcmpEcho } from '../packet/icmp-echo.ts';
import { encodeIpv4, fragmentIpv4, ipv4Packet, PROTOCOL_ICMP, PROTOCOL_UDP } from '@weft/core/packet/ipv4';
import type { Ipv4Packet } from '@weft/core/packet/ipv4';
import { encodeUdp } from '@weft/core/packet/udp';
import { encodeVxlan } from '../packet/vxlan.ts';

/** One end of a packet. It need not exist, nor be the one that sends. */
export type Endpoint = Readonly<{ mac: Mac; ip: Ipv4 }>;

/** From whom to whom, whoever really sends. */
export type Envelope = Readonly<{ source: Endpoint; destination: Endpoint }>;

/** A site-specific DHCP option (RFC 3942), in which a forged offer carries its token. */
const TOKEN_OPTION = 224;
/** Ethernet's smallest payload; ARP's padding up to it holds a token. */
const MINIMUM_PAYLOAD_BYTES = 46;

/** A UDP datagram; ports 4000 unless told. `vlanId` puts an 802.1Q tag before it. */
export function udpFrame(
  datagram: Envelope & Readonly<{ payload: Uint8Array; sourcePort?: number; destinationPort?: number; vlanId?: number }>,
): Uint8Array {
  const { source, destination, payload, sourcePort = 4000, destinationPort = 4000, vlanId } = datagram;
  const udp = encodeUdp(source.ip, destination.ip, { sourcePort, destinationPort, payload });
  const frame = ethernetOf(datagram, ipv4Packet(source.ip, destination.ip, PROTOCOL_UDP, udp));
  return vlanId === undefined ? encodeEthernet(frame) : encodeVlanTagged(vlanId, frame);
}

/** An echo request. With `dontFragment` and a chosen payload length (MTU − 28) it measures what a path carries. */
export function echoFrame(echo: Envelope & Readonly<{ payload: Uint8Array; dontFragment?: boolean }>): Uint8Array {
  const { source, destination, payload, dontFragment = false } = echo;
  const icmp = encodeIcmpEcho({ kind: 'request', identifier: 7, sequence: 1, payload });
  return encodeEthernet(ethernetOf(echo, { ...ipv4Packet(source.ip, destination.ip, PROTOCOL_ICMP, icmp), dontFragment }));
}

/**
 * An ARP message in a frame from `source`, which need not be the sender that the message names, to `destination` (default: everybody).
 * `mark`, up to 18 bytes, lies in the padding.
 */
export function arpFrame(frame: Readonly<{ source: Mac; destination?: Mac; message: ArpMessage; mark?: Uint8Array }>): Uint8Array {
  const { source, destination = BROADCAST_MAC, message, mark = new Uint8Array() } = frame;
  const body = concatBytes(encodeArp(message), mark);
  const payload = concatBytes(body, new Uint8Array(Math.max(0, MINIMUM_PAYLOAD_BYTES - body.length)));
  return encodeEthernet({ source, destination, etherType: ETHERTYPE_ARP, payload });
}

/** What a workload sends that plays DHCP server: an offer of `offered` to a client that never asked. */
export function dhcpOfferFrame(offer: Envelope & Readonly<{ offered: Ipv4; mark: Uint8Array }>): Uint8Array {
  const { source, destination, offered, mark } = offer;
  const none = '0.0.0.0' as Ipv4;
  const payload = encodeDhcp({
    op: 'reply',
    transactionId: 1,
    seconds: 0,
    broadcast: false,
    clientAddress: none,
    yourAddress: offered,
    nextServerAddress: none,
    relayAddress: none,
    hardwareAddress: destination.mac,
    options: { messageType: 'offer', server: source.ip, other: new Map([[TOKEN_OPTION, mark]]) },
  });
  return udpFrame({ source, destination, payload, sourcePort: DHCP_SERVER_PORT, destinationPort: DHCP_CLIENT_PORT });
}

/** A whole tunnel packet as a node's underlay would send it: `inner`, for segment `vni`, in UDP to `port`. */
export function vxlanFrame(tunnel: Envelope & Readonly<{ port: number; vni: Vni; inner: Uint8Array }>): Uint8Array {
  const { source, destination, port, vni, inner } = tunnel;
  return udpFrame({ source, destination, payload: encodeVxlan({ vni, frame: inner }), sourcePort: 40_000, destinationPort: port });
}

/**
 * One datagram in two fragments with a chosen IP identification: `head` is in the first, `tail` in the second, each cut or padded to 24
 * bytes. Sent one in each of two tenants they must never become one.
 */
export function datagramHalves(
  halves: Envelope & Readonly<{ identification: number; head: Uint8Array; tail: Uint8Array }>,
): readonly [Uint8Array, Uint8Array] {
  const { source, destination, identification, head, tail } = halves;
  const payload = new Uint8Array(48);
  payload.set(head.subarray(0, 24));
  payload.set(tail.subarray(0, 24), 24);
  const udp = encodeUdp(source.ip, destination.ip, { sourcePort: 4000, destinationPort: 4000, payload });
  const [first, second] = fragmentIpv4(ipv4Packet(source.ip, destination.ip, PROTOCOL_UDP, udp, identification), 32);
  return [encodeEthernet(ethernetOf(halves, first!)), encodeEthernet(ethernetOf(halves, second!))];
}

function ethernetOf(envelope: Envelope, packet: Ipv4Packet): EthernetFrame {
  return {
    source: envelope.source.mac,
    destination: envelope.destination.mac,
    etherType: ETHERTYPE_IPV4,
    payload: encodeIpv4(packet),
  };
}
