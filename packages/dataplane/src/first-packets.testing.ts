import type { Ipv4 } from '@weft/core/ipv4';
import type { Flow, Packet } from '@weft/core/reach/flow';
import { decodeEthernet, ETHERTYPE_IPV4 } from '@weft/core/packet/ethernet';
import type { Place } from '@weft/lab/probe/place';
import { InetSocket } from '@weft/sys/inet-socket';
import type { Netns } from '@weft/sys/netns';
import { PacketSocket } from '@weft/sys/packet-socket';
import { SysError } from '@weft/sys/sys-error';
import { decodeFirstPacket, encodeFirstPacket, FIRST_PROTOCOLS, numberOf } from './first-packet.testing.ts';

/**
 * First packets of connections, each with a tag of its own: its source port, or what its protocol has instead. NAT keeps those as long as
 * nobody else has them, so a packet is known wherever it comes out, whatever became of its addresses.
 */
export type Seen = Readonly<{ tag: number; where: string; packet: Packet }>;

/** Sends one through the stack of a namespace, which finds the route and asks for neighbours; what that refuses is not sent. */
export function sendFirstPacket(
  { netns, source }: Readonly<{ netns: Netns; source: Ipv4 | undefined }>,
  flow: Pick<Flow, 'protocol' | 'port' | 'icmp'> & Readonly<{ destination: Ipv4 }>,
  tag: number,
): InetSocket | undefined {
  const { destination, protocol, port = 0 } = flow;
  const hasStack = protocol === 'tcp' || protocol === 'udp';
  const socket = InetSocket.open(hasStack ? { netns, kind: protocol } : { netns, kind: 'raw', protocol: numberOf(protocol) });
  try {
    socket.bind(source ?? ('0.0.0.0' as Ipv4), hasStack ? tag : 0);
    if (protocol === 'tcp') socket.connect(destination, port);
    else socket.sendTo(protocol === 'udp' ? new Uint8Array(8) : encodeFirstPacket(flow, tag), destination, port);
    // A connection that may be accepted has to live until it is.
    if (protocol === 'tcp') return socket;
  } catch (error) {
    if (!(error instanceof SysError)) throw error;
  }
  socket[Symbol.dispose]();
  return undefined;
}

/** Sees first packets come in at an interface. */
export class PacketWatch implements Disposable {
  readonly #name: string;
  readonly #place: Place;
  readonly #socket: PacketSocket;

  constructor(name: string, place: Place) {
    this.#name = name;
    this.#place = place;
    this.#socket = PacketSocket.open({ netns: place.netns, ifname: place.ifname, protocol: ETHERTYPE_IPV4 });
  }

  *look(): Generator<Seen> {
    for (let received = this.#socket.receive(); received !== undefined; received = this.#socket.receive()) {
      const ethernet = received.outgoing ? undefined : decodeEthernet(received.frame);
      // A switch may show what is for somebody else.
      if (ethernet?.destination !== this.#place.mac) continue;
      const first = decodeFirstPacket(ethernet.payload);
      if (first !== undefined) yield { where: this.#name, ...first };
    }
  }

  [Symbol.dispose](): void {
    this.#socket[Symbol.dispose]();
  }
}

/** Hears what a gateway's own stack takes: an interface sees packets before the gateway's rules do. */
export class GatewayWatch implements Disposable {
  readonly #name: string;
  readonly #stack = new DisposableStack();
  readonly #sockets: readonly InetSocket[];

  constructor(name: string, netns: Netns) {
    this.#name = name;
    this.#sockets = FIRST_PROTOCOLS.map((protocol) => this.#stack.use(InetSocket.open({ netns, kind: 'raw', protocol })));
  }

  *look(): Generator<Seen> {
    for (const socket of this.#sockets) {
      for (let heard = socket.receive(); heard?.kind === 'data'; heard = socket.receive()) {
        const first = decodeFirstPacket(heard.bytes);
        if (first !== undefined) yield { where: this.#name, ...first };
      }
    }
  }

  [Symbol.dispose](): void {
    this.#stack.dispose();
  }
}
