import { parseCidr } from './cidr.ts';
import { integerIn } from './fields.ts';
import { parseIpv4 } from './ipv4.ts';
import { InvalidValue } from './weft-error.ts';

/**
 * The options of DHCP that a port may have of its own, by the names that dnsmasq gives them, with their codes (RFC 2132, 3397, 3442, 4833) and
 * how their values are written. Those that the protocol itself lives on – message types, lease times, server and client identifiers – are
 * not here: a client could not get a lease by them. A value is brought into one form, in which nothing can be hidden from dnsmasq's reader.
 */
type Row = readonly [name: string, code: number, parse: (text: string, what: string) => string];

/** Names of hosts, or domains. */
const NAME = /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$/i;
/** Of a text: what separates, quotes, escapes or comments in dnsmasq's files. */
const SPECIAL = /[^ -~]|[",#\\]/;

const listOf =
  (...parts: readonly ((text: string, what: string) => string)[]) =>
  (text: string, what: string): string => {
    const items = text.split(',').map((item) => item.trim());
    if (items.length % parts.length !== 0) throw new InvalidValue(what, text, `is not a list of ${parts.length} by ${parts.length} items`);
    return items.map((item, index) => parts[index % parts.length]?.(item, what) ?? item).join(',');
  };
const number =
  (max: number) =>
  (text: string, what: string): string => {
    if (!/^\d{1,10}$/.test(text)) throw new InvalidValue(what, text, 'is not a number');
    return String(integerIn(0, max)(Number(text), what));
  };
const name = (text: string, what: string): string => {
  if (text.length > 253 || !NAME.test(text)) throw new InvalidValue(what, text, 'is not a domain name');
  return text;
};
const text = (value: string, what: string): string => {
  const special = SPECIAL.exec(value)?.[0];
  if (special !== undefined) {
    const code = special.codePointAt(0) ?? 0;
    throw new InvalidValue(what, value, `has a character that it cannot have: U+${code.toString(16).toUpperCase().padStart(4, '0')}`);
  }
  if (value !== value.trim()) throw new InvalidValue(what, value, 'begins or ends with a space');
  return value;
};
const address = (value: string, what: string): string => parseIpv4(value, what);
const addresses = listOf(address);
const pairs = listOf(address, address);
const routes = listOf((value, what) => parseCidr(value, what), address);

const ROWS: readonly Row[] = [
  ['time-offset', 2, number(0xffff_ffff)],
  ['router', 3, addresses],
  ['dns-server', 6, addresses],
  ['log-server', 7, addresses],
  ['lpr-server', 9, addresses],
  ['boot-file-size', 13, number(0xffff)],
  ['domain-name', 15, name],
  ['root-path', 17, text],
  ['extension-path', 18, text],
  ['default-ttl', 23, number(255)],
  ['mtu', 26, number(0xffff)],
  ['static-route', 33, pairs],
  ['nis-domain', 40, name],
  ['nis-server', 41, addresses],
  ['ntp-server', 42, addresses],
  ['netbios-ns', 44, addresses],
  ['netbios-nodetype', 46, number(255)],
  ['tftp-server', 66, text],
  ['bootfile-name', 67, text],
  ['smtp-server', 69, addresses],
  ['posix-timezone', 100, text],
  ['tzdb-timezone', 101, text],
  ['domain-search', 119, listOf(name)],
  ['classless-static-route', 121, routes],
  ['tftp-server-address', 150, addresses],
  ['server-ip-address', 255, address],
];

/** An option of the table. */
export type KnownDhcpOption = Readonly<{ name: string; code: number; parse: (text: string, what: string) => string }>;

export const KNOWN_DHCP_OPTIONS: readonly KnownDhcpOption[] = ROWS.map(([option, code, parse]) => ({ name: option, code, parse }));

/** By its name or, in digits, its code. */
export function knownDhcpOption(nameOrCode: string): KnownDhcpOption | undefined {
  return KNOWN_DHCP_OPTIONS.find((option) => option.name === nameOrCode || String(option.code) === nameOrCode);
}
