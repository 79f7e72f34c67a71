import { randomInt } from 'node:crypto';
import { eui64Address, LINK_LOCAL } from '@weft/core/eui64';
import { ipv6FromBytes } from '@weft/core/ipv6';
import type { Ipv6 } from '@weft/core/ipv6';
import { macToBytes } from '@weft/core/mac';
import { concatBytes } from '@weft/core/packet/bytes';
import { linkGet } from '@weft/netlink/link';
import { Rtnl } from '@weft/netlink/rtnl';
import { InetSocket } from '@weft/sys/inet-socket';
import { isSysError } from '@weft/sys/sys-error';
import {
  decodeAssociation,
  decodeDhcp6,
  DHCP6_CLIENT_PORT,
  DHCP6_OPTIONS,
  DHCP6_SERVER_PORT,
  DHCP6_TYPES,
  encodeDhcp6,
} from '../packet/dhcp6.ts';
import type { Dhcp6Message } from '../packet/dhcp6.ts';
import type { Place } from './place.ts';
import { poll } from './ticker.ts';

const SERVERS = 'ff02::1:2' as Ipv6;
const RETRANSMISSION_MS = 300;

/** `leased`: an address. `informed`: the server gives none here, but told its options (an INFORMATION-REQUEST was sent). */
export type Dhcp6Outcome =
  | Readonly<{ kind: 'leased'; address: Ipv6; dns: readonly Ipv6[] }>
  | Readonly<{ kind: 'informed'; dns: readonly Ipv6[] }>
  | Readonly<{ kind: 'refused'; status: number }>
  | Readonly<{ kind: 'timeout' }>;

/**
 * Gets a lease of DHCPv6 (RFC 8415 §18.2): SOLICIT, ADVERTISE, REQUEST, REPLY, or with `informationOnly` what a stateless server tells. From the
 * place's link-local address, which it must have; it configures nothing. `clientId`: by default one made of the MAC. Throws SysError, and the
 * signal's reason.
 */
export async function dhcp6Client(
  place: Place,
  options: Readonly<{ timeoutMs: number; informationOnly?: boolean; clientId?: Uint8Array; signal?: AbortSignal }>,
): Promise<Dhcp6Outcome> {
  const { informationOnly = false, clientId = Uint8Array.of(0, 3, 0, 1, ...macToBytes(place.mac)) } = options;
  using socket = InetSocket.open({ netns: place.netns, kind: 'udp', family: 6 });
  const scope = indexOf(place);
  const deadline = performance.now() + options.timeoutMs;
  // It may still be asking whether anybody has its link-local address.
  const bound = await poll(() => tryToBind(socket, place, scope), { withinMs: options.timeoutMs, signal: options.signal });
  if (bound === undefined) return { kind: 'timeout' };
  const ask = async (type: number, more: readonly (readonly [number, Uint8Array])[], answer: number): Promise<Dhcp6Message | undefined> => {
    const transactionId = randomInt(2 ** 24);
    const common = [
      [DHCP6_OPTIONS.clientId, clientId],
      [DHCP6_OPTIONS.elapsed, new Uint8Array(2)],
      [DHCP6_OPTIONS.wanted, Uint8Array.of(0, DHCP6_OPTIONS.dns)],
    ] as const;
    const bytes = encodeDhcp6({ type, transactionId, options: new Map([...common, ...more]) });
    while (performance.now() < deadline) {
      socket.sendTo(bytes, SERVERS, DHCP6_SERVER_PORT, scope);
      const withinMs = Math.min(RETRANSMISSION_MS, deadline - performance.now());
      const heard = await poll(() => receive(socket, transactionId, answer), { withinMs, signal: options.signal });
      if (heard !== undefined) return heard;
    }
    return undefined;
  };
  if (informationOnly) {
    const reply = await ask(DHCP6_TYPES.informationRequest, [], DHCP6_TYPES.reply);
    return reply === undefined ? { kind: 'timeout' } : { kind: 'informed', dns: dnsOf(reply) };
  }
  const association = new Uint8Array(12);
  association.set([0, 0, 0, 1]);
  const advertised = await ask(DHCP6_TYPES.solicit, [[DHCP6_OPTIONS.association, association]], DHCP6_TYPES.advertise);
  if (advertised === undefined) return { kind: 'timeout' };
  const [offer, server] = [advertised.options.get(DHCP6_OPTIONS.association), advertised.options.get(DHCP6_OPTIONS.serverId)];
  if (offer === undefined || server === undefined || decodeAssociation(offer).address === undefined) return { kind: 'refused', status: 2 };
  const choice = [
    [DHCP6_OPTIONS.serverId, server],
    [DHCP6_OPTIONS.association, offer],
  ] as const;
  const reply = await ask(DHCP6_TYPES.request, choice, DHCP6_TYPES.reply);
  if (reply === undefined) return { kind: 'timeout' };
  const { address, status } = decodeAssociation(reply.options.get(DHCP6_OPTIONS.association) ?? concatBytes());
  return address === undefined ? { kind: 'refused', status } : { kind: 'leased', address, dns: dnsOf(reply) };
}

function tryToBind(socket: InetSocket, place: Place, scope: number): true | undefined {
  try {
    socket.bind(eui64Address(LINK_LOCAL, place.mac), DHCP6_CLIENT_PORT, scope);
    return true;
  } catch (error) {
    if (isSysError(error, 'EADDRNOTAVAIL')) return undefined;
    throw error;
  }
}

function receive(socket: InetSocket, transactionId: number, type: number): Dhcp6Message | undefined {
  for (let got = socket.receive(); got?.kind === 'data'; got = socket.receive()) {
    const message = decodeDhcp6(got.bytes);
    if (message?.transactionId === transactionId && message.type === type) return message;
  }
  return undefined;
}

function dnsOf({ options }: Dhcp6Message): readonly Ipv6[] {
  const bytes = options.get(DHCP6_OPTIONS.dns) ?? new Uint8Array();
  return Array.from({ length: Math.floor(bytes.length / 16) }, (_, at) => ipv6FromBytes(bytes, at * 16));
}

function indexOf({ netns, ifname }: Place): number {
  using rtnl = Rtnl.open(netns);
  return linkGet(rtnl, ifname)?.index ?? 0;
}
