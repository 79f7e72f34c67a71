import type { Ipv4 } from '@weft/core/ipv4';
import type { FlowProtocol, Packet } from '@weft/core/reach/flow';
import { decodeEthernet, ETHERTYPE_IPV4 } from '@weft/core/packet/ethernet';
import { encodeIcmpEcho } from '@weft/lab/packet/icmp-echo';
import type { Place } from '@weft/lab/probe/place';
import { decodeIpv4 } from '@weft/core/packet/ipv4';
import { InetSocket } from '@weft/sys/inet-socket';
import type { Netns } from '@weft/sys/netns';
import { PacketSocket } from '@weft/sys/packet-socket';
import { SysError } from '@weft/sys/sys-error';

/**
 * First packets of connections, each with a tag of its own: its source port, or an echo's identifier. NAT keeps those as long as nobody else
 * has them, so a packet is known wherever it comes out, whatever became of its addresses.
 */
export type Seen = Readonly<{ tag: number; where: string; packet: Packet }>;

/** Sends one through the stack of a namespace, which finds the route and asks for neighbours; what that refuses is not sent. */
export function sendFirstPacket(
  from: Readonly<{ netns: Netns; source: Ipv4 | undefined }>,
  to: Readonly<{ destination: Ipv4; protocol: FlowProtocol; port: number }>,
  tag: number,
): InetSocket | undefined {
  const socket = InetSocket.open({ netns: from.netns, kind: to.protocol });
  try {
    socket.bind(from.source ?? ('0.0.0.0' as Ipv4), tag);
    const echo = { kind: 'request', identifier: tag, sequence: 1, payload: new Uint8Array(8) } as const;
    if (to.protocol === 'tcp') socket.connect(to.destination, to.port);
    else socket.sendTo(to.protocol === 'udp' ? new Uint8Array(8) : encodeIcmpEcho(echo), to.destination, to.port);
    // A connection that may be accepted has to live until it is.
    if (to.protocol === 'tcp') return socket;
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
      const first = firstPacket(ethernet.payload);
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
  readonly #echoes: InetSocket;
  readonly #udp: readonly (readonly [number, InetSocket])[];
  readonly #tcp: readonly (readonly [number, InetSocket])[];

  constructor(name: string, netns: Netns, services: readonly (readonly [FlowProtocol, number])[]) {
    this.#name = name;
    const open = (kind: FlowProtocol): InetSocket => this.#stack.use(InetSocket.open({ netns, kind }));
    const listen = (kind: 'tcp' | 'udp'): (readonly [number, InetSocket])[] =>
      services.flatMap(([protocol, port]) => {
        if (protocol !== kind) return [];
        const socket = open(kind);
        socket.bind('0.0.0.0' as Ipv4, port);
        if (kind === 'tcp') socket.listen();
        return [[port, socket] as const];
      });
    this.#echoes = open('icmp');
    this.#udp = listen('udp');
    this.#tcp = listen('tcp');
  }

  /** Without the destination: a socket does not tell it. */
  *look(): Generator<Seen> {
    for (let heard = this.#echoes.receive(); heard?.kind === 'data'; heard = this.#echoes.receive()) {
      const first = firstPacket(heard.bytes);
      if (first !== undefined) yield { where: this.#name, ...first };
    }
    for (const [port, socket] of this.#udp) {
      for (let heard = socket.receive(); heard?.kind === 'data'; heard = socket.receive()) {
        yield this.#heard('udp', port, heard.from! as Ipv4, heard.port!);
      }
    }
    for (const [port, socket] of this.#tcp) {
      for (let heard = socket.accept(); heard !== undefined; heard = socket.accept()) {
        heard.socket[Symbol.dispose]();
        yield this.#heard('tcp', port, heard.from as Ipv4, heard.port);
      }
    }
  }

  [Symbol.dispose](): void {
    this.#stack.dispose();
  }

  #heard(protocol: FlowProtocol, port: number, source: Ipv4, tag: number): Seen {
    return { where: this.#name, tag, packet: { protocol, port, source, destination: '' as Ipv4 } };
  }
}

const PROTOCOLS: Readonly<Record<number, FlowProtocol>> = { 1: 'icmp', 6: 'tcp', 17: 'udp' };
const SYN_OF_SYN_AND_ACK = 0x12;

/** Of an IPv4 packet that begins a connection; answers and errors do not. */
function firstPacket(bytes: Uint8Array): Readonly<{ tag: number; packet: Packet }> | undefined {
  const ip = decodeIpv4(bytes);
  const protocol = ip === undefined ? undefined : PROTOCOLS[ip.protocol];
  if (ip === undefined || protocol === undefined || ip.payload.length < 8) return undefined;
  const view = new DataView(ip.payload.buffer, ip.payload.byteOffset, ip.payload.byteLength);
  const { source, destination } = ip;
  if (protocol === 'icmp') {
    const isRequest = view.getUint8(0) === 8;
    return isRequest ? { tag: view.getUint16(4), packet: { protocol, port: 0, source, destination } } : undefined;
  }
  if (protocol === 'tcp' && (view.getUint8(13) & SYN_OF_SYN_AND_ACK) !== 2) return undefined;
  return { tag: view.getUint16(0), packet: { protocol, port: view.getUint16(2), source, destination } };
}
