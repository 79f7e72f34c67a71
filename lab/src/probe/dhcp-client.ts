import { randomInt } from 'node:crypto';
import type { Ipv4 } from '@weft/core/ipv4';
import { BROADCAST_MAC } from '@weft/core/mac';
import type { Mac } from '@weft/core/mac';
import { PacketSocket } from '@weft/sys/packet-socket';
import { decodeDhcp, DHCP_CLIENT_PORT, DHCP_SERVER_PORT, encodeDhcp } from '@weft/core/packet/dhcp';
import type { DhcpMessage } from '@weft/core/packet/dhcp';
import type { DhcpMessageType, DhcpOptions } from '@weft/core/packet/dhcp-options';
import { decodeEthernet, ETHERTYPE_IPV4 } from '@weft/core/packet/ethernet';
import { decodeIpv4, PROTOCOL_UDP } from '@weft/core/packet/ipv4';
import { decodeUdp } from '@weft/core/packet/udp';
import { udpFrame } from './frames.ts';
import type { Place } from './place.ts';
import { sendFrame } from './send-frame.ts';
import { poll } from './ticker.ts';

const NONE = '0.0.0.0' as Ipv4;
const EVERYBODY = { mac: BROADCAST_MAC, ip: '255.255.255.255' as Ipv4 };
/** Subnet mask, routers, name servers, MTU, broadcast address, lease time. */
const WANTED = [1, 3, 6, 26, 28, 51];
/** RFC 2131 §4.1 begins with 4 s; a lab's network is a machine away. */
const FIRST_RETRANSMISSION_MS = 200;
const LONGEST_RETRANSMISSION_MS = 1600;
/** After that long without an answer to a REQUEST the client begins anew: the server may have forgotten its offer. */
const REQUEST_MS = 3000;
const MESSAGE_OPTION = 56;

export type DhcpClientOptions = Readonly<{
  /** Default: the place's. */
  mac?: Mac;
  hostname?: string;
  /** Asks for answers by broadcast, as firmware does. */
  broadcastFlag?: boolean;
  timeoutMs: number;
  /** The address that the client would like. */
  requested?: Ipv4;
  /** Option 61, type byte first; not sent by default. */
  clientIdentifier?: Uint8Array;
  /** Codes of options to ask for beside the usual ones; they are in the lease's `other`. */
  wanted?: readonly number[];
  signal?: AbortSignal;
}>;

/** A lease, as the ACK says. What the server left out is undefined. `broadcast`: the ACK came to everybody. */
export type DhcpLease = Readonly<{
  kind: 'bound';
  address: Ipv4;
  server: Ipv4;
  serverMac: Mac;
  netmask: Ipv4 | undefined;
  router: Ipv4 | undefined;
  mtu: number | undefined;
  leaseSeconds: number | undefined;
  dns: readonly Ipv4[];
  broadcast: boolean;
  /** Further options as bytes, by code. */
  other: ReadonlyMap<number, Uint8Array>;
  tookMs: number;
}>;

export type DhcpOutcome =
  | DhcpLease
  | Readonly<{ kind: 'timeout'; waitingFor: 'offer' | 'ack'; tookMs: number }>
  | Readonly<{ kind: 'refused'; server: Ipv4 | undefined; message: string; tookMs: number }>;

type Answer = Readonly<{ message: DhcpMessage; from: Mac; broadcast: boolean }>;

/**
 * Gets a lease: DISCOVER, OFFER, REQUEST, ACK, with retransmissions, on a packet socket, so that the interface needs no address. It only
 * tells what it was given and configures nothing. Throws SysError, and the signal's reason.
 */
export async function dhcpClient(place: Place, options: DhcpClientOptions): Promise<DhcpOutcome> {
  const { mac = place.mac, timeoutMs, requested } = options;
  using socket = PacketSocket.open({ netns: place.netns, ifname: place.ifname, protocol: ETHERTYPE_IPV4 });
  const startMs = performance.now();
  const tookMs = (): number => performance.now() - startMs;
  for (;;) {
    const exchange = new Exchange({ socket, mac, startMs, client: options });
    const wish = requested === undefined ? {} : { requestedAddress: requested };
    const offer = await exchange.ask({ messageType: 'discover', ...wish }, ['offer'], timeoutMs - tookMs());
    if (offer === undefined) return { kind: 'timeout', waitingFor: 'offer', tookMs: tookMs() };
    const server = offer.message.options.server;
    const choice = { requestedAddress: offer.message.yourAddress, ...(server === undefined ? {} : { server }) };
    const patienceMs = Math.min(REQUEST_MS, timeoutMs - tookMs());
    const answer = await exchange.ask({ messageType: 'request', ...choice }, ['ack', 'nak'], patienceMs);
    if (answer?.message.options.messageType === 'ack') return leaseOf(answer, server, tookMs());
    if (answer !== undefined) return { kind: 'refused', server, message: messageOf(answer), tookMs: tookMs() };
    if (tookMs() >= timeoutMs) return { kind: 'timeout', waitingFor: 'ack', tookMs: tookMs() };
  }
}

export type DhcpReleaseOptions = Readonly<{
  mac?: Mac;
  lease: Pick<DhcpLease, 'address' | 'server' | 'serverMac'>;
  clientIdentifier?: Uint8Array;
}>;

