import type { Parse } from './fields.ts';
import { InvalidValue } from './weft-error.ts';

/** Numbers of IP protocols by the names that the Neutron API knows (neutron-api.md §7.1; IANA protocol numbers). */
const NUMBERS: Readonly<Record<string, number>> = {
  hopopt: 0,
  icmp: 1,
  igmp: 2,
  ipip: 4,
  tcp: 6,
  egp: 8,
  udp: 17,
  dccp: 33,
  'ipv6-encap': 41,
  'ipv6-route': 43,
  'ipv6-frag': 44,
  rsvp: 46,
  gre: 47,
  esp: 50,
  ah: 51,
  icmpv6: 58,
  'ipv6-icmp': 58,
  'ipv6-nonxt': 59,
  'ipv6-opts': 60,
  ospf: 89,
  pgm: 113,
  vrrp: 112,
  sctp: 132,
  udplite: 136,
};

/** `ip` is what was meant by protocol 0 in old rules: any. */
const ANY = 'ip';

/** A protocol as the API writes it: a lower-case name or the decimal text of 0…255. */
export type IpProtocol = string & { readonly __brand: 'IpProtocol' };

export const IP_PROTOCOL_NAMES: readonly string[] = [...Object.keys(NUMBERS), ANY].toSorted();

export const parseIpProtocol: Parse<IpProtocol> = (value, what) => {
  const text = typeof value === 'string' ? value.toLowerCase() : typeof value === 'number' ? String(value) : '';
  if (Object.hasOwn(NUMBERS, text) || text === ANY || (/^(0|[1-9]\d{0,2})$/.test(text) && Number(text) <= 255)) return text as IpProtocol;
  throw new InvalidValue(what, value, `is neither a number from 0 to 255 nor one of ${IP_PROTOCOL_NAMES.join(', ')}`);
};

/** Its number in an IP header; undefined: any. */
export function ipProtocolNumber(protocol: IpProtocol): number | undefined {
  return protocol === ANY ? undefined : (NUMBERS[protocol] ?? Number(protocol));
}

/** One word for each protocol, as nftables reads it: tcp, udp, icmp, ipv6-icmp, sctp, dccp and udplite by name, all others by number; undefined: any. */
export function ipProtocolWord(protocol: IpProtocol): string | undefined {
  const number = ipProtocolNumber(protocol);
  return number === undefined ? undefined : (WORDS.find((word) => NUMBERS[word] === number) ?? String(number));
}

const WORDS = ['tcp', 'udp', 'icmp', 'ipv6-icmp', 'sctp', 'dccp', 'udplite'] as const;

export const ICMP = 1;
export const ICMPV6 = 58;
const WITH_PORTS: ReadonlySet<number> = new Set([6, 17, 33, 132, 136]);

/** tcp, udp, dccp, sctp, udplite. */
export function hasPorts(protocol: number): boolean {
  return WITH_PORTS.has(protocol);
}