/** Gives a lease back: one message, unanswered by design (RFC 2131 §4.4.6). Throws SysError. */
export function dhcpRelease(place: Place, options: DhcpReleaseOptions): void {
  const { mac = place.mac, lease, clientIdentifier } = options;
  const payload = encodeDhcp({
    ...request(mac, randomInt(2 ** 32)),
    clientAddress: lease.address,
    options: { messageType: 'release', server: lease.server, ...(clientIdentifier === undefined ? {} : { clientIdentifier }) },
  });
  const envelope = { source: { mac, ip: lease.address }, destination: { mac: lease.serverMac, ip: lease.server } };
  sendFrame(place, udpFrame({ ...envelope, payload, sourcePort: DHCP_CLIENT_PORT, destinationPort: DHCP_SERVER_PORT }));
}

type ExchangeOptions = Readonly<{ socket: PacketSocket; mac: Mac; startMs: number; client: DhcpClientOptions }>;

/** One transaction: messages and answers with the same random number. */
class Exchange {
  readonly #options: ExchangeOptions;
  readonly #transactionId = randomInt(2 ** 32);

  constructor(options: ExchangeOptions) {
    this.#options = options;
  }

  /** Sends, again and again, until one of `expected` comes, or undefined after `withinMs`. */
  async ask(options: DhcpOptions, expected: readonly DhcpMessageType[], withinMs: number): Promise<Answer | undefined> {
    const deadline = performance.now() + withinMs;
    for (let waitMs = FIRST_RETRANSMISSION_MS; ; waitMs = Math.min(2 * waitMs, LONGEST_RETRANSMISSION_MS)) {
      this.#send(options);
      const patience = { withinMs: Math.min(waitMs, deadline - performance.now()), signal: this.#options.client.signal };
      const answer = await poll(() => this.#receive(expected), patience);
      if (answer !== undefined || performance.now() >= deadline) return answer;
    }
  }

  #send(options: DhcpOptions): void {
    const { socket, mac, startMs, client } = this.#options;
    const payload = encodeDhcp({
      ...request(mac, this.#transactionId),
      seconds: Math.min(0xffff, Math.floor((performance.now() - startMs) / 1000)),
      broadcast: client.broadcastFlag ?? false,
      options: {
        ...options,
        parameterRequestList: [...WANTED, ...(client.wanted ?? [])],
        ...(client.hostname === undefined ? {} : { hostName: client.hostname }),
        ...(client.clientIdentifier === undefined ? {} : { clientIdentifier: client.clientIdentifier }),
      },
    });
    const source = { mac, ip: NONE };
    socket.send(udpFrame({ source, destination: EVERYBODY, payload, sourcePort: DHCP_CLIENT_PORT, destinationPort: DHCP_SERVER_PORT }));
  }

  #receive(expected: readonly DhcpMessageType[]): Answer | undefined {
    const { socket, mac } = this.#options;
    for (let received = socket.receive(); received !== undefined; received = socket.receive()) {
      const frame = received.outgoing ? undefined : decodeEthernet(received.frame);
      if (frame?.etherType !== ETHERTYPE_IPV4 || (frame.destination !== mac && frame.destination !== BROADCAST_MAC)) continue;
      const packet = decodeIpv4(frame.payload);
      if (packet?.protocol !== PROTOCOL_UDP || packet.moreFragments || packet.offsetBytes > 0) continue;
      const datagram = decodeUdp(packet.payload);
      if (datagram?.sourcePort !== DHCP_SERVER_PORT || datagram.destinationPort !== DHCP_CLIENT_PORT) continue;
      const message = decodeDhcp(datagram.payload);
      if (message?.op !== 'reply' || message.transactionId !== this.#transactionId || message.hardwareAddress !== mac) continue;
      const type = message.options.messageType;
      if (type === undefined || !expected.includes(type)) continue;
      return { message, from: frame.source, broadcast: frame.destination === BROADCAST_MAC };
    }
    return undefined;
  }
}

function request(mac: Mac, transactionId: number): DhcpMessage {
  return {
    op: 'request',
    transactionId,
    seconds: 0,
    broadcast: false,
    clientAddress: NONE,
    yourAddress: NONE,
    nextServerAddress: NONE,
    relayAddress: NONE,
    hardwareAddress: mac,
    options: {},
  };
}

function leaseOf(answer: Answer, offeredBy: Ipv4 | undefined, tookMs: number): DhcpLease {
  const { options, yourAddress, nextServerAddress } = answer.message;
  return {
    kind: 'bound',
    address: yourAddress,
    server: options.server ?? offeredBy ?? nextServerAddress,
    serverMac: answer.from,
    netmask: options.subnetMask,
    router: options.routers?.[0],
    mtu: options.mtuBytes,
    leaseSeconds: options.leaseSeconds,
    dns: options.nameServers ?? [],
    broadcast: answer.broadcast,
    other: options.other ?? new Map<number, Uint8Array>(),
    tookMs,
  };
}

function messageOf(answer: Answer): string {
  return new TextDecoder().decode(answer.message.options.other?.get(MESSAGE_OPTION));
}
